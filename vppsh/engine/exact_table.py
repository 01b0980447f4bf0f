"""Exact-match tables: from keys of several 64-bit words to numbers, for a whole frame at once.

What VPP keeps in its hashes of tunnels and the like. Keys are few against packets: they are sorted by a hash of
their words, and packets are found by a binary search, whose finds are then compared word by word.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Key = tuple[int, ...]
Words = NDArray[np.uint64]

MISSING = -1


class ExactTable:
    """Keys of `width` words, each with a number of its own."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._values: dict[Key, int] = {}
        self._stale = True
        self._factors: Words = np.ones(width, np.uint64)
        self._hashes: Words = np.zeros(0, np.uint64)
        self._words: Words = np.zeros((0, width), np.uint64)
        self._numbers: NDArray[np.int32] = np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> list[tuple[Key, int]]:
        """Keys and numbers, in the order in which they were set."""
        return list(self._values.items())

    def get(self, key: Key) -> int | None:
        """The number of a key."""
        return self._values.get(key)

    def set(self, key: Key, number: int) -> None:
        """Give a key a number."""
        assert len(key) == self._width
        self._values[key] = number
        self._stale = True

    def remove(self, key: Key) -> None:
        """Forget a key."""
        self._values.pop(key, None)
        self._stale = True

    def find(self, words: Words) -> NDArray[np.int32]:
        """The number of each key, (n, width) words, or MISSING."""
        n = len(words)
        if not self._values:
            return np.full(n, MISSING, np.int32)
        if n and words.tobytes() == words[0].tobytes() * n:
            return np.full(n, self._values.get(tuple(words[0].tolist()), MISSING), np.int32)
        if self._stale:
            self._build()
        at = np.minimum(np.searchsorted(self._hashes, self._hash(words)), len(self._hashes) - 1)
        same = (self._words[at] == words).all(axis=1)
        return np.where(same, self._numbers[at], MISSING).astype(np.int32)

    def _hash(self, words: Words) -> Words:
        mixed: Words = (words ^ words >> np.uint64(29)) * self._factors
        mixed ^= mixed >> np.uint64(32)
        total: Words = mixed.sum(axis=1, dtype=np.uint64)
        return total

    def _build(self) -> None:
        """Sort the keys by their hashes, with factors under which no two hashes are equal."""
        words = np.array(list(self._values), np.uint64).reshape(-1, self._width)
        numbers = np.array(list(self._values.values()), np.int32)
        random = np.random.default_rng(len(words))
        while True:
            self._factors = random.integers(0, 1 << 63, self._width, np.uint64) << np.uint64(1) | np.uint64(1)
            hashes = self._hash(words)
            order = np.argsort(hashes)
            if not (np.diff(hashes[order]) == 0).any():
                break
        self._hashes, self._words, self._numbers = hashes[order], words[order], numbers[order]
        self._stale = False
