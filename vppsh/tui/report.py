"""What a report is, and where reports are found."""

from __future__ import annotations

import pkgutil
from collections.abc import Hashable
from importlib import import_module
from typing import ClassVar

from vppsh.tui import reports
from vppsh.tui.grid import Column, Order, Row
from vppsh.tui.questions import Question
from vppsh.tui.store import Store


class Report:
    """One screen's table.

    name       its word in the tabs, in settings and with --text
    position   its place among the tabs
    questions  what has to be asked while it is seen
    help       what `?` says of it
    empty      what stands there when there are no rows
    still      rows in which nothing moves are left out unless all are wanted
    """

    name: ClassVar[str]
    position: ClassVar[int]
    questions: ClassVar[tuple[Question, ...]]
    columns: ClassVar[tuple[Column, ...]]
    help: ClassVar[str]
    order: ClassVar[Order] = Order()
    empty: ClassVar[str] = "nothing there"
    still: ClassVar[bool] = False

    def rows(self, store: Store, everything: bool = False) -> list[Row]:
        """What is known now."""
        raise NotImplementedError

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """More about one row, in lines of that width; none when there is nothing more."""
        return []

    def lines(self, key: Hashable | None) -> list[str]:
        """The lines of VPP's that answer what is seen, for a row when there is one."""
        return [question.line for question in self.questions]


def all_reports() -> list[Report]:
    """A report of each kind, in the order of the tabs."""
    kinds: list[type[Report]] = []
    for module in pkgutil.iter_modules(reports.__path__, f"{reports.__name__}."):
        found = vars(import_module(module.name)).values()
        kinds += [kind for kind in found if isinstance(kind, type) and issubclass(kind, Report) and kind.__module__ == module.name]
    return [kind() for kind in sorted(kinds, key=lambda kind: kind.position)]
