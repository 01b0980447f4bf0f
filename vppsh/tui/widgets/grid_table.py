"""A table of which only the visible lines are drawn, so that 200,000 rows cost what 20 do."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vppsh.tui.grid import Column, Order, Row, cell, position, widths

GAP = " "


class GridTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows with a cursor that stays on its row when rows come, go or are sorted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000000)", "First", show=False),
        Binding("end,G", "move(1000000000)", "Last", show=False),
        Binding("enter", "choose", "More"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--head", "grid--cursor", "grid--plain", "grid--good", "grid--bad", "grid--warn", "grid--dim", "grid--empty",
    }  # fmt: skip
    DEFAULT_CSS = """
    GridTable { height: 1fr; scrollbar-size-horizontal: 0; }
    GridTable > .grid--head { text-style: bold underline; color: $text-muted; }
    GridTable > .grid--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
    GridTable > .grid--plain { color: $text; }
    GridTable > .grid--good { color: $text-success; }
    GridTable > .grid--bad { color: $text-error; }
    GridTable > .grid--warn { color: $text-warning; }
    GridTable > .grid--dim { color: $text-muted; text-style: dim; }
    GridTable > .grid--empty { color: $text-muted; text-style: italic; }
    """

    class Chosen(Message):
        """Enter, or a second click on a row."""

        def __init__(self, table: GridTable, key: Hashable) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> GridTable:
            """Whose row it is."""
            return self.table

    class Moved(Message):
        """The cursor came to another row."""

        def __init__(self, table: GridTable, key: Hashable) -> None:
            super().__init__()
            self.table, self.key = table, key

        @property
        def control(self) -> GridTable:
            """Whose row it is."""
            return self.table

    class HeadClicked(Message):
        """A click on a column's title."""

        def __init__(self, table: GridTable, column: int) -> None:
            super().__init__()
            self.table, self.column = table, column

    def __init__(self, columns: Sequence[Column], empty: str = "") -> None:
        super().__init__()
        self._columns = tuple(columns)
        self.empty = empty
        self._rows: Sequence[Row] = ()
        self._order = Order()
        self.cursor = 0

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown, in its order."""
        return self._rows

    @property
    def key(self) -> Hashable | None:
        """What the row under the cursor is about."""
        return self._rows[self.cursor].key if self._rows else None

    @property
    def _width(self) -> int:
        """Columns that rows may take, beside the scroll bar."""
        return self.scrollable_content_region.width

    def show_rows(self, rows: Sequence[Row], order: Order) -> None:
        """Show these instead."""
        before, at = self.key, self.cursor
        self._rows, self._order = rows, order
        if before is not None and not (at < len(rows) and rows[at].key == before):
            found = position(rows, before)
            at = at if found is None else found
        self.cursor = max(min(at, len(rows) - 1), 0)
        size = Size(self._width, len(rows) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def go_to(self, key: Hashable) -> None:
        """Put the cursor on a row, if it is there."""
        number = position(self._rows, key)
        if number is not None:
            self._place(number)

    def render_line(self, y: int) -> Strip:
        """The titles at the top, and below them the rows that are in sight."""
        width = self._width
        sizes = widths(self._columns, width)
        if y == 0:
            return Strip([Segment(self._head(sizes).ljust(width), self.get_component_rich_style("grid--head"))], width)
        number = y - 1 + self.scroll_offset.y
        if number >= len(self._rows):
            text = self.empty if y == 1 and not self._rows else ""
            return Strip([Segment(text.ljust(width)[:width], self.get_component_rich_style("grid--empty"))], width)
        row = self._rows[number]
        texts = [cell(column, value, size) for column, value, size in zip(self._columns, row.values, sizes) if size]
        marked = number == self.cursor and self.has_focus
        style = self.get_component_rich_style("grid--cursor" if marked else f"grid--{row.tone}")
        return Strip([Segment(GAP.join(texts).ljust(width)[:width], style)], width)

    def _head(self, sizes: Sequence[int]) -> str:
        titles = []
        for number, (column, size) in enumerate(zip(self._columns, sizes)):
            if size:
                mark = ("▼" if self._order.descending else "▲") if number == self._order.column else ""
                title = f"{column.title}{mark}"[:size]
                titles.append(title.rjust(size) if column.number else title.ljust(size))
        return GAP.join(titles)

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._place(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by screens."""
        self._place(self.cursor + by * max(self.size.height - 2, 1))

    def action_choose(self) -> None:
        """More about the row."""
        if self._rows:
            self.post_message(self.Chosen(self, self.key))

    def _place(self, number: int) -> None:
        before = self.cursor
        self.cursor = max(min(number, len(self._rows) - 1), 0)
        if self.cursor != before:
            self.post_message(self.Moved(self, self.key))
        # The titles cover the first line, so a row is in sight when the line above it is as well.
        self.scroll_to_region(Region(0, self.cursor, 1, 2), animate=False, force=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A row, or a title to sort by."""
        if event.y == 0:
            left = 0
            for number, size in enumerate(widths(self._columns, self._width)):
                if left <= event.x < left + size:
                    self.post_message(self.HeadClicked(self, number))
                left += size + len(GAP)
            return
        number = event.y - 1 + self.scroll_offset.y
        if number < len(self._rows):
            again = number == self.cursor and self.has_focus and event.chain > 1
            self._place(number)
            if again:
                self.action_choose()

    def on_focus(self) -> None:
        """The cursor is drawn while the table has the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """See `on_focus`."""
        self.refresh()
