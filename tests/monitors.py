"""The monitor on a dataplane of this process, under traffic, with keys pressed by textual's pilot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.tui.app import Monitor
from vppsh.tui.watching import watch_session

SETUP = """\
create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01
create packet-generator interface pg1 hw-addr 02:fe:00:00:00:02
set interface state pg0 up
set interface state pg1 up
set interface ip address pg0 10.0.0.1/24
set interface ip address pg1 10.0.1.1/24
ip neighbor pg1 10.0.1.2 02:00:00:00:01:02
packet-generator new { name good rate 3000 size 60-60 interface pg0 node ip4-input data { UDP: 10.0.0.2 -> 10.0.1.2 incrementing 40 } }
packet-generator new { name lost rate 500 size 60-60 interface pg0 node ip4-input data { UDP: 10.0.0.2 -> 192.0.2.1 incrementing 40 } }
packet-generator enable-stream
"""
PATIENCE = 10.0
Script = Callable[[Pilot[None], Monitor], Awaitable[None]]


def traffic_session() -> Session:
    """A session whose dataplane has two streams that do not end: 3,000 packets a second forwarded, 500 dropped."""
    session = make_session()
    for line in SETUP.splitlines():
        answer = session.execute(line)
        assert not answer.failed, answer.text
    return session


def play(
    script: Script, home: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (120, 36), session: Session | None = None
) -> None:
    """Run the monitor and a script of what a person does."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    for place in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{place}.wait_for_idle", a_moment)
    monitor = Monitor(watch_session(session or traffic_session(), 0.2))

    async def run() -> None:
        async with monitor.run_test(size=size) as pilot:
            await script(pilot, monitor)

    asyncio.run(run())


async def a_moment(min_sleep: float = 0.02, max_sleep: float = 1) -> None:
    """In place of textual's wait for an idle processor, which a dataplane at work never leaves."""
    await asyncio.sleep(0.15)  # some frames of the screen: where the focus goes, keys go in the next of them


async def until(pilot: Pilot[None], seen: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + patience
    while not seen():
        assert time.monotonic() < end, "\n".join(screen(pilot))
        await asyncio.sleep(0.05)


def screen(pilot: Pilot[None]) -> list[str]:
    """The lines that a person sees."""
    return ["".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips()]
