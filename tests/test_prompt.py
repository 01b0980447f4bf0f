"""The line being typed: how it is cut, completed, explained and coloured. tests/test_prompt_tmux.py has it all together."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from vppsh.grammar.scripts import open_braces, run_lines
from vppsh.prompt.completion import LineCompleter, expected, help_at
from vppsh.prompt.highlight import LineLexer
from vppsh.prompt.typed import line_at_end, lines_of, parts
from vppsh.session import Session
from vppsh.startup import make_session

NEVER_ENDS = "packet-generator new { name s node pg0-output interface pg0 rate 1e4 data { hex 0x000102030405060708090a0b0c0d } }"


@pytest.fixture(scope="module")
def session() -> Session:
    """A session on a whole engine."""
    session = make_session()
    for line in ("create loopback interface", "create packet-generator interface pg0", NEVER_ENDS):
        assert not session.execute(line).failed
    return session


# -- what was typed


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("show version", ["show version"]),
        (" # kept as it is ", [" # kept as it is "]),
        ("one\n\n# comment\ntwo {\n  three }\n", ["one", "two { three }"]),
        ("one {\n two", ["one { two"]),
        ("", [""]),
    ],
)
def test_lines_of_a_text(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


@given(st.text(alphabet="a{}\n ", max_size=30))
def test_parts_cover_a_text_and_agree_with_scripts(text: str) -> None:
    found = list(parts(text))
    assert all(begin <= end for begin, end in found)
    assert [text[end] for _, end in found[:-1]] == ["\n"] * (len(found) - 1)
    assert "\n".join(text[begin:end] for begin, end in found) == text[: found[-1][1]] if found else not text.strip("\n")
    assert 0 <= line_at_end(text) <= len(text)
    if all(open_braces(text[begin:end]) <= 0 for begin, end in found):
        executed = [line.text for line in run_lines(text.split("\n"), "x")]
        shown = [" ".join(piece.strip() for piece in text[begin:end].split("\n")).strip() for begin, end in found]
        assert [line for line in shown if line] == executed


# -- completion and help


def texts(session: Session, line: str) -> list[str]:
    """The lines that completion makes of a line."""
    return [
        line[: len(line) + found.start_position] + found.text
        for found in LineCompleter(session).get_completions(Document(line), CompleteEvent())
    ]


def test_live_names_are_completed(session: Session) -> None:
    assert texts(session, "set interface state loo") == ["set interface state loop0"]
    assert texts(session, "packet-generator enable-stream ") == ["packet-generator enable-stream s"]
    assert "trace add ip4-lookup" in texts(session, "trace add ip4-l")
    assert texts(session, "echo one\nshow {\n ver") == ["echo one\nshow {\n version"]


def test_files_are_completed(session: Session, tmp_path: Path) -> None:
    (tmp_path / "capture.pcap").write_bytes(b"")
    (tmp_path / "captures").mkdir()
    assert texts(session, f"exec {tmp_path}/cap") == [f"exec {tmp_path}/capture.pcap", f"exec {tmp_path}/captures/"]
    line = f"packet-generator new {{ name x pcap {tmp_path}/capture."
    assert texts(session, line) == [f"{line}pcap"]


def test_help_beside_a_word_fits(session: Session) -> None:
    found = list(LineCompleter(session).get_completions(Document("show "), CompleteEvent()))
    assert {completion.display_meta_text for completion in found} > {"Show error counts"}
    assert max(len(completion.display_meta_text) for completion in found) <= 70


def test_what_a_line_waits_for(session: Session) -> None:
    assert expected(session, "set interface state ").startswith("set interface state <interface>")
    assert expected(session, "trace add ").startswith("trace add <input-graph-node>")
    assert expected(session, "show") == expected(session, "") == ""


def test_help_names_the_words_that_may_follow(session: Session) -> None:
    assert re.search(r"^  set interface state +set .*\n(?:    \S.*\n)*    loop0\b", help_at(session, "set interface state "), re.MULTILINE)
    assert help_at(session, "show err") == session.help("show err")
    assert len(help_at(session, "").splitlines()) > 100
    assert help_at(session, "nothing of ours ") == "no command begins with `nothing of ours'\n"


# -- colours of the line


def classes(session: Session, text: str) -> list[tuple[str, str]]:
    """The coloured parts of a text and their kinds, as a terminal would show them line by line."""
    lexed = LineLexer(session).lex_document(Document(text))
    fragments = [fragment for number in range(text.count("\n") + 1) for fragment in lexed(number)]
    assert "".join(part[1] for part in fragments) == text.replace("\n", "")
    return [(part[1], part[0].removeprefix("class:kind.")) for part in fragments if part[0]]


def test_colours_of_a_line(session: Session) -> None:
    assert classes(session, "set int st loop0 up | grep x") == [
        ("set", "command"),
        ("int", "command"),
        ("st", "command"),
        ("loop0", "interface"),
        ("up", "keyword"),
        (" | grep x", "pipe"),
    ]
    assert classes(session, "set interface state loop0 side")[-1] == ("loop0", "interface")  # not wrong yet
    assert classes(session, "set interface state loop0 side ")[-1] == ("side", "unknown")
    assert [part for part in classes(session, "echo $(x) \\$(y) $z") if part[1] == "macro"] == [("$(x)", "macro"), ("$z", "macro")]
    assert classes(session, "# note\nshow version\n%sleep 5") == [
        ("# note", "comment"),
        ("show", "command"),
        ("version", "command"),
        ("sleep", "command"),
        ("5", "number"),
    ]


LINE = st.lists(
    st.sampled_from(
        [
            "show",
            "set",
            "interface",
            "state",
            "loop0",
            "pg0",
            "up",
            "ip",
            "route",
            "add",
            "10.0.0.0/8",
            "via",
            "packet-generator",
            "new",
            "{",
            "}",
            "data",
            "IP4:",
            "name",
            "limit",
            "5",
            "-1",
            "trace",
            "|",
            "grep",
            "%time",
            "%sleep",
            "$(x)",
            "\\",
            "\n",
            "exec",
            "/",
            "?",
            "#",
            "\x1b[31m",
            "é",
            "\udcff",
            "bpf",
            "filter",
            "{{",
            "}}",
            "help",
            "pcap",
            "max",
            "0x",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(LINE | st.text(max_size=40))
def test_no_line_troubles_the_prompt(session: Session, line: str) -> None:
    document = Document(line)
    list(LineCompleter(session).get_completions(document, CompleteEvent()))
    classes(session, line)
    assert "\n" not in expected(session, line)
    help_at(session, line)


@pytest.mark.parametrize(
    "line", ["{ " * 9000, "show " * 4000, "packet-generator new { data { " + "x" * 19_000], ids=["braces", "words", "data"]
)
def test_long_lines_do_not_make_the_prompt_wait(session: Session, line: str) -> None:
    start = time.perf_counter()
    list(LineCompleter(session).get_completions(Document(line), CompleteEvent()))
    LineLexer(session).lex_document(Document(line))(0)
    expected(session, line)
    assert time.perf_counter() - start < 1.0
