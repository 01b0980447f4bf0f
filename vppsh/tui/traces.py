"""Captured packets as tables: one a row, or one path a row."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from vppsh.traces.explain import frame_kind
from vppsh.traces.export import write_pcapng
from vppsh.traces.flows import first_flow
from vppsh.traces.groups import Groups, duration, plural
from vppsh.traces.jsonl import write_line
from vppsh.traces.model import Packet, Thread, elapsed, show_packet
from vppsh.traces.text import read_text
from vppsh.traces.verdict import Outcome, verdict
from vppsh.tui.grid import Column, Order, Row, Tone

HELP = (
    "Packets and their ways through the graph. Nothing is traced by itself: `n' asks what to capture, shows the lines that will be "
    "sent, and sends them when you say so. A capture is bounded; it ends when its packets are there, when its time is over, or with "
    "`n'. `clear trace' forgets what others have in the trace buffer; `show trace' stops VPP's workers while it prints, so that pauses "
    "before it grow. What was set is taken back, also when the target was lost meanwhile. `b' shows what is in the buffer already. On "
    "Errors, Interfaces and Graph, `p' leads here: to the packets behind a row.\n\n"
    "`/' takes the expressions of `vppsh trace --filter': host 10.0.0.2 and port 53 and not sent. `g' puts packets of one path "
    "together, Enter opens a path or a packet, `e' explains in words.\n\n"
    "In a packet: Tab goes from its way to the node's words, the headers and the bytes; left and right go to the packet before and "
    "behind; a header's field is marked among the bytes.\n\n"
    "`x' saves what is listed, or the open packet: .txt (as show trace), .json (for vppsh trace), .pcapng (for Wireshark), .svg."
)
TONES: Mapping[Outcome, Tone] = MappingProxyType(
    {
        Outcome.DROPPED: Tone.BAD,
        Outcome.REFUSED: Tone.BAD,
        Outcome.PUNTED: Tone.WARN,
        Outcome.UNFINISHED: Tone.WARN,
        Outcome.HELD: Tone.WARN,
    }
)


def took(value: float) -> str:
    """A time between steps; nothing when it is not known."""
    return duration(value) if value >= 0 else ""


COLUMNS = (
    Column("#", "number", 5, number=True),
    Column("Flow", "flow", 0, least=31),
    Column("Verdict", "verdict", 0, least=42),
    Column("In", "input", 12),
    Column("Time", "time", 15),
    Column("Last node", "last_node", 16),
    Column("took", "seconds", 9, took, number=True),
    Column("steps", "steps", 5, number=True),
    Column("thread", "thread", 6, number=True),
)
PATH_COLUMNS = (
    Column("packets", "packets", 7, number=True),
    Column("share", "share", 6, lambda share: f"{100 * share:.0f}%", number=True),
    Column("Verdict", "verdict", 0, least=34),
    Column("Path", "path", 0, least=30),
    Column("took", "seconds", 9, took, number=True),
)
# Characters of a text that are read at once.
BLOCK = 1 << 16
ORDER, PATH_ORDER = Order(0), Order(0, descending=True)


@dataclass(frozen=True)
class Taken:
    """Packets that were captured.

    source   from what, in words
    at       when, in seconds since 1970
    rows     one a packet, in the order of `packets`; its key is the place there
    """

    packets: tuple[Packet, ...] = ()
    source: str = ""
    at: float = 0.0
    rows: tuple[Row, ...] = field(default=(), repr=False)


def blocks(text: str) -> Iterator[str]:
    """A text in pieces of whole lines, so that the screen has its turn while a long one is read."""
    at = 0
    while at < len(text):
        end = text.find("\n", at + BLOCK) + 1 or len(text)
        yield text[at:end]
        at = end


def taken(pieces: Iterable[str], source: str, names: Mapping[int, str], target: str = "") -> Taken:
    """What a text of `show trace` holds; `names` are those of the target's interfaces by index."""
    packets = tuple(item for item in read_text(pieces, target) if isinstance(item, Packet))
    return Taken(packets, source, time.time(), tuple(listed(packets, names)))


