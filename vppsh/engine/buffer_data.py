"""Bytes of many packets at once, and copies of packets: what checksums, ICMP errors and mirrors need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import DATA_SIZE, HEADROOM, NONE, BufferFlag, BufferPool, Indices
from vppsh.engine.frame import side_by_side

# Widths are rounded up to this, so that the pool is seen through few different views.
PIECE = 64

# What is the buffer's and not the packet's; VPP keeps these outside of the buffer's opaque words.
OWN = ("flags", "error", "trace", "feature_pos", "next_buffer", "total_length_rest")


def copy_first(buffers: BufferPool, rows: Indices) -> Indices:
    """Copies of the first buffer of each packet, flags cleared but in the same trace (vlib_buffer_copy_no_chain).

    There are fewer copies than packets when the pool runs out: those of the first ones.
    """
    copies = buffers.allocate_indices(len(rows))
    rows = rows[: len(copies)]
    buffers.copy(side_by_side(rows), to := side_by_side(copies))
    for name in OWN:
        getattr(buffers, name)[to] = buffers.fresh[name]
    traced = buffers.trace[rows] != NONE
    buffers.trace[copies] = buffers.trace[rows]
    buffers.flags[copies] = np.where(traced, np.uint32(BufferFlag.IS_TRACED), np.uint32(0))
    return copies


def gather(buffers: BufferPool, start: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Copies of `width` bytes (or some more) from each byte address on: uint8 (n, width).

    What lies beyond a packet's end is whatever the buffer held before.
    """
    width = -(-max(width, 1) // PIECE) * PIECE
    pieces = buffers.bytes_at(np.dtype(f"V{width}"))
    last = len(pieces) - 1
    rows = pieces[np.minimum(start, last)].view(np.uint8).reshape(len(start), width)
    for position in np.flatnonzero(start > last).tolist():
        # Too near to the pool's end for a whole piece: what the last piece has more in front is left out.
        ahead = int(start[position]) - last
        rows[position, : width - ahead] = rows[position, ahead:].copy()
    return rows


def copy_packets(buffers: BufferPool, rows: Indices) -> Indices:
    """Copies of whole packets, with the flags that tell what they are (vlib_buffer_copy).

    There are fewer copies than packets when the pool runs out: those of the first ones.
    """
    copies = copy_first(buffers, rows)
    rows = rows[: len(copies)]
    buffers.flags[copies] = buffers.flags[rows]
    buffers.total_length_rest[copies] = buffers.total_length_rest[rows]
    for position in np.flatnonzero(buffers.flags[rows] & BufferFlag.NEXT_PRESENT).tolist():
        to, source = copies[position : position + 1], int(buffers.next_buffer[rows[position]])
        tail = copy_packets(buffers, np.array([source], np.int32))
        if not len(tail):
            # What does not fit is cut off: a shorter packet that is whole in itself.
            buffers.flags[to] &= np.uint32(~BufferFlag.NEXT_PRESENT & 0xFFFFFFFF)
            buffers.total_length_rest[to] = 0
        buffers.next_buffer[to] = tail if len(tail) else NONE
    return copies


def chain_of(buffers: BufferPool, index: int) -> list[int]:
    """The buffers of a packet."""
    chain = [index]
    while buffers.flags[index] & BufferFlag.NEXT_PRESENT:
        index = int(buffers.next_buffer[index])
        chain.append(index)
    return chain


def write_chain(buffers: BufferPool, chain: list[int], data: bytes) -> None:
    """Let a packet consist of these bytes, in the first of these buffers; those that are not needed are freed.

    The packet begins where the first buffer's did; the others are filled from their beginning.
    """
    used = 0
    for position, index in enumerate(chain):
        start = int(buffers.current_data[index])
        if position:
            start = min(start, 0)
        piece = np.frombuffer(data, np.uint8)[used : used + DATA_SIZE - start]
        buffers.data[index, HEADROOM + start : HEADROOM + start + len(piece)] = piece
        buffers.current_data[index], buffers.current_length[index] = start, len(piece)
        used += len(piece)
        if used == len(data):
            break
    else:
        raise ValueError(f"{len(data)} bytes do not fit in {len(chain)} buffers")
    rows = np.array(chain, np.int32)
    last = position + 1
    buffers.flags[rows[: last - 1]] |= np.uint32(BufferFlag.NEXT_PRESENT)
    buffers.next_buffer[rows[: last - 1]] = rows[1:last]
    buffers.flags[rows[last - 1 :]] &= np.uint32(~BufferFlag.NEXT_PRESENT & 0xFFFFFFFF)
    buffers.next_buffer[rows[last - 1 :]] = NONE
    rest = buffers.total_length_rest[rows[0]] = len(data) - buffers.current_length[rows[0]]
    if rest:
        buffers.flags[rows[0]] |= np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
    else:
        buffers.flags[rows[0]] &= np.uint32(~BufferFlag.TOTAL_LENGTH_VALID & 0xFFFFFFFF)
    buffers.release(rows[last:])


def make_packet(buffers: BufferPool, data: bytes) -> int | None:
    """A packet of these bytes, in as many buffers as it takes; None when the pool has too few."""
    count = max(1, -(-len(data) // DATA_SIZE))
    rows = buffers.allocate_indices(count)
    if len(rows) < count:
        buffers.release(rows)
        return None
    buffers.reset(rows)
    write_chain(buffers, rows.tolist(), data)
    return int(rows[0])


def append_bytes(buffers: BufferPool, index: int, data: bytes) -> bool:
    """Let a packet of one buffer go on with these bytes in more buffers; False, and nothing done, when the pool has too few."""
    more = buffers.allocate_indices(-(-len(data) // DATA_SIZE))
    if len(more) * DATA_SIZE < len(data):
        buffers.release(more)
        return False
    buffers.reset(more)
    last = index
    for position, row in enumerate(more.tolist()):
        piece = np.frombuffer(data, np.uint8)[position * DATA_SIZE : (position + 1) * DATA_SIZE]
        buffers.data[row, HEADROOM : HEADROOM + len(piece)] = piece
        buffers.current_length[row] = len(piece)
        buffers.flags[last] |= np.uint32(BufferFlag.NEXT_PRESENT)
        buffers.next_buffer[last] = last = row
    buffers.flags[index] |= np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
    buffers.total_length_rest[index] = len(data)
    return True
