"""Cases and figures: what a benchmark is called, what it measured, what it should reach.

A file in `bench/cases` is the registration: `@case(...)` leaves a Case in its module, and
`discover()` finds it, as the registry of vppsh itself does.
"""

from __future__ import annotations

import importlib
import operator
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """What a figure should reach."""

    limit: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return operator.ge(value, self.limit) if self.at_least else operator.le(value, self.limit)

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One number of the table.

    yardstick  the yardstick's packet rate beside it, in the figure's own unit
    share      the figure as a part of the yardstick's that the target speaks of
    target     of the share when there is one, else of the value
    """

    name: str
    value: float
    unit: str
    target: Target | None = None
    yardstick: float | None = None
    share: float | None = None

    @property
    def met(self) -> bool:
        return self.target is None or self.target.met(self.value if self.share is None else self.share)


@dataclass(frozen=True)
class NodeCost:
    """What one node of the graph cost, from `show runtime`: nanoseconds a packet, and which part of all packets it saw."""

    node: str
    nanoseconds: float
    part: float


@dataclass(frozen=True)
class Outcome:
    """What a case measured."""

    figures: tuple[Figure, ...]
    costs: dict[str, tuple[NodeCost, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What a case is given: the command that starts vppsh, a folder for its files, the checkout."""

    vppsh: str
    work: Path
    root: Path


@dataclass(frozen=True)
class Case:
    """One benchmark; `order` is its place in the table."""

    name: str
    title: str
    order: int
    function: Callable[[Bench], Outcome]
    module: str


def case(name: str, title: str, *, order: int) -> Callable[[Callable[[Bench], Outcome]], Case]:
    """Declare the decorated function a benchmark."""

    def declare(function: Callable[[Bench], Outcome]) -> Case:
        return Case(name, title, order, function, function.__module__)

    return declare


def discover() -> list[Case]:
    """Every case in bench/cases, in the order of the table."""
    package = importlib.import_module("bench.cases")
    modules = [importlib.import_module(f"bench.cases.{found.name}") for found in pkgutil.iter_modules(package.__path__)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Case) and value.module == module.__name__]
    return sorted(found, key=lambda case: case.order)