def listed(packets: Iterable[Packet], names: Mapping[int, str]) -> Iterable[Row]:
    """A row for each packet."""
    for place, packet in enumerate(packets):
        found = verdict(packet)
        steps = packet.steps
        passed = elapsed(packet.start, steps[-1].time, relative=True) if steps else None
        values = (
            place + 1 if packet.number is None else packet.number,
            str(first_flow(packet) or frame_kind(packet)),
            str(found),
            received_by(packet, names),
            steps[0].stamp if steps else "",
            steps[-1].node if steps else "",
            -1.0 if passed is None else passed,
            len(steps),
            packet.thread.index if packet.thread else 0,
        )
        yield Row(place, values, TONES.get(found.outcome, Tone.PLAIN))


def received_by(packet: Packet, names: Mapping[int, str]) -> str:
    """The interface that a packet came in by, else the node; the name is noted in the packet, where filters look for it."""
    for step in packet.steps:
        values = step.fields.values
        name = values.get("rx_interface")
        if name is None and step is packet.steps[0]:
            index = values.get("sw_if_index")
            name = values.get("interface") or (names.get(index) if isinstance(index, int) else None)
        if name is not None:
            packet.facts["received by"] = str(name)
            return str(name)
    return packet.steps[0].node if packet.steps else ""


def paths(packets: Iterable[Packet]) -> tuple[Row, ...]:
    """A row for each path, keyed by it."""
    groups = Groups(packets)
    whole = groups.packets
    rows = []
    for group in groups:
        verdicts = "; ".join(f"{count} {each}" for each, count in group.verdicts.most_common())
        text = verdicts if len(group.verdicts) > 1 else str(group.verdict)
        mean = -1.0 if group.mean is None else group.mean
        values = (group.packets, group.packets / whole, text, " -> ".join(group.path), mean)
        rows.append(Row(group.path, values, TONES.get(group.verdict.outcome, Tone.PLAIN)))
    return tuple(rows)


def told(found: Taken, shown: int, ways: int, path: int | None, expression: str) -> str:
    """What is listed, in one line."""
    if not found.source:
        return "nothing was captured yet: `n' asks what to capture, `b' shows what the target's trace buffer has"
    when = time.strftime("%H:%M:%S", time.localtime(found.at))
    parts = [f"{plural(len(found.packets), 'packet')} {found.source} at {when}"]
    if path is not None:
        parts.append(f"path {path + 1} of {ways}")
    elif found.packets:
        parts.append(plural(ways, "path"))
    if expression:
        parts.append(f"{shown} with {expression}")
    return ", ".join(parts)


def as_show_trace(packets: Sequence[Packet]) -> str:
    """Packets as `show trace` prints them, below the lines of their threads."""
    pieces = []
    thread: Thread | None = None
    for packet in packets:
        if packet.thread is not None and packet.thread != thread:
            thread = packet.thread
            pieces.append(f"------------------- Start of thread {thread.index} {thread.name} -------------------\n")
        pieces.append(show_packet(packet))
    return "".join(pieces)


def as_json_lines(packets: Iterable[Packet]) -> str:
    """Packets as `vppsh trace` writes and reads them: a line each."""
    return "".join(map(write_line, packets))


def write(path: Path, packets: Sequence[Packet]) -> str:
    """Write packets to a file; its ending says how: .json, .pcapng, else text. What is to be said of that. Raises OSError."""
    kind = path.suffix.casefold()
    left_out = 0
    if kind == ".pcapng":
        stream = BytesIO()
        _, left_out = write_pcapng(packets, stream)
        path.write_bytes(stream.getvalue())
    else:
        text = as_json_lines(packets) if kind in (".json", ".jsonl") else as_show_trace(packets)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    more = f"; {plural(left_out, 'packet')} without any headers left out" if left_out else ""
    return f"{plural(len(packets) - left_out, 'packet')} saved as {path}{more}"
