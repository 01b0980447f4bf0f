"""Answers on the screen: their colours, the pager, and what a terminal is spared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input import create_pipe_input

from vppsh.prompt.answers import AnswerLexer, Names, Painter
from vppsh.prompt.background import Nothing
from vppsh.prompt.pager import Keyboard, Pager, Pages, Row, pattern_of, rows_of
from vppsh.prompt.screen import CONTROL, Screen, harmless, plain, visible_length
from vppsh.session import Session, Terminal
from vppsh.startup import make_session

# -- colours of answers

NAMES = Names(frozenset(("loop0", "pg0.100", "local0")), frozenset(("ip4-lookup", "ip4-drop", "error-drop", "pg-input")))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("loop0  1  up  drops   5", [("loop0", "Interface"), ("1", "Counter"), ("up", "Good"), ("drops", "Bad"), ("5", "Counter")]),
        ("pg0.100 down", [("pg0.100", "Interface"), ("down", "Bad")]),
        ("00:00:01:000002: ip4-lookup", [("00:00:01:000002:", "Time"), ("ip4-lookup", "Node")]),
        ("  UDP: 10.0.0.1 -> 10.0.1.2/24", [("10.0.0.1", "Address"), ("10.0.1.2/24", "Address")]),
        (
            "  fib 0 via 2001:db8::1, fe80::/10 :: a:b",
            [("0", "Counter"), ("2001:db8::1", "Address"), ("fe80::/10", "Address"), ("::", "Address")],
        ),
        ("  IP4: 02:fe:00:00:00:01 -> ff:ff:ff:ff:ff:ff", [("02:fe:00:00:00:01", "Mac"), ("ff:ff:ff:ff:ff:ff", "Mac")]),
        ("        12      ip4-drop     bad length", [("12", "Counter"), ("ip4-drop", "Bad")]),
        ("vpp v26.10-rc0 built", []),
        ("Packet 3", [("Packet 3", "Heading")]),
        ("------ Start of thread 0 vpp_main ------", [("------ Start of thread 0 vpp_main ------", "Heading")]),
        ("  rate 1.50e3 pps 0x1f 2.5 99%", [("1.50e3", "Counter"), ("0x1f", "Counter"), ("2.5", "Counter"), ("99", "Counter")]),
        ("loop0: next loop0.", [("loop0", "Interface"), ("loop0", "Interface")]),
    ],
)
def test_what_stands_out_in_answers(line: str, found: list[tuple[str, str]]) -> None:
    tokens = [(text, kind) for _, kind, text in AnswerLexer(NAMES).get_tokens_unprocessed(line)]
    assert "".join(text for text, _ in tokens) == line
    assert [(text, kind[-1]) for text, kind in tokens if kind[:1] == ("Vpp",)] == found


@pytest.fixture(scope="module")
def session() -> Session:
    """A session on a whole engine."""
    return make_session()


@given(st.text(max_size=60).filter(lambda text: "\n" not in text))
def test_colours_change_nothing_but_colours(session: Session, line: str) -> None:
    shown = harmless(line)
    assert not CONTROL.search(shown)
    if "\x1b" not in shown:
        assert plain(Painter(session).paint(shown, False), False) == shown
        assert visible_length(Painter(session).paint(shown, True)) == len(shown)


def test_colours_of_an_answer_itself_are_kept() -> None:
    painter = Painter(make_session())
    assert painter.paint("\x1b[32m10.0.0.1\x1b[0m 5", False) == "\x1b[32m10.0.0.1\x1b[0m 5"
    assert plain("\x1b[32m10.0.0.1\x1b[0m", False) == "10.0.0.1"


def test_what_could_harm_a_terminal_is_shown() -> None:
    assert harmless("a\x1b]0;title\x07\x1b[31mred\x1b[0m\x7f\tb\n") == "a^[]0;title^G\x1b[31mred\x1b[0m^?\tb\n"


# -- the pager


def test_rows_fit_the_terminal() -> None:
    rows = rows_of(["short", "x" * 25, "", "\x1b[31m" + "y" * 10 + "\x1b[0m", "bad"], 10, errors=1)
    assert [row.text for row in rows] == ["short", "x" * 10, "x" * 10, "x" * 5, "", "\x1b[31m" + "y" * 10 + "\x1b[0m", "bad"]
    assert [row.error for row in rows] == [False] * 6 + [True]


@given(st.integers(1, 60), st.integers(1, 20), st.lists(st.integers(-25, 25), max_size=20))
def test_pages_show_every_row_once_on_the_way_down(count: int, size: int, moves: list[int]) -> None:
    rows = [Row(str(number)) for number in range(count)]
    pages = Pages(rows, size)
    for move in moves:
        pages.forward(move) if move > 0 else pages.back(-move)
        assert 0 <= pages.start < count
        assert pages.end - pages.start <= size
    pages.start = 0
    seen = list(rows[: pages.end])
    while not pages.at_end:
        seen += pages.forward(size)
    assert seen == rows


def test_a_search_finds_the_next_row_and_ignores_case_of_small_letters() -> None:
    rows = [Row(text) for text in ("one", "Two", "three", "TWO", "five")]
    pages = Pages(rows, 2, pattern=pattern_of("two"))
    starts = []
    while pages.find(1):
        starts.append(pages.start)
        if len(starts) > 3:
            break
    assert starts[:2] == [1, 3]
    assert pages.find(-1)
    assert pages.start == 1
    assert not Pages(rows, 2, pattern=pattern_of("two(")).find(1)
    assert pattern_of("Two").search("TWO") is None


class Paper:
    """A screen that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def measure(self, terminal: Terminal) -> None:
        """A paper never changes its size."""


