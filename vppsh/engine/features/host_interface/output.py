"""NAME-tx of a host interface: a frame is copied into the ring, and one system call sends it.

Counterpart of VPP's plugins/af_packet/device.c.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffer_text import BufferSnapshot, format_buffer, snapshot
from vppsh.engine.buffers import HEADROOM, STRIDE, BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.host_interface.trace import SlotTrace, format_slot
from vppsh.engine.frame import Frame
from vppsh.engine.host.packet_ring import SEND_REQUEST, TX_DATA, VNET_BYTES
from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.features.host_interface.hosts import HostInterface
    from vppsh.engine.interfaces import Interface, NodeFunction

TX_ERRORS = (
    error("frame_not_ready", "tx frame not ready"),
    error("txring_eagain", "tx sendto temporary failure"),
    error("txring_fatal", "tx sendto fatal failure"),
    error("txring_overrun", "tx ring overrun"),
)
FRAME_NOT_READY, TXRING_EAGAIN, TXRING_FATAL, TXRING_OVERRUN = range(4)
TEMPORARY = (errno.EAGAIN, errno.ENOBUFS, errno.EINTR)
TRACED_BYTES = 128


class TxTrace(Struct, frozen=True):
    """What the tx node saw: the interface, the slot of the ring, the buffer, the first bytes."""

    hw_if_index: int
    slot: SlotTrace
    buffer: BufferSnapshot
    data: bytes


def format_tx_trace(view: object, record: TxTrace) -> str:
    """VPP's text."""
    return (
        f"af_packet: hw_if_index {record.hw_if_index} tx-queue 0{format_slot(record.slot)}\n"
        f"    buffer 0x{record.buffer.handle:x}:\n      {format_buffer(record.buffer, 6)}\n"
        f"    {format_ethernet_header_with_length(record.data, 4)}"
    )


def host_tx(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node of one host interface."""
    host: HostInterface = interface.hardware.device

    def send(ctx: Context, frame: Frame) -> None:
        buffers = ctx.buffers
        if not frame.traced and len(ctx.engine.tracer):
            # A neighbour solicitation belongs to a trace, but its frame began outside of it.
            frame.traced = bool((buffers.trace[frame.rows] >= 0).any())
        left = frame
        while left.n:
            n = _fill(ctx, host, left)
            if not n:
                ctx.count(FRAME_NOT_READY, left.n)
                break
            left = left.pick(buffers, np.arange(n, left.n))
        try:
            host.socket.send()
        except OSError as problem:
            ctx.count(TXRING_EAGAIN if problem.errno in TEMPORARY else TXRING_FATAL)
        buffers.free_packets(frame)

    return send


def _fill(ctx: Context, host: HostInterface, frame: Frame) -> int:
    """Copy the first packets into free slots side by side; how many it were, none if the next slot is not free."""
    buffers, ring = ctx.buffers, host.socket.tx
    slots = ring.run(frame.n, owned=False)
    n = slots.stop - slots.start
    if not n:
        return 0
    rows = frame.indices(buffers)[:n]
    # A packet cut off within headers that were taken off has less than nothing left; a slot takes no more than fits.
    lengths = buffers.current_length[rows].clip(0, ring.size.frame - TX_DATA)
    longest = int(lengths.max())
    if frame.offset is not None and isinstance(frame.rows, slice):
        start = HEADROOM + frame.offset
        data = buffers.data[frame.rows.start : frame.rows.start + n, start : start + longest]
    else:
        starts = rows.astype(np.int64) * STRIDE + (HEADROOM + buffers.current_data[rows])
        data = gather(buffers, starts, longest)[:, :longest]
    ring.bytes[slots, TX_DATA : TX_DATA + longest] = data
    if (buffers.flags[rows] & BufferFlag.NEXT_PRESENT).any():
        lengths = lengths.copy()
        for position, index in enumerate(rows.tolist()):
            packet = buffers.packet(index, ring.size.frame - TX_DATA)
            ring.bytes[slots.start + position, TX_DATA : TX_DATA + len(packet)] = np.frombuffer(packet, np.uint8)
            lengths[position] = len(packet)
    headers = ring.headers[slots]
    headers["len"] = headers["snaplen"] = lengths + VNET_BYTES
    for position, index in ctx.traced(frame):
        if position < n:
            slot = SlotTrace.of(headers[position], status=SEND_REQUEST)
            data_shown = buffers.peek(index, TRACED_BYTES)
            ctx.trace(index, TxTrace(host.interface.hardware.hw_if_index, slot, snapshot(buffers, index), data_shown))
    ring.advance(slots, SEND_REQUEST)
    return n
