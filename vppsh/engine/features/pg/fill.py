"""Putting packets into buffers: side by side when the pool has room for that, in chains when they are long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import DATA_SIZE, HEADROOM, STRIDE, BufferFlag, BufferPool
from vppsh.engine.frame import Rows
from vppsh.engine.pg.generator import ROOM, Generator
from vppsh.engine.pg.replay import Batch

BYTE = np.dtype("u1")


def take(buffers: BufferPool, n: int) -> Rows:
    """`n` buffers, fresh; there must be as many free ones."""
    rows = buffers.allocate(n)
    assert rows is not None
    if isinstance(rows, slice):
        got = rows.stop - rows.start
        if got < n:
            rows = np.concatenate((buffers.indices[rows], buffers.allocate_indices(n - got)))
    elif len(rows) < n:
        rows = np.concatenate((rows, buffers.allocate_indices(n - len(rows))))
    buffers.reset(rows)
    return rows


def fill_from(generator: Generator, buffers: BufferPool, n: int) -> tuple[Rows, int]:
    """Make packets that fit into one buffer each right where they are to lie; the buffers and the number of bytes."""
    rows = take(buffers, n)
    items = generator.whole(n)
    if items is not None:
        length = generator.sizes.low
        buffers.column(items.dtype, 0)[rows] = items
        buffers.current_length[rows] = length
        return rows, length * n
    end = generator.sizes.high + ROOM
    if isinstance(rows, slice):
        lengths = generator.fill(buffers.data[rows, HEADROOM : HEADROOM + end])
    else:
        packets = np.empty((n, end), np.uint8)
        lengths = generator.fill(packets)
        buffers.data[rows, HEADROOM : HEADROOM + end] = packets
    buffers.current_length[rows] = lengths
    return rows, lengths * n if isinstance(lengths, int) else int(lengths.sum())


def place(batch: Batch, buffers: BufferPool, buffer_bytes: int) -> Rows:
    """Copy packets into buffers; those longer than a buffer become chains of up to `buffer_bytes` each."""
    rows = take(buffers, len(batch))
    long = int(batch.lengths.max()) > DATA_SIZE
    first = np.minimum(batch.lengths, buffer_bytes) if long else batch.lengths
    batch.copy(0, first, buffers.bytes_at(BYTE), _places(buffers, rows))
    buffers.current_length[rows] = first
    if long:
        _chain(batch, buffers, buffers.indices[rows] if isinstance(rows, slice) else rows, buffer_bytes)
    return rows


def buffers_needed(lengths: NDArray[np.integer], buffer_bytes: int) -> int:
    """How many buffers packets take."""
    if int(lengths.max(initial=0)) <= DATA_SIZE:
        return len(lengths)
    return int(np.maximum(-(-lengths // buffer_bytes), 1).sum())


def _chain(batch: Batch, buffers: BufferPool, heads: NDArray[np.int32], buffer_bytes: int) -> None:
    """Hang the rest of long packets on their first buffers, one buffer of every packet at a time."""
    rest = batch.lengths - buffer_bytes
    buffers.total_length_rest[heads] = np.maximum(rest, 0)
    buffers.flags[heads[rest > 0]] |= np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
    ends, done = heads, buffer_bytes
    chosen = np.flatnonzero(rest > 0)
    while len(chosen):
        rows = buffers.indices[take(buffers, len(chosen))]
        lengths = np.minimum(batch.lengths[chosen] - done, buffer_bytes)
        batch[chosen].copy(done, lengths, buffers.bytes_at(BYTE), _places(buffers, rows))
        buffers.current_length[rows] = lengths
        buffers.flags[ends[chosen]] |= np.uint32(BufferFlag.NEXT_PRESENT)
        buffers.next_buffer[ends[chosen]] = rows
        ends = ends.copy()
        ends[chosen] = rows
        done += buffer_bytes
        chosen = np.flatnonzero(batch.lengths > done)


def _places(buffers: BufferPool, rows: Rows) -> NDArray[np.int64]:
    """The byte addresses at which the packets of buffers begin."""
    return (buffers.indices[rows] if isinstance(rows, slice) else rows).astype(np.int64) * STRIDE + HEADROOM
