"""What is watched: a target, how it is asked, and what is known of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vppsh.prompt.background import Background, Nothing
from vppsh.targets.base import Target
from vppsh.targets.counters import CounterTarget, Typed
from vppsh.tui.fleet import Fleet
from vppsh.tui.history import SLOTS
from vppsh.tui.questions import Question
from vppsh.tui.recorded import Playback
from vppsh.tui.recording import ALWAYS, RecordedWhileFed, Recorder
from vppsh.tui.sampling import Sampler
from vppsh.tui.store import Store
from vppsh.tui.worker import Feed, Worker

if TYPE_CHECKING:
    from vppsh.attached import Attached
    from vppsh.session import Session
    from vppsh.shell import Shell
    from vppsh.targets.policy import Policy
    from vppsh.targets.tracing import Lock

# So many targets have histories of full length.
FEW = 8


def no_lock() -> Lock | None:
    """For a target that nobody else captures from, or that has no means to tell."""
    return None


def at_its_own_pace(interval: float, spread: float = 0.0) -> None:
    """For what cannot be told how often to take samples."""


@dataclass
class Watched:
    """Something to watch.

    feed      where samples come from
    store     what is known
    interval  tells how many seconds lie between samples now
    shell     executes lines that are typed, in the feed's thread; None where nobody answers any
    background  what the shell's own engine does between lines
    told      what it said of faults, until somebody shows it
    recorder  keeps the samples, if somebody does
    pace      sets how many seconds lie between samples; see Sampler.pace
    lock      what a capture has to hold, made anew for each
    """

    feed: Feed
    store: Store
    interval: Callable[[], float]
    shell: Shell | None = None
    background: Background = field(default_factory=Nothing)
    told: deque[str] = field(default_factory=deque)
    recorder: Recorder | None = None
    pace: Callable[[float, float], None] = at_its_own_pace
    lock: Callable[[], Lock | None] = no_lock


def shell_of(target: Target, policy: Policy | None = None) -> Attached:
    """A shell for lines that are typed to a target that is watched: the target itself answers them, not its stats segment."""
    from vppsh.attached import Attached

    return Attached(Typed(target) if isinstance(target, CounterTarget) else target, policy=policy)


def watch_target(target: Target, interval: float, shell: Shell | None = None, slots: int = SLOTS) -> Watched:
    """Watch somebody's VPP; the shell, one of its own unless told, is for lines that are typed; histories keep so many readings."""
    sampler = Sampler(target, interval, spared=target.spared) if isinstance(target, CounterTarget) else Sampler(target, interval)
    worker, store = Worker(target, sampler), Store(target.name, target.where, slots)
    return Watched(worker, store, lambda: sampler.interval, shell or shell_of(target), pace=worker.pace)


def watch_targets(targets: Iterable[Target], interval: float, name: str = "targets") -> Fleet:
    """Watch several at once; of many, histories are shorter."""
    listed = list(targets)
    return Fleet(name, [watch_target(target, interval, slots=slots_for(len(listed))) for target in listed], interval)


def slots_for(targets: int) -> int:
    """How many readings the histories of each of so many targets keep."""
    return SLOTS if targets <= FEW else SLOTS // 3


def watch_session(session: Session, interval: float) -> Watched:
    """Watch a session's own engine, which runs in the worker's thread from now on."""
    from vppsh.prompt.dataplane import Dataplane

    sampler, told = Sampler(session.here, interval, own=True), deque[str]()
    dataplane = Dataplane(session.engine, told.append)
    worker, store = Worker(session.here, sampler, dataplane), Store(session.here.name, session.here.where)
    return Watched(worker, store, lambda: sampler.interval, session, dataplane, told, pace=worker.pace)


def record(watched: Watched, recorder: Recorder, always: Iterable[Question] = ALWAYS) -> Watched:
    """Let the samples of what is watched be recorded, and with them always these; to be said before the feed begins."""
    return replace(watched, feed=RecordedWhileFed(watched.feed, watched.store.name, recorder, always), recorder=recorder)


def watch_playback(playback: Playback) -> Watched | Fleet:
    """Watch what was recorded: the target, or all of them."""
    watched = watch_recording(playback)
    if len(watched) == 1:
        return watched[0]
    return Fleet("cluster", watched, playback.recording.interval, clock=lambda: playback.at)


def watch_recording(playback: Playback) -> list[Watched]:
    """Watch what was recorded: each target, all at the time of the playback."""
    recording = playback.recording
    return [Watched(feed, Store(feed.name, recording.where[feed.name]), lambda: recording.interval) for feed in playback.feeds]
