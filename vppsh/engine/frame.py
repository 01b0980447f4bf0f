"""A frame: the vector of packets that a node handles at once.

`rows` selects the packets' buffers in every column of the pool: a slice when they lie side by side
(then a column of it is a view), otherwise an index array. `offset` and `rx` say what all packets have
in common: the same current_data, the same receive interface; None when they differ, or nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vppsh.engine.buffers import BufferPool

Rows = slice | NDArray[np.int32]


class Frame:
    """`n` packets on their way to one node."""

    __slots__ = ("n", "offset", "rows", "rx", "traced")

    def __init__(self, rows: Rows, n: int, *, offset: int | None = None, rx: int | None = None, traced: bool = False) -> None:
        self.rows = rows
        self.n = n
        self.offset = offset
        self.rx = rx
        self.traced = traced

    def __repr__(self) -> str:
        return f"Frame({self.rows!r}, n={self.n}, offset={self.offset}, rx={self.rx}, traced={self.traced})"

    def indices(self, buffers: BufferPool) -> NDArray[np.int32]:
        """The packets' buffer indices, int32 (n,)."""
        return buffers.indices[self.rows] if isinstance(self.rows, slice) else self.rows

    def pick(self, buffers: BufferPool, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Frame:
        """The frame of the packets that a mask or positions choose."""
        rows = self.indices(buffers)[chosen]
        n = len(rows)
        return Frame(side_by_side(rows), n, offset=self.offset, rx=self.rx, traced=self.traced)

    def join(self, other: Frame, buffers: BufferPool) -> None:
        """Append the packets of another frame."""
        if isinstance(self.rows, slice) and isinstance(other.rows, slice) and self.rows.stop == other.rows.start:
            self.rows = slice(self.rows.start, other.rows.stop)
        else:
            self.rows = np.concatenate((self.indices(buffers), other.indices(buffers)))
        self.n += other.n
        self.traced |= other.traced
        if self.offset != other.offset:
            self.offset = None
        if self.rx != other.rx:
            self.rx = None


def side_by_side(rows: NDArray[np.int32]) -> Rows:
    """Ascending indices as a slice when they are neighbours, else as they are."""
    n = len(rows)
    if n and rows[-1] - rows[0] == n - 1 and (n < 3 or bool((rows[1:] - rows[:-1] == 1).all())):
        return slice(int(rows[0]), int(rows[0]) + n)
    return rows
