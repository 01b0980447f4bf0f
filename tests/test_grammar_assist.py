"""Completion, `?` and colours of a line that is being typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import shell

from vppsh.grammar.arguments import choice, file_name, interface, keyed, line_input, options, sequence, string, unsigned
from vppsh.registry import command
from vppsh.session import Session


@command("set interface state", sequence(interface().or_error("?"), choice("flags", {"up": 1, "down": 0}).or_error("?")), help="state help")
def state(ctx: object, args: object) -> None:
    """For its grammar only."""


@command("packet-generator new", options(keyed("name", string("name")), keyed("limit", unsigned("n")), keyed("pcap", file_name("pcap"))))
def new(ctx: object, args: object) -> None:
    """For its grammar only."""


@command("trace add", line_input(options(unsigned("count"))))
def trace(ctx: object, args: object) -> None:
    """For its grammar only."""


@pytest.fixture(scope="module")
def session() -> Session:
    return shell(state, new, trace)


def texts(session: Session, line: str) -> list[str]:
    """The completions at the end of a line, as the lines they make."""
    return [line[: completion.start] + completion.text for completion in session.complete(line, len(line)) if completion.text]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("se", ["set"]),
        ("set ", ["set interface", "set terminal"]),
        ("set interface st", ["set interface state"]),
        ("set int st l", ["set int st loop0", "set int st loop1"]),
        ("set interface state loop1 ", ["set interface state loop1 up", "set interface state loop1 down"]),
        ("set interface state loop1 d", ["set interface state loop1 down"]),
        ("set interface state nosuch ", []),
        ("show abf ", []),
        ("packet-generator new { li", ["packet-generator new { limit"]),
        ("packet-generator new {li", ["packet-generator new {limit"]),
        ("packet-generator new li", ["packet-generator new limit"]),
        ("packet-generator new { name x limit 5 p", ["packet-generator new { name x limit 5 pcap"]),
        ("packet-generator new { name { inside the na", []),
        ("packet-generator new { name x } l", []),
        ("show { ma", ["show { macro"]),
        ("show macro | gr", ["show macro | grep"]),
        ("show macro | grep x | co", ["show macro | grep x | count"]),
        ("%so", ["%source"]),
        ("trace add 5", []),
    ],
)
def test_completions(session: Session, line: str, expected: list[str]) -> None:
    assert texts(session, line) == expected


def test_hints_tell_what_is_expected(session: Session) -> None:
    assert [completion.help for completion in session.complete("trace add ", 10)] == ["<count>"]


def test_a_file_is_offered_for_any_beginning_of_its_name(session: Session) -> None:
    for line in ("packet-generator new pcap ", "packet-generator new { pcap /tmp/x", "exec /tm"):
        assert [completion.kind for completion in session.complete(line, len(line))] == ["file"]


def test_only_the_text_before_the_cursor_counts(session: Session) -> None:
    line = "set interface st loop0 up"
    assert [completion.text for completion in session.complete(line, len("set interface st"))] == ["state"]


def test_question_mark_shows_the_commands_below(session: Session) -> None:
    assert [line.split("  ")[1] for line in session.help("set ter").splitlines()] == [
        "set terminal ansi",
        "set terminal history",
        "set terminal pager",
    ]
    assert session.help("set interface state ") == session.help("set interface state loop0 ")
    assert session.help("set interface state loop0 ").split("  ")[-1].strip() == "state help"
    assert session.help("nonsense") == ""


def test_colours_follow_what_was_read(session: Session) -> None:
    def kinds(line: str) -> list[tuple[str, str]]:
        return [(line[span.start : span.end], span.kind) for span in session.spans(line)]

    assert kinds("set int state loop1 up") == [
        ("set", "command"),
        ("int", "command"),
        ("state", "command"),
        ("loop1", "interface"),
        ("up", "keyword"),
    ]
    assert kinds("packet-generator new { name {a b} limit 5 }")[2:] == [
        ("name", "keyword"),
        ("{a b}", "string"),
        ("limit", "keyword"),
        ("5", "number"),
    ]
    assert kinds("trace add  12 | count")[2:] == [("12", "number")]
    assert kinds("show abf policy")[1:] == [("abf", "unsupported"), ("policy", "unsupported")]
    assert kinds("%sleep 5") == [("sleep", "command"), ("5", "number")]
    assert kinds("set interface state loop1 sideways now ")[-2:] == [("loop1", "interface"), ("sideways now", "unknown")]
    assert kinds("set interface colour loop1") == [("set", "command"), ("interface", "command"), ("colour loop1", "unknown")]
    assert kinds("packet-generator new { name y limit x }")[-2:] == [("y", "string"), ("limit x", "unknown")]
    assert kinds("show macro set int state loop0 up")[-3:] == [("state", "command"), ("loop0", "interface"), ("up", "keyword")]
    assert kinds("show terminal echo x")[2:] == [("echo", "command"), ("x", "string")]
    assert kinds("nonsense") == [("nonsense", "unknown")]
    assert kinds("help anything at all") == [("help", "command")]
    assert kinds("wait anything at all") == [("wait", "command")]


@given(st.text(alphabet="setinrfacloop01up%{}|> helpmacrol\t", max_size=40), st.integers(0, 40))
def test_no_line_is_too_odd(session: Session, line: str, cursor: int) -> None:
    for completion in session.complete(line, min(cursor, len(line))):
        assert 0 <= completion.start <= cursor
    session.help(line)
    for span in session.spans(line):
        assert 0 <= span.start < span.end <= len(line)
