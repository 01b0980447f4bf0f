"""The same work for several nodes at once; what fails on one does not keep the others from theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from vppsh.errors import ExitStatus, TargetError, VppshError

# More at once would be many connections to one API server.
AT_ONCE = 32


class Named(Protocol):
    """A node, a target, a capture."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What came of the work for one: a value, or why there is none."""

    name: str
    value: Value | None = None
    error: VppshError | None = None


def each(items: Sequence[Item], work: Callable[[Item], Value], interrupt: Callable[[], object] = bool) -> list[Outcome[Value]]:
    """Do the work for each; the outcomes in the order of the items. `interrupt` lets the work end early (Ctrl-C)."""

    def attempt(item: Item) -> Outcome[Value]:
        try:
            return Outcome(item.name, work(item))
        except VppshError as error:
            return Outcome(item.name, error=error)

    if not items:
        return []
    with ThreadPoolExecutor(min(len(items), AT_ONCE)) as pool:
        try:
            return list(pool.map(attempt, items))
        except BaseException:
            interrupt()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def report(outcomes: Iterable[Outcome[Value]]) -> None:
    """Tell what failed, on standard error."""
    for outcome in outcomes:
        if outcome.error is not None:
            text = str(outcome.error)
            sys.stderr.write(f"vppsh: {text if text.startswith(f'{outcome.name}: ') else f'{outcome.name}: {text}'}\n")


def status_of(outcomes: Iterable[Outcome[Value]]) -> ExitStatus:
    """The exit status: unreachable before failed before well."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if any(isinstance(error, TargetError) for error in errors):
        return ExitStatus.UNREACHABLE
    return ExitStatus.FAILED if errors else ExitStatus.OK
