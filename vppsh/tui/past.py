"""What was known of a target at a time of a recording."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vppsh.tui.questions import Question, no_counters
from vppsh.tui.recording_file import Entry, Kept, Recording
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.store import Store

# So many counters of answers that were read are remembered, of eight bytes each.
REMEMBERED = 4_000_000


class Abandoned(Exception):  # noqa: N818 - not an error: somebody wants to be elsewhere meanwhile
    """What is being made is not wanted any more."""


class Past:
    """A recording of which any moment can be had; to be used in one thread.

    Whoever goes about in a recording needs the same answers again and again, each as one of hundreds of which only the counters
    matter. So these are remembered: reading them anew would take seconds where there are many interfaces.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._counters: OrderedDict[tuple[str, int], tuple[tuple[Hashable, ...], NDArray[np.float64]]] = OrderedDict()
        self._remembered = 0
        # One tuple for the many answers that have the same counters.
        self._keys: dict[tuple[Hashable, ...], tuple[Hashable, ...]] = {}

    def sample(self, entry: Entry, questions: Iterable[Question], lines: Collection[str] | None = None) -> Sample:
        """A sample with the answers to questions, or to those of them that have these lines."""
        asked = {question.line: question for question in questions if lines is None or question.line in lines}
        replies = {line: self._reply(asked[line], kept) for line, kept in entry.replies.items() if line in asked}
        return Sample(entry.at, entry.taken, replies, entry.lost, entry.notices)

    def _reply(self, question: Question, kept: Kept) -> Reply:
        reply = self._recording.reply(kept)
        return reply if reply.failed else replace(reply, value=question.read(reply.text))

    def counters(self, question: Question, kept: Kept) -> Mapping[Hashable, float]:
        """The counters of an answer; none when it is an error."""
        known = self._counters.pop((question.line, kept.text), None)
        if known is None:
            reply = self._reply(question, kept)
            found = {} if reply.failed else question.counters(reply.value)
            keys = tuple(found)
            known = (self._keys.setdefault(keys, keys), np.fromiter(found.values(), np.float64, len(found)))
            self._remembered += len(found)
        self._counters[question.line, kept.text] = known
        while self._remembered > REMEMBERED:
            self._remembered -= len(self._counters.popitem(last=False)[1][0])
        return dict(zip(known[0], known[1].tolist()))

    def store(
        self,
        target: str,
        at: float,
        questions: Collection[Question],
        depth: int,
        base: float,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> Store:
        """What was known, with histories of at most so many samples; counters count from `base`. Raises Abandoned."""
        recording = self._recording
        entries, end = recording.of(target), recording.until(target, at)
        begin = max(end - depth, 0)
        store = Store(target, recording.where[target])
        if not end:
            return store
        counted = {question.line: question for question in questions if question.counters is not no_counters}
        # Whole, only the last answers are of use; of counters, the last ones before those samples as well, for rates.
        whole = _last_answers(entries[:end], {question.line for question in questions})
        earlier = _last_answers(entries[:begin], counted.keys())
        for number in sorted({*range(begin, end), *whole, *earlier}):
            if abandoned():
                raise Abandoned
            entry, answers = entries[number], whole.get(number, set())
            for line in (counted.keys() if number >= begin else earlier.get(number, set())) - answers:
                kept = entry.replies.get(line)
                if kept is not None and not kept.failed:
                    store.track(counted[line]).feed(entry.at, self.counters(counted[line], kept))
            store.feed(self.sample(entry, questions, answers), questions)
            time.sleep(0)  # who draws may go first
        store.samples = end
        self._tell_absent(store, questions)
        self._count_from(store, counted, min(base, at))
        newest = entries[end - 1]
        store.asked, store.cost = len(newest.replies), sum(kept.took for kept in newest.replies.values())
        return store

    def _tell_absent(self, store: Store, questions: Iterable[Question]) -> None:
        for question in questions:
            if store.known(question) is None:
                until = " before this time" if self._recording.has(store.name, question.line) else ""
                store.refuse(question, f"the recording has no answer to `{question.line}'{until}\n")

    def _count_from(self, store: Store, counted: Mapping[str, Question], base: float) -> None:
        """Let counters count from the first answer at a time or behind it."""
        missing = dict(counted)
        for entry in self._recording.of(store.name)[max(self._recording.until(store.name, base) - 1, 0) :]:
            if not missing or entry.at > store.at:
                break
            for line in missing.keys() & entry.replies.keys():
                question, kept = missing.pop(line), entry.replies[line]
                if not kept.failed:
                    store.track(question).rebase_on(entry.at, self.counters(question, kept))


def _last_answers(entries: list[Entry], lines: Collection[str]) -> dict[int, set[str]]:
    """The samples that have the last answers to some lines, by number, and to which lines."""
    found: dict[int, set[str]] = {}
    missing = set(lines)
    for number in range(len(entries) - 1, -1, -1):
        if not missing:
            break
        here = missing & entries[number].replies.keys()
        if here:
            found[number] = here
            missing -= here
    return found
