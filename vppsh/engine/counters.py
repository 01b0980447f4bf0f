"""Counters by index, as VPP keeps them (vlib/counter.h): simple ones count packets, combined ones packets and bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SimpleCounter:
    """One number per index."""

    def __init__(self, size: int = 64) -> None:
        self.value: NDArray[np.int64] = np.zeros(size, np.int64)

    def ensure(self, index: int) -> None:
        """Make room for `index`."""
        if index >= len(self.value):
            self.value = _grown(self.value, index)

    def add(self, index: int, n: int = 1) -> None:
        """Count `n` at one index."""
        self.value[index] += n

    def add_each(self, indices: NDArray[np.integer]) -> None:
        """Count 1 at every index given, none of them negative."""
        np.add.at(self.value, indices, 1)

    def clear(self, index: int | None = None) -> None:
        """Back to zero: one index, or all."""
        self.value[slice(None) if index is None else index] = 0


class CombinedCounter:
    """Packets and bytes per index."""

    def __init__(self, size: int = 64) -> None:
        self.packets: NDArray[np.int64] = np.zeros(size, np.int64)
        self.bytes: NDArray[np.int64] = np.zeros(size, np.int64)

    def ensure(self, index: int) -> None:
        """Make room for `index`."""
        if index >= len(self.packets):
            self.packets = _grown(self.packets, index)
            self.bytes = _grown(self.bytes, index)

    def add(self, index: int, packets: int, n_bytes: int) -> None:
        """Count packets and bytes at one index."""
        self.packets[index] += packets
        self.bytes[index] += n_bytes

    def add_each(self, indices: NDArray[np.integer], lengths: NDArray[np.integer]) -> None:
        """Count one packet of its length at every index given, none of them negative."""
        count_each(self.packets, self.bytes, indices, lengths)

    def clear(self, index: int | None = None) -> None:
        """Back to zero: one index, or all."""
        where = slice(None) if index is None else index
        self.packets[where] = 0
        self.bytes[where] = 0


def count_each(packets: NDArray[np.int64], n_bytes: NDArray[np.int64], indices: NDArray[np.integer], lengths: NDArray[np.integer]) -> None:
    """Count one packet of its length at every index; the casts keep numpy on its fast path."""
    indices = indices.astype(np.intp, copy=False)
    np.add.at(packets, indices, 1)
    np.add.at(n_bytes, indices, lengths.astype(np.int64, copy=False))


def _grown(old: NDArray[np.int64], index: int) -> NDArray[np.int64]:
    grown = np.zeros(max(2 * len(old), index + 1), np.int64)
    grown[: len(old)] = old
    return grown
