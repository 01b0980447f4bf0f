"""One packet: its way, what each node said, its headers, and its bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from vppsh.traces.decode import hex_lines
from vppsh.traces.model import Packet
from vppsh.traces.rebuild import Bytes
from vppsh.tui import packet as values
from vppsh.tui.grid import Order
from vppsh.tui.widgets.grid_table import GridTable

# Columns of a hex dump before its bytes, and of a dump with so many bytes a line.
OFFSET = 6
BYTES, FEW_BYTES = 16, 8
# Columns that the headers have at least, and those of a frame and a scroll bar.
FIELDS, FRAME = 38, 4
UNSORTED = Order(-1)


def _columns(per_line: int) -> int:
    """Columns of a pane with a dump of so many bytes a line."""
    return OFFSET + 3 * per_line - 1 + 2 + per_line + FRAME


class PacketPanel(Widget):
    """What is known of one packet."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Before"),
        Binding("right", "turn(1)", "Next"),
    ]
    DEFAULT_CSS = """
    PacketPanel { height: 1fr; layout: vertical; }
    PacketPanel > Static { height: auto; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    PacketPanel > Horizontal { height: 1fr; }
    PacketPanel > Horizontal > GridTable { width: 2fr; }
    PacketPanel > Horizontal > VerticalScroll { width: 3fr; border-left: solid $panel; padding: 0 0 0 1; }
    PacketPanel > Horizontal > VerticalScroll:focus { border-left: solid $primary; }
    PacketPanel > .lower { border-top: solid $panel; }
    PacketPanel > .lower > GridTable { width: 1fr; }
    PacketPanel > .lower > VerticalScroll > Static { text-wrap: nowrap; }
    """

    class Turned(Message):
        """Another packet is wanted: so many before or behind."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.packet: Packet | None = None
        self.position = 0
        self._bytes: Bytes | None = None
        self._title = Static(markup=False)
        self._steps = GridTable(values.STEP_COLUMNS, "no steps")
        self._said = Static(markup=False)
        self._fields = GridTable(values.FIELD_COLUMNS, "no headers in this trace")
        self._dump = Static(markup=False)
        self._bytes_pane = VerticalScroll(self._dump)

    def compose(self) -> ComposeResult:
        """The way beside the words, the headers beside the bytes."""
        yield self._title
        with Horizontal():
            yield self._steps
            yield VerticalScroll(self._said)
        with Horizontal(classes="lower"):
            yield self._fields
            yield self._bytes_pane

    def show_packet(self, packet: Packet, place: int, count: int) -> None:
        """Show this packet, one of so many, from the step at which its fate was decided on."""
        self.packet = packet
        self._title.update(Content(values.title(packet, place, count)))
        rows = values.steps(packet)
        self._steps.show_rows(rows, UNSORTED)
        decided = next((row.key for row in rows if row.tone != "plain"), 0)
        self._steps.go_to(decided)
        self._show_step(decided)

    def take_focus(self) -> None:
        """Keys go to the way."""
        self._steps.focus()

    @on(GridTable.Moved)
    @on(GridTable.Chosen)
    def _moved(self, event: GridTable.Moved | GridTable.Chosen) -> None:
        event.stop()
        if event.table is self._steps:
            self._show_step(event.key)
        else:
            self._show_dump(event.key)

    def _show_step(self, key: Hashable) -> None:
        packet = self.packet
        if packet is None or not isinstance(key, int) or not packet.steps:
            return
        self.position = key
        step = packet.steps[key]
        self._said.update(Content(f"{step.stamp}: {step.node}\n{step.text}" if step.stamp else f"{step.node}\n{step.text}"))
        self._bytes = values.bytes_at(packet, key)
        rows = values.fields(packet, key, self._bytes)
        self._fields.show_rows(rows, UNSORTED)
        self._show_dump(self._fields.key)

    def _show_dump(self, key: Hashable) -> None:
        """The bytes, with the field under the cursor marked."""
        data = self._bytes
        if data is None:
            self._bytes_pane.styles.width = len(values.NO_BYTES) + FRAME
            self._dump.update(Content(values.NO_BYTES))
            return
        per_line = BYTES if self.size.width - FIELDS >= _columns(BYTES) else FEW_BYTES
        self._bytes_pane.styles.width = _columns(per_line)
        head = f"bytes at {data.node}" + (f", {len(data.data)} of {data.length}" if data.length > len(data.data) else "")
        text = Content("\n".join([head, *hex_lines(data.data, per_line)]))
        first, last = key[1] if isinstance(key, tuple) else (0, 0)
        begin = len(head) + 1
        width = OFFSET + 3 * per_line - 1 + 2
        for at in range(first, min(last, len(data.data))):
            line, column = divmod(at, per_line)
            row = begin + line * (width + 1 + per_line)
            text = text.stylize("reverse", row + OFFSET + 3 * column, row + OFFSET + 3 * column + 2)
            text = text.stylize("reverse", row + width + column, row + width + column + 1)
        self._dump.update(text)

    def on_resize(self) -> None:
        """As many bytes a line as there is room for."""
        self._show_dump(self._fields.key)

    def action_turn(self, by: int) -> None:
        """Another packet."""
        self.post_message(self.Turned(by))

    def as_text(self) -> str:
        """What is seen."""
        return values.as_text(self.packet, self.position) if self.packet is not None else ""
