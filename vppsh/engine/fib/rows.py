"""Tables whose rows are numbered as VPP's pools number them and whose columns are numpy arrays.

Nodes index the columns with whole vectors of row numbers; Python objects own the rows.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Column = tuple[str, int] | tuple[np.dtype[np.void], np.void]
"""Dtype and default of a column."""


class Rows:
    """Columns that grow together; a freed row is given out again last in, first out, as a VPP pool does.

    The arrays are attributes named after their columns and are replaced when they grow. The last row is never given out: it has the
    columns' defaults, and is meant by -1.
    """

    def __init__(self, columns: dict[str, Column], capacity: int = 64) -> None:
        self._columns = columns
        self._free: list[int] = []
        self.capacity = capacity
        self.length = 0
        for name, (dtype, default) in columns.items():
            setattr(self, name, np.full(capacity, default, dtype))

    def _grow(self) -> None:
        for name, (dtype, default) in self._columns.items():
            bigger = np.full(self.capacity * 2, default, dtype)
            bigger[: self.capacity] = getattr(self, name)
            setattr(self, name, bigger)
        self.capacity *= 2

    def _allocate(self) -> int:
        if self._free:
            row = self._free.pop()
            for name, (_, default) in self._columns.items():
                getattr(self, name)[row] = default
            return row
        row = self.length
        if row == self.capacity - 1:
            self._grow()
        self.length = row + 1
        return row

    def _release(self, row: int) -> None:
        self._free.append(row)

    @overload
    def known(self, rows: int) -> int: ...

    @overload
    def known(self, rows: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]: ...

    def known(self, rows: int | NDArray[np.signedinteger]) -> int | NDArray[np.signedinteger]:
        """Row numbers that packets brought; the last row for those that lie beyond it.

        A stream can let packets in where no lookup gave them a row of this table.
        """
        last = self.capacity - 1
        return min(rows, last) if isinstance(rows, int) else np.minimum(rows, last)

    def is_free(self, row: int) -> bool:
        """Whether the row is not in use."""
        return not 0 <= row < self.length or row in self._free

    def in_use(self) -> list[int]:
        """Rows in use, in order."""
        free = set(self._free)
        return [row for row in range(self.length) if row not in free]


class Pool:
    """Python objects numbered as a VPP pool numbers its elements."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._free: list[int] = []

    def add(self, item: Any) -> int:
        """Put the object in the last freed place, or at the end; answer its number."""
        if self._free:
            index = self._free.pop()
            self.items[index] = item
        else:
            index = len(self.items)
            self.items.append(item)
        return index

    def remove(self, index: int) -> None:
        """Free a place."""
        self.items[index] = None
        self._free.append(index)

    def get(self, index: int) -> Any | None:
        """The object of that number, None when the place is free or was never used."""
        return self.items[index] if 0 <= index < len(self.items) else None

    def __len__(self) -> int:
        return len(self.items) - len(self._free)
