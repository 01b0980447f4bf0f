"""The monitor on a VPP with a stats segment: where figures come from is said, and a segment that goes away is no loss."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from monitors import SETUP, screen, until
from segments import Segment, handed_out
from serving import serving

from vppsh.cli import main
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.counters import CounterTarget
from vppsh.tui.app import Monitor
from vppsh.tui.watching import watch_target

ROOT = Path(__file__).resolve().parent.parent
MADE_UP = 123_456


@contextmanager
def published(folder: Path) -> Iterator[Segment]:
    """A dataplane, and a segment with counters that its CLI has not, so that it can be told which was read."""
    segment = Segment(1 << 20)
    with serving(folder / "cli.sock"), handed_out(folder / "stats.sock", segment):
        cli = SocketTarget(str(folder / "cli.sock"))
        for line in SETUP.splitlines():
            assert not cli.execute(line).failed, line
        cli.close()
        segment.simple("/node/errors", [0] * 10)
        segment.names("/if/names", ["local0", "pg0", "pg1"])
        segment.simple("/if/drops", [0, MADE_UP])
        yield segment
    segment.close()


def test_the_first_line_tells_where_figures_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    async def look() -> None:
        target = CounterTarget(SocketTarget(str(tmp_path / "cli.sock"), patience=0.0))
        target.connect()
        monitor = Monitor(watch_target(target, 0.2))
        async with monitor.run_test(size=(150, 36)) as pilot:
            monitor.go_to("errors")
            await until(pilot, lambda: "1 line of stats segment took" in screen(pilot)[0])
            monitor.go_to("interfaces")
            await until(pilot, lambda: "of stats segment took" in screen(pilot)[0] and any("123k" in line for line in screen(pilot)))
            segment.memory[:8] = bytes(8)
            await until(pilot, lambda: any("version 0 of the stats segment" in line for line in screen(pilot)))
            await until(pilot, lambda: "1 line of CLI took" in screen(pilot)[0])

    with published(tmp_path) as segment:
        asyncio.run(look())


@pytest.mark.parametrize(("options", "from_segment"), [([], True), (["--no-stats"], False), (["--stats", "stats.sock"], True)])
def test_a_tab_as_text_reads_the_segment_unless_told_not_to(tmp_path: Path, options: list[str], from_segment: bool) -> None:
    command = [sys.executable, "-m", "vppsh", "tui", "cli.sock", *options, "--json", "interfaces", "--interval", "0.2"]
    with published(tmp_path):
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        )
    found = next(each for each in json.loads(done.stdout) if "pg0" in each.values())
    assert (MADE_UP in found.values()) == from_segment
    assert done.stderr == ""


def test_options_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tui", "--stats", "s", "--no-stats"]) == 2
    assert main(["tui", "--stats", "s", "--run", "f"]) == 2
    assert capsys.readouterr().err.count("exclude each other") == 2
