"""A report on a tab: its table, a filter, and more about one row beside it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from vppsh.targets.base import Answer
from vppsh.tui.grid import Order, Row, arranged, as_json, as_text
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.screens.view import View
from vppsh.tui.widgets.grid_table import GridTable

# Rows of which the text takes longer to make than anybody waits for.
LARGE = 5000


def _said(line: str, future: Future[Answer]) -> str:
    """What a line was answered, or why it was not."""
    error = future.exception() if not future.cancelled() else None
    if future.cancelled() or error is not None:
        return f"{line}: {error or 'the monitor ends'}"
    return future.result().text


class GridView(View):
    """One report."""

    class Arranged(Message):
        """Other rows are in sight than before."""

    class Told(Message):
        """The target's own answer about a row."""

        def __init__(self, key: Hashable, text: str) -> None:
            super().__init__()
            self.key, self.text = key, text

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("s", "sort(1)", "Sort"),
        Binding("S", "reverse", "Reverse", show=False),
        Binding("a", "everything", "All"),
        Binding("p", "packets", "Packets"),
        Binding("ctrl+down,J", "scroll_detail(1)", "Detail down", show=False),
        Binding("ctrl+up,K", "scroll_detail(-1)", "Detail up", show=False),
        Binding("escape", "back", "Back", show=False),
    ]
    DEFAULT_CSS = """
    GridView > Input, GridView > Input:focus { height: 1; border: none; padding: 0; }
    GridView > Input { display: none; }
    GridView > Input.wanted { display: block; }
    GridView > VerticalScroll { height: 60%; border-top: solid $primary; display: none; padding: 0 1; }
    GridView > VerticalScroll.wanted { display: block; }
    """

    def __init__(self, report: Report) -> None:
        super().__init__(id=report.name.lower())
        self.report = report
        self.order = report.order
        self.words = ""
        self.everything = not report.still
        self.opened: Hashable | None = None
        self.table = GridTable(report.columns, report.empty)
        self._field = Input(placeholder="words that a row must have; up and down: earlier ones; Escape: none", select_on_focus=False)
        self._text = Static(markup=False)
        self._panel = VerticalScroll(self._text, can_focus=False)
        self._known: Sequence[Row] = []
        self._told: dict[Hashable, str] = {}
        self._history: list[str] = []
        self._back = 0

    @property
    def title(self) -> str:
        """The report's name."""
        return self.report.name

    @property
    def questions(self) -> tuple[Question, ...]:
        """The report's questions."""
        return self.report.questions

    @property
    def readable(self) -> tuple[Question, ...]:
        """The report's, too."""
        return self.report.readable

    @property
    def help_text(self) -> str:
        """The report's help."""
        return self.report.help

    def compose(self) -> ComposeResult:
        """Table, filter, detail."""
        yield self.table
        yield self._field
        yield self._panel

    def show(self) -> None:
        """Draw what is known now."""
        self._known = self.report.rows(self.store, self.everything)
        self._arrange()
        self._show_detail()

    def rows(self) -> Sequence[Row]:
        """The rows as they are filtered and sorted."""
        return arranged(self._known, self.order, self.words)

    def _arrange(self) -> None:
        """Draw what was known already, in its order and as it is filtered."""
        self.table.empty = "no row has these words" if len(self._known) else self.report.nothing(self.store)
        self.table.show_rows(self.rows(), self.order)
        self.post_message(self.Arranged())

    @property
    def known_rows(self) -> Sequence[Row]:
        """All rows, whatever the filter."""
        return self._known

    @property
    def large(self) -> bool:
        """See `View`."""
        return len(self.table.rows) > LARGE

    def take_focus(self) -> None:
        """Keys go to the table."""
        self.table.focus()

    def _show_detail(self) -> None:
        self._panel.set_class(self.opened is not None, "wanted")
        if self.opened is not None:
            self._text.update(Content("\n".join(self._detail(max(self.size.width - 4, 20)))))

    def _detail(self, width: int) -> list[str]:
        """What is known of the row that is open, and what the target said of it."""
        assert self.opened is not None
        lines = self.report.detail(self.store, self.opened, width)
        return lines + self._told.get(self.opened, "").splitlines()

    def _open(self, key: Hashable | None) -> None:
        """More about a row, or no more; the target is asked for what is not known here."""
        if key != self.opened:
            self._panel.scroll_home(animate=False)
        self.opened = key
        self._told.clear()
        line = self.report.more(key) if key is not None else ""
        if line:
            self._told[key] = f"{line} ..."
            self.monitor.feed.ask(line).add_done_callback(lambda future: self.post_message(self.Told(key, _said(line, future))))
        self._show_detail()

    @on(Told)
    def _answered(self, event: Told) -> None:
        event.stop()
        if event.key in self._told:
            self._told[event.key] = event.text
            self._show_detail()

    def drill(self, key: Hashable) -> None:
        """More about one row."""
        self.everything = True
        self.words = ""
        self.show()
        self._open(key)
        self.table.go_to(key)

    @on(GridTable.Chosen)
    def _chosen(self, event: GridTable.Chosen) -> None:
        event.stop()
        self.choose(event.key)

    def choose(self, key: Hashable) -> None:
        """More about a row, or no more."""
        self._open(None if self.opened == key else key)

    def switched(self) -> None:
        """Rows of another target are others, though they may have the same names."""
        self.opened = None
        self._told.clear()

    @on(GridTable.HeadClicked)
    def _head_clicked(self, event: GridTable.HeadClicked) -> None:
        event.stop()
        same = event.column == self.order.column
        column = self.report.columns[event.column]
        self._sort(Order(event.column, not self.order.descending if same else column.number))

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        column = (self.order.column + by) % len(self.report.columns)
        self._sort(Order(column, self.report.columns[column].number))

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort(Order(self.order.column, not self.order.descending))

    def _sort(self, order: Order) -> None:
        self.order = order
        self._arrange()
        direction = "from the largest" if order.descending else "from the smallest"
        self.monitor.flash(f"sorted by {self.report.columns[order.column].title}, {direction}")

    def action_everything(self) -> None:
        """Show all rows, or only those that move."""
        if self.report.still:
            self.everything = not self.everything
            self.show()
            self.monitor.flash("all rows" if self.everything else "only what moved since the baseline")
        else:
            self.monitor.flash("all rows are shown")

    @property
    def current(self) -> Hashable | None:
        """What is open, or else under the cursor."""
        return self.opened if self.opened is not None else self.table.key

    def action_packets(self) -> None:
        """Show the packets behind the row."""
        key = self.current
        behind = None if key is None else self.report.behind(key)
        if behind is None:
            self.monitor.flash("no packets belong to this row")
        else:
            self.monitor.go_to("traces", behind)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Packets only where a row may have some."""
        return type(self.report).behind is not Report.behind if action == "packets" else True

    def action_filter(self) -> None:
        """Type words that rows must have."""
        field = self._field
        field.add_class("wanted")
        field.value = self.words
        self._back = 0
        field.focus()

    def action_scroll_detail(self, by: int) -> None:
        """Scroll what is told of a row, by half of what is seen."""
        self._panel.scroll_relative(y=by * max(self._panel.size.height // 2, 1), animate=False)

    def action_back(self) -> None:
        """Close what is open: the filter, then the detail."""
        field = self._field
        if field.has_class("wanted"):
            field.value = ""
            field.remove_class("wanted")
        elif self.opened is not None:
            self.opened = None
        elif self.words:
            self.words = ""
        else:
            self.monitor.leave()
            return
        self.show()
        self.take_focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.words = event.value
        self._arrange()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value and event.value not in self._history[-1:]:
            self._history.append(event.value)
        self._field.set_class(bool(event.value), "wanted")
        self.take_focus()

    def key_up(self) -> None:
        """In the filter: the one before."""
        self._recall(1)

    def key_down(self) -> None:
        """In the filter: the one after."""
        self._recall(-1)

    def _recall(self, by: int) -> None:
        field = self._field
        if field.has_focus and self._history:
            self._back = max(min(self._back + by, len(self._history)), 0)
            field.value = self._history[-self._back] if self._back else ""
            field.cursor_position = len(field.value)

    def lines(self) -> list[str]:
        """The lines of VPP's behind the row, or the table."""
        return self.report.lines(self.opened if self.opened is not None else None)

    def as_text(self) -> str:
        """The rows, and the detail if it is open."""
        text = as_text(self.report.columns, self.rows())
        if self.opened is not None:
            text += "\n" + "".join(f"{line.rstrip()}\n" for line in self._detail(100))
        return text

    def as_json(self) -> str:
        """The rows."""
        return as_json(self.report.columns, self.rows())

    def layout_state(self) -> dict[str, object]:
        """How it is sorted, and whether all is shown."""
        return {
            "sort": self.report.columns[self.order.column].key,
            "descending": self.order.descending,
            "everything": self.everything,
            "filters": self._history[-20:],
        }

    def restore(self, state: dict[str, object]) -> None:
        """Sort as before."""
        keys = [column.key for column in self.report.columns]
        if state.get("sort") in keys:
            self.order = Order(keys.index(str(state["sort"])), state.get("descending") is True)
        if self.report.still:
            self.everything = state.get("everything") is True
        filters = state.get("filters")
        if isinstance(filters, list):
            self._history = [each for each in filters if isinstance(each, str)]
