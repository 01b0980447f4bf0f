"""uRPF lists: the interfaces through which an entry's source address may arrive.

VPP counterpart: vnet/fib/fib_urpf_list.c. A path-list bakes one list and all its entries share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rows import Rows


class Urpfs(Rows):
    """The engine's uRPF lists: `size` says how many interfaces, `first` names the only one of most lists."""

    size: NDArray[np.int32]
    first: NDArray[np.int32]
    locks: NDArray[np.int32]

    def __init__(self, engine: Any) -> None:
        super().__init__({"size": ("i4", 0), "first": ("i4", -1), "locks": ("i4", 0)})
        self.interfaces: dict[int, tuple[int, ...]] = {}

    def create(self, interfaces: set[int]) -> int:
        """A list of these interfaces, locked once."""
        row = self._allocate()
        ordered = tuple(sorted(interfaces))
        self.interfaces[row] = ordered
        self.locks[row] = 1
        if ordered:
            self.size[row] = len(ordered)
            self.first[row] = ordered[0]
        return row

    def lock(self, row: int) -> None:
        """Hold a list."""
        if row >= 0:
            self.locks[row] += 1

    def unlock(self, row: int) -> None:
        """Let go of a list."""
        if row >= 0:
            self.locks[row] -= 1
            if not self.locks[row]:
                del self.interfaces[row]
                self._release(row)

    def allows(self, rows: NDArray[np.int32], interfaces: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each list names each interface: the strict check."""
        allowed = self.first[rows] == interfaces
        several = ((self.size[rows] > 1) & ~allowed).nonzero()[0]
        for position in several:
            allowed[position] = int(interfaces[position]) in self.interfaces[int(rows[position])]
        return allowed

    def format(self, row: int) -> str:
        """The list as `show ip fib` prints it."""
        if row < 0:
            return "uRPF-list: None"
        names = "".join(f"{interface}, " for interface in self.interfaces[row])
        return f"uPRF-list:{row} len:{len(self.interfaces[row])} itfs:[{names}]"
