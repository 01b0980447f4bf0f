"""Recordings on the screen: made by the monitor itself, opened, moved about in and played."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from monitors import SETUP, Pilot, screen, traffic_session, until
from test_tui_recording import interfaces, recorded

from vppsh.tui.app import Monitor
from vppsh.tui.player import Player
from vppsh.tui.questions import INTERFACES
from vppsh.tui.recorded import Playback, time_in
from vppsh.tui.recording import FileRecorder
from vppsh.tui.recording_file import Recording
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.watching import record, watch_recording, watch_session

Watch = Callable[[Pilot[None], Player], Awaitable[None]]
KEY = ("pg0", "rx packets")


def look(path: Path, script: Watch, home: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (110, 30)) -> None:
    """Open a recording, and do what a script says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    playback = Playback(Recording(path))
    player = Player(watch_recording(playback)[0], playback)

    async def run() -> None:
        async with player.run_test(size=size) as pilot:
            await until(pilot, lambda: player.store.samples > 0)
            await script(pilot, player)

    try:
        asyncio.run(run())
    finally:
        playback.stop()


def packets(player: Player) -> int:
    """What a person sees of how many packets came in."""
    known = player.store.value(INTERFACES)
    return known.interfaces[0].counters["rx packets"] if known else -1


def test_the_monitor_records_what_it_shows_and_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "monitor.gz"
    recorder = FileRecorder(str(path), [("embedded", "here")], 0.2)
    monitor = Monitor(record(watch_session(traffic_session(), 0.2), recorder))

    async def run() -> None:
        async with monitor.run_test(size=(120, 30)) as pilot:
            await pilot.press("2")
            await until(pilot, lambda: monitor.store.samples >= 4)
            await until(pilot, lambda: bool(re.search(r"● \d+\.\d MB", screen(pilot)[0])))

    asyncio.run(run())
    recorder.close()

    async def script(pilot: Pilot[None], player: Player) -> None:
        assert player.store.samples >= 4
        await until(pilot, lambda: player.store.value(INTERFACES) == monitor.store.value(INTERFACES))
        for tab in "134":  # were not in sight
            await pilot.press(tab)
            await until(pilot, lambda: not player.store.refusals(player.view.questions) and player.store.samples > 0)

    look(path, script, tmp_path, monkeypatch)


def test_keys_go_through_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], player: Player) -> None:
        await pilot.press("2")
        for key, number in (
            ("left", 298),
            ("shift+left", 238),
            ("right", 239),
            ("shift+right", 299),
            ("home", 0),
            ("right", 1),
            ("end", 299),
        ):
            await pilot.press(key)
            await until(pilot, lambda number=number: packets(player) == 1000 * number)  # type: ignore[misc]  # a lambda's default
            assert player.playback.number == number
        assert player.store.track(INTERFACES).rate(KEY) == 1000.0
        await until(pilot, lambda: len(player.store.track(INTERFACES).history(KEY, 600)) == 299)
        await pilot.press("slash", *"pg", "home", "x")  # in a field these are the field's
        assert player.playback.number == 299
        await pilot.press("escape")
        await pilot.press("question_mark")
        await until(pilot, lambda: any("Left and right go a sample on" in line for line in screen(pilot)))

    look(recorded(tmp_path / "file", 300), script, tmp_path, monkeypatch)


def test_the_mouse_goes_through_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], player: Player) -> None:
        slider = player.query_one("#time")
        line = screen(pilot)[slider.region.y]
        assert re.match(r"\d\d:\d\d:\d\d ━+● \d\d:\d\d:\d\d paused 1x", line)
        begin, end = line.index("━"), line.index("●")
        await pilot.click("#time", offset=(begin, 0))
        await until(pilot, lambda: player.playback.number == 0)
        await pilot.mouse_down("#time", offset=((begin + end) // 2, 0))
        await pilot.hover("#time", offset=(end, 0))
        await pilot.mouse_up("#time", offset=(end, 0))
        await until(pilot, lambda: packets(player) == 299_000)

    look(recorded(tmp_path / "file", 300), script, tmp_path, monkeypatch)


def test_it_plays_to_the_end_and_again_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], player: Player) -> None:
        await pilot.press("plus", "plus", "plus", "plus", "plus", "minus", "minus")
        assert player.playback.speed == 10
        seen = set()

        def ended() -> bool:
            seen.add(packets(player))
            return not player.playback.playing and packets(player) == 29_000

        player.action_pause()  # the pilot would wait for its end
        await until(pilot, ended)
        assert len(seen) > 5
        assert player.store.track(INTERFACES).rate(KEY) == 1000.0
        assert player.store.track(INTERFACES).readings == 30
        await pilot.press("space", "space")
        assert not player.playback.playing
        assert player.playback.at < player.playback.last

    look(recorded(tmp_path / "file", 30), script, tmp_path, monkeypatch)


