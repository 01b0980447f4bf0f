"""Stretches of bytes of many packets: as a matrix with one packet a row, and between matrices and byte strings.

A vector that lies side by side in the buffer pool is a matrix already: a view of the pool, changed in place. Any other one is
copied out and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

CACHED_BYTES = 96 << 10
# What is shorter is encrypted faster by way of a copy.
LONG = 128
REMEMBERED, SEEN = 4, 64

Matrix = NDArray[np.uint8]
Lengths = NDArray[np.int64]
Columns = int | NDArray[np.int64]
"""Lengths, or places: one for all rows, which is handled faster, or one each."""


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


def items(rows: Matrix, at: int, dtype: np.dtype) -> NDArray[Any]:
    """One item of every row, from column `at`: a view, which may be written to."""
    found: NDArray[Any] = rows[:, at : at + dtype.itemsize].view(dtype)[:, 0]
    return found


def columns(values: NDArray[np.integer]) -> Columns:
    """The one value that all have, if there is one; else the values."""
    one = common(values)
    return values.astype(np.int64) if one is None else one


def largest(values: Columns) -> int:
    """The largest of all rows."""
    return values if isinstance(values, int) else int(values.max())


def smallest(values: Columns) -> int:
    """The smallest of all rows."""
    return values if isinstance(values, int) else int(values.min())


def total(values: Columns, n: int) -> int:
    """The sum over `n` rows."""
    return values * n if isinstance(values, int) else int(values.sum())


def strings(rows: Matrix, at: Columns, lengths: Columns) -> list[bytes]:
    """`lengths` bytes from column `at` of every row."""
    start, length = _one(at), _one(lengths)
    if start is not None and length is not None:
        if not length:
            return [b""] * len(rows)
        found: list[bytes] = items(rows, start, np.dtype(f"V{length}")).tolist()
        return found
    n, width = rows.shape
    data = rows.tobytes()
    begins = np.arange(n) * width + at
    return [data[begin:end] for begin, end in zip(begins.tolist(), (begins + lengths).tolist())]


def put(rows: Matrix, at: Columns, lengths: Columns, values: Sequence[bytes]) -> None:
    """Write one string of `lengths` bytes into every row, at column `at`."""
    start, length = _one(at), _one(lengths)
    if start is not None and length is not None:
        if length:
            items(rows, start, np.dtype(f"V{length}"))[:] = np.frombuffer(b"".join(values), f"V{length}")
        return
    flat = _flat(rows)
    for begin, value in zip((np.arange(len(rows)) * rows.strides[0] + at).tolist(), values):
        flat[begin : begin + len(value)] = value


def _flat(rows: Matrix) -> memoryview:
    """All bytes from the first row's beginning to the last one's end, with what lies between rows."""
    return as_strided(rows, ((len(rows) - 1) * rows.strides[0] + rows.shape[1],), (1,)).data


class InPlace(Struct, frozen=True):
    """Stretches of rows, one of each: what is encrypted, and that with the check value behind it."""

    plain: list[memoryview]
    sealed: list[memoryview]


class Places:
    """Stretches of rows of the buffer pool, remembered: to make one takes as long as to encrypt some hundred bytes.

    So they are made when the same rows come for the second time, as they do under load.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], InPlace] = {}
        self._seen: set[tuple[int, ...]] = set()

    def of(self, rows: Matrix, at: int, length: int, icv_bytes: int) -> InPlace | None:
        """`length` bytes from column `at` of every row, and with `icv_bytes` more; None for new rows, or a copy of the pool's."""
        if rows.strides[0] != STRIDE:
            return None
        key = (rows.__array_interface__["data"][0], len(rows), at, length)
        found = self._known.get(key)
        if found is None:
            if key not in self._seen:
                if len(self._seen) >= SEEN:
                    self._seen.clear()
                self._seen.add(key)
                return None
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            flat, begins = _flat(rows), range(at, at + len(rows) * STRIDE, STRIDE)
            plain = [flat[begin : begin + length] for begin in begins]
            found = self._known[key] = InPlace(plain, [flat[begin : begin + length + icv_bytes] for begin in begins])
        return found


Make = Callable[[slice, list[bytes]], Iterable[bytes]]
"""`(which rows, their strings) -> what they become`."""


def replace(rows: Matrix, at: int, lengths: Columns, new_lengths: Columns, make: Make) -> None:
    """Put `new_lengths` bytes in the place of `lengths` bytes from column `at` of every row.

    That is done for so many rows at a time that their strings stay in the processor's cache.
    """
    step = max(1, CACHED_BYTES // max(1, largest(lengths)))
    portions = (slice(begin, begin + step) for begin in range(0, len(rows), step))
    if isinstance(lengths, int) and isinstance(new_lengths, int) and lengths and new_lengths:
        kind = np.dtype(f"V{new_lengths}")
        old, new = items(rows, at, np.dtype(f"V{lengths}")), items(rows, at, kind)
        for part in portions:
            new[part] = np.frombuffer(b"".join(make(part, old[part].tolist())), kind)
        return
    for part in portions:
        sizes = lengths if isinstance(lengths, int) else lengths[part]
        new_sizes = new_lengths if isinstance(new_lengths, int) else new_lengths[part]
        put(rows[part], at, new_sizes, list(make(part, strings(rows[part], at, sizes))))


def within(rows: Matrix, at: Columns, lengths: Columns) -> NDArray[np.bool_]:
    """bool of the matrix' shape: the `lengths` columns from `at` on of each row."""
    places = np.arange(rows.shape[1])
    begins, sizes = np.broadcast_to(at, (len(rows),)), np.broadcast_to(lengths, (len(rows),))
    return (places >= begins[:, None]) & (places < (begins + sizes)[:, None])


def _one(values: Columns) -> int | None:
    return values if isinstance(values, int) else common(values)
