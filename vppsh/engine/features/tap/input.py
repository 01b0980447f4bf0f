"""tap-input: packets are read from the host into buffers that lie side by side, one system call each, many to a frame.

Counterpart of VPP's plugins/tap/rx_node.c.
"""

from __future__ import annotations

import os
import struct

import numpy as np
from msgspec import Struct

from vppsh.engine import device_burst
from vppsh.engine.buffer_data import append_bytes
from vppsh.engine.buffers import DATA_SIZE, HEADROOM, STRIDE
from vppsh.engine.context import Context
from vppsh.engine.features.tap.taps import Tap, Taps
from vppsh.engine.frame import Frame
from vppsh.engine.host.tun import HEADER_BYTES
from vppsh.engine.offload import VNET_HEADER, finish
from vppsh.registry import error, input_node

ERRORS = (
    error("buffer_alloc", "buffer alloc error"),
    error("full_rx_queue", "full rx queue (driver tx drop)"),
)
BUFFER_ALLOC = 0
# Bare IP packets begin where they would behind an Ethernet header.
TUN_DATA_OFFSET = 14
VIRTIO_NET_HEADER = struct.Struct("<BBHHHH")


class InputTrace(Struct, frozen=True):
    """What tap-input saw: the interface, the next node, the length, and the virtio-net header."""

    hw_if_index: int
    next_index: int
    length: int
    header: tuple[int, ...]


def format_input_trace(view: object, record: InputTrace) -> str:
    """VPP's text; there is one ring, and a packet takes one buffer of it."""
    flags, gso_type, hdr_len, gso_size, csum_start, csum_offset = record.header
    return (
        f"virtio: hw_if_index {record.hw_if_index} next-index {record.next_index} vring 0 len {record.length}\n"
        f"    hdr: flags 0x{flags:02x} gso_type 0x{gso_type:02x} hdr_len {hdr_len} gso_size {gso_size} csum_start {csum_start} "
        f"csum_offset {csum_offset} num_buffers 1"
    )


@input_node("tap-input", sibling_of="device-input", errors=ERRORS, trace=format_input_trace, traceable=True)
def tap_input(ctx: Context) -> int:
    """Read what the host has for the taps that are up, a vector of each at most."""
    taps = ctx.get(Taps)
    return sum(_read(ctx, taps, taps.read_from(one)) for one in ctx.engine.descriptors.pending.get(ctx.node, ()))


def _read(ctx: Context, taps: Taps, tap: Tap) -> int:
    """Read packets until there are no more, or the vector is full; how many it were."""
    buffers, interface, tun = ctx.buffers, tap.interface, tap.config.tun
    rows = buffers.allocate(ctx.vector_size)
    if not isinstance(rows, slice):
        ctx.count(BUFFER_ALLOC)
        return 0
    offset = TUN_DATA_OFFSET if tun else 0
    lengths, tails = _read_burst(taps, tap, rows, offset)
    n = len(lengths)
    buffers.release(slice(rows.start + n, rows.stop))
    if not n:
        return 0
    tap.rx += n
    ctx.engine.interfaces.rx.add(interface.sw_if_index, n, sum(lengths))
    first = np.array(lengths, np.int32)
    if tails:
        np.minimum(first, DATA_SIZE - offset, out=first)
    frame = device_burst.fresh(ctx, interface, slice(rows.start, rows.start + n), first, offset)
    if tails:
        whole = np.ones(n, bool)
        for position, tail in tails.items():
            whole[position] = append_bytes(buffers, rows.start + position, tail)
        if not whole.all():
            ctx.count(BUFFER_ALLOC, n - int(whole.sum()))
            buffers.free_packets(frame.pick(buffers, ~whole))
            frame = frame.pick(buffers, whole)

    def record(index: int, slot: int) -> InputTrace:
        header = VIRTIO_NET_HEADER.unpack(buffers.peek(index, VIRTIO_NET_HEADER.size, -HEADER_BYTES))
        length = int(buffers.packet_length(slice(index, index + 1))[0])
        return InputTrace(interface.hardware.hw_if_index, slot, length, header)

    if tap.config.offload:
        frame = _finish(ctx, tap, frame)
    if not frame.n:
        return n
    if tun:
        device_burst.bare_ip(ctx, frame, record)
    else:
        device_burst.ethernet(ctx, interface, frame, record)
    return n


def _finish(ctx: Context, tap: Tap, frame: Frame) -> Frame:
    """Do what the host left to do, as the virtio-net headers in front of packets say."""
    buffers = ctx.buffers
    vnet = buffers.load(frame, VNET_HEADER, -HEADER_BYTES)
    if not (vnet["flags"].any() or vnet["gso_type"].any()):
        return frame
    bad = np.zeros(frame.n, bool)
    finished, _ = finish(buffers, frame, vnet, bad, ethernet=not tap.config.tun)
    if bad.any():
        ctx.engine.interfaces.rx_error.add(tap.interface.sw_if_index, int(bad.sum()))
        buffers.free_packets(frame.pick(buffers, bad))
    return finished


def _read_burst(taps: Taps, tap: Tap, rows: slice, offset: int) -> tuple[list[int], dict[int, bytes]]:
    """Read packets into buffers: the length of each, and what did not fit into the buffer of some, by position."""
    start = rows.start * STRIDE + HEADROOM + offset - HEADER_BYTES
    room = HEADER_BYTES + DATA_SIZE - offset
    memory, descriptor, overflow = taps.memory, tap.device.descriptor, taps.overflow
    lengths: list[int] = []
    tails: dict[int, bytes] = {}
    for _ in range(rows.stop - rows.start):
        try:
            n = os.readv(descriptor, (memory[start : start + room], overflow))
        except BlockingIOError:
            break
        except OSError:
            taps.lose(tap)
            break
        if n > room:
            tails[len(lengths)] = bytes(overflow[: n - room])
        lengths.append(n - HEADER_BYTES)
        start += STRIDE
    return lengths, tails
