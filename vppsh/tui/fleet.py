"""Several targets at once: each is watched by itself, and figures stand for it in one table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from vppsh.errors import VppshError
from vppsh.tui.questions import CLOCK, INTERFACES, SUMMARY, VERSION, Question
from vppsh.tui.reports.interfaces import FAULTS
from vppsh.tui.sampling import Sample
from vppsh.tui.store import Jump, Store

if TYPE_CHECKING:
    from vppsh.tui.watching import Watched

# What is asked of a target that is out of sight. `show errors` is not among it, because it stops VPP's workers; `show runtime
# summary` holds them for a moment, and a mean need not be fresher than this.
VITAL = (VERSION, CLOCK, INTERFACES, replace(SUMMARY, every=9.0))
# How many times more rarely than the one that is looked at.
RARER = 3.0
# Taking in the answers of all may keep a processor busy for this share of the time; with more of them, all are asked less often.
BUSIEST = 0.1
HISTORY = 16
# Whoever knows the places is asked again after so many seconds, and after twice as many when that failed, and so on.
SURVEY, SURVEY_SLOWEST = 15.0, 120.0
PATIENCE = 1.0


@dataclass(frozen=True)
class Place:
    """What is known, by somebody else, of where a target runs.

    state   in a few words: `ok', or what is wrong
    well    it is as it should be
    pods    how many run there; None when that is not known
    where   in words
    """

    state: str = ""
    well: bool = True
    pods: int | None = None
    where: str = ""


@dataclass(frozen=True)
class Survey:
    """The places by the names of targets, all that there are; `trouble` is why some or all of it could not be had.

    joined  targets that are new
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    trouble: str = ""
    joined: tuple[Watched, ...] = ()


@dataclass(frozen=True)
class Vitals:
    """What a target does in a second, all its interfaces together; the vector rate is that of its busiest thread."""

    rx_packets: float = 0.0
    rx_bytes: float = 0.0
    tx_packets: float = 0.0
    tx_bytes: float = 0.0
    drops: float = 0.0
    errors: float = 0.0
    vector_rate: float = 0.0


# Of which counters the sums are.
SUMS = {
    "rx_packets": ("rx packets",),
    "rx_bytes": ("rx bytes",),
    "tx_packets": ("tx packets",),
    "tx_bytes": ("tx bytes",),
    "drops": ("drops",),
    "errors": FAULTS,
}


class Member:
    """One of the targets.

    vitals   what it does now; all zero while it is lost
    history  the last packets a second, received and sent
    """

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.vitals = Vitals()
        self.history: tuple[float, ...] = ()
        self.took = 0.0

    @property
    def store(self) -> Store:
        """What is known of it."""
        return self.watched.store

    @property
    def name(self) -> str:
        """Its name."""
        return self.store.name

    def feed(self, sample: Sample, questions: Iterable[Question]) -> None:
        """Take a sample of it."""
        begun = time.thread_time()
        self.store.feed(sample, questions)
        if self.store.lost:
            self.vitals = Vitals()
        elif INTERFACES.line in sample.replies or isinstance(sample, Jump):
            self._measure()
            self.took = time.thread_time() - begun

    def uptime(self) -> float | None:
        """How long it has run, in seconds, at the time of its latest sample; None when that is not known."""
        known = self.store.known(CLOCK)
        return None if known is None or known.value is None else known.value + self.store.at - known.at

    def _measure(self) -> None:
        known, track, runtime = self.store.value(INTERFACES), self.store.track(INTERFACES), self.store.value(SUMMARY)
        interfaces = known.interfaces if known else ()
        sums = {
            name: sum(track.rate((each.name, counter)) for each in interfaces for counter in counters if counter in each.counters)
            for name, counters in SUMS.items()
        }
        vector_rate = max((thread.vector_rate for thread in runtime.threads), default=0.0) if runtime else 0.0
        self.vitals = Vitals(**sums, vector_rate=vector_rate)
        packets = [(each.name, counter) for each in interfaces for counter in ("rx packets", "tx packets")]
        self.history = tuple(track.histories(packets, HISTORY).sum(axis=0).tolist())


def by_hand(name: str) -> list[str]:
    """At a prompt with several targets, what is asked of one."""
    return [f"@{name} {question.line}" for question in VITAL]


class Fleet:
    """The targets, and whoever knows where they run.

    name     what they are together
    places   by the names of targets
    trouble  why nothing, or not all, is known of the places
    now      tells the time on the clock of the samples
    """

    def __init__(
        self,
        name: str,
        watched: Iterable[Watched],
        interval: float = 1.0,
        *,
        survey: Callable[[], Survey] | None = None,
        behind: Callable[[str], list[str]] = by_hand,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`survey` is asked now and then, in a thread of its own; `behind` gives the lines that tell by hand what a row tells."""
        self.name = name
        self.members = tuple(Member(each) for each in watched)
        self.behind = behind
        self.now = clock
        self.places: Mapping[str, Place] = {}
        self.trouble = ""
        self._interval = interval
        self._survey = survey
        self._by_store = {id(member.store): member for member in self.members}
        self._seen: Watched | None = None
        self._asked: tuple[Question, ...] = ()
        self._pace = RARER * interval
        self._stopping, self._hurried = threading.Event(), threading.Event()
        self._sampled: Callable[[Watched, Sample], None] | None = None
        self._thread: threading.Thread | None = None

    @property
    def pace(self) -> float:
        """Seconds between two samples of a target that is out of sight."""
        return self._pace

    @property
    def surveyed(self) -> bool:
        """Whether somebody knows of the places."""
        return self._survey is not None

    @property
    def lost(self) -> int:
        """How many do not answer."""
        return sum(bool(member.store.lost) for member in self.members)

    def start(self, sampled: Callable[[Watched, Sample], None], surveyed: Callable[[Survey], None]) -> None:
        """Begin, with all at once; both are called in other threads."""
        self._sampled = sampled
        for member in self.members:
            member.watched.feed.start(partial(sampled, member.watched))
        if self._survey is not None:
            self._thread = threading.Thread(target=self._look_around, args=(self._survey, surveyed), name="tui survey", daemon=True)
            self._thread.start()

    def look_at(self, watched: Watched | None, questions: Sequence[Question] = ()) -> None:
        """Ask this one for what is seen of it, and all others for little and seldom; None: look at all alike."""
        self._seen, self._asked = watched, tuple(questions)
        lines = {question.line for question in questions}
        for number, member in enumerate(self.members):
            spread = (number + 1) / len(self.members)
            if member.watched is watched:
                member.watched.pace(self._interval, spread)
                member.watched.feed.want((*questions, *(each for each in VITAL if each.line not in lines)))
            else:
                member.watched.pace(self._pace, spread)
                member.watched.feed.want(VITAL)

    def feed(self, watched: Watched, sample: Sample, questions: Iterable[Question]) -> None:
        """Take a sample of one."""
        self._by_store[id(watched.store)].feed(sample, questions)
        needed = max(RARER * self._interval, sum(member.took for member in self.members) / BUSIEST)
        if not 0.8 <= needed / self._pace <= 1.25:
            self._pace = needed
            self.look_at(self._seen, self._asked)

    def take(self, survey: Survey) -> None:
        """Take what was found out about the places, and who has joined; those of which nothing was heard stay as they were."""
        self.places, self.trouble = {**self.places, **survey.places}, survey.trouble
        known = {member.name for member in self.members}
        joined = [Member(watched) for watched in survey.joined if watched.store.name not in known]
        self.members += tuple(joined)
        self._by_store |= {id(member.store): member for member in joined}
        if joined and self._sampled is not None:
            self.look_at(self._seen, self._asked)
            for member in joined:
                member.watched.feed.start(partial(self._sampled, member.watched))

    def hurry(self) -> None:
        """Ask everybody now."""
        self._hurried.set()
        for member in self.members:
            member.watched.feed.hurry()

    def rebase(self) -> None:
        """Count from here on, of everybody."""
        for member in self.members:
            member.store.rebase()

    def stop(self) -> None:
        """End, all at once: whoever does not answer is waited for only a moment."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._hurried.set()
        stoppers = [threading.Thread(target=member.watched.feed.stop, daemon=True) for member in self.members]
        for thread in stoppers:
            thread.start()
        end = time.monotonic() + PATIENCE
        for thread in stoppers:
            thread.join(max(end - time.monotonic(), 0.0))

    def _look_around(self, survey: Callable[[], Survey], surveyed: Callable[[Survey], None]) -> None:
        pause = SURVEY
        while not self._stopping.is_set():
            self._hurried.clear()
            try:
                found = survey()
                pause = SURVEY
            except VppshError as error:
                found = Survey(trouble=str(error))
                pause = min(2 * pause, SURVEY_SLOWEST)
            if not self._stopping.is_set():
                surveyed(found)
                self._hurried.wait(pause)
