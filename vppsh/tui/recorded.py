"""A recording as a feed: one playhead for all its targets, which jumps, and plays."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, TypeVar

from vppsh.errors import CommandError, UsageError
from vppsh.targets.base import Answer
from vppsh.tui.history import SLOTS
from vppsh.tui.past import Abandoned, Past
from vppsh.tui.questions import Question
from vppsh.tui.recording_file import Entry, Recording
from vppsh.tui.sampling import Sample
from vppsh.tui.store import Jump, Store

T = TypeVar("T")
# After a jump a view is drawn from so many samples before it, then from more, so that it is there at once.
DEPTHS = (4, 60, SLOTS)
SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
# Samples that were played and not drawn yet; more are not read ahead.
UNDRAWN = 2
# Who does not tell that it has drawn is not waited for.
PATIENCE = 1.0
# While time goes on it is told at least so often (seconds).
LONGEST = 0.5


class Playback:
    """The time that a recording is looked at, for all its targets; a thread of its own reads what was recorded then.

    at       that time, on the recording's clock
    base     from when on counters are counted
    playing  time goes on
    speed    how many times faster than it did
    """

    def __init__(self, recording: Recording, at: float | None = None) -> None:
        self.recording, self.past = recording, Past(recording)
        self.times = [entry.at for entry in recording.entries]
        self.first, self.last = self.times[0], self.times[-1]
        self.at = self.last if at is None else min(max(at, self.first), self.last)
        self.base = self.first
        self.playing, self.speed = False, 1.0
        self.feeds = [RecordedFeed(self, name) for name in recording.targets]
        self._change = threading.Condition()
        self._jumped: set[str] = set()
        self._undrawn = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def taken(self) -> float:
        """The time in seconds since 1970."""
        return self.recording.entries[self.number].taken + self.at - self.times[self.number]

    @property
    def number(self) -> int:
        """Which sample, from 0."""
        return max(bisect_right(self.times, self.at) - 1, 0)

    def seek(self, at: float) -> None:
        """Be at another time."""
        with self._change:
            self.at = min(max(at, self.first), self.last)
            self._jumped = {feed.name for feed in self.feeds}
            self._change.notify()

    def step(self, forward: bool) -> None:
        """Go to the next sample or the one before; of several targets, to the next round of samples."""
        slack = self.recording.interval / 2 if len(self.feeds) > 1 else 0.0
        number = bisect_right(self.times, self.at + slack) if forward else bisect_left(self.times, self.at - slack) - 1
        self.seek(self.times[min(max(number, 0), len(self.times) - 1)])

    def play(self, playing: bool) -> None:
        """Let time go on, from the beginning when it is at its end; or stand still."""
        with self._change:
            self.playing = playing
            if playing and self.at >= self.last:
                self.at = self.first
                self._jumped = {feed.name for feed in self.feeds}
            self._change.notify()

    def faster(self, by: int) -> None:
        """The next speed, or the one before."""
        with self._change:
            self.speed = SPEEDS[min(max(bisect_left(SPEEDS, self.speed) + by, 0), len(SPEEDS) - 1)]
            self._change.notify()

    def drawn(self) -> None:
        """What was delivered was drawn."""
        with self._change:
            self._undrawn = 0
            self._change.notify()

    def look(self, name: str) -> None:
        """A target is looked at otherwise; begins the thread."""
        with self._change:
            self._jumped.add(name)
            self._change.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tui playback", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End, and let go of the recording."""
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)
        if self._thread is None or not self._thread.is_alive():
            self.recording.close()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as fault:  # noqa: BLE001 - it ends the monitor, which tells it
            for feed in self.feeds:
                feed.deliver(Sample(0.0, 0.0, fault=fault))

    def _work(self) -> None:
        while not self._stopping:
            with self._change:
                jumped, self._jumped, at = self._jumped, set(), self.at
                due = [] if jumped else self._await()
            if jumped:
                self._jump([feed for feed in self.feeds if feed.name in jumped], at)
            for entry in due:
                self._play(entry)

    def _await(self) -> list[Entry]:
        """Wait for something to do; the samples whose time has come."""
        if not self.playing or self._undrawn >= UNDRAWN:
            self._change.wait(PATIENCE if self.playing else None)
            self._undrawn = 0
            return []
        number = bisect_right(self.times, self.at)
        if number == len(self.times):
            self.playing = False
            return []
        due, begun = self.times[number], time.monotonic()
        self._change.wait(min((due - self.at) / self.speed, LONGEST))
        if self._jumped or self._stopping or not self.playing:
            return []
        self.at = min(self.at + (time.monotonic() - begun) * self.speed, due)
        return self.recording.entries[number : bisect_right(self.times, self.at)]

    def _play(self, entry: Entry) -> None:
        with self._change:
            self._undrawn += 1
        for feed in self.feeds:
            if feed.name == entry.target:
                feed.deliver(self.past.sample(entry, feed.questions))

    def _jump(self, feeds: list[RecordedFeed], at: float) -> None:
        """Tell what was known at a time, from ever more samples."""
        for depth in DEPTHS:
            for feed in feeds:
                try:
                    store = self.past.store(feed.name, at, feed.questions, depth, self.base, self._elsewhere)
                except Abandoned:
                    return
                feed.deliver(Jump(store.at, store.taken, store=store))

    def _elsewhere(self) -> bool:
        """Whether somebody wants to be elsewhere meanwhile."""
        return bool(self._jumped) or self._stopping


