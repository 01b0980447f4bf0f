"""The prompt as a person sees it: keys pressed in tmux, the screen read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import PROGRAM, ROOT, SHELL, VPPSH, Tmux, needs_tmux, tmux

pytestmark = needs_tmux

ENDLESS = (
    "packet-generator new { name endless size 64-64 interface pg0 node ethernet-input "
    "data { IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 22 } }"
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    """vppsh at its first prompt."""
    with tmux(tmp_path / "home") as terminal:
        terminal.start()
        yield terminal


def test_words_and_names_are_completed_while_typing_and_by_tab(terminal: Tmux) -> None:
    terminal.type("create loopback interface", "Enter")
    terminal.wait(r"\nloop0\n")
    terminal.type("se")
    terminal.wait(r"vpp# se\S*\n +set +Set commands")
    terminal.type("Tab", "interface sta")
    terminal.wait(r"state +set interface state")
    terminal.type("Tab", "lo")
    terminal.wait(r"\n +local0 .*\n +loop0 ")
    terminal.type("o", "Tab", "u", "Tab")
    terminal.wait(r"vpp# set interface state loop0 up\n")
    terminal.type("Enter", "show interface", "Enter")
    terminal.wait(r"\nloop0 +1 +up ")


def test_tab_goes_through_the_choices(terminal: Tmux) -> None:
    terminal.type("set terminal ", "Tab")
    terminal.wait(r"vpp# set terminal ansi")
    terminal.type("Tab")
    terminal.wait(r"vpp# set terminal history")
    terminal.type("Enter", "off", "Enter", "history", "Enter")
    terminal.wait(r"vpp# set terminal history off\n+vpp# history\nHistory not enabled\.")


def test_a_question_mark_shows_help_at_once_and_the_line_stays(terminal: Tmux) -> None:
    terminal.type("set ter?")
    shown = terminal.wait(r"set terminal pager +set terminal pager \[on\|off\] \[limit <lines>\]\nvpp# set ter\n")
    assert shown.count("  set terminal ") == 6
    terminal.type("minal a", "Tab", "o", "?")
    terminal.wait(r"    on\n    off\nvpp# set terminal ansi o\n")
    terminal.type("C-u", "nonsense?")
    terminal.wait(r"no command begins with `nonsense'\nvpp# nonsense\n")
    terminal.type("C-u", "show version | grep v2?6", "Enter")
    terminal.wait(r"\nvpp v26\.10")


def test_a_line_goes_on_while_braces_are_open(terminal: Tmux) -> None:
    terminal.type("create packet-generator interface pg0", "Enter")
    terminal.type(
        "packet-generator new {",
        "Enter",
        "name one limit 3 node pg0-output interface pg0",
        "Enter",
        "data {",
        "Enter",
        "hex 0x0102",
        "Enter",
    )
    terminal.wait(r"\.\.> {3}data \{\n \.\.> {5}hex 0x0102\n \.\.>")
    terminal.type("}", "Enter", "}", "Enter")
    terminal.wait(r"\n \.\.> {3}\}\n \.\.> \}\nvpp# ?\n")
    terminal.type("show packet-generator", "Enter")
    terminal.wait(r"\none +No +0")
    terminal.type("Up", "Up")
    terminal.wait(r"\n \.\.> \}\n(?:.*\n)* \.\.> \}\n")


def test_a_line_can_be_executed_with_its_braces_open(terminal: Tmux) -> None:
    terminal.type("echo { one", "Enter", "two", "M-Enter")
    terminal.wait(r"\n \.\.> {3}two\none two\n")


def test_lines_that_are_pasted_are_executed_one_by_one(terminal: Tmux) -> None:
    terminal.paste("# two lines\necho one\nshow {\n  version }\necho three")
    terminal.wait(r"echo three")
    terminal.type("Enter")
    terminal.wait(r"\nvpp# echo one\none\nvpp# show \{ version \}\nvpp v26.*\nvpp# echo three\nthree\nvpp# ?\n")


def test_the_toolbar_tells_what_runs_and_control_c_stops_it(terminal: Tmux) -> None:
    assert "embedded dataplane vppsh" in terminal.wait(r"no interfaces")
    terminal.type("create packet-generator interface pg0", "Enter", ENDLESS, "Enter", "packet-generator enable-stream endless", "Enter")
    terminal.wait(r"1 of 2 interfaces up \| endless [\d.]+ [kM]?pps")
    terminal.type("show packet-gen")
    terminal.wait(r"vpp# show packet-gen")  # typed beside the packets
    terminal.type("erator", "Enter")
    shown = terminal.wait(r"\nendless +Yes +\d+")
    assert int(re.findall(r"endless +Yes +(\d+)", shown)[0]) > 0
    terminal.type("half a line", "C-c")
    terminal.wait(r"half a line\nvpp# ?\n")
    terminal.wait(r"\| endless ")
    terminal.type("C-c")
    terminal.wait(r"stopped: endless \(sent \d+\)\nvpp# ?\n")
    terminal.wait_gone(r"pps\n")


def test_the_toolbar_tells_what_the_line_waits_for(terminal: Tmux) -> None:
    terminal.type("set interface state ")
    terminal.wait(r"set interface state <interface> \[up\|down\|punt\|enable\]\n\Z")


def test_control_c_ends_what_takes_long(terminal: Tmux) -> None:
    for line in ("wait 1000", "%sleep 1000", "%time wait 1000"):
        terminal.type(line, "Enter")
        terminal.wait(re.escape(line) + r"\n\Z")
        terminal.interrupt()
        terminal.type("echo alive", "Enter")
        terminal.wait(r"\nalive\n")
        terminal.type("C-l")
        terminal.wait(r"\Avpp#\n")


@pytest.mark.parametrize("line", ["busy", "%time busy", "lengthy"])
def test_control_c_breaks_off_what_does_not_listen(tmp_path: Path, line: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with tmux(tmp_path / "home", PYTHONPATH=str(ROOT)) as terminal:
        terminal.start(program=f"{sys.executable} {program}")
        terminal.type("set terminal pager off", "Enter", line, "Enter")
        terminal.wait(r"a line of a long answer\n\Z" if line == "lengthy" else line + r"\n\Z")
        terminal.interrupt()
        terminal.type("echo alive", "Enter")
        terminal.wait(r"\nalive\nvpp#\n")


def test_a_long_answer_is_paged(terminal: Tmux) -> None:
    terminal.type("show vlib graph", "Enter")
    terminal.wait(r"\n-- more -- \(1-29/\d+\)")
    terminal.type("Enter")
    terminal.wait(r"\(2-30/")
    terminal.type(" ")
    terminal.wait(r"\(31-59/")
    terminal.type("Up")
    terminal.wait(r"\(30-58/")
    terminal.type("Home")
    terminal.wait(r"\(1-29/")
    terminal.type("/", "ip4-rewrite", "Enter")
    found = terminal.wait(r"\n-- more -- \((?!1-)", colours=False)
    assert "ip4-rewrite" in found.splitlines()[0]
    terminal.type("End")
    last = terminal.wait(r"\((\d+)-(\d+)/\2\)")
    assert "-- skipping --" in terminal.screen(history=True)
    terminal.type("/", "no such thing", "Enter")
    terminal.wait("-- not found --")
    terminal.type("q", "echo after", "Enter")
    assert last.splitlines()[0] != terminal.wait(r"vpp# echo after\nafter\nvpp# ?\n").splitlines()[-1]


def test_the_pager_fits_a_terminal_that_changes(terminal: Tmux) -> None:
    terminal.type("show vlib graph", "Enter")
    terminal.wait(r"-- more -- \(1-29/")
    terminal.resize(110, 16)
    terminal.type(" ")
    terminal.wait(r"-- more -- \(16-30/")
    terminal.type("q", "show terminal", "Enter")
    assert "Terminal height: 16\n" in terminal.wait(r"CRLF mode: +LF\n")


def test_the_history_outlives_the_session_and_is_searched(tmp_path: Path) -> None:
    with tmux(tmp_path / "home") as terminal:
        terminal.start()
        terminal.type("echo first of all", "Enter", "echo second", "Enter", "ipsec sa add crypto-key 00112233", "Enter", "quit", "Enter")
        terminal.wait(r"vpp# quit\n" + SHELL)
        terminal.start()
        terminal.type("C-r", "first")
        terminal.wait(r"echo first of all")
        terminal.type("Enter", "Enter")
        terminal.wait(r"\nfirst of all\nvpp# ?\n")
        terminal.type("echo s")
        terminal.wait(r"vpp# echo second\n")  # a suggestion
        terminal.type("Right", "Enter")
        terminal.wait(r"\nsecond\nvpp# ?\n")
        terminal.type("quit", "Enter")
        terminal.wait(r"vpp# quit\n" + SHELL)
    kept = (tmp_path / "home" / "vppsh" / "history").read_text()
    assert "+echo first of all\n" in kept
    assert "crypto-key" not in kept
    assert (tmp_path / "home" / "vppsh" / "history").stat().st_mode & 0o777 == 0o600


def test_answers_have_colours(terminal: Tmux) -> None:
    terminal.type("create loopback interface", "Enter", "show interface loop0", "Enter", "nonsense", "Enter")
    shown = terminal.wait(r"unknown input", colours=True)
    assert re.search(r"\x1b\[36mloop0\b", shown)
    assert re.search(r"\x1b\[31munknown input `nonsense'", shown)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {}], ids=["NO_COLOR", "set terminal ansi off"])
def test_colours_can_be_switched_off(tmp_path: Path, variables: dict[str, str]) -> None:
    with tmux(tmp_path / "home", **variables) as terminal:
        terminal.start()
        if not variables:
            terminal.type("set terminal ansi off", "Enter")
            terminal.wait(r"vpp# set terminal ansi off\nvpp#\n")
        terminal.type("create loopback interface", "Enter", "show interface loop0", "Enter", "nonsense", "Enter")
        shown = terminal.wait(r"unknown input", colours=True)
        assert not re.search(r"\x1b\[(?:[0-9;]*;)?3[0-8]m", shown[shown.index("create") :])


def test_a_router_is_configured_and_its_traces_are_read(terminal: Tmux) -> None:
    terminal.type(f"%source {ROOT}/recipes/first-packet.vpp", "Enter")
    terminal.wait(r"-- more --")
    terminal.type("/", "ip4-rewrite", "Enter")
    terminal.wait(r"\d\d:\d\d:\d\d:\d{6}: ip4-rewrite")
    terminal.type("q", "show errors", "Enter", "show trace | grep -i tx | count", "Enter")
    terminal.wait(r"count\n\d+\nvpp# ?\n")


def test_odd_keys_do_no_harm(terminal: Tmux) -> None:
    terminal.type("M-x", "C-x", "Escape", "Escape", "C-q", "?", "PageUp", "PageDown", "BTab", "C-t", "C-y", "C-c", "C-c")
    terminal.type("C-z")
    terminal.wait(r"Stopped.*\n" + SHELL)
    terminal.type("fg", "Enter")
    terminal.wait(r"\nvpp#\n")
    terminal.type("echo still", "Enter")
    terminal.wait(r"\nstill\n")


def test_a_terminal_of_few_lines(tmp_path: Path) -> None:
    with tmux(tmp_path / "home", columns=40, rows=6) as terminal:
        terminal.type(f"clear; {VPPSH}", "Enter")
        terminal.wait(r"vpp# ?\n")
        terminal.type("show version", "Enter")
        terminal.wait(r"vpp v26\.10")
        terminal.type("show cli", "Enter")
        terminal.wait(r"-- more -- \(1-5/")
        terminal.type("q", "quit", "Enter")
        terminal.wait(SHELL)
