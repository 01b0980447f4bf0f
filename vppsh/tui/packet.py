"""One packet as tables: its way, and the headers that lie in its bytes or that a node printed."""

from __future__ import annotations

from vppsh.traces.decode import decode, hex_lines
from vppsh.traces.explain import frame_kind
from vppsh.traces.flows import first_flow
from vppsh.traces.groups import duration
from vppsh.traces.model import Packet, elapsed
from vppsh.traces.rebuild import Bytes, step_bytes
from vppsh.traces.scene import deciding_step
from vppsh.traces.verdict import verdict
from vppsh.tui.grid import Column, Row, Tone

STEP_COLUMNS = (Column("after", "seconds", 9, number=True), Column("Node", "node", 0, least=16))
FIELD_COLUMNS = (Column("Field", "field", 15), Column("Value", "value", 0))
NO_BYTES = "no bytes in this trace"

Place = tuple[int, int]
"""Where a field lies among the bytes: from the first up to the second; both 0 when there are none."""


def steps(packet: Packet) -> list[Row]:
    """A row for each step, keyed by its place; where a lost packet's fate was decided stands out."""
    found = verdict(packet)
    decided = deciding_step(packet, found.ending) if found.lost else -1
    rows = []
    before: float | None = None
    for place, step in enumerate(packet.steps):
        now = step.time
        passed = elapsed(before, now, relative=True)
        before = now if now is not None else before
        text = f"+{duration(max(passed, 0.0))}" if passed is not None else ""
        rows.append(Row(place, (text, step.node), Tone.BAD if place == decided else Tone.PLAIN))
    return rows


def bytes_at(packet: Packet, position: int) -> Bytes | None:
    """The packet's bytes at a step; where it has none, those of the nearest step before it, else behind it, that has some."""
    order = [*range(position, -1, -1), *range(position + 1, len(packet.steps))]
    return next((found for place in order if (found := step_bytes(packet, place)) is not None), None)


def fields(packet: Packet, position: int, data: Bytes | None) -> list[Row]:
    """The headers with their fields, keyed by a number and the field's place among the bytes: of the bytes, else as a node printed them."""
    if data is not None:
        return [
            Row((number, (part.start, part.end)), (f"  {part.name}" if part.name else part.value, part.value if part.name else ""),
                Tone.PLAIN if part.name else Tone.WARN)
            for number, part in enumerate(decode(data.data, data.link_type))
        ]  # fmt: skip
    order = [*range(position, -1, -1), *range(position + 1, len(packet.steps))]
    headers = next((found for place in order if (found := packet.steps[place].fields.headers)), ())
    pairs: list[tuple[str, str]] = []
    for header in headers:
        pairs.append((header.name, ""))
        ends = (("source", header.source), ("destination", header.destination))
        pairs += [(f"  {name}", str(end)) for name, end in ends if end is not None]
        pairs += [(f"  {name}", _shown(name, value)) for name, value in header.values.items()]
    return [
        Row((number, (0, 0)), pair, Tone.PLAIN if pair[0].startswith(" ") else Tone.WARN) for number, pair in enumerate(pairs)
    ]  # fmt: skip


# What VPP prints in hex.
_HEX = frozenset(("checksum", "right checksum", "id", "tos", "flow label", "seq", "ack", "flags"))


def _shown(name: str, value: str | int | bytes) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return f"0x{value:x}" if name in _HEX and isinstance(value, int) else str(value)


def title(packet: Packet, place: int, count: int) -> str:
    """What stands above: which packet, who, what became of it."""
    number = place + 1 if packet.number is None else packet.number
    thread = f" of thread {packet.thread.index} {packet.thread.name}" if packet.thread is not None and packet.thread.index else ""
    flow = first_flow(packet) or frame_kind(packet)
    return f"packet {number}{thread} ({place + 1} of {count} listed)  {flow}  {verdict(packet)}"


def as_text(packet: Packet, position: int) -> str:
    """The packet as it is seen: its way, the headers, and the bytes beside them."""
    data = bytes_at(packet, position)
    lines = [f"{row.values[0]:>9} {row.values[1]}" for row in steps(packet)]
    left = [f"{row.values[0]:<15} {row.values[1]}" for row in fields(packet, position, data)]
    right = [f"bytes at {data.node}", *hex_lines(data.data, 16)] if data is not None else [NO_BYTES]
    width = max(map(len, left), default=0)
    height = max(len(left), len(right))
    pairs = zip(left + [""] * (height - len(left)), right + [""] * (height - len(right)))
    return "".join(f"{line.rstrip()}\n" for line in [*lines, "", *(f"{one:<{width}}  {other}" for one, other in pairs)])
