"""Makes the pictures of the monitor in docs/pictures from its own SVG export: `make pictures`, or `python docs/pictures.py NAME ...`.

They show a dataplane of vppsh's under traffic, on a clock that stands still in between, so that the same pictures come out every time.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np
from textual.pilot import Pilot

from vppsh.engine import dispatch
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.session import Session
from vppsh.targets.base import Answer
from vppsh.tui.app import Monitor
from vppsh.tui.fleet import Fleet, Place, Survey
from vppsh.tui.questions import CLOCK, ERRORS, Question
from vppsh.tui.recording import ALWAYS
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.store import Store
from vppsh.tui.watching import Watched

T = TypeVar("T")
HERE = Path(__file__).resolve().parent / "pictures"
SIZE = (126, 34)
SECONDS = 40
LARGEST = 150_000
# A pod on pg0; the other node, to which there is a protected tunnel, behind pg1.
SETUP = """\
create packet-generator interface pg0 hw-addr 02:fe:00:00:01:00
create packet-generator interface pg1 hw-addr 02:fe:00:00:01:01
create loopback interface mac 02:fe:00:00:01:02
set interface state pg0 up
set interface state pg1 up
set interface state loop0 up
set interface ip address pg0 11.0.1.254/24
set interface ip address pg1 172.18.0.1/24
set interface ip address loop0 10.96.0.1/32
ip neighbor pg0 11.0.1.1 02:00:00:00:01:01
ip neighbor pg1 172.18.0.2 02:fe:00:00:02:01
ip neighbor pg1 172.18.0.3 02:fe:00:00:03:01
create ipip tunnel src 172.18.0.1 dst 172.18.0.2
ipsec sa add 10 spi 1000 esp crypto-alg aes-gcm-128 crypto-key 000102030405060708090a0b0c0d0e0f
ipsec sa add 20 spi 2000 esp crypto-alg aes-gcm-128 crypto-key 000102030405060708090a0b0c0d0e0f
ipsec tunnel protect ipip0 sa-in 20 sa-out 10
set interface state ipip0 up
set interface unnumbered ipip0 use pg1
create vxlan tunnel src 172.18.0.1 dst 172.18.0.3 vni 7
ip route add 11.0.2.0/24 via ipip0
ip route add 11.0.3.0/24 via 172.18.0.3 pg1
ip route add 11.0.4.0/24 via 172.18.0.2 pg1 via 172.18.0.3 pg1
ip route add 192.0.2.0/24 via drop
"""
FROM_POD = "interface pg0 node ethernet-input data {{ IP4: 02:00:00:00:01:01 -> 02:fe:00:00:01:00 UDP: 11.0.1.1 -> {to} UDP: 4000 -> 80 "
FROM_POD += "incrementing {size} }} }}"
# Streams, their rates, sizes and destinations, and when they run.
STREAMS: dict[str, tuple[int, int, str, Callable[[int], bool]]] = {
    "tunnel": (900, 420, "11.0.2.1", lambda second: True),
    "burst": (700, 720, "11.0.2.9", lambda second: second % 20 < 8),
    "clear": (400, 220, "11.0.3.1", lambda second: second > 12),
    "lost": (60, 60, "192.0.2.9", lambda second: second > 18),
    "loops": (25, 60, "11.0.3.4 ttl 1", lambda second: second % 30 > 4),
}


@dataclass
class Scene:
    """A dataplane under traffic, and what a monitor has seen of it."""

    session: Session
    store: Store
    clock: FakeClock
    feed: SceneFeed


class SceneFeed:
    """Answers at once, at a time that stands still."""

    def __init__(self, session: Session, store: Store, clock: FakeClock) -> None:
        self._session, self._store, self._clock = session, store, clock
        self._deliver: Callable[[Sample], None] | None = None

    def sample(self, questions: Iterable[Question]) -> Sample:
        """The answers of now."""
        replies = {}
        for question in questions:
            answer = self._session.execute_nested(question.line)
            text = question.clean(answer.text)
            replies[question.line] = Reply(text, 0.0012, answer.failed, None if answer.failed else question.read(text))
        return Sample(self._clock.now(), self._clock.epoch + self._clock.now(), replies)

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Begin."""
        self._deliver = deliver

    def want(self, questions: Iterable[Question]) -> None:
        """Answer what is not known yet."""
        new = [question for question in questions if self._store.known(question) is None]
        if new and self._deliver is not None:
            self._deliver(self.sample(new))

    def hurry(self) -> None:
        """Nothing is newer than what is known."""

    def ask(self, line: str) -> Future[Answer]:
        """The answer to a line."""
        return self.call(lambda: self._session.execute(line))

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Do it now."""
        future: Future[Any] = Future()
        try:
            future.set_result(job())
        except Exception as error:  # noqa: BLE001 - it is told to whoever asked
            future.set_exception(error)
        return future

    def stop(self) -> None:
        """Nothing runs."""


def tick_of(seed: int) -> Callable[[], int]:
    """A clock for what nodes cost: each look at it is a little later than the one before."""
    chance, now = random.Random(seed), [0]

    def tick() -> int:
        now[0] += chance.randrange(400, 5000)
        return now[0]

    return tick


def make_scene(name: str = "vpp", where: str = "/run/vpp/cli.sock", share: float = 1.0, seed: int = 1) -> Scene:
    """A dataplane that has forwarded for a while; `share` of its traffic."""
    clock = FakeClock()
    vars(dispatch)["perf_counter_ns"] = tick_of(seed)
    session = Session(Engine(clock=clock, random=np.random.default_rng(seed)))
    store = Store(name, where)
    feed = SceneFeed(session, store, clock)
    lines = SETUP.splitlines()
    for stream, (rate, size, to, _) in STREAMS.items():
        text = FROM_POD.format(to=to, size=size)
        lines.append(f"packet-generator new {{ name {stream} rate {rate * share:.0f} size {size + 42}-{size + 42} {text}")
    for line in lines:
        answer = session.execute(line)
        assert not answer.failed, f"{line}: {answer.text}"
    questions = (*ALWAYS, CLOCK)
    for second in range(SECONDS):
        for stream, (*_, runs) in STREAMS.items():
            if runs(second) != (second > 0 and runs(second - 1)):
                session.execute(f"packet-generator {'enable' if runs(second) else 'disable'}-stream {stream}")
        if second == SECONDS - 1:
            session.execute("trace add pg-input 30")
        session.engine.run_for(1.0)
        asked = questions if second % 5 == 4 else tuple(each for each in questions if each is not ERRORS)
        store.feed(feed.sample(asked), asked)
    return Scene(session, store, clock, feed)


def one_target() -> Monitor:
    """A monitor of one VPP."""
    scene = make_scene()
    return Monitor(Watched(scene.feed, scene.store, lambda: 1.0, scene.session), clock=lambda: scene.store.at)


def cluster() -> Monitor:
    """A monitor of four nodes, one of which is lost."""
    scenes = [make_scene(f"node-{number}", f"172.18.0.{number}", 1.3 / number, number) for number in range(1, 5)]
    places = {f"node-{number}": Place("ok", pods=5 + 4 * number, where=f"pod calico-vpp-{number}") for number in range(1, 5)}
    places["node-3"] = Place("CrashLoopBackOff", well=False, pods=7, where="pod calico-vpp-3")
    watched = [Watched(scene.feed, scene.store, lambda: 1.0, scene.session) for scene in scenes]
    fleet = Fleet("cluster prod", watched, survey=lambda: Survey(places), clock=lambda: scenes[0].store.at + 12)
    for scene, member in zip(scenes, fleet.members):
        for _ in range(16):
            scene.session.engine.run_for(1.0)
            member.feed(scene.feed.sample((*ALWAYS, CLOCK)), (*ALWAYS, CLOCK))
    lost = fleet.members[2]
    lost.feed(Sample(lost.store.at, lost.store.taken, lost="vpp in pod calico-vpp-3 is restarting"), ())
    return Monitor(fleet, clock=fleet.now)


@dataclass(frozen=True)
class Picture:
    """A picture: which monitor, what is pressed, and what is to be seen then; words with a blank in front are waited for in between."""

    keys: tuple[str, ...]
    seen: str
    make: Callable[[], Monitor] = one_target
    size: tuple[int, int] = SIZE


PICTURES = {
    "overview": Picture((), "Counters that move"),
    "interfaces": Picture(("2", *["down"] * 4, "enter"), "rx bytes"),
    "graph": Picture(("3", " ip4-lookup", "g"), "ip4-lookup"),
    "errors": Picture(("4", "down", "down", "enter"), "Causes"),
    "traces": Picture(("5", "b", " packets in the trace buffer", *["down"] * 27, "enter", " packet 28", "home"), "ip4-lookup"),
    "tables": Picture(("6",), "11.0.2.0/24"),
    "cluster": Picture((), "node-4", cluster),
    "console": Picture(("7", *"show ipsec tunnel", "enter", *"show ip fib 11.0.2.1", "enter"), "11.0.2.0/24"),
}


async def draw(name: str, directory: Path) -> Path:
    """Make one."""
    picture = PICTURES[name]
    monitor = picture.make()
    async with monitor.run_test(size=picture.size) as pilot:
        await pilot.pause()
        for key in picture.keys:
            if len(key) > 1 and key.startswith(" "):
                await until(pilot, key.strip())
            else:
                await pilot.press("space" if key == " " else key)
        await until(pilot, picture.seen)
        for _ in range(5):
            await pilot.pause(0.1)
        path = directory / f"{name}.svg"
        monitor.save(str(path))
    size = path.stat().st_size
    assert size <= LARGEST, f"{path}: {size} bytes"
    return path


async def until(pilot: Pilot[None], words: str) -> None:
    """Wait until something is to be seen."""
    end = time.monotonic() + 30
    while not any(words in line for line in shown(pilot)):
        assert time.monotonic() < end, "\n".join([f"no {words!r} on the screen", *shown(pilot)])
        await pilot.pause(0.05)


def shown(pilot: Pilot[None]) -> list[str]:
    """The lines on the screen."""
    return ["".join(segment.text for segment in strip) for strip in pilot.app.screen._compositor.render_strips()]


def main(names: list[str], directory: Path = HERE) -> None:
    """Make those of these names, or all."""
    unknown = set(names) - PICTURES.keys()
    if unknown:
        sys.exit(f"there is no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    os.environ["TZ"] = "UTC"
    time.tzset()
    directory.mkdir(exist_ok=True)
    now = FakeClock().epoch + SECONDS
    with tempfile.TemporaryDirectory() as home, mock.patch("time.time", return_value=now):
        os.environ["XDG_STATE_HOME"] = home
        for name in names or PICTURES:
            print(asyncio.run(draw(name, directory)))


if __name__ == "__main__":
    main(sys.argv[1:])
