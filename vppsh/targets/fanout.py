"""One line to several targets at once: asked in parallel, equal answers told once, differences on request."""

from __future__ import annotations

import difflib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from vppsh.errors import TargetError
from vppsh.targets.base import Answer, Target
from vppsh.targets.connection import ConnectionLostError

# How much longer than its own time-out a target may take to say so.
GRACE = 2.0
NAMED = 8


@dataclass(frozen=True)
class Outcome:
    """What one target answered.

    error    why there is no answer, or no whole one; `answer.text` is what had come until then
    seconds  how long it took
    """

    name: str
    answer: Answer
    error: str = ""
    seconds: float = 0.0


def ask(target: Target, line: str, timeout: float | None = None) -> Outcome:
    """Ask one target; that it cannot be reached is part of the outcome."""
    start = time.monotonic()
    try:
        answer, error = target.execute(line, timeout), ""
    except TargetError as caught:
        text = caught.text if isinstance(caught, ConnectionLostError) else ""
        answer, error = Answer(text, failed=True, unreachable=True), str(caught)
    return Outcome(target.name, answer, error, time.monotonic() - start)


def ask_all(targets: Sequence[Target], line: str, timeout: float, here: Target | None = None) -> list[Outcome]:
    """Ask all of them at once; the outcomes in the order of the targets. `here` is asked by this thread."""
    answers: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()

    def work(number: int, target: Target) -> None:
        answers.put((number, ask(target, line, timeout)))

    waiting = {number: target for number, target in enumerate(targets) if target is not here}
    for number, target in waiting.items():
        threading.Thread(target=work, args=(number, target), name=f"ask {target.name}", daemon=True).start()
    outcomes = {number: ask(target, line) for number, target in enumerate(targets) if target is here}
    deadline = time.monotonic() + timeout + GRACE
    try:
        while waiting:
            number, outcome = answers.get(timeout=max(deadline - time.monotonic(), 0.0))
            del waiting[number]
            outcomes[number] = outcome
    except queue.Empty:
        for number, target in waiting.items():
            target.interrupt()
            outcomes[number] = Outcome(target.name, Answer("", failed=True, unreachable=True), f"no answer within {timeout:g} s", timeout)
    except BaseException:
        for target in waiting.values():
            target.interrupt()
        raise
    return [outcomes[number] for number in range(len(targets))]


def groups(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Outcomes with equal texts and errors together, the largest group first."""
    found: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.answer.text, outcome.error), []).append(outcome)
    return sorted(found.values(), key=len, reverse=True)


def merged(outcomes: Sequence[Outcome]) -> str:
    """All answers, each under the names of those who gave it."""
    parts = []
    for group in groups(outcomes):
        first = group[0]
        text = first.answer.text
        if first.error:
            text += f"{first.error}\n"
        parts.append(f"== {names(group)} ({len(group)} of {len(outcomes)})\n{text or '(no output)' + chr(10)}")
    return "".join(parts)


def differences(outcomes: Sequence[Outcome]) -> str:
    """What the largest group answered is taken as it is; the others as differences from it."""
    first, *others = groups(outcomes)
    if not others:
        return f"== {names(first)} answer the same\n" if len(first) > 1 else f"== only {first[0].name} was asked\n"
    parts = []
    base = _lines(first[0])
    for group in others:
        changes = difflib.unified_diff(base, _lines(group[0]), names(first), names(group), n=2)
        parts += [change if change.endswith("\n") else f"{change}\n" for change in changes]
    return "".join(parts)


def names(group: Sequence[Outcome]) -> str:
    """The names of a group; of a large one, the first and how many more."""
    shown = ", ".join(outcome.name for outcome in group[:NAMED])
    return shown if len(group) <= NAMED else f"{shown} and {len(group) - NAMED} more"


def _lines(outcome: Outcome) -> list[str]:
    text = outcome.answer.text + (f"{outcome.error}\n" if outcome.error else "")
    return text.splitlines(keepends=True)
