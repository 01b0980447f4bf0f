"""Asking one target, politely: only what is wanted, never more often than its answers allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from vppsh.errors import CommandError, TargetError
from vppsh.targets.base import Target
from vppsh.tui.questions import Question

# Answers may take this share of the time; a target that is slower is asked less often.
BUSIEST = 0.1
SLOWEST = 30.0
# A lost target is tried again after so many seconds, then after twice as many, and so on up to the second number.
RETRY, RETRY_SLOWEST = 0.5, 10.0
TIMEOUT = 20.0
# What is asked no more often than this does not slow down the rest when its answer takes long (seconds).
SELDOM = 10.0
# How often an engine of our own is asked whether a big answer has changed.
OWN_BIG = 5.0
# Among many, the second sample comes after so much of an interval, and the spread: rates are wanted soon.
FIRST = 0.3


@dataclass(frozen=True)
class Reply:
    """What one line was answered.

    took    how long that took (seconds)
    value   what was read from it, if that was done already
    source  where the text comes from when not from the target's CLI
    """

    text: str
    took: float
    failed: bool = False
    value: Any = None
    source: str = ""


@dataclass(frozen=True)
class Sample:
    """What a target answered at one time.

    at       seconds on a clock that does not jump
    taken    the same in seconds since 1970
    replies  by line
    lost     why the target gave no answer; then there are no replies
    notices  what is to be said beside the answers: VPP was restarted, its stats segment is gone
    fault    a fault of ours that ended the sampling
    """

    at: float
    taken: float
    replies: dict[str, Reply] = field(default_factory=dict)
    lost: str = ""
    notices: str = ""
    fault: Exception | None = None

    @property
    def cost(self) -> float:
        """Seconds that the target was kept busy."""
        return sum(reply.took for reply in self.replies.values())


class Sampler:
    """Takes samples of one target.

    interval  seconds between samples, when answers come quickly
    own       the target is an engine of our own: nobody else waits for it
    spared    tells whether the target does not have to be asked for the answer to a line
    spread    above 0, the place among many samplers, up to 1: the second sample is put off by it, so that they do not keep meeting
    """

    def __init__(
        self,
        target: Target,
        interval: float = 1.0,
        *,
        own: bool = False,
        spared: Callable[[str], bool] = lambda line: False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._own, self._spared = own, spared
        self._clock, self._wall = clock, wall
        self._wanted: tuple[Question, ...] = ()
        self._asked: dict[str, float] = {}
        self._refused: set[str] = set()
        self._insisted: set[str] = set()
        self._gates: dict[str, str] = {}
        self._took: dict[str, float] = {}
        self._notices = ""
        self._retry = RETRY
        self.spread = 0.0
        self._together = True
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

    def pace(self, interval: float, spread: float = 0.0) -> None:
        """Take samples so often from now on. Called from another thread."""
        self.spread = spread
        if interval != self.base_interval:
            self.base_interval = self.interval = interval
            self.next_at = min(self.next_at, self._clock() + interval)

    def hurry(self) -> None:
        """Ask all that is wanted now, also what is asked rarely."""
        self._insisted = {question.line for question in self._wanted}
        self._together = True
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
        self._notices = ""
        try:
            for question in self._wanted:
                if self._due(question, at):
                    self._asked[question.line] = at
                    if self._let_through(question, replies):
                        replies[question.line] = self._ask(question)
                    self._insisted.discard(question.line)
        except TargetError as error:
            self._asked.clear()
            self._refused.clear()
            self._gates.clear()
            self.next_at = self._clock() + self._retry * (1 + self.spread)
            self._together = True
            self._retry = min(2 * self._retry, RETRY_SLOWEST)
            return Sample(at, taken, lost=str(error) or type(error).__name__)
        self._retry = RETRY
        sample = Sample(at, taken, replies, notices=self._notices)
        often = {question.line for question in self._wanted if question.every < SELDOM}
        cost = sum(reply.took for line, reply in replies.items() if line in often)
        self.interval = min(max(self.base_interval, cost / BUSIEST, self.interval / 2), SLOWEST)
        apart = self.spread + FIRST if self._together and self.spread else 1.0
        self._together = False
        self.next_at = max(at + self.interval * apart, self._clock())
        return sample

    def _due(self, question: Question, at: float) -> bool:
        if question.line in self._refused:
            return False
        asked = self._asked.get(question.line)
        if question.on_demand:
            return question.line in self._insisted
        every = question.every
        if self._own and every != float("inf"):
            every = OWN_BIG if question.gate else 0.0
        elif every != float("inf") and self._spared(question.line):
            every = 0.0
        if question.every >= SELDOM:
            every = max(every, self._took.get(question.line, 0.0) / BUSIEST)
        # Half an interval early is better than a whole one late.
        return asked is None or at - asked >= every - self.interval / 2

    def _let_through(self, question: Question, replies: dict[str, Reply]) -> bool:
        """Whether a big answer is worth asking for: its gate is asked first."""
        gate = question.gate
        if gate is None:
            return True
        reply = replies[gate.line] = self._say(gate.line)
        known, self._gates[question.line] = self._gates.get(question.line), reply.text
        if question.line in self._insisted:
            return True
        return known != reply.text and (self._own or reply.failed or gate.count(reply.text) <= gate.most)

    def _ask(self, question: Question) -> Reply:
        reply = self._say(question.line)
        self._took[question.line] = reply.took
        text = question.clean(reply.text)
        if reply.failed:
            self._refused.add(question.line)
            return replace(reply, text=text)
        return replace(reply, text=text, value=question.read(text))

    def _say(self, line: str) -> Reply:
        begun = self._clock()
        try:
            answer = self._target.execute(line, TIMEOUT)
        except CommandError as error:
            return Reply(f"{error}\n", self._clock() - begun, failed=True)
        self._notices += answer.aside
        return Reply(answer.text, self._clock() - begun, answer.failed, source=answer.source)
