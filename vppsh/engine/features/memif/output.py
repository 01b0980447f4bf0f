"""NAME-tx of a memif: a frame is copied into the buffers of the next descriptors, in one go when each packet fits into one.

Counterpart of VPP's plugins/memif/device.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.memif.rings import NEXT, WRAP, Queue, Region, between
from vppsh.engine.frame import Frame
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.features.memif.model import Memif
    from vppsh.engine.interfaces import Interface, NodeFunction

TX_ERRORS = (error("no_free_slots", "no free tx slots"), error("rollback", "no enough space in tx buffers"))
NO_FREE_SLOTS, ROLLBACK = range(2)


def memif_tx(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node of one memif; all that the one thread sends goes by the first queue."""
    memif: Memif = interface.hardware.device

    def send(ctx: Context, frame: Frame) -> None:
        buffers, left = ctx.buffers, frame.n
        if memif.connected and memif.tx:
            queue = memif.tx[0]
            sent = _send(ctx, memif, queue, frame)
            left -= sent
            queue.packets += sent
            if sent:
                queue.wake()
            if left:
                queue.full += left
                queue.most_full = max(queue.most_full, left)
        if left:
            ctx.count(NO_FREE_SLOTS, left)
        buffers.free_packets(frame)

    return send


def _send(ctx: Context, memif: Memif, queue: Queue, frame: Frame) -> int:
    """Hand over as many packets as there is room for."""
    buffers = ctx.buffers
    head, tail = int(queue.head[0]), int(queue.tail[0])
    start, free = (head, queue.size - between(tail, head)) if queue.s2m else (tail, between(tail, head))
    free = min(max(free, 0), queue.size)
    n = min(frame.n, free)
    if not n:
        return 0
    rows = frame.indices(buffers)[:n]
    slots = queue.slots(start, n)
    room = queue.descriptors[slots]
    capacity = memif.buffer_size if queue.s2m else int(room["length"].min())
    lengths = buffers.current_length[rows].clip(0)
    longest = int(lengths.max())
    region = memif.regions[int(room["region"][0])] if int(room["region"].max()) < len(memif.regions) else None
    simple = (
        region is not None and 0 < longest <= capacity and (room["region"] == room["region"][0]).all()
        and int(room["offset"].max()) + longest <= region.size and not (buffers.flags[rows] & BufferFlag.NEXT_PRESENT).any()
    )  # fmt: skip
    if simple and region is not None:
        packets = frame if n == frame.n else frame.pick(buffers, np.arange(n))
        data = np.ascontiguousarray(gather(buffers, buffers.addresses(packets), longest)[:, :longest])
        item = np.dtype(f"V{longest}")
        places = np.ndarray((region.size - longest + 1,), item, region.memory, 0, (1,))
        places[room["offset"].astype(np.int64)] = data.view(item)[:, 0]
        queue.descriptors["length"][slots] = lengths
        queue.descriptors["flags"][slots] = 0
        used, sent = n, n
    else:
        used, sent = _send_singly(ctx, memif, queue, rows, start, free)
    running = queue.head if queue.s2m else queue.tail
    running[0] = (start + used) % WRAP
    return sent


def _send_singly(ctx: Context, memif: Memif, queue: Queue, rows: NDArray[np.int32], start: int, free: int) -> tuple[int, int]:
    """Packets that take several buffers, or buffers of all kinds: how many descriptors were used, how many packets sent."""
    used = sent = 0
    for index in rows.tolist():
        taken = _place(memif, queue, ctx.buffers.packet(index), start + used, free - used)
        if not taken:
            ctx.count(ROLLBACK)
            break
        used += taken
        sent += 1
    return used, sent


def _place(memif: Memif, queue: Queue, data: bytes, start: int, free: int) -> int:
    """Put one packet into buffers; how many it took, none when there are too few."""
    parts: list[tuple[int, int]] = []
    done = 0
    while done < len(data) or not parts:
        if len(parts) == free:
            return 0
        slot = (start + len(parts)) & (queue.size - 1)
        descriptor = queue.descriptors[slot]
        capacity = memif.buffer_size if queue.s2m else int(descriptor["length"])
        region = _region(memif.regions, int(descriptor["region"]))
        offset = int(descriptor["offset"])
        if region is None or not capacity or offset + capacity > region.size:
            return 0
        piece = data[done : done + capacity]
        region.bytes[offset : offset + len(piece)] = np.frombuffer(piece, np.uint8)
        parts.append((slot, len(piece)))
        done += len(piece)
    for position, (slot, length) in enumerate(parts, 1):
        queue.descriptors["length"][slot] = length
        queue.descriptors["flags"][slot] = 0 if position == len(parts) else NEXT
    return len(parts)


def _region(regions: list[Region], index: int) -> Region | None:
    return regions[index] if index < len(regions) else None