class RecordedFeed:
    """What was recorded of one target."""

    def __init__(self, playback: Playback, name: str) -> None:
        self.name = name
        self.questions: tuple[Question, ...] = ()
        self._playback = playback
        self._deliver: Callable[[Sample], None] | None = None

    def deliver(self, sample: Sample) -> None:
        """Give a sample to who looks, if anybody does."""
        if self._deliver is not None:
            self._deliver(sample)

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Begin."""
        self._deliver = deliver
        self._playback.look(self.name)

    def want(self, questions: Iterable[Question]) -> None:
        """Look at what these ask for."""
        known, self.questions = self.questions, tuple(dict.fromkeys(questions))
        if self._deliver is not None and self.questions != known:
            self._playback.look(self.name)

    def hurry(self) -> None:
        """Read once more what was recorded."""
        self._playback.look(self.name)

    def ask(self, line: str) -> Future[Answer]:
        """Nobody answers lines."""
        return _nobody()

    def call(self, job: Callable[[], T]) -> Future[T]:
        """There is no target's thread."""
        return _nobody()

    def stop(self) -> None:
        """End."""
        self._deliver = None
        if all(feed.stopped for feed in self._playback.feeds):
            self._playback.stop()

    @property
    def stopped(self) -> bool:
        """Whether nobody looks."""
        return self._deliver is None


def _nobody() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(CommandError("a recording answers no lines"))
    return future


def state_at(playback: Playback, target: str, questions: Iterable[Question]) -> Store:
    """What was known of a target at the time of the playback."""
    return playback.past.store(target, playback.at, tuple(questions), SLOTS, playback.base)


def time_in(recording: Recording, text: str) -> float:
    """The time of a recording that somebody means: "+SECONDS" from its beginning, "HH:MM:SS" or a date with it on our clock.

    Raises UsageError for what is no time, or none of the recording's.
    """
    first, last = recording.entries[0], recording.entries[-1]
    try:
        if text.startswith("+"):
            at = first.at + float(text)
        elif "-" in text:
            at = first.at + datetime.fromisoformat(text).timestamp() - first.taken
        else:
            begun = datetime.fromtimestamp(first.taken)
            meant = datetime.combine(begun, datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time())
            if meant < begun - timedelta(seconds=60):  # the recording went on over midnight
                meant += timedelta(days=1)
            at = first.at + meant.timestamp() - first.taken
    except (ValueError, OverflowError):
        raise UsageError(f"--at {text}: expected HH:MM:SS, a date with it (2026-01-31T12:00:00), or +SECONDS from the beginning") from None
    if not first.at - 60 <= at <= last.at + 60:
        between = " to ".join(datetime.fromtimestamp(entry.taken).strftime("%Y-%m-%d %H:%M:%S") for entry in (first, last))
        raise UsageError(f"--at {text}: the recording goes from {between}")
    return min(max(at, first.at), last.at)
