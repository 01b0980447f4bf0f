"""Monitors of several targets: what each is asked, the table of all, and the ways between them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from fleets import Counting
from monitors import Monitor, Pilot, screen, until

from vppsh.errors import TargetError
from vppsh.targets.base import Answer
from vppsh.tui.app import all_views
from vppsh.tui.fleet import VITAL, Fleet, Place, Survey
from vppsh.tui.grid import Tone
from vppsh.tui.player import Player
from vppsh.tui.questions import ERRORS, INTERFACES, VERSION
from vppsh.tui.recorded import Playback
from vppsh.tui.recording import FileRecorder
from vppsh.tui.recording_file import Recording
from vppsh.tui.sampling import Sampler
from vppsh.tui.screens.cluster import ClusterView
from vppsh.tui.watching import watch_playback, watch_targets

INTERVAL = 0.2
Script = Callable[[Pilot[None], Monitor, Sequence[Counting]], Awaitable[None]]


def counting(count: int) -> list[Counting]:
    """Nodes, of which each receives 1,000 packets a second more than the one before."""
    return [Counting(f"node-{number}", {"rx packets": 1000.0 * number, "rx bytes": 64000.0 * number}) for number in range(1, count + 1)]


def play(
    script: Script,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    targets: Sequence[Counting],
    survey: Callable[[], Survey] | None = None,
    size: tuple[int, int] = (190, 30),
) -> None:
    """Run the monitor of these targets, and a script of what a person does."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    fleet = Fleet("lab", [member.watched for member in watch_targets(targets, INTERVAL).members], INTERVAL, survey=survey)
    monitor = Monitor(fleet)

    async def run() -> None:
        async with monitor.run_test(size=size) as pilot:
            await script(pilot, monitor, targets)

    asyncio.run(run())


def rows_of(monitor: Monitor) -> dict[object, dict[str, object]]:
    """The rows of the cluster by their nodes, values by column."""
    view = next(view for view in monitor.views if isinstance(view, ClusterView))
    return {row.key: dict(zip([column.key for column in view.report.columns], row.values)) for row in view.table.rows}


def measured(monitor: Monitor, *names: str) -> bool:
    """Whether these nodes show rates."""
    rows = rows_of(monitor)
    return all(rows[name]["rx_packets_rate"] for name in names)


def test_many_samplers_do_not_meet() -> None:
    """Of 50 targets, no more than three are asked within the same 60 ms of the 3 s that lie between two samples of one."""
    now = 100.0
    samplers = []
    for number in range(50):
        sampler = Sampler(Counting(f"node-{number}"), 1.0, clock=lambda: now)
        sampler.pace(3.0, (number + 1) / 50)
        sampler.want(VITAL)
        samplers.append(sampler)
    taken: Counter[int] = Counter()
    for step in range(1000):
        now = 100.0 + step * 0.06
        for sampler in samplers:
            if sampler.pause <= 0:
                sampler.sample()
                taken[step] += 1
    assert taken[0] == 50
    assert sum(taken.values()) == pytest.approx(50 * 20, rel=0.1)
    assert max(count for step, count in taken.items() if step) <= 3


def test_the_pace_is_changed_at_once() -> None:
    now = 100.0
    sampler = Sampler(Counting("node"), 1.0, clock=lambda: now)
    sampler.pace(30.0)
    sampler.want((VERSION, INTERFACES))
    assert sampler.sample().replies.keys() == {VERSION.line, INTERFACES.line}
    assert sampler.pause == 30
    sampler.pace(1.0)
    assert sampler.pause == 1
    now = 101.0
    assert sampler.sample().replies.keys() == {INTERFACES.line}
    assert sampler.interval == 1


def test_with_much_to_read_all_are_asked_less_often() -> None:
    fleet = watch_targets([Counting(f"node-{number}", interfaces=300) for number in range(20)], 0.1)
    samplers = [Sampler(Counting(member.name, interfaces=300)) for member in fleet.members]
    assert fleet.pace == pytest.approx(0.3)
    for _ in range(2):
        for member, sampler in zip(fleet.members, samplers):
            sampler.want(VITAL)
            fleet.feed(member.watched, sampler.sample(), VITAL)
    assert fleet.pace > 0.3
    fleet.stop()


