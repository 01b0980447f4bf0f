"""memif-input, which takes packets out of rings and looks after the sockets, and memif-process, by which slaves look for masters.

Counterpart of VPP's plugins/memif/node.c.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import inf

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine import device_burst
from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import DATA_SIZE, HEADROOM
from vppsh.engine.context import Context
from vppsh.engine.features.memif.memifs import Memifs
from vppsh.engine.features.memif.model import Memif, Mode
from vppsh.engine.features.memif.rings import NEXT, WRAP, Queue, between
from vppsh.engine.frame import Frame, side_by_side
from vppsh.registry import error, info, input_node, process, table

ERRORS = (
    error("buffer_alloc", "buffer allocation failed"),
    error("bad_desc", "bad descriptor"),
    info("not_ip", "not ip packet"),
)
BUFFER_ALLOC, BAD_DESC, NOT_IP = range(3)
PATIENCE = 3.0
PIECE = 64
MEMIFS = table(Memifs)


class InputTrace(Struct, frozen=True):
    """The interface, the next node, and the ring that a packet came by."""

    hw_if_index: int
    next_index: int
    ring: int


def format_input_trace(view: object, record: InputTrace) -> str:
    """VPP's text."""
    return f"memif: hw_if_index {record.hw_if_index} next-index {record.next_index}\n    slot: ring {record.ring}"


@input_node("memif-input", sibling_of="device-input", errors=ERRORS, trace=format_input_trace, traceable=True)
def memif_input(ctx: Context) -> int:
    """See to sockets that have something to say, and take a vector of packets out of each ring whose reader was woken."""
    memifs, received = ctx.get(Memifs), 0
    for descriptor in ctx.engine.descriptors.pending.get(ctx.node, ()):
        woken = memifs.handle(descriptor)
        if woken is not None and woken[0].connected and woken[0].interface.admin_up:
            received += _receive(ctx, *woken)
    return received


def _receive(ctx: Context, memif: Memif, queue: Queue) -> int:
    """Take packets out of a ring and give their buffers back; how many it were."""
    end = int((queue.head if queue.s2m else queue.tail)[0])
    waiting = min(between(queue.done, end), queue.size)
    n = min(waiting, ctx.vector_size)
    if not n:
        return 0
    slots = queue.slots(queue.done, n)
    frame, used = _copy(ctx, memif, queue.descriptors[slots], full=n == queue.size)
    queue.done = (queue.done + used) % WRAP
    if queue.s2m:
        queue.tail[0] = queue.done
    else:
        queue.descriptors["length"][slots[:used]] = memif.buffer_size
        queue.head[0] = (queue.done + queue.size) % WRAP
    if used and used < waiting:
        os.eventfd_write(queue.wakeup, 1)  # so that the rest is not forgotten
    if frame is None:
        return used
    queue.packets += frame.n
    interface = memif.interface
    buffers = ctx.buffers
    ctx.engine.interfaces.rx.add(interface.sw_if_index, frame.n, int(buffers.packet_length(frame.rows).sum()))

    def record(index: int, slot: int) -> InputTrace:
        return InputTrace(interface.hardware.hw_if_index, slot, queue.index)

    received = frame.n
    if memif.config.mode is Mode.ETHERNET:
        device_burst.ethernet(ctx, interface, frame, record)
    else:
        buffers.error[frame.rows] = ctx.error_base + NOT_IP
        device_burst.bare_ip(ctx, frame, record, ip4=device_burst.IP4_INPUT_NO_CHECKSUM)
    return max(received, used)


def _copy(ctx: Context, memif: Memif, descriptors: NDArray[np.void], *, full: bool) -> tuple[Frame | None, int]:
    """The packets of descriptors as a frame, and how many descriptors that were."""
    n = len(descriptors)
    lengths, offsets = descriptors["length"].astype(np.int64), descriptors["offset"].astype(np.int64)
    first = int(descriptors["region"][0])
    longest = -(-max(int(lengths.max()), 1) // PIECE) * PIECE
    simple = (
        first < len(memif.regions) and (descriptors["region"] == first).all() and not (descriptors["flags"] & NEXT).any()
        and longest <= DATA_SIZE and lengths.min() > 0 and int(offsets.max()) + longest <= memif.regions[first].size
    )  # fmt: skip
    if not simple:
        return _copy_singly(ctx, memif, descriptors, full=full)
    buffers = ctx.buffers
    rows = buffers.allocate(n)
    if not isinstance(rows, slice):
        ctx.count(BUFFER_ALLOC)
        return None, n
    n = rows.stop - rows.start
    region = memif.regions[first]
    places = np.ndarray((region.size - longest + 1,), np.dtype(f"V{longest}"), region.memory, 0, (1,))
    buffers.data[rows, HEADROOM : HEADROOM + longest] = places[offsets[:n]].view(np.uint8).reshape(n, longest)
    return device_burst.fresh(ctx, memif.interface, rows, lengths[:n].astype(np.int32), 0), n


def _copy_singly(ctx: Context, memif: Memif, descriptors: NDArray[np.void], *, full: bool) -> tuple[Frame | None, int]:
    """The same for packets in several buffers, and for descriptors that make no sense."""
    buffers, made, used = ctx.buffers, [], 0
    parts: list[bytes] = []
    good = True
    for position, (flags, region, length, offset, _) in enumerate(descriptors.tolist(), 1):
        if region >= len(memif.regions) or not length or offset + length > memif.regions[region].size:
            good = False
        else:
            parts.append(memif.regions[region].bytes[offset : offset + length].tobytes())
        if flags & NEXT and not (full and position == len(descriptors)):
            continue
        used = position
        index = make_packet(buffers, b"".join(parts)) if good else None
        if index is not None:
            made.append(index)
        else:
            ctx.count(BUFFER_ALLOC if good else BAD_DESC)
        parts, good = [], True
    if not made:
        return None, used
    rows = np.array(made, np.int32)
    buffers.rx_sw_if_index[rows] = memif.interface.sw_if_index
    return Frame(side_by_side(rows), len(rows), offset=0, rx=memif.interface.sw_if_index), used


@process("memif-process")
def memif_process(ctx: Context) -> Iterator[float]:
    """Let slaves look for their masters, as long as there are memifs."""
    while True:
        memifs = ctx.get(Memifs)
        memifs.connect_slaves()
        yield PATIENCE if any(True for _ in memifs) else inf
