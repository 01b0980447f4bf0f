"""However the monitor ends, the terminal is as it was, and the exit status tells how; and from the prompt there and back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from monitors import SETUP
from serving import serving_process
from terminals import PATIENCE, SHELL, VPPSH, Tmux, needs_tmux, tmux

# vppsh with a fault in it: where a key is handled, where samples are taken, where a view is made, or where nothing is handled any more.
FAULTY = """
import sys
from vppsh import cli
from vppsh.tui.app import Monitor
from vppsh.tui.screens.grid_view import GridView
from vppsh.tui.sampling import Sampler

def fail(*arguments):
    raise ValueError("something\\nodd")

sample = Sampler.sample
def sample_or_fail(self):
    if len(self._asked) >= 3 and self._asked["show interface"] - self.begun > 0.5:
        fail()
    self.begun = getattr(self, "begun", self._clock())
    return sample(self)

where = sys.argv.pop(1)
if where == "key":
    Monitor.action_save = fail
elif where == "worker":
    Sampler.sample = sample_or_fail
elif where == "start":
    GridView.compose = fail
elif where == "hard":
    async def leave(self):
        sys.exit(7)
    Monitor.action_save = leave
sys.exit(cli.main())
"""
FAULT = r"the monitor ended by a fault of its own, please report it: ValueError: something odd \(\S+, line \d+\)"


@pytest.fixture
def setup(tmp_path: Path) -> Path:
    path = tmp_path / "setup.vpp"
    path.write_text(SETUP)
    return path


def shell_process(terminal: Tmux) -> int:
    """vppsh, which runs in the terminal's shell."""
    shell = terminal.ask("#{pane_pid}")
    return int(subprocess.run(["ps", "--ppid", shell, "-o", "pid="], capture_output=True, text=True, check=True).stdout)


def left_as_it_was(terminal: Tmux, status: int) -> str:
    """Whether the shell is back on an ordinary terminal, on which what stood there before stands again; what is seen."""
    shown = terminal.wait(SHELL)
    assert "before" in shown
    assert terminal.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{wrap_flag}") == "0 0 1 1"
    terminal.type("echo status $?; stty -a | grep -c ' icanon.* echo '", "Enter")
    terminal.wait(rf"status {status}\n1\n")
    return shown


@needs_tmux
@pytest.mark.parametrize("where", ["key", "worker", "start"])
def test_a_fault_is_told_in_a_line_and_leaves_the_terminal_as_it_was(tmp_path: Path, setup: Path, where: str) -> None:
    program = tmp_path / "faulty.py"
    program.write_text(FAULTY)
    with tmux(tmp_path / "home", columns=80, rows=24) as terminal:
        terminal.type("clear; echo before", "Enter")
        terminal.type(f"{sys.executable} {program} {where} tui --run {setup} --interval 0.2", "Enter")
        if where == "key":
            terminal.wait("null-node")
            terminal.type("x")
        shown = left_as_it_was(terminal, 1)
        assert re.search("vppsh: " + FAULT, shown.replace("\n", "")), shown
        assert "Traceback" not in shown


@needs_tmux
def test_the_terminal_is_restored_even_when_the_monitor_has_no_time_to(tmp_path: Path, setup: Path) -> None:
    program = tmp_path / "faulty.py"
    program.write_text(FAULTY)
    with tmux(tmp_path / "home", columns=80, rows=24) as terminal:
        terminal.type("clear; echo before", "Enter")
        terminal.type(f"{sys.executable} {program} hard tui --run {setup}", "Enter")
        terminal.wait("null-node")
        terminal.type("x")
        left_as_it_was(terminal, 7)


@needs_tmux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, setup: Path, number: signal.Signals) -> None:
    with tmux(tmp_path / "home", columns=80, rows=24) as terminal:
        terminal.type("clear; echo before", "Enter")
        terminal.type(f"{VPPSH} tui --run {setup} --record {tmp_path}/file.gz", "Enter")
        terminal.wait("null-node")
        os.kill(shell_process(terminal), number)
        left_as_it_was(terminal, 128 + number)
        terminal.type(f"{VPPSH} tui --text errors {tmp_path}/file.gz; echo status $?", "Enter")
        assert "cut off" not in terminal.wait("status 0")


@needs_tmux
def test_from_the_prompt_and_back(tmp_path: Path, setup: Path) -> None:
    with tmux(tmp_path / "home", columns=100, rows=30) as terminal:
        terminal.start()
        terminal.type(f"exec {setup}", "Enter", "define KEPT yes", "Enter", "%tui", "Enter")
        terminal.wait(r"embedded the dataplane of this process[^$]*null-node")
        terminal.type("2")
        terminal.wait(r"\npg1 +2 up +3")
        terminal.type("q")
        terminal.wait(r"vpp# %tui\nvpp#\n")
        assert terminal.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag}") == "0 0 1"
        terminal.wait(r"good, lost [34](\.\d+)? kpps")  # the dataplane goes on beside the prompt
        terminal.type("echo $(KEPT)", "Enter")
        terminal.wait(r"\nyes\n")
        terminal.type("show ver", "Tab", "Enter")
        terminal.wait(r"# show version\nvpp v26")
        terminal.type("%tui", "Enter")
        terminal.wait("null-node")
        os.kill(shell_process(terminal), signal.SIGTERM)
        terminal.wait(SHELL)
        assert terminal.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag}") == "0 0 1"
        terminal.type("echo status $?", "Enter")
        terminal.wait("status 143")


