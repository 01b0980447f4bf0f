"""What is known of one target: the latest answers as values, and the histories of their counters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vppsh.tui.history import SLOTS, Track
from vppsh.tui.questions import Question
from vppsh.tui.sampling import Sample


@dataclass(frozen=True)
class Known:
    """The latest answer to a question: its value, when it was given, and whether the target refused the line."""

    value: Any
    at: float
    text: str
    failed: bool = False


@dataclass(frozen=True)
class Jump(Sample):
    """Another time of a recording.

    store  what was known then
    """

    store: Store | None = None


class Store:
    """Fed with samples, in one thread; screens read from it.

    name   the target's name
    where  how it is reached
    lost   why the target does not answer; empty while it does
    sources  where the latest answers come from
    """

    def __init__(self, name: str, where: str, slots: int = SLOTS) -> None:
        """Histories keep so many readings."""
        self.name, self.where = name, where
        self._slots = slots
        self.lost = ""
        self.at = self.taken = 0.0
        self.lost_at: float | None = None
        self.samples = 0
        self.cost = 0.0
        self.asked = 0
        self.sources: tuple[str, ...] = ()
        self._known: dict[str, Known] = {}
        self._tracks: dict[str, Track] = {}

    def feed(self, sample: Sample, questions: Iterable[Question]) -> None:
        """Take a sample; the questions say how its answers are read. Raises the fault that it may bring."""
        if sample.fault is not None:
            raise sample.fault
        if isinstance(sample, Jump) and sample.store is not None:
            vars(self).update(vars(sample.store))
            return
        self.at, self.taken = sample.at, sample.taken
        if sample.lost:
            self.lost_at = sample.at if self.lost_at is None else self.lost_at
            self.lost = sample.lost
            return
        self.lost, self.lost_at = "", None
        self.samples += 1
        self.cost, self.asked = sample.cost, len(sample.replies)
        self.sources = tuple(sorted({reply.source or "CLI" for reply in sample.replies.values()}))
        for question in questions:
            reply = sample.replies.get(question.line)
            if reply is None:
                continue
            if reply.failed:
                self.refuse(question, reply.text)
                continue
            value = question.read(reply.text) if reply.value is None else reply.value
            self._known[question.line] = Known(value, sample.at, reply.text)
            self.track(question).feed(sample.at, question.counters(value))

    def refuse(self, question: Question, text: str) -> None:
        """There is no answer to a question, and why."""
        self._known[question.line] = Known(None, self.at, text, failed=True)

    def refusals(self, questions: Iterable[Question]) -> list[str]:
        """What was said instead of answers."""
        known = [self._known.get(question.line) for question in questions]
        return [each.text.strip() for each in known if each is not None and each.failed]

    def known(self, question: Question) -> Known | None:
        """The latest answer; None when it was not asked yet."""
        return self._known.get(question.line)

    def value(self, question: Question) -> Any:
        """The value of the latest answer; None when there is none."""
        known = self._known.get(question.line)
        return None if known is None else known.value

    def track(self, question: Question) -> Track:
        """The counters of a question."""
        track = self._tracks.get(question.line)
        if track is None:
            track = self._tracks[question.line] = Track(self._slots)
        return track

    def rebase(self) -> None:
        """Count from here on, in this monitor; the target is not told."""
        for track in self._tracks.values():
            track.rebase()
