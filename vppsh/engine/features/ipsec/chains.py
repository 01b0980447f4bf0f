"""Packets in several buffers before encryption and decryption: put into one if they fit (vlib_buffer_chain_linearize)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import chain_of, write_chain
from vppsh.engine.buffers import DATA_SIZE, HEADROOM, STRIDE, BufferFlag, BufferPool
from vppsh.engine.frame import Frame

NEXT_PRESENT = np.uint32(BufferFlag.NEXT_PRESENT)
CAPACITY = STRIDE - HEADROOM


def linearize(buffers: BufferPool, frame: Frame) -> NDArray[np.bool_] | None:
    """Put packets into one buffer; which do not fit, or None when all are in one."""
    flags = buffers.flags[frame.rows]
    if not np.bitwise_or.reduce(flags) & NEXT_PRESENT:
        return None
    indices = frame.indices(buffers)
    still = np.zeros(frame.n, np.bool_)
    for position in np.flatnonzero(flags & NEXT_PRESENT).tolist():
        index = int(indices[position])
        chain = chain_of(buffers, index)
        write_chain(buffers, chain, buffers.packet(index))
        still[position] = bool(buffers.flags[index] & NEXT_PRESENT)
    return still if still.any() else None


def tail_fits(buffers: BufferPool, frame: Frame, tail: int) -> bool:
    """Whether every packet of a frame, each in one buffer, may grow by `tail` bytes behind it."""
    rows = frame.rows
    return int((buffers.current_data[rows] + buffers.current_length[rows]).max()) + tail <= CAPACITY


def rewrite(buffers: BufferPool, index: int, data: bytes) -> bool:
    """Let a packet consist of these bytes, in more buffers if need be; False when the pool has too few."""
    chain = chain_of(buffers, index)
    room = [DATA_SIZE - int(buffers.current_data[index]), *(DATA_SIZE - min(int(buffers.current_data[each]), 0) for each in chain[1:])]
    more = buffers.allocate_indices(max(0, -(-(len(data) - sum(room)) // DATA_SIZE)))
    if sum(room) + len(more) * DATA_SIZE < len(data):
        buffers.release(more)
        return False
    buffers.reset(more)
    write_chain(buffers, [*chain, *more.tolist()], data)
    return True
