"""Stretches of bytes of many packets: as a matrix with one packet a row, and between matrices and byte strings.

A vector that lies side by side in the buffer pool is a matrix already: a view of the pool, changed in place. Any other one is
copied out and back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

Matrix = NDArray[np.uint8]
Lengths = NDArray[np.int64]
Columns = int | NDArray[np.int64]


class PacketMatrix:
    """The bytes of a frame's packets from `at` on (0: where they begin), `width` of each.

    bytes  uint8 (n, width); after a change `store()` brings it back to the buffers
    """

    def __init__(self, buffers: BufferPool, frame: Frame, at: int, width: int) -> None:
        self._data = buffers.data
        self._starts: NDArray[np.int64] | None = None
        if isinstance(frame.rows, slice) and frame.offset is not None:
            first = HEADROOM + frame.offset + at
            self.bytes: Matrix = buffers.data[frame.rows, first : first + width]
            return
        addresses = buffers.addresses(frame, at)
        self._starts = addresses % STRIDE
        self._rows = frame.indices(buffers)
        self.bytes = gather(buffers, addresses, width)[:, :width]

    def store(self) -> None:
        """Write the bytes where they were taken from; a row that would reach beyond its buffer is cut there."""
        if self._starts is None:
            return
        width = self.bytes.shape[1]
        one = common(self._starts)
        if one is not None:
            width = min(width, STRIDE - one)
            self._data[self._rows, one : one + width] = self.bytes[:, :width]
            return
        for start in np.unique(self._starts).tolist():
            mine = np.flatnonzero(self._starts == start)
            fits = min(width, STRIDE - start)
            self._data[self._rows[mine], start : start + fits] = self.bytes[mine, :fits]


def strings(rows: Matrix, at: Columns, lengths: Columns) -> list[bytes]:
    """`lengths` bytes from column `at` of every row."""
    start, length = _one(at), _one(lengths)
    if start is not None and length is not None:
        if not length:
            return [b""] * len(rows)
        found: list[bytes] = rows[:, start : start + length].view(f"V{length}")[:, 0].tolist()
        return found
    n, width = rows.shape
    data = rows.tobytes()
    begins = np.arange(n) * width + at
    return [data[begin:end] for begin, end in zip(begins.tolist(), (begins + lengths).tolist())]


def put(rows: Matrix, at: Columns, lengths: Columns, values: Sequence[bytes]) -> None:
    """Write one string of `lengths` bytes into every row, at column `at`."""
    start, length = _one(at), _one(lengths)
    data = b"".join(values)
    if start is not None and length is not None:
        if length:
            rows[:, start : start + length].view(f"V{length}")[:, 0] = np.frombuffer(data, f"V{length}")
        return
    rows[within(rows, at, lengths)] = np.frombuffer(data, np.uint8)


def within(rows: Matrix, at: Columns, lengths: Columns) -> NDArray[np.bool_]:
    """bool of the matrix' shape: the `lengths` columns from `at` on of each row."""
    columns = np.arange(rows.shape[1])
    begins, sizes = np.broadcast_to(at, (len(rows),)), np.broadcast_to(lengths, (len(rows),))
    return (columns >= begins[:, None]) & (columns < (begins + sizes)[:, None])


def _one(columns: Columns) -> int | None:
    return columns if isinstance(columns, int) else common(columns)
