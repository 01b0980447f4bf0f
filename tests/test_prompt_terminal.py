"""The shell on a bare pseudo-terminal: plain prompts, Ctrl-C, and the terminal left as it was found."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from terminals import PROGRAM, ROOT, bare_terminal

ESCAPE = "\x1b"
PG = (
    "create packet-generator interface pg0",
    "packet-generator new { name endless node pg0-output interface pg0 data { hex 0x0102030405060708090a0b0c0d0e0f } }",
    "packet-generator enable-stream endless",
)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[pexpect.spawn]:
    """vppsh on a dumb terminal, at its first prompt."""
    shell = bare_terminal(tmp_path / "home", term="dumb")
    shell.expect("vpp# ")
    yield shell
    shell.close(force=True)


def test_a_dumb_terminal_gets_no_escape_codes(plain: pexpect.spawn) -> None:
    seen = plain.before
    for line, answer in (
        ("create loopback interface", "loop0\r\n"),
        ("show interface loop0", "loop0 +1 +down"),
        ("nonsense", "unknown input `nonsense'"),
        ("show {", "\\.\\.\\.> "),
    ):
        plain.sendline(line)
        plain.expect(answer)
        seen += plain.before + plain.after
    plain.sendline("version }")
    plain.expect("vpp v26.10.*\r\nvpp# ")
    plain.sendline("show terminal")
    plain.expect("ANSI capable: +no\r\nInteractive: +yes\r\n(.*\r\n)+Pager enabled: +no\r\n")
    seen += plain.before
    plain.sendline("show cli")  # longer than the terminal, and not paged
    plain.expect("vpp# ")
    assert ESCAPE not in seen + plain.before
    plain.sendeof()
    plain.expect(pexpect.EOF)
    plain.close()
    assert plain.exitstatus == 0


def test_a_dumb_terminal_has_a_pager_when_asked_for(plain: pexpect.spawn) -> None:
    plain.sendline("set terminal pager on")
    plain.expect("vpp# ")
    plain.sendline("show vlib graph")
    plain.expect(r"-- more -- \(1-39/\d+\)")
    plain.send(" ")
    plain.expect(r"-- more -- \(40-78/\d+\)")
    assert ESCAPE not in plain.before
    plain.send("q")
    plain.sendline("echo on")
    plain.expect("\r\non\r\n")


def test_control_c_on_a_dumb_terminal(plain: pexpect.spawn) -> None:
    plain.send("half a line")
    plain.sendintr()
    plain.expect("vpp# ")
    for line in PG:
        plain.sendline(line)
        plain.expect("vpp# ")
    plain.sendintr()
    plain.expect(r"stopped: endless \(sent [1-9]\d*\)\r\nvpp# ")
    plain.sendline("wait 1000")
    plain.expect("wait 1000\r\n")
    plain.sendintr()
    plain.expect("vpp# ")
    plain.sendline("quit")
    plain.expect(pexpect.EOF)


def test_an_overflowing_pager_is_not_used(tmp_path: Path) -> None:
    shell = bare_terminal(tmp_path / "home", NO_COLOR="1")
    shell.expect("vpp# ")
    shell.sendline("set terminal pager limit 50")
    shell.expect("Pager limit set to 50 lines; note, this is global.")
    shell.sendline("show cli")
    shell.expect("-- pager buffer overflowed --")
    shell.expect("vpp# ")
    shell.close(force=True)


def settings(shell: pexpect.spawn) -> list[object]:
    return termios.tcgetattr(shell.child_fd)[:6]


@pytest.mark.parametrize(
    "end", ["quit\r", "q\r", "exit\r", "\x04", "fatal\r", "SIGTERM", "SIGHUP", "SIGTERM in the pager", "SIGTERM in a line"]
)
def test_the_terminal_is_left_as_it_was_found(tmp_path: Path, end: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # A shell holds the terminal open, so that its settings can be compared afterwards.
    line = f"stty -g; {sys.executable} {program}; echo status $?; stty -g"
    shell = bare_terminal(tmp_path / "home", line, program="sh -c", PYTHONPATH=str(ROOT))
    shell.expect(r"([0-9a-f:]+)\r\n")
    before = shell.match[1]
    shell.expect("vpp# ")
    running = settings(shell)
    if end.startswith("SIG"):
        if end.endswith("pager"):
            shell.send("show vlib graph\r")
            shell.expect("-- more --")
        if end.endswith("line"):
            shell.send("busy\r")
            shell.expect("\r\n")
        child = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text())
        os.kill(child, getattr(signal, end.split(maxsplit=1)[0]))
    else:
        shell.send(end)
    shell.expect(r"status (\d+)\r\n([0-9a-f:]+)\r\n")
    status = int(shell.match[1])
    assert shell.match[2] == before
    assert settings(shell) != running
    assert status == {"S": 128 + signal.SIGTERM, "f": 1}.get(end[0], 0) or (end == "SIGHUP" and status == 128 + signal.SIGHUP)
    assert "\x1b[?2004h" not in shell.before.rpartition("\x1b[?2004l")[2]  # bracketed paste is off again
    shell.close(force=True)


def test_the_shell_ends_with_its_terminal(tmp_path: Path) -> None:
    shell = bare_terminal(tmp_path / "home")
    shell.expect("vpp# ")
    shell.close(force=False)
    assert not shell.isalive()


def test_a_fault_in_the_dataplane_is_told_and_the_shell_goes_on(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        PROGRAM.replace(
            "    engine = make_session().engine",
            "    engine = make_session().engine\n"
            "    def faulty(ctx):\n        raise ZeroDivisionError('nothing to divide')\n"
            "    node = engine.graph['pg-input']\n    node.function = faulty\n",
        )
    )
    shell = bare_terminal(tmp_path / "home", str(program), program=sys.executable, term="dumb", PYTHONPATH=str(ROOT))
    shell.expect("vpp# ")
    for line in PG:
        shell.sendline(line)
    shell.expect("ZeroDivisionError: nothing to divide")
    shell.sendline("packet-generator disable-stream endless")
    shell.sendline("echo alive")
    shell.expect("\r\nalive\r\n")
    shell.close(force=True)
