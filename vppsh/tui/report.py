"""What a report is, and where reports are found."""

from __future__ import annotations

import pkgutil
from collections.abc import Hashable, Sequence
from importlib import import_module
from types import ModuleType
from typing import ClassVar

from vppsh.tui import reports, tables
from vppsh.tui.behind import Behind
from vppsh.tui.grid import Column, Order, Row
from vppsh.tui.questions import Question
from vppsh.tui.store import Store


class Report:
    """One screen's table.

    name       its word in the tabs, in settings and with --text
    title      what it is called where there is more room
    position   its place among the tabs
    questions  what has to be asked while it is seen
    help       what `?` says of it
    empty      what stands there when there are no rows
    still      rows in which nothing moves are left out unless all are wanted
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    position: ClassVar[int]
    questions: ClassVar[tuple[Question, ...]]
    columns: ClassVar[tuple[Column, ...]]
    help: ClassVar[str]
    order: ClassVar[Order] = Order()
    empty: ClassVar[str] = "nothing there"
    still: ClassVar[bool] = False

    @property
    def readable(self) -> tuple[Question, ...]:
        """All that may come to be asked, also before a question."""
        return self.questions

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """What is known now."""
        raise NotImplementedError

    def nothing(self, store: Store) -> str:
        """Why there are no rows."""
        known = [store.known(question) for question in self.questions]
        if all(each is None for each in known):
            return "asking ..."
        refused = [each.text.strip() for each in known if each is not None and each.failed]
        return f"refused: {refused[0]}" if refused and len(refused) == len(known) else self.empty

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """More about one row, in lines of that width; none when there is nothing more."""
        return []

    def more(self, key: Hashable) -> str:
        """The line whose answer tells more of a row than `detail` knows; empty when none does."""
        return ""

    def behind(self, key: Hashable) -> Behind | None:
        """The packets that a row counts, as far as they can be told from others; None when there are none."""
        return None

    def lines(self, key: Hashable | None) -> list[str]:
        """The lines of VPP's that answer what is seen, for a row when there is one."""
        return [question.line for question in self.questions]


def all_reports() -> list[Report]:
    """A report of each kind that has a tab of its own, in the order of the tabs."""
    return _found(reports)


def all_tables() -> list[Report]:
    """Those that share the tab of tables, in their order."""
    return _found(tables)


def _found(package: ModuleType) -> list[Report]:
    kinds: list[type[Report]] = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        found = vars(import_module(module.name)).values()
        kinds += [kind for kind in found if isinstance(kind, type) and issubclass(kind, Report) and kind.__module__ == module.name]
    return [kind() for kind in sorted((kind for kind in kinds if hasattr(kind, "name")), key=lambda kind: kind.position)]
