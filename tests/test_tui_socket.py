"""The monitor of an engine behind a CLI socket, in a process of its own, which is killed and started again."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
from monitors import SETUP, Pilot, screen, until
from serving import serving_process

from vppsh.answers.interfaces import read_interfaces
from vppsh.targets.cli_socket import SocketTarget
from vppsh.tui.app import Monitor
from vppsh.tui.questions import INTERFACES
from vppsh.tui.watching import watch_target

SENT = ("pg1", "tx packets")


def counted(path: Path) -> int:
    """The packets that were sent, as somebody else is told them."""
    other = SocketTarget(str(path), "other")
    try:
        interfaces = read_interfaces(other.execute("show interface pg1").text).interfaces
    finally:
        other.close()
    return interfaces[0].counters.get("tx packets", 0)


def test_rates_before_and_after_the_target_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path, setup = tmp_path / "cli.sock", tmp_path / "setup.vpp"
    setup.write_text(SETUP)
    target = SocketTarget(str(path), patience=0.0)
    monitor = Monitor(watch_target(target, 0.25))

    async def rates_are_right(pilot: Pilot[None]) -> None:
        track = monitor.store.track(INTERFACES)
        samples, begun, since = monitor.store.samples, monitor.store.at, track.value(SENT)
        counter = counted(path)
        await until(pilot, lambda: monitor.store.at - begun >= 3 and monitor.store.samples >= samples + 4)
        seconds = monitor.store.at - begun
        assert (track.value(SENT) - since) / seconds == pytest.approx(3000, rel=0.05)
        assert counted(path) - counter == pytest.approx(track.value(SENT) - since, rel=0.2)  # others ask at other times
        times, history = track.times(600), track.history(SENT, 600)
        seen = times > begun  # the rates shown, each for as long as it stood, make up what was counted
        assert (history * np.diff(times, prepend=np.nan))[seen].sum() == pytest.approx(track.value(SENT) - since)
        row = next(line for line in screen(pilot) if line.startswith("pg1 "))
        assert 1.5 < float(re.findall(r"([\d.]+)k", row)[0]) < 4.5  # one interval, on a machine that is at work

    async def run() -> None:
        async with monitor.run_test(size=(120, 30)) as pilot:
            with serving_process(path, "--config", str(setup)) as process:
                await pilot.press("2")
                await until(pilot, lambda: monitor.store.samples >= 3)
                await rates_are_right(pilot)
                process.kill()
                await until(pilot, lambda: bool(re.search(r"LOST [\d.]+s ago, trying again", screen(pilot)[0])))
                assert monitor.query_one("ContentSwitcher").has_class("aged")
                assert any(line.startswith("pg1 ") for line in screen(pilot))  # what was known stays
            with serving_process(path, "--config", str(setup)):
                await until(pilot, lambda: not monitor.store.lost)
                assert not monitor.query_one("ContentSwitcher").has_class("aged")
                await until(pilot, lambda: monitor.store.value(INTERFACES).interfaces[-1].name == "pg1")
                await rates_are_right(pilot)
            history = monitor.store.track(INTERFACES).history(SENT, 600)
            assert history.min() >= 0
            assert history.max() < 20_000

    try:
        asyncio.run(run())
    finally:
        target.close()
