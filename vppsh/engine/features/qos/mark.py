"""The nodes that write a priority into sent packets, by the one that was recorded (vnet/qos/qos_mark_node.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.qos.record import BYTE, SHORT, TOS_AT, VALID
from vppsh.engine.features.qos.state import EgressMaps, QosMarks, Source
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4
from vppsh.engine.wire.checksum import byte_sums, checksums
from vppsh.registry import NodeSpec, feature, node

CHECKSUM_AT, LONGEST_IP4_HEADER = 10, 60
EXP_AT, EXP_MASK, BOTTOM, LABEL_BYTES = 2, 0x0E, 0x01, 4
TAG_AT = 14
Rows = NDArray[np.int32]
Bits = NDArray[np.uint8]


class MarkTrace(Struct, frozen=True):
    """Where the priority was recorded, what the map makes of it, and whether there was one at all."""

    source: int
    bits: int
    used: bool


def format_mark_trace(view: Any, record: MarkTrace) -> str:
    """`source:IP qos:184 used:yes`."""
    return f"source:{Source(record.source).text} qos:{record.bits} used:{'yes' if record.used else 'no'}"


def _starts(buffers: BufferPool, rows: Rows) -> NDArray[np.int64]:
    return rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows]


def mark_ip4(buffers: BufferPool, rows: Rows, bits: Bits) -> None:
    """The type of service; the checksum is made anew when it changes."""
    view, shorts = buffers.bytes_at(BYTE), buffers.bytes_at(SHORT)
    starts = _starts(buffers, rows) + buffers.save_rewrite_length[rows]
    changed = view[starts + TOS_AT] != bits
    starts = starts[changed]
    view[starts + TOS_AT] = bits[changed]
    shorts[starts + CHECKSUM_AT] = 0
    lengths = ip4.header_bytes(view[starts].astype(np.int64))
    headers = view[np.minimum(starts[:, None] + np.arange(LONGEST_IP4_HEADER), len(view) - 1)]
    shorts[starts + CHECKSUM_AT] = checksums(byte_sums(headers, lengths))


def mark_ip6(buffers: BufferPool, rows: Rows, bits: Bits) -> None:
    """The traffic class."""
    shorts = buffers.bytes_at(SHORT)
    starts = _starts(buffers, rows) + buffers.save_rewrite_length[rows]
    shorts[starts] = shorts[starts] & 0xF00F | bits.astype(np.uint16) << 4


def mark_mpls(buffers: BufferPool, rows: Rows, bits: Bits) -> None:
    """The traffic class of all labels, as far as the buffer goes."""
    view = buffers.bytes_at(BYTE)
    at = _starts(buffers, rows) + buffers.save_rewrite_length[rows] + EXP_AT
    ends = (rows.astype(np.int64) + 1) * STRIDE
    value = (bits & 7) << 1
    while len(at):
        view[at] = view[at] & ~np.uint8(EXP_MASK) | value
        more = (view[at] & BOTTOM == 0) & (at + LABEL_BYTES < ends)
        at, ends, value = at[more] + LABEL_BYTES, ends[more], value[more]


def mark_tag(buffers: BufferPool, rows: Rows, bits: Bits) -> None:
    """The upper four bits of the VLAN tag, or of what is in its place."""
    view = buffers.bytes_at(BYTE)
    at = _starts(buffers, rows) + TAG_AT
    view[at] = view[at] & 0x0F | (bits & 0x0F) << 4


def _marker(name: str, drop: str, output: Source, write: Callable[[BufferPool, Rows, Bits], None]) -> NodeSpec:
    def mark(ctx: Context, frame: Frame) -> Nexts:
        """Write what the interface's map says for the priority of each packet that has one."""
        buffers = ctx.buffers
        rows = frame.indices(buffers)
        maps = ctx.get(QosMarks).by_interface[output].take(buffers.tx_sw_if_index[rows], mode="clip")
        sources = buffers.qos_source[rows]
        bits = ctx.get(EgressMaps).outputs[maps, sources, buffers.qos_bits[rows]]
        used = buffers.flags[rows] & VALID != 0
        write(buffers, rows[used], bits[used])
        for position, index in ctx.traced(frame):
            ctx.trace(index, MarkTrace(int(sources[position]), int(bits[position]), bool(used[position])))
        return ctx.engine.arcs.next(ctx, frame)

    return node(name, nexts=(drop,), trace=format_mark_trace)(mark)


NODES = (
    _marker("ip4-qos-mark", "ip4-drop", Source.IP, mark_ip4),
    _marker("ip6-qos-mark", "ip6-drop", Source.IP, mark_ip6),
    _marker("mpls-qos-mark", "mpls-drop", Source.MPLS, mark_mpls),
    *(_marker(f"vlan-{proto}-qos-mark", "error-drop", Source.VLAN, mark_tag) for proto in ("ip4", "ip6", "mpls")),
)
FEATURES = tuple(
    spec
    for proto in ("ip4", "ip6", "mpls")
    for spec in (
        feature(f"{proto}-output", f"{proto}-qos-mark"),
        feature(f"{proto}-output", f"vlan-{proto}-qos-mark", after=(f"{proto}-qos-mark",)),
    )
)
