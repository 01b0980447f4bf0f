"""Overview: the target, how busy it is, and the interfaces and counters that move most."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vppsh.tui.grid import Order
from vppsh.tui.overview import (
    ERROR_COLUMNS,
    HELP,
    INTERFACE_COLUMNS,
    QUESTIONS,
    WIDE,
    as_json,
    as_text,
    summary,
    top_errors,
    top_interfaces,
)
from vppsh.tui.questions import Question
from vppsh.tui.reports.errors import ErrorsReport
from vppsh.tui.screens.view import View
from vppsh.tui.widgets.grid_table import GridTable


class OverviewView(View):
    """The first tab."""

    name_: ClassVar[str] = "Overview"
    position: ClassVar[int] = 10
    DEFAULT_CSS = """
    OverviewView > Static { height: auto; padding: 0 0 1 0; text-wrap: nowrap; text-overflow: ellipsis; }
    OverviewView > .heading { padding: 0; text-style: bold; color: $primary; }
    """

    def __init__(self) -> None:
        super().__init__(id="overview")
        self._summary = Static(markup=False)
        self._interfaces = GridTable(INTERFACE_COLUMNS, "no interfaces")
        self._errors = GridTable(ERROR_COLUMNS, ErrorsReport.empty)

    @property
    def questions(self) -> tuple[Question, ...]:
        """A little of everything."""
        return QUESTIONS

    @property
    def help_text(self) -> str:
        """What the figures are."""
        return HELP

    def compose(self) -> ComposeResult:
        """The lines, and two tables."""
        yield self._summary
        yield Static("Interfaces by packets a second", classes="heading", markup=False)
        yield self._interfaces
        yield Static("Counters that move", classes="heading", markup=False)
        yield self._errors

    def take_focus(self) -> None:
        """Keys go to the interfaces."""
        self._interfaces.focus()

    def show(self) -> None:
        """Draw what is known now."""
        self._summary.update(Content("\n".join(summary(self.store, self.size.width or WIDE))))
        self._interfaces.show_rows(top_interfaces(self.store), Order(-1, True))
        self._errors.show_rows(top_errors(self.store), ErrorsReport.order)

    @on(GridTable.Chosen)
    def _chosen(self, event: GridTable.Chosen) -> None:
        event.stop()
        self.monitor.go_to("interfaces" if event.table is self._interfaces else "errors", event.key)

    def as_text(self) -> str:
        """The lines and both tables."""
        return as_text(self.store)

    def as_json(self) -> str:
        """The totals and both tables."""
        return as_json(self.store)