def shown_by_pager(keys: str, lines: list[str], *, ansi: bool = False) -> str:
    """What the pager writes while these keys are pressed."""
    paper, terminal = Paper(), Terminal(width=20, height=5, ansi=ansi)
    with create_pipe_input() as source:
        source.send_text(keys)
        Pager(paper, terminal, plain).show(lines, 0, Keyboard(source, Nothing()))  # type: ignore[arg-type]
    return paper.text.replace("\r" + " " * 19 + "\r", "<erase>").replace("\r", "")


LINES = [f"line {number}" for number in range(1, 12)]


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("q", ["-- more -- (1-4/11)<erase>"]),
        ("\rq", ["-- more -- (1-4/11)<erase>line 5", "-- more -- (2-5/11)<erase>"]),
        ("\x1b[Bq", ["-- more -- (1-4/11)<erase>line 5", "-- more -- (2-5/11)<erase>"]),
        (
            " \x1b[6~ ",
            [
                "-- more -- (1-4/11)<erase>line 5",
                "line 6",
                "line 7",
                "line 8",
                "-- more -- (5-8/11)<erase>line 9",
                "line 10",
                "line 11",
                "-- more -- (9-11/11)<erase>",
            ],
        ),
        ("\x1b[F\r", ["-- more -- (1-4/11)<erase>-- skipping --", "line 8", "line 9", "line 10", "line 11", "-- more -- (8-11/11)<erase>"]),
        (
            "/10\rq",
            ["-- more -- (1-4/11)<erase>/<erase>/1<erase>/10<erase>line 8", "line 9", "line 10", "line 11", "-- more -- (8-11/11)<erase>"],
        ),
        ("/zz\x7f\x7f\x7fq", ["-- more -- (1-4/11)<erase>/<erase>/z<erase>/zz<erase>/z<erase>/-- more -- (1-4/11)<erase>"]),
        ("/zz\rq", ["-- more -- (1-4/11)<erase>/<erase>/z<erase>/zz<erase>-- not found --", "-- more -- (1-4/11)<erase>"]),
        (
            "jbq",
            [
                "-- more -- (1-4/11)<erase>line 5",
                "-- more -- (2-5/11)<erase>line 1",
                "line 2",
                "line 3",
                "line 4",
                "-- more -- (1-4/11)<erase>",
            ],
        ),
        ("x\x03", ["-- more -- (1-4/11)-- more -- (1-4/11)<erase>"]),
    ],
)
def test_the_keys_of_the_pager(keys: str, shown: list[str]) -> None:
    assert shown_by_pager(keys, LINES).split("\n")[4:] == shown


def test_the_pager_clears_and_marks_on_a_terminal_that_can() -> None:
    shown = shown_by_pager("/LINE 9\x15\x08/line 6\rnq", LINES, ansi=True)
    assert "\x1b[2J\x1b[1;1H\x1b[7mline 6\x1b[0m\n" in shown


def test_the_pager_ends_with_its_terminal() -> None:
    with create_pipe_input() as source:
        source.close()
        assert Keyboard(source, Nothing()).read()[0] == "c-c"


# -- the screen


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_can_nothing(term: str) -> None:
    assert Screen({"TERM": term}).is_dumb
    assert not Screen({"TERM": "xterm", "NO_COLOR": "1"}).colours(Terminal(ansi=True))