def test_a_monitor_of_one_target_has_no_tab_for_all() -> None:
    assert not any(view.whole for view in all_views(None))
    assert [view.id for view in all_views(watch_targets([Counting("node")], 1.0)) if view.whole] == ["cluster"]


def test_the_table_tells_what_each_node_does_and_all_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"node-1": Place("ok", pods=30, where="pod one"), "node-2": Place("agent: CrashLoopBackOff", well=False, pods=12)}

    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        assert monitor.view.id == "cluster"
        await until(pilot, lambda: measured(monitor, "node-1", "node-2", "node-3") and bool(rows_of(monitor)["node-1"]["pod_state"]))
        rows = rows_of(monitor)
        for number in (1, 2, 3):
            row = rows[f"node-{number}"]
            assert row["rx_packets_rate"] == pytest.approx(1000 * number, rel=0.05)
            assert row["rx_bits_rate"] == pytest.approx(512_000 * number, rel=0.05)
            assert row["version"] == "v26.10"
            assert row["uptime"] == pytest.approx(3600, abs=30)
            assert row["vector_rate"] == 2.5
        assert [(row["state"], row["pods"]) for row in rows.values()] == [("up", 30), ("up, agent: CrashLoopBackOff", 12), ("up", -1)]
        shown = screen(pilot)
        assert "lab │ 3 nodes, 3 up, 42 pods" in shown[0]
        assert any("rx 6" in line and "errors 0/s" in line for line in shown)
        assert any("pod one: ok" in line for line in shown)
        assert any("pods: not allowed" in line for line in shown)
        assert all("show errors" not in target.asked for target in targets)
        await pilot.press("y")
        assert monitor.clipboard.splitlines()[2:] == ["@node-1 show interface", "@node-1 show runtime summary"]

    play(script, tmp_path, monkeypatch, counting(3), lambda: Survey(places, "pods: not allowed"))


def test_into_a_node_and_back_and_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        await until(pilot, lambda: measured(monitor, "node-1", "node-2"))
        await pilot.press("down", "enter")
        assert (monitor.view.id, monitor.store.name) == ("overview", "node-2")
        await until(pilot, lambda: ERRORS.line in targets[1].asked)
        assert ERRORS.line not in targets[0].asked
        await until(pilot, lambda: screen(pilot)[0].startswith("node-2 nowhere"))
        readings = monitor.store.track(INTERFACES).readings
        others = monitor.fleet.members[0].store.track(INTERFACES).readings if monitor.fleet else 0
        await until(pilot, lambda: monitor.store.track(INTERFACES).readings >= readings + 6)
        assert monitor.fleet is not None
        assert monitor.fleet.members[0].store.track(INTERFACES).readings - others <= 4
        monitor.go_to("interfaces")
        await until(pilot, lambda: any("tun1 " in line for line in screen(pilot)))
        await pilot.press("enter", "greater_than_sign")
        assert (monitor.view.id, monitor.store.name) == ("interfaces", "node-3")
        await pilot.press("greater_than_sign")
        assert (monitor.view.id, monitor.store.name) == ("interfaces", "node-1")
        await pilot.press("less_than_sign", "less_than_sign")
        assert (monitor.view.id, monitor.store.name) == ("interfaces", "node-2")
        assert monitor.store.track(INTERFACES).readings >= readings + 6, "what was known of it is kept"
        await pilot.press("escape")
        assert monitor.view.id == "cluster"
        view = monitor.view
        assert isinstance(view, ClusterView)
        assert view.table.key == "node-2"
        await pilot.press("enter", "backspace")
        assert monitor.view.id == "cluster"

    play(script, tmp_path, monkeypatch, counting(3))


def test_every_tab_can_be_about_another_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        assert monitor.fleet is not None
        first, second = (member.watched for member in monitor.fleet.members)
        for view in monitor.views:
            monitor.go_to(view.id or "")
            if not view.whole:
                for watched, name in ((second, "node-2"), (first, "node-1")):
                    monitor.switch(watched)
                    await until(pilot, lambda name=name: screen(pilot)[0].startswith(f"{name} nowhere"))  # type: ignore[misc]
            assert monitor.view is view

    play(script, tmp_path, monkeypatch, counting(2))


