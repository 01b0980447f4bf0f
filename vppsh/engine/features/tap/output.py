"""NAME-tx of a tap: packets are written to the host, one system call each.

Counterpart of VPP's plugins/tap/tx_node.c.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.buffer_data import chain_of
from vppsh.engine.buffer_text import BufferSnapshot, format_buffer, snapshot
from vppsh.engine.buffers import HEADROOM, STRIDE, BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.header_offsets import HeaderOffsets, find_headers, format_offsets
from vppsh.engine.host.tun import HEADER_BYTES
from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.features.tap.taps import Tap
    from vppsh.engine.interfaces import Interface, NodeFunction

TX_ERRORS = (
    error("no_free_slots", "no free tx slots"),
    error("trunc_packet", "packet > buffer size -- truncated in tx ring"),
    error("pending_msgs", "pending msgs in tx ring"),
    error("indirect_desc_alloc_failed", "indirect descriptor allocation failed - packet drop"),
    error("out_of_order", "out-of-order buffers in used ring"),
    error("gso_packet_drop", "gso disabled on itf  -- gso packet drop"),
    error("csum_offload_packet_drop", "checksum offload disabled on itf -- csum offload packet drop"),
)
NO_FREE_SLOTS = 0
# No offload is asked for: checksums are complete, segments are packets.
HEADER = bytes(HEADER_BYTES)
FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
TRACED_BYTES = 128


class TxTrace(Struct, frozen=True):
    """What the tx node saw: the buffer, where the headers are, the first bytes."""

    buffer: BufferSnapshot
    offsets: HeaderOffsets
    data: bytes


def format_tx_trace(view: object, record: TxTrace) -> str:
    """The buffer, its headers, and the packet as if it were Ethernet, which that of a tun is not."""
    head = f"  buffer 0x{record.buffer.handle:x}: "
    text = f"{head}{format_buffer(record.buffer, 2 + len(head))}\n  {format_offsets(record.offsets)}\n  "
    return text + format_ethernet_header_with_length(record.data, 2)


def tap_tx(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node of one tap."""
    from vppsh.engine.features.tap.taps import Taps

    tap: Tap = interface.hardware.device
    interfaces, own = engine.interfaces, interface.sw_if_index

    def write(ctx: Context, frame: Frame) -> None:
        buffers = ctx.buffers
        if not frame.traced and len(ctx.engine.tracer):
            # A neighbour solicitation belongs to a trace, but its frame began outside of it.
            frame.traced = bool((buffers.trace[frame.rows] >= 0).any())
        for _, index in ctx.traced(frame):
            offsets = find_headers(buffers, index, ethernet=not tap.config.tun)
            ctx.trace(index, TxTrace(snapshot(buffers, index), offsets, buffers.peek(index, TRACED_BYTES)))
        full = failed = 0
        memory, descriptor = buffers.memory, tap.device.descriptor
        for parts in _packets(ctx, frame):
            try:
                os.writev(descriptor, (HEADER, *(memory[start:stop] for start, stop in parts)))
            except OSError as problem:
                if problem.errno in FULL:
                    full += 1
                else:
                    failed += 1
                    if problem.errno == errno.EBADFD and not tap.gone:
                        ctx.get(Taps).lose(tap)
        tap.tx += frame.n - full - failed
        if full:
            ctx.count(NO_FREE_SLOTS, full)
            interfaces.drops.add(own, full)
        if failed:
            # The host's end is down, or gone, or does not take such packets.
            interfaces.tx_error.add(own, failed)
        buffers.free_packets(frame)

    return write


def _packets(ctx: Context, frame: Frame) -> list[list[tuple[int, int]]]:
    """Where the bytes of each packet lie: from where to where, a pair for each of its buffers."""
    buffers, rows = ctx.buffers, frame.rows
    starts = buffers.addresses(frame).tolist()
    # A packet cut off within headers that were taken off has less than nothing left.
    lengths = buffers.current_length[rows].clip(0).tolist()
    packets = [[(start, start + length)] for start, length in zip(starts, lengths)]
    chained = buffers.flags[rows] & BufferFlag.NEXT_PRESENT
    if chained.any():
        indices = frame.indices(buffers)
        for position in chained.nonzero()[0].tolist():
            for index in chain_of(buffers, int(indices[position]))[1:]:
                start = index * STRIDE + HEADROOM + int(buffers.current_data[index])
                packets[position].append((start, start + int(buffers.current_length[index])))
    return packets