@needs_tmux
def test_a_fault_of_the_monitor_does_not_take_the_prompt_with_it(tmp_path: Path, setup: Path) -> None:
    program = tmp_path / "faulty.py"
    program.write_text(FAULTY)
    with tmux(tmp_path / "home", columns=150, rows=30) as terminal:
        terminal.start("key", program=f"{sys.executable} {program}")
        terminal.type(f"exec {setup}", "Enter", "%tui", "Enter")
        terminal.wait("null-node")
        terminal.type("x")
        terminal.wait(rf"%tui\n{FAULT}\nvpp#")
        terminal.wait(r"good, lost [34](\.\d+)? kpps")
        terminal.type("%tui", "Enter")
        terminal.wait("null-node")
        terminal.type("q")
        terminal.wait(r"vpp# %tui\nvpp#\n")


@needs_tmux
def test_from_the_prompt_of_a_vpp_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "cli.sock"
    with serving_process(path), tmux(tmp_path / "home", columns=120, rows=30) as terminal:
        terminal.type(f"clear; {VPPSH} attach {path}", "Enter")
        terminal.wait("Ctrl-D leaves[^$]*vpp#")
        terminal.type("%tui", "Enter")
        terminal.wait(r"vpp \S*cli.sock[^$]*\nlocal0")
        terminal.type("q")
        terminal.wait(r"vpp# %tui\nvpp#\n")
        terminal.type("create loopback interface", "Enter")
        terminal.wait(r"\nloop0\nvpp#")


@needs_tmux
def test_from_the_prompt_to_several_targets(tmp_path: Path, setup: Path) -> None:
    path = tmp_path / "cli.sock"
    with serving_process(path), tmux(tmp_path / "home", columns=140, rows=30) as terminal:
        terminal.start()
        terminal.type(f"exec {setup}", "Enter", f"%attach far {path}", "Enter", "%tui all", "Enter")
        terminal.wait(r"\nembedded +up[^\n]+\nfar +up")
        terminal.type("q")
        terminal.wait(r"vpp# %tui all\nvpp#\n")
        terminal.type("%target far", "Enter", "%tui", "Enter")
        terminal.wait(r"far \S*cli.sock[^$]*\nlocal0")
        terminal.type("q")
        terminal.wait(r"far# %tui\nfar#\n")
        terminal.type("%tui nobody", "Enter")
        terminal.wait("nobody")


@pytest.mark.parametrize("arguments", [("-c", "%tui"), ("attach", "SOCKET", "%tui")])
def test_there_is_no_monitor_where_nobody_looks(
    tmp_path: Path, vppsh: Callable[..., subprocess.CompletedProcess[str]], arguments: tuple[str, ...]
) -> None:
    with serving_process(tmp_path / "cli.sock"):
        said = vppsh(*(str(tmp_path / "cli.sock") if each == "SOCKET" else each for each in arguments))
    assert said.returncode == 1
    assert "%tui needs a prompt on a terminal; `vppsh tui --text TAB' prints a tab without one" in said.stdout + said.stderr


@needs_tmux
def test_a_terminal_that_can_do_little_is_told_of(tmp_path: Path, setup: Path) -> None:
    with tmux(tmp_path / "home", columns=150, rows=30) as terminal:
        terminal.type(f"TERM=dumb {VPPSH} tui --run {setup}; echo status $?", "Enter")
        terminal.wait(r"vppsh: tui needs a terminal whose cursor can be placed \(TERM is not set, or dumb\)[^$]*status 2")
        terminal.type(f"{VPPSH} tui --run {setup} 2>{tmp_path}/errors; echo then $?", "Enter")
        terminal.wait("\nthen 2\n")
        assert (tmp_path / "errors").read_text() == "vppsh: tui needs a terminal; --text TAB prints a tab without one\n"


def test_a_terminal_that_goes_away_ends_it(tmp_path: Path, setup: Path) -> None:
    from terminals import bare_terminal

    child = bare_terminal(tmp_path / "home", "tui", "--run", str(setup))
    child.expect("null-node")
    process = child.pid
    os.close(child.child_fd)
    until = time.monotonic() + PATIENCE
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        assert time.monotonic() < until, "it goes on without a terminal"
        time.sleep(0.05)
    child.closed, child.child_fd, child.terminated = True, -1, True