def test_counts_are_from_the_beginning_or_from_where_somebody_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], player: Player) -> None:
        await until(pilot, lambda: player.store.track(INTERFACES).since(KEY) == 899_000)  # though plots go back 600 only
        await pilot.press("left", "0", "right")
        await until(pilot, lambda: packets(player) == 899_000)
        await until(pilot, lambda: player.store.track(INTERFACES).since(KEY) == 1000)

    look(recorded(tmp_path / "file", 900), script, tmp_path, monkeypatch)


def test_a_tab_that_was_not_recorded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], player: Player) -> None:
        player.go_to("graph")
        await until(pilot, lambda: any("the recording has no answer to `show runtime'" in line for line in screen(pilot)))
        await pilot.press("r")
        await until(pilot, lambda: any("a recording has what was asked" in line for line in screen(pilot)))

    look(recorded(tmp_path / "file", 20), script, tmp_path, monkeypatch)


def test_a_recording_that_was_cut_off_says_so_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recorded(tmp_path / "file", 20)
    path.write_bytes(path.read_bytes()[:-9])

    async def script(pilot: Pilot[None], player: Player) -> None:
        await until(pilot, lambda: any("file was cut off: its last line is not whole" in line for line in screen(pilot)))

    look(path, script, tmp_path, monkeypatch)


@pytest.fixture
def hour(tmp_path: Path) -> Iterator[Recording]:
    """An hour, from 23:30:00 on."""
    begun = 1_700_000_000.0 - 1_700_000_000 % 86400 + 23.5 * 3600
    recorder = FileRecorder(str(tmp_path / "hour"), [("vpp", "")], 60.0)
    for minute in range(61):
        recorder.write("vpp", Sample(60.0 * minute, begun + 60.0 * minute, {"show interface": Reply(interfaces(minute), 0.0)}))
    recorder.close()
    with contextlib.closing(Recording(tmp_path / "hour")) as recording:
        yield recording


@pytest.mark.parametrize(
    ("text", "at"), [("23:31:00", 60), ("23:45", 900), ("00:10", 2400), ("2023-11-15T00:00:00", 1800), ("+90", 90), ("+3600", 3600)]
)
def test_times_of_a_recording(hour: Recording, text: str, at: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    assert time_in(hour, text) == at


@pytest.mark.parametrize("text", ["noon", "25:00", "12:00", "+1e9", "+", "2023-11-15T12:00:00", "-5"])
def test_times_that_are_none_of_a_recording(hour: Recording, text: str) -> None:
    from vppsh.errors import UsageError

    with pytest.raises(UsageError, match="--at "):
        time_in(hour, text)


def test_on_the_command_line(tmp_path: Path, vppsh: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    setup, file = tmp_path / "setup.vpp", tmp_path / "file.gz"
    setup.write_text(SETUP)
    said = vppsh("tui", "--run", setup, "--json", "interfaces", "--interval", "0.2", "--samples", "3", "--record", file)
    assert (said.returncode, said.stderr) == (0, "")
    again = vppsh("tui", file, "--json", "interfaces")
    assert json.loads(again.stdout) == json.loads(said.stdout)
    for arguments, why in (
        (("--run", setup, "--text", "errors", "--record", file), f"{file} is there already; --force replaces it"),
        ((file, "--text", "errors", "--record", tmp_path / "other"), "--record is of no use with a recording"),
        ((file, "--text", "errors", "--interval", "2"), "--interval is of no use with a recording"),
        (("--run", setup, "--text", "errors", "--at", "12:00"), "--at goes with a recording"),
        (("--run", setup, "--text", "errors", "--force"), "--force goes with --record"),
        ((setup, "--text", "errors"), f"{setup} is neither a CLI socket nor a recording (`vppsh tui --record FILE' makes one)"),
        ((file,), "tui needs a terminal; --text TAB prints a tab without one"),
    ):
        said = vppsh("tui", *arguments)
        assert (said.returncode, said.stderr) == (2, f"vppsh: {why}\n")
