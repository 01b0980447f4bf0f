"""Tables: what the target is configured with and has learnt, one table at a time."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from math import isinf
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.widgets import ContentSwitcher, Static

from vppsh.tui.numbers import duration
from vppsh.tui.questions import Question
from vppsh.tui.report import all_tables
from vppsh.tui.screens.grid_view import GridView
from vppsh.tui.screens.view import View
from vppsh.tui.widgets.choice import Choice


class TablesView(View):
    """The tables, and which of them is in sight."""

    name_: ClassVar[str] = "Tables"
    position: ClassVar[int] = 60
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "step(1)", "Next table"),
        Binding("left", "step(-1)", "Table before", show=False),
    ]
    DEFAULT_CSS = """
    TablesView > .about { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    TablesView > ContentSwitcher { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__(id="tables")
        self.grids = {report.name: GridView(report) for report in all_tables()}
        self._chosen = next(iter(self.grids))
        self._choice = Choice(tuple(self.grids))
        self._about = Static(classes="about", markup=False)
        self._switcher = ContentSwitcher(initial=self._chosen)

    @property
    def grid(self) -> GridView:
        """The table in sight."""
        return self.grids[self._chosen]

    @property
    def questions(self) -> tuple[Question, ...]:
        """Those of the table in sight."""
        return self.grid.questions

    @property
    def readable(self) -> tuple[Question, ...]:
        """Those of all tables."""
        return tuple(question for grid in self.grids.values() for question in grid.readable)

    @property
    def help_text(self) -> str:
        """What the table in sight is."""
        return f"{self.grid.report.title} ({self._chosen}); left and right, or a click, choose another table\n\n{self.grid.help_text}"

    @property
    def keyed(self) -> Sequence[DOMNode]:
        """The table in sight comes first."""
        return self.grid.table, self.grid, self

    def compose(self) -> ComposeResult:
        """The tables' names, how old the one in sight is, and itself."""
        yield self._choice
        yield self._about
        with self._switcher:
            yield from self.grids.values()

    def show(self) -> None:
        """Draw what is known of the table in sight."""
        self._choice.choose(self._chosen)
        self.grid.show()
        self._show_about()

    def _show_about(self) -> None:
        """How many rows there are, from when they are, and how often a target is asked."""
        report, store = self.grid.report, self.store
        shown, there = len(self.grid.table.rows), len(self.grid.known_rows)
        known = [each for question in report.questions if (each := store.known(question)) is not None]
        parts = [f"{report.title}: {there} rows" if shown == there else f"{report.title}: {shown} of {there} rows"]
        if known:
            age = store.at - min(each.at for each in known)
            parts.append(f"as of {time.strftime('%H:%M:%S', time.localtime(store.taken - age))}")
        seldom = max(question.every for question in report.questions)
        if any(question.on_demand for question in report.questions):
            parts.append("r: asks for them")
        elif seldom and not isinf(seldom):
            parts.append(f"at most every {duration(seldom).removesuffix('00s').replace('.0s', 's')} on a live VPP │ r: now")
        odd = sum(len(getattr(each.value, "odd", ())) for each in known)
        if odd:
            parts.append(f"{odd} lines were not understood")
        self._about.update(Content(" │ ".join(parts)))

    def take_focus(self) -> None:
        """Keys go to the table in sight."""
        self.grid.take_focus()

    def choose(self, name: str) -> None:
        """Another table: ask what it needs."""
        if name in self.grids:
            self._chosen = self._switcher.current = name
            self.monitor.look_again()

    def action_step(self, by: int) -> None:
        """The next table, or the one before."""
        names = list(self.grids)
        self.choose(names[(names.index(self._chosen) + by) % len(names)])

    @on(Choice.Chosen)
    def _clicked(self, event: Choice.Chosen) -> None:
        event.stop()
        self.choose(event.word)

    @on(GridView.Arranged)
    def _arranged(self, event: GridView.Arranged) -> None:
        event.stop()
        self._show_about()

    def switched(self) -> None:
        """The rows of another target are others."""
        for grid in self.grids.values():
            grid.switched()

    @property
    def large(self) -> bool:
        """The table in sight is."""
        return self.grid.large

    def lines(self) -> list[str]:
        """Those of the table in sight."""
        return self.grid.lines()

    def as_text(self) -> str:
        """The table in sight."""
        return self.grid.as_text()

    def as_json(self) -> str:
        """The table in sight."""
        return self.grid.as_json()

    def drill(self, key: Hashable) -> None:
        """A table by its name, or a row of one: the name and the row's key."""
        name, row = key if isinstance(key, tuple) else (key, None)
        self.choose(str(name))
        if row is not None:
            self.grid.drill(row)

    def layout_state(self) -> dict[str, object]:
        """Which table is in sight, and how each is arranged."""
        return {"table": self._chosen, "tables": {name: grid.layout_state() for name, grid in self.grids.items()}}

    def restore(self, state: dict[str, object]) -> None:
        """As it was."""
        states = state.get("tables")
        for name, grid in self.grids.items():
            each = states.get(name) if isinstance(states, dict) else None
            if isinstance(each, dict):
                grid.restore(each)
        if state.get("table") in self.grids:
            self._chosen = self._switcher.current = str(state["table"])
