"""Cluster: all targets in a table; Enter lets the monitor be about one of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vppsh.tui import overview
from vppsh.tui.cluster import POSITION, ClusterReport, about, as_json, as_text, rates
from vppsh.tui.fleet import Fleet
from vppsh.tui.screens.grid_view import GridView
from vppsh.tui.widgets.grid_table import GridTable


class ClusterView(GridView):
    """The tab that a monitor of several targets has more."""

    position: ClassVar[int] = POSITION
    whole: ClassVar[bool] = True
    DEFAULT_CSS = """
    ClusterView > .sums { height: 1; color: $primary; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
    ClusterView > .about { height: auto; max-height: 4; border-top: solid $primary; padding: 0 1; }
    """

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(ClusterReport(fleet))
        self._fleet = fleet
        self._sums = Static(markup=False, classes="sums")
        self._about = Static(markup=False, classes="about")

    @classmethod
    def of(cls, fleet: Fleet | None) -> ClusterView | None:
        """Only when there may be several targets."""
        return None if fleet is None else cls(fleet)

    def compose(self) -> ComposeResult:
        """The sums, the table, and more about the row under the cursor."""
        yield self._sums
        yield from super().compose()
        yield self._about

    def show(self) -> None:
        """Draw what is known now."""
        super().show()
        self._sums.update(Content(rates(self._fleet)))
        self._show_about()

    @on(GridTable.Moved)
    def _moved(self, event: GridTable.Moved) -> None:
        event.stop()
        self._show_about()

    def _show_about(self) -> None:
        lines = [*about(self._fleet, self.table.key), *([self._fleet.trouble] if self._fleet.trouble else [])]
        self._about.update(Content("\n".join(lines)))

    def choose(self, key: Hashable) -> None:
        """Go to the target of a row."""
        member = next((each for each in self._fleet.members if each.name == key), None)
        if member is not None:
            self.monitor.switch(member.watched)
            self.monitor.go_to(overview.NAME.lower())

    def take_focus(self) -> None:
        """The cursor is on the target that was looked at."""
        self.table.go_to(self.monitor.store.name)
        super().take_focus()

    def switched(self) -> None:
        """It is about all."""

    def lines(self) -> list[str]:
        """What tells by hand what the row under the cursor tells."""
        return self.report.lines(self.table.key)

    def as_text(self) -> str:
        """The sums and the rows."""
        return as_text(self._fleet, self.rows())

    def as_json(self) -> str:
        """The sums and the rows."""
        return as_json(self._fleet, self.rows())
