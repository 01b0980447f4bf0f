"""Asking one target, politely: only what is wanted, never more often than its answers allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vppsh.errors import CommandError, TargetError
from vppsh.targets.base import Target
from vppsh.tui.questions import Question

# Answers may take this share of the time; a target that is slower is asked less often.
BUSIEST = 0.1
SLOWEST = 30.0
# A lost target is tried again after so many seconds, then after twice as many, and so on up to the second number.
RETRY, RETRY_SLOWEST = 0.5, 10.0
TIMEOUT = 20.0


@dataclass(frozen=True)
class Reply:
    """What one line was answered, and how long that took (seconds)."""

    text: str
    took: float
    failed: bool = False


@dataclass(frozen=True)
class Sample:
    """What a target answered at one time.

    at       seconds on a clock that does not jump
    taken    the same in seconds since 1970
    replies  by line
    lost     why the target gave no answer; then there are no replies
    """

    at: float
    taken: float
    replies: dict[str, Reply] = field(default_factory=dict)
    lost: str = ""

    @property
    def cost(self) -> float:
        """Seconds that the target was kept busy."""
        return sum(reply.took for reply in self.replies.values())


class Sampler:
    """Takes samples of one target.

    interval  seconds between samples, when answers come quickly
    own       the target is an engine of our own: nobody else waits for it
    """

    def __init__(
        self,
        target: Target,
        interval: float = 1.0,
        *,
        own: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._own = own
        self._clock, self._wall = clock, wall
        self._wanted: tuple[Question, ...] = ()
        self._asked: dict[str, float] = {}
        self._refused: set[str] = set()
        self._retry = RETRY
        self.base_interval = interval
        self.interval = interval
        self.next_at = clock()

    def want(self, questions: Iterable[Question]) -> None:
        """Ask these from now on. Called from another thread: what is new is asked at once."""
        wanted = tuple(dict.fromkeys(questions))
        known = self._wanted
        self._wanted = wanted
        if set(wanted) - set(known):
            self.next_at = min(self.next_at, self._clock())

    def hurry(self) -> None:
        """Ask all that is wanted now, also what is asked rarely."""
        self._asked.clear()
        self._refused.clear()
        self.next_at = self._clock()

    @property
    def pause(self) -> float:
        """Seconds until the next sample is due."""
        return max(self.next_at - self._clock(), 0.0)

    def sample(self) -> Sample:
        """Ask what is due."""
        at, taken = self._clock(), self._wall()
        replies: dict[str, Reply] = {}
        try:
            for question in self._wanted:
                if self._due(question, at):
                    replies[question.line] = self._ask(question.line)
                    self._asked[question.line] = at
        except TargetError as error:
            self._asked.clear()
            self._refused.clear()
            self.next_at = self._clock() + self._retry
            self._retry = min(2 * self._retry, RETRY_SLOWEST)
            return Sample(at, taken, lost=str(error) or type(error).__name__)
        self._retry = RETRY
        sample = Sample(at, taken, replies)
        self.interval = min(max(self.base_interval, sample.cost / BUSIEST, self.interval / 2), SLOWEST)
        self.next_at = max(at + self.interval, self._clock())
        return sample

    def _due(self, question: Question, at: float) -> bool:
        if question.line in self._refused:
            return False
        asked = self._asked.get(question.line)
        every = question.every if not self._own or question.every == float("inf") else 0.0
        # Half an interval early is better than a whole one late.
        return asked is None or at - asked >= every - self.interval / 2

    def _ask(self, line: str) -> Reply:
        begun = self._clock()
        try:
            answer = self._target.execute(line, TIMEOUT)
        except CommandError as error:
            self._refused.add(line)
            return Reply(f"{error}\n", self._clock() - begun, failed=True)
        if answer.failed:
            self._refused.add(line)
        return Reply(answer.text, self._clock() - begun, answer.failed)