def test_a_lost_node_is_a_state_of_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        await until(pilot, lambda: measured(monitor, "node-1") and monitor.fleet is not None and monitor.fleet.lost == 1)
        lost = next(row for row in monitor.view.table.rows if row.key == "node-2")  # type: ignore[attr-defined]  # the cluster's view
        assert lost.tone == Tone.BAD
        assert str(rows_of(monitor)["node-2"]["state"]).endswith(": the tunnel is closed")
        assert "3 nodes, 2 up, 1 lost" in screen(pilot)[0]
        targets[1].gone = ""
        await until(pilot, lambda: measured(monitor, "node-2"))
        assert rows_of(monitor)["node-2"]["rx_packets_rate"] == pytest.approx(2000, rel=0.05)
        assert rows_of(monitor)["node-2"]["state"] == "up"

    targets = counting(3)
    targets[1].gone = "the tunnel is closed"
    play(script, tmp_path, monkeypatch, targets)


def test_sort_filter_pause_and_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        await until(pilot, lambda: measured(monitor, *(target.name for target in targets)))
        await pilot.press("s", "s")
        assert list(rows_of(monitor)) == ["node-4", "node-3", "node-2", "node-1"]
        await pilot.press("slash", *"node-3", "enter")
        assert list(rows_of(monitor)) == ["node-3"]
        monitor.save(str(tmp_path / "view.json"))
        saved = json.loads((tmp_path / "view.json").read_text())
        assert [node["node"] for node in saved["nodes"]] == ["node-3"]
        assert saved["totals"]["rx_packets"] == pytest.approx(10_000, rel=0.05)
        monitor.save(str(tmp_path / "view.txt"))
        assert (tmp_path / "view.txt").read_text().startswith("lab: 4 nodes, 4 up\nrx ")
        await pilot.press("escape", "space")
        samples = [target.asked.count(INTERFACES.line) for target in targets]
        before = rows_of(monitor)
        await until(pilot, lambda: all(target.asked.count(INTERFACES.line) > count + 2 for target, count in zip(targets, samples)))
        assert rows_of(monitor) == before
        assert "PAUSED" in screen(pilot)[0]
        await pilot.press("space")
        assert rows_of(monitor) != before

    play(script, tmp_path, monkeypatch, counting(4))


def test_a_recording_of_several_opens_with_all_and_leads_to_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    now, file = 100.0, tmp_path / "two.gz"
    targets = [Counting(f"node-{rate}", {"rx packets": float(rate)}, clock=lambda: now) for rate in (1000, 2000)]
    samplers = [Sampler(target, 1.0, clock=lambda: now, wall=lambda: now) for target in targets]
    recorder = FileRecorder(str(file), [(target.name, target.where) for target in targets], 1.0)
    for second in range(20):
        now = 100.0 + second
        for target, sampler in zip(targets, samplers):
            target.gone = "away" if second > 15 and target is targets[1] else ""
            sampler.want(VITAL)
            recorder.write(target.name, sampler.sample())
    recorder.close()
    playback = Playback(Recording(file))
    player = Player(watch_playback(playback), playback)

    async def run() -> None:
        async with player.run_test(size=(120, 30)) as pilot:
            await until(pilot, lambda: measured(player, "node-1000") and "lost" in str(rows_of(player)["node-2000"]["state"]))
            assert rows_of(player)["node-2000"]["state"] == "lost 3.0s: away"
            playback.seek(112.0)
            await until(pilot, lambda: measured(player, "node-2000"))
            assert [row["rx_packets_rate"] for row in rows_of(player).values()] == pytest.approx([1000, 2000])
            await pilot.press("down", "down", "enter")
            await until(pilot, lambda: any(line.startswith("received       2k pps") for line in screen(pilot)))
            await pilot.press("escape")
            assert player.view.id == "cluster"

    asyncio.run(run())


class Hanging(Counting):
    """It takes a line and says nothing until it is released."""

    released = threading.Event()

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.released.wait(30)
        raise TargetError("it hung")


def test_one_that_hangs_delays_neither_the_others_nor_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor, targets: Sequence[Counting]) -> None:
        await until(pilot, lambda: measured(monitor, "node-1"))
        assert "2 not heard of yet" in screen(pilot)[0]
        tabs = screen(pilot)[1]
        assert all(view.title in tabs for view in monitor.views), tabs

    targets = [Hanging("hangs-1"), *counting(1), Hanging("hangs-2")]
    begun = time.monotonic()
    play(script, tmp_path, monkeypatch, targets, size=(80, 24))
    Hanging.released.set()
    assert time.monotonic() - begun < 20
