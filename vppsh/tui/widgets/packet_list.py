"""Captured packets: a table of them, one of their paths, and one packet in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from vppsh.traces.model import Packet
from vppsh.tui import grid, traces
from vppsh.tui.grid import Column, Order, Row, arranged
from vppsh.tui.listing import Choice, Listing, chosen, packet_of
from vppsh.tui.traces import Taken
from vppsh.tui.widgets.grid_table import GridTable
from vppsh.tui.widgets.packet_panel import PacketPanel


class PacketTable(GridTable):
    """A table with a key that groups what is in it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "group", "Paths")]

    class GroupWanted(Message):
        """`g` was typed."""

    def action_group(self) -> None:
        """Paths rather than packets, or packets again."""
        self.post_message(self.GroupWanted())


class PacketList(Widget):
    """The packets that were captured, as far as they are wanted.

    found    all of them
    choice   which are wanted
    listing  what that leaves; found out in a thread, as there may be many
    grouped  paths are wanted rather than packets
    opened   the place of the packet that is shown in full
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "group", "Paths", show=False),
        Binding("s", "sort(1)", "Sort", show=False),
        Binding("S", "reverse", "Reverse", show=False),
    ]
    DEFAULT_CSS = "PacketList { height: 1fr; layout: vertical; }"

    class Listed(Message):
        """Others are listed."""

    class Sorted(Message):
        """They have another order."""

        def __init__(self, column: Column, order: Order) -> None:
            super().__init__()
            self.column, self.order = column, order

    class Found(Message):
        """What a choice leaves, from the thread that found it out."""

        def __init__(self, found: Taken, choice: Choice, listing: Listing) -> None:
            super().__init__()
            self.found, self.choice, self.listing = found, choice, listing

    def __init__(self) -> None:
        super().__init__()
        self.found = Taken()
        self.choice = Choice()
        self.listing = Listing()
        self.grouped = False
        self.opened: int | None = None
        self._order, self._path_order = traces.ORDER, traces.PATH_ORDER
        self.table = PacketTable(traces.COLUMNS, "no packets")
        self.ways = PacketTable(traces.PATH_COLUMNS, "no packets")
        self.panel = PacketPanel()

    def compose(self) -> ComposeResult:
        """All three, one of them in sight."""
        yield self.table
        yield self.ways
        yield self.panel

    def on_mount(self) -> None:
        """Begin with what there is."""
        self._arrange()

    # What is listed.

    def show_found(self, found: Taken) -> None:
        """List other packets. One that is open stays so, if it is among them: a capture tells the same ones again and again."""
        before = None if self.opened is None else self.found.packets[self.opened]
        self.found, self.opened = found, None
        if before is not None:
            self.opened = next((place for place, packet in enumerate(found.packets) if packet.steps == before.steps), None)
        self._choose(Choice(self.choice.expression, self.choice.path if found.packets else None))

    def filter(self, expression: str) -> None:
        """List those that an expression keeps."""
        self.opened = None
        self._choose(Choice(expression, self.choice.path))

    def _choose(self, choice: Choice) -> None:
        self.choice, found = choice, self.found

        def work() -> None:
            worker = get_current_worker()
            listing = chosen(found, choice, lambda: worker.is_cancelled)
            if listing is not None:
                self.post_message(self.Found(found, choice, listing))

        self.run_worker(work, thread=True, exclusive=True, group="choice")

    @on(Found)
    def _listed(self, event: Found) -> None:
        event.stop()
        if event.found is self.found and event.choice == self.choice:
            self.listing = event.listing
            self._arrange()
            self.post_message(self.Listed())

    def _arrange(self) -> None:
        ways = self.grouped and self.choice.path is None
        focused = self.has_focus_within
        self.table.display = self.opened is None and not ways
        self.ways.display = self.opened is None and ways
        self.panel.display = self.opened is not None
        self.table.show_rows(self.rows(), self._order)
        self.ways.show_rows(arranged(self.listing.ways, self._path_order), self._path_order)
        if focused:
            self.take_focus()

    def rows(self) -> Sequence[Row]:
        """The packets that are listed, sorted."""
        return arranged(self.listing.rows, self._order)

    def packets(self) -> list[Packet]:
        """What is in sight: the open packet, or all that are listed, in their order."""
        return [packet_of(self.found, row) for row in self.rows()] if self.opened is None else [self.found.packets[self.opened]]

    def meant(self) -> list[Packet]:
        """The packet that is open or under the cursor; in paths, those of the path."""
        if self.opened is not None:
            return [self.found.packets[self.opened]]
        if self.ways.display:
            return [packet for row in self.listing.rows if (packet := packet_of(self.found, row)).path == self.ways.key]
        return [self.found.packets[self.table.key]] if isinstance(self.table.key, int) else []

    @property
    def way(self) -> int | None:
        """Which path is listed, from 0 on; None when all are."""
        keys = [row.key for row in self.listing.ways]
        return keys.index(self.choice.path) if self.choice.path in keys else None

    def take_focus(self) -> None:
        """Keys go to what is in sight."""
        if self.opened is not None:
            self.panel.take_focus()
        else:
            (self.ways if self.ways.display else self.table).focus()

    # What is opened.

    @on(GridTable.Chosen)
    def _chosen(self, event: GridTable.Chosen) -> None:
        event.stop()
        if event.table is self.ways and isinstance(event.key, tuple):
            self._choose(Choice(self.choice.expression, event.key))
        elif isinstance(event.key, int):
            self._open(event.key)

    def _open(self, place: int) -> None:
        self.opened = place
        order = [row.key for row in self.rows()]
        self.panel.show_packet(self.found.packets[place], order.index(place) if place in order else 0, len(order))
        self._arrange()

    @on(PacketPanel.Turned)
    def _turned(self, event: PacketPanel.Turned) -> None:
        event.stop()
        order = [row.key for row in self.rows()]
        if self.opened in order:
            key = order[min(max(order.index(self.opened) + event.by, 0), len(order) - 1)]
            self.table.go_to(key)
            if isinstance(key, int) and key != self.opened:
                self._open(key)

    def back(self) -> bool:
        """Close what is open: the packet, then the path; False when nothing is."""
        if self.opened is not None:
            self.opened = None
            self._arrange()
        elif self.choice.path is not None:
            self._choose(Choice(self.choice.expression))
        else:
            return False
        return True

    def group(self, wanted: bool) -> None:
        """List paths, or packets."""
        self.grouped, self.opened = wanted, None
        self._choose(Choice(self.choice.expression))
        self._arrange()

    @on(PacketTable.GroupWanted)
    def action_group(self) -> None:
        """Packets by path, or each for itself."""
        self.group(not self.grouped)

    # How it is sorted.

    @property
    def _columns(self) -> tuple[Column, ...]:
        return traces.PATH_COLUMNS if self.ways.display else traces.COLUMNS

    @property
    def order(self) -> Order:
        """By which column the table in sight is sorted."""
        return self._path_order if self.ways.display else self._order

    def _sort(self, order: Order) -> None:
        if self.ways.display:
            self._path_order = order
        else:
            self._order = order
        self._arrange()
        self.post_message(self.Sorted(self._columns[order.column], order))

    @on(GridTable.HeadClicked)
    def _head_clicked(self, event: GridTable.HeadClicked) -> None:
        event.stop()
        same = event.column == self.order.column
        self._sort(Order(event.column, not self.order.descending if same else self._columns[event.column].number))

    def action_sort(self, by: int) -> None:
        """Sort by the next column."""
        column = (self.order.column + by) % len(self._columns)
        self._sort(Order(column, self._columns[column].number))

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort(Order(self.order.column, not self.order.descending))

    def as_text(self) -> str:
        """What is seen: the packet, or a table."""
        if self.opened is not None:
            return self.panel.as_text()
        return grid.as_text(self._columns, self.ways.rows if self.ways.display else self.rows())
