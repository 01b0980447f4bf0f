"""Dispatch traces: the records that VPP writes of every packet before every node, put together to packets again.

A record (link type 280; plugins/dispatch-trace) has the node's name, the buffer's metadata, and, for traced packets,
the trace so far. The last one of a packet has nearly all of its trace; the bytes come from each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vppsh.errors import InputFileError
from vppsh.traces.captures import Record
from vppsh.traces.fields import Role, role_of
from vppsh.traces.model import Packet, Step
from vppsh.traces.rebuild import link_of
from vppsh.traces.received import SHOWN, header_text
from vppsh.traces.text import packets_of

LINK_VPP = 280
MAJOR = 1
HEADER = 8
# Packets that are being put together at most; VPP has some thousands of buffers in flight.
OPEN_AT_ONCE = 65536
METADATA = re.compile(r"current_data: (-?\d+), current_length: (\d+)(?:.*\n)+?.*trace_handle: 0x(\w+)")
ENDS = (Role.DROP, Role.PUNT, Role.TRANSMIT)


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A record taken apart.

    index     the buffer
    metadata  VPP's text of the buffer's metadata
    trace     the trace so far, as bytes; empty for a packet that is not traced
    """

    time: int
    index: int
    node: str
    metadata: str
    trace: bytes
    data: bytes


@dataclass(slots=True)
class _Open:
    """A packet of which more records may come."""

    records: list[Dispatched] = field(default_factory=list)


def dispatched(record: Record, source: str) -> Dispatched:
    """A record of the capture taken apart. Raises InputFileError when it is none of a dispatch trace."""
    data = record.data
    if len(data) < HEADER or data[0] != MAJOR:
        raise InputFileError(f"{source}: a record that is none of a dispatch trace of version {MAJOR}")
    count = data[2]
    texts = data[HEADER:].split(b"\0", count)
    packet = texts.pop() if len(texts) > count else b""
    texts += [b""] * (5 - len(texts))
    return Dispatched(
        record.time,
        int.from_bytes(data[4:8], "big"),
        texts[0].decode(errors="replace"),
        texts[1].decode(errors="replace"),
        texts[4],
        packet,
    )


def read_dispatch(records: Iterable[Record], source: str = "") -> Iterator[Packet]:
    """The packets of a dispatch trace, in the order of their last records."""
    waiting: dict[int, _Open] = {}
    number = 0
    for record in records:
        one = dispatched(record, source)
        found = waiting.get(one.index)
        if found is not None and not _goes_on(found.records[-1], one):
            number += 1
            yield _packet(waiting.pop(one.index).records, number, source)
            found = None
        if found is None:
            if len(waiting) >= OPEN_AT_ONCE:
                number += 1
                yield _packet(waiting.pop(next(iter(waiting))).records, number, source)
            found = waiting[one.index] = _Open()
        found.records.append(one)
    for left in waiting.values():
        number += 1
        yield _packet(left.records, number, source)


def _goes_on(before: Dispatched, after: Dispatched) -> bool:
    """Whether two records of a buffer are of the same packet: a traced one's trace has grown, any other's way has not ended."""
    if before.trace or after.trace:
        return bool(before.trace) and after.trace.startswith(before.trace)
    return role_of(before.node) not in ENDS


def _packet(records: list[Dispatched], number: int, source: str) -> Packet:
    last = records[-1]
    steps = _traced(last) if last.trace else []
    at = 0
    for record in records:
        found = next((position for position in range(at, len(steps)) if steps[position].node == record.node), None)
        if found is not None:
            steps[found].data = record.data
            at = found + 1
        elif record is last or not last.trace:
            # A node that had not traced the packet yet, or a packet that is not traced: say what the record has.
            steps.append(Step(_stamp(record.time), record.node, _text(record), record.data))
    return Packet(steps, number, head=f"Packet {number}\n", tail="\n\n", source=source, origin="dispatch")


def _traced(record: Dispatched) -> list[Step]:
    packets = packets_of(f"Packet 1\n{record.trace.decode(errors='replace')}\n\n")
    return packets[0].steps if packets else []


def _text(record: Dispatched) -> str:
    """The buffer and the headers of a packet before a node."""
    found = METADATA.search(record.metadata)
    buffer = f"  buffer 0x{record.index:x}: current data {found[1]}, length {found[2]}, trace handle 0x{found[3]}\n" if found else ""
    # Where drops and punts are told, lines with a colon are reasons.
    told = role_of(record.node) in (Role.DROP, Role.PUNT)
    return buffer.rstrip("\n") if told else f"{buffer}{header_text(link_of(record.data), record.data[:SHOWN])}"


def _stamp(time: int) -> str:
    """The time of a record: VPP counts from its start."""
    seconds, rest = divmod(time, 1_000_000_000)
    hours, seconds = divmod(seconds, 3600)
    return f"{hours % 24:02}:{seconds // 60:02}:{seconds % 60:02}:{rest // 1000:06}"
