"""Error counters: every node's in one table, so that a buffer carries one number (vlib/error.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.registry import ErrorSpec


class ErrorCount(Struct, frozen=True):
    """One line of `show errors`."""

    node: str
    spec: ErrorSpec
    count: int


class ErrorTable:
    """Counts per error index; an index is a node's base plus the position of the error in its declaration.

    Index 0 belongs to null-node: a packet that is dropped for no stated reason is "blackholed".
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(256, np.int64)
        self._specs: list[ErrorSpec] = []
        self._owners: list[str] = []

    def add(self, node: str, specs: Sequence[ErrorSpec]) -> int:
        """Append a node's errors; the index of the first."""
        base = len(self._specs)
        self._specs += specs
        self._owners += [node] * len(specs)
        while len(self._specs) > len(self.counts):
            self.counts = np.concatenate((self.counts, np.zeros_like(self.counts)))
        return base

    def rename(self, base: int, node: str) -> None:
        """The owner of the errors from `base` on has a new name."""
        if base < len(self._owners):
            old = self._owners[base]
            for index in range(base, len(self._owners)):
                if self._owners[index] != old:
                    break
                self._owners[index] = node

    def __iter__(self) -> Iterator[tuple[str, ErrorSpec]]:
        """The owning node's name and the declaration of each error, by index."""
        return zip(self._owners, self._specs, strict=True)

    def spec(self, index: int) -> tuple[str, ErrorSpec]:
        """The owning node's name and the declaration of an error index."""
        return self._owners[index], self._specs[index]

    def find(self, node: str, name: str) -> int | None:
        """The index of a node's error by its name in C."""
        for index, (owner, spec) in enumerate(zip(self._owners, self._specs, strict=True)):
            if owner == node and spec.name == name:
                return index
        return None

    def of_node(self, node: str) -> Iterator[ErrorCount]:
        """A node's counters, zero or not."""
        for owner, spec, count in zip(self._owners, self._specs, self.counts.tolist(), strict=False):
            if owner == node:
                yield ErrorCount(owner, spec, count)

    def clear(self) -> None:
        """All counts back to zero."""
        self.counts[:] = 0
