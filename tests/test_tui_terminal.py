"""The monitor on a terminal, and on a target behind a socket that goes and comes back."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from monitors import SETUP, Pilot, screen, until
from serving import serving
from terminals import SHELL, VPPSH, needs_tmux, tmux

from vppsh.targets.cli_socket import SocketTarget
from vppsh.tui.app import Monitor
from vppsh.tui.watching import watch_target


@needs_tmux
def test_it_starts_and_ends_on_a_small_terminal_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    setup = tmp_path / "setup.vpp"
    setup.write_text(SETUP)
    with tmux(tmp_path / "home", columns=80, rows=24) as terminal:
        terminal.type("clear; echo before", "Enter")
        terminal.type(f"{VPPSH} tui --run {setup}", "Enter")
        shown = terminal.wait(r"null-node +blackholed pa")
        assert "3 of 4 interfaces up, runtime counted for" in shown
        terminal.type("2")
        terminal.wait(r"\npg1 +2 up")
        terminal.type("q")
        shown = terminal.wait(SHELL)
        assert "before" in shown
        terminal.type("echo status $?; stty -a | grep -c ' echo '", "Enter")
        terminal.wait(r"status 0\n1\n")


def test_a_lost_target_is_a_state_and_it_goes_on_when_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "cli.sock"
    target = SocketTarget(str(path), patience=0.0)
    monitor = Monitor(watch_target(target, 0.2))

    async def run() -> None:
        async with monitor.run_test(size=(120, 30)) as pilot:
            with serving(path):
                await until(pilot, lambda: monitor.store.samples >= 2)
                assert "v26.10" in screen(pilot)[0]
            await gone(pilot)
            with serving(path):
                await until(pilot, lambda: not monitor.store.lost)
                await until(pilot, lambda: "LOST" not in screen(pilot)[0])

    async def gone(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(monitor.store.lost))
        await until(pilot, lambda: bool(re.search(r"LOST .* ago, trying again", screen(pilot)[0])))
        assert any("local0" in line for line in screen(pilot))  # what was known stays

    with closing(target):
        asyncio.run(run())


def test_a_tab_without_a_screen(tmp_path: Path, vppsh) -> None:  # type: ignore[no-untyped-def]  # the fixture's type is its own
    setup = tmp_path / "setup.vpp"
    setup.write_text(SETUP)
    said = vppsh("tui", "--run", setup, "--json", "interfaces", "--interval", "0.3")
    assert said.returncode == 0, said.stderr
    assert [each["name"] for each in json.loads(said.stdout)] == ["local0", "pg-1", "pg0", "pg1"]
    said = vppsh("tui", "--run", setup, "--text", "Overview", "--samples", "3", "--interval", "0.3")
    assert re.search(r"^received +[\d.]+k pps", said.stdout)
    said = vppsh("tui", "--run", setup, "--text", "nonsense")
    assert said.returncode == 2
    assert said.stderr.startswith("vppsh: there is no tab nonsense; there are Overview, Interfaces, Graph, Errors")
    assert "and the tables fib4, fib6, " in said.stderr
    said = vppsh("tui", tmp_path / "nobody.sock", "--text", "errors")
    assert said.returncode == 3
    said = vppsh("tui", "--run", setup)
    assert (said.returncode, said.stderr) == (2, "vppsh: tui needs a terminal; --text TAB prints a tab without one\n")
