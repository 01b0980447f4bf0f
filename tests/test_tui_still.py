"""Whole screens, to the letter: how they are laid out on small and large terminals.

After a change that is meant, VPPSH_DRAW_ANEW=1 writes the files anew; what changed is then read in the diff.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from monitors import Pilot, screen, until
from still import SAMPLES, sample, watch_still

from vppsh.tui.app import Monitor
from vppsh.tui.player import Player
from vppsh.tui.recorded import Playback
from vppsh.tui.recording import FileRecorder
from vppsh.tui.recording_file import Recording
from vppsh.tui.watching import watch_recording

FILES = Path(__file__).parent / "data" / "tui"
SIZES = ((80, 24), (120, 40))
# Other tests are about these: the tabs that there are, and the keys at the bottom, which textual draws in its own way in each version.
ELSEWHERE = (1, 2, -1)
# What is pressed on the screen that comes up.
SCREENS = {
    "overview": (),
    "interfaces": ("2",),
    "interface": ("2", "end", "enter"),
    "errors": ("4",),
    "error": ("4", "slash", *"replay", "enter", "enter"),
}


@pytest.fixture(autouse=True)
def fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who never ran vppsh, in a place without summer time."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def compare(name: str, pilot: Pilot[None]) -> None:
    """What is seen, and what is to be seen."""
    lines = [line.rstrip() for line in screen(pilot)]
    for number in ELSEWHERE:
        lines[number] = ""
    seen = "\n".join(lines).rstrip("\n") + "\n"
    path = FILES / f"{name}.txt"
    if os.environ.get("VPPSH_DRAW_ANEW"):
        path.write_text(seen, encoding="utf-8")
    assert seen == path.read_text(encoding="utf-8"), f"{path}: not what is seen; VPPSH_DRAW_ANEW=1 writes it anew"


async def settled(pilot: Pilot[None], monitor: Monitor) -> None:
    """All samples are taken, and what they changed is drawn."""
    await until(pilot, lambda: monitor.store.samples == SAMPLES)
    await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screens(name: str, size: tuple[int, int]) -> None:
    watched = watch_still()
    monitor = Monitor(watched, clock=lambda: watched.store.at)

    async def run() -> None:
        async with monitor.run_test(size=size) as pilot:
            await settled(pilot, monitor)
            await pilot.press(*SCREENS[name])
            await settled(pilot, monitor)
            compare(f"{name}-{size[0]}x{size[1]}", pilot)

    asyncio.run(run())


def test_a_recording(tmp_path: Path) -> None:
    recorder = FileRecorder(str(tmp_path / "still"), [("vpp", "/run/vpp/cli.sock")], 1.0)
    for second in range(SAMPLES):
        recorder.write("vpp", sample(second))
    recorder.close()
    playback = Playback(Recording(tmp_path / "still"))
    player = Player(watch_recording(playback)[0], playback)

    async def run() -> None:
        async with player.run_test(size=SIZES[0]) as pilot:
            await pilot.press("2", *["left"] * 9)
            await until(pilot, lambda: player.store.samples == SAMPLES - 9)
            await until(pilot, lambda: len(player.store.track(player.view.questions[0]).times(600)) == SAMPLES - 10)
            await pilot.pause()
            compare("recording-80x24", pilot)

    try:
        asyncio.run(run())
    finally:
        playback.stop()


def test_a_picture_has_the_screen_in_it(tmp_path: Path) -> None:
    watched = watch_still()
    monitor = Monitor(watched, clock=lambda: watched.store.at)
    path = tmp_path / "picture.svg"

    async def run() -> None:
        async with monitor.run_test(size=(120, 30)) as pilot:
            await pilot.press("2")
            await settled(pilot, monitor)
            monitor.save(str(path))

    asyncio.run(run())
    texts = [(each.text or "").replace("\u00a0", " ") for each in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert "vppsh: Interfaces" in texts
    shown = re.sub(r" +", " ", "\n".join(texts))
    for words in ("vpp /run/vpp/cli.sock │ v26.10-rc0", "TenGigabitEthernet5/0/0 1 up 840k 5.38Gb/s", "Name▲ Idx State rx pps", "Filter"):
        assert words in shown
