"""pg-input: the input node that sends the packets of all enabled streams, and the MAC filter on its interfaces.

Counterpart of VPP's pg/input.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from vppsh.engine.buffer_text import BufferSnapshot, format_buffer, snapshot
from vppsh.engine.buffers import DATA_SIZE
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.pg.fill import buffers_needed, fill_from, place
from vppsh.engine.features.pg.interfaces import PgInterfaces
from vppsh.engine.features.pg.streams import Stream, Streams
from vppsh.engine.frame import Frame, Rows
from vppsh.engine.wire.arp import format_ethernet_arp_header
from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
from vppsh.engine.wire.ip4 import format_ip4_header
from vppsh.engine.wire.ip6 import format_ip6_header
from vppsh.engine.wire.text import format_hex_bytes
from vppsh.engine.wire.udp import format_udp_header
from vppsh.registry import feature, input_node, node

TRACED_BYTES = 128
ETHERNET_INPUT = "ethernet-input"
DROP = 0
# Nexts of device-input whose names the trace shows; VPP knows others by number only.
NAMED_NEXTS = frozenset((
    "error-drop", "ethernet-input", "ip4-input-no-checksum", "ip4-input", "ip6-input", "mpls-input", "ip4-drop", "ip6-drop",
    "punt-dispatch",
))  # fmt: skip
# The nodes that know how to show their packets (format_buffer).
FORMAT_AT: Mapping[str, Callable[[bytes, int], str]] = MappingProxyType(
    dict.fromkeys(("ethernet-input", "ethernet-input-type", "ethernet-input-not-l2", "l2-input"), format_ethernet_header_with_length)
    | dict.fromkeys(("ip4-input", "ip4-input-no-checksum", "ip4-options"), format_ip4_header)
    | dict.fromkeys(("arp-input", "arp-reply", "arp-proxy"), format_ethernet_arp_header)
    | dict.fromkeys(("ip4-udp-lookup", "ip6-udp-lookup"), format_udp_header)
    | {"ip6-input": format_ip6_header}
)


class InputTrace(Struct, frozen=True):
    """What pg-input saw: the stream, the whole length, where the packet goes, the buffer and the first bytes."""

    streams: Streams
    place: int
    length: int
    rx: int
    next_name: str
    buffer: BufferSnapshot
    data: bytes


def format_input_trace(view: object, record: InputTrace) -> str:
    """The stream, the buffer, and the packet as the stream's node shows it."""
    stream = record.streams.at(record.place)
    name = str(record.place) if stream is None else stream.name
    text = f"stream {name}, {record.length} bytes, sw_if_index {record.rx}, next_node {record.next_name}"
    text += f"\n  {format_buffer(record.buffer, 2)}\n  "
    format_header = None if stream is None else format_ethernet_header_with_length if stream.to_wire else FORMAT_AT.get(stream.spec.node)
    return text + (format_hex_bytes(record.data, 2) if format_header is None else format_header(record.data, 2))


@input_node("pg-input", sibling_of="device-input", trace=format_input_trace, traceable=True)
def pg_input(ctx: Context) -> int:
    """Send what the enabled streams want to send now."""
    streams = ctx.get(Streams)
    sent = 0
    for stream in list(streams):
        if stream.enabled:
            if stream.exhausted:
                streams.enable(stream, False)
            else:
                sent += _send(ctx, stream)
    return sent


def _send(ctx: Context, stream: Stream) -> int:
    """One frame of a stream, if its rate and the buffers allow one."""
    n = stream.wanted(ctx.now, ctx.vector_size)
    made = stream.shortage(n, ctx.vector_size)
    n = min(n, stream.ready + made)
    if n <= 0:
        return 0
    buffers, counter = ctx.buffers, ctx.engine.interfaces.rx
    generator = stream.generator
    if generator is not None and made == n and not stream.ready and generator.sizes.high <= DATA_SIZE:
        n = min(n, buffers.free)
        if not n:
            return 0
        rows, n_bytes = fill_from(generator, buffers, n)
        counter.add(stream.rx, n, n_bytes)
        _hand_on(ctx, stream, rows, n)
    else:
        if made:
            counter.add(stream.rx, made, stream.make(made))
        buffer_bytes = min(stream.spec.buffer_bytes, DATA_SIZE)
        for batch in stream.take(n):
            if buffers_needed(batch.lengths, buffer_bytes) <= buffers.free:
                _hand_on(ctx, stream, place(batch, buffers, buffer_bytes), len(batch))
            else:
                ctx.engine.interfaces.rx_no_buffer.add(stream.rx, len(batch))
    stream.sent += n
    return n


def _hand_on(ctx: Context, stream: Stream, rows: Rows, n: int) -> None:
    """Give fresh packets to the stream's node, or to the features of their interface."""
    buffers, engine = ctx.buffers, ctx.engine
    buffers.rx_sw_if_index[rows] = stream.rx
    if stream.spec.tx is not None:
        buffers.tx_sw_if_index[rows] = stream.spec.tx
    frame = Frame(rows, n, offset=0, rx=stream.rx)
    slot = engine.arcs.start(engine.arcs["device-input"], ctx, frame, stream.rx, stream.slot)
    assert isinstance(slot, int)
    target = ctx.node.nexts[slot]
    wanted = engine.tracer.wants(ctx.node)
    if wanted:
        next_name = target.name if target.name in NAMED_NEXTS else str(slot)
        for index in frame.indices(buffers)[:wanted].tolist():
            if engine.tracer.begin(index):
                ctx.node.trace_count += 1
                frame.traced = True
                length = int(buffers.packet_length(slice(index, index + 1))[0])
                data = buffers.peek(index, TRACED_BYTES)
                ctx.trace(
                    index, InputTrace(engine.get(Streams), stream.place, length, stream.rx, next_name, snapshot(buffers, index), data)
                )
    ctx.enqueue_frame(slot, frame)
    if target.name == ETHERNET_INPUT:
        # A frame for ethernet-input is of one interface: no other stream's packets may join it.
        target.pending = None


@node("pg-input-mac-filter", nexts=("error-drop",))
def pg_input_mac_filter(ctx: Context, frame: Frame) -> Nexts:
    """Let in what is sent to the group addresses that the interface listens to, and nothing else."""
    buffers = ctx.buffers
    interfaces = ctx.engine.interfaces
    rows = frame.indices(buffers)
    wanted = np.zeros(frame.n, bool)
    for sw_if_index in np.unique(buffers.rx_sw_if_index[rows]).tolist():
        pg = ctx.get(PgInterfaces).of(interfaces[sw_if_index]) if sw_if_index in interfaces else None
        if pg is not None and pg.allowed_multicast:
            here = np.flatnonzero(buffers.rx_sw_if_index[rows] == sw_if_index)
            wanted[here] = [buffers.peek(int(rows[position]), 6) in pg.allowed_multicast for position in here]
    if not wanted.any():
        return DROP
    nexts = np.full(frame.n, DROP, np.int32)
    nexts[wanted] = ctx.engine.arcs.next(ctx, frame.pick(buffers, wanted))
    return nexts


MAC_FILTER = feature("device-input", "pg-input-mac-filter")
