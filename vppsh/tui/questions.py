"""What a target may be asked, how its answer is read, and how politely."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from vppsh.answers.clock import read_clock
from vppsh.answers.errors import Errors, read_errors
from vppsh.answers.interfaces import Interfaces, read_interfaces
from vppsh.answers.runtime import Runtime, read_runtime
from vppsh.answers.version import read_version

# On a live VPP a command that is not mp-safe stops all workers while it runs, so it is asked no more often than this (seconds).
RARELY = 5.0


def no_counters(value: Any) -> Mapping[Hashable, float]:
    """Answers that have none."""
    return {}


def unchanged(text: str) -> str:
    """An answer that has nothing to hide."""
    return text


@dataclass(frozen=True)
class Gate:
    """A small question before a big one.

    line   while its answer is what it was, the big one is not asked again, unless somebody asks for it
    count  how many entries the big answer is going to have
    most   somebody's VPP is not made to print more than so many, unless somebody asks for it
    """

    line: str
    count: Callable[[str], int]
    most: int


@dataclass(frozen=True)
class Question:
    """One line of VPP's that is asked again and again.

    read      makes a value of the answer's text, in the thread that asked
    counters  the counters in that value, for rates and histories
    every     seconds between two askings on a live VPP, at least; an engine of our own is asked whenever samples are taken
    gate      what is asked first, when the answer may be a big one
    on_demand  it is asked only when somebody wants a sample now
    clean     takes secrets out of an answer before anything keeps it
    """

    line: str
    read: Callable[[str], Any]
    counters: Callable[[Any], Mapping[Hashable, float]] = no_counters
    every: float = 0.0
    gate: Gate | None = None
    on_demand: bool = False
    clean: Callable[[str], str] = unchanged


def _of_interfaces(value: Interfaces) -> Mapping[Hashable, float]:
    return {(each.name, counter): count for each in value.interfaces for counter, count in each.counters.items()}


def _of_errors(value: Errors) -> Mapping[Hashable, float]:
    return {(each.node, each.reason): each.count for each in value.counters}


def _of_runtime(value: Runtime) -> Mapping[Hashable, float]:
    found: dict[Hashable, float] = {}
    for thread in value.threads:
        for node in thread.nodes:
            found[thread.name, node.name, "vectors"] = node.vectors
            found[thread.name, node.name, "calls"] = node.calls
            found[thread.name, node.name, "suspends"] = node.suspends
    return found


VERSION = Question("show version", read_version, every=inf)
# How long VPP runs; not mp-safe, and time goes on by itself.
CLOCK = Question("show clock", read_clock, every=inf)
INTERFACES = Question("show interface", read_interfaces, _of_interfaces)
ERRORS = Question("show errors", read_errors, _of_errors, every=RARELY)
# Marked mp-safe, but the command holds the workers itself for the moment in which it copies their counters.
RUNTIME = Question("show runtime", read_runtime, _of_runtime, every=2.0)
# Vector rate and loops only; the thread's line of averages.
SUMMARY = Question("show runtime summary", read_runtime, every=2.0)
