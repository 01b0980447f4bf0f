"""IPv4 forwarding: from destination to load-balance in three gathers at most.

VPP counterpart: vnet/ip/ip4_mtrie.c, the 16-8-8 trie. Each table has 65,536 slots for the upper half
of the address; a slot is a load-balance (>= 0) or, where prefixes longer than 16 bits live, the
complement of where a ply of 256 slots begins; a ply's slots are of the same two kinds.
All tables share the arrays, so that a frame with packets of several tables is looked up at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROOT = 1 << 16
PLY = 256
SUBTREE = 255
"""Length noted for a slot that holds a ply; no prefix reaches it."""


class Mtrie:
    """The forwarding tries of all IPv4 tables.

    root, plies                  int32 slots
    root_lengths, ply_lengths    uint8, the length of the prefix that put the load-balance there
    """

    def __init__(self) -> None:
        self.root: NDArray[np.int32] = np.zeros(0, np.int32)
        self.root_lengths: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.plies: NDArray[np.int32] = np.zeros(16 * PLY, np.int32)
        self.ply_lengths: NDArray[np.uint8] = np.zeros(16 * PLY, np.uint8)
        self._end = 0
        self._free: list[int] = []

    def add_table(self, fib_index: int) -> None:
        """Make (or empty) the table of that index: load-balance 0 everywhere."""
        needed = (fib_index + 1) * ROOT
        if needed > len(self.root):
            for name in ("root", "root_lengths"):
                old = getattr(self, name)
                bigger = np.zeros(needed, old.dtype)
                bigger[: len(old)] = old
                setattr(self, name, bigger)
        self.root[fib_index * ROOT : needed] = 0
        self.root_lengths[fib_index * ROOT : needed] = 0

    def lookup(self, fib_index: int | NDArray[np.integer], dst: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Load-balances for destinations in host order, in one table or in a table each; 0 in a table that does not exist."""
        n_tables = len(self.root) // ROOT
        if isinstance(fib_index, int):
            if not 0 <= fib_index < n_tables:
                return np.zeros(len(dst), np.int32)
            leaves = self.root[fib_index << 16 : fib_index + 1 << 16].take(dst >> 16)
        else:
            known = (fib_index >= 0) & (fib_index < n_tables)
            if np.count_nonzero(known) < len(known):
                found = np.zeros(len(dst), np.int32)
                if known.any():
                    found[known] = self.lookup(fib_index[known], dst[known])
                return found
            leaves = self.root.take((fib_index.astype(np.int64) << 16) + (dst >> 16))
        below = leaves < 0
        n_below = np.count_nonzero(below)
        if n_below == len(leaves):
            return self._below(leaves, dst)
        if n_below:
            leaves[below] = self._below(leaves[below], dst[below])
        return leaves

    def _below(self, leaves: NDArray[np.int32], dst: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Go on from plies of the second level."""
        found: NDArray[np.int32] = self.plies.take((dst >> 8 & 255).astype(np.int32) - leaves - 1)
        deeper = found < 0
        if np.count_nonzero(deeper):
            found[deeper] = self.plies.take((dst[deeper] & 255).astype(np.int32) - found[deeper] - 1)
        return found

    def find(self, fib_index: int, address: int) -> int:
        """The load-balance of one address; 0 in a table that does not exist."""
        if not 0 <= fib_index < len(self.root) // ROOT:
            return 0
        leaf = int(self.root[fib_index * ROOT + (address >> 16)])
        if leaf < 0:
            leaf = int(self.plies[~leaf + (address >> 8 & 255)])
        if leaf < 0:
            leaf = int(self.plies[~leaf + (address & 255)])
        return leaf

    def add(self, fib_index: int, network: int, length: int, load_balance: int) -> None:
        """Enter a prefix; longer prefixes below it stay."""
        if length <= 16:
            first = fib_index * ROOT + (network >> 16)
            self._fill(self.root, self.root_lengths, first, 1 << 16 - length, length, load_balance)
            return
        ply = self._ply(self.root, self.root_lengths, fib_index * ROOT + (network >> 16))
        if length <= 24:
            self._fill(self.plies, self.ply_lengths, ply + (network >> 8 & 255), 1 << 24 - length, length, load_balance)
            return
        ply = self._ply(self.plies, self.ply_lengths, ply + (network >> 8 & 255))
        self._fill(self.plies, self.ply_lengths, ply + (network & 255), 1 << 32 - length, length, load_balance)

    def remove(self, fib_index: int, network: int, length: int, cover_length: int, cover: int) -> None:
        """Take a prefix out: its slots fall back to the prefix that covers it."""
        top = fib_index * ROOT + (network >> 16)
        if length <= 16:
            self._refill(self.root, self.root_lengths, top, 1 << 16 - length, length, cover_length, cover)
            return
        ply = ~int(self.root[top])
        if ply < 0:
            return
        middle = ply + (network >> 8 & 255)
        if length <= 24:
            self._refill(self.plies, self.ply_lengths, middle, 1 << 24 - length, length, cover_length, cover)
        else:
            last = ~int(self.plies[middle])
            if last < 0:
                return
            self._refill(self.plies, self.ply_lengths, last + (network & 255), 1 << 32 - length, length, cover_length, cover)
            self._collapse(self.plies, self.ply_lengths, middle, last, 24)
        self._collapse(self.root, self.root_lengths, top, ply, 16)

    def _ply(self, slots: NDArray[np.int32], lengths: NDArray[np.uint8], slot: int) -> int:
        """Where the ply below a slot begins; made from the slot's load-balance when there is none."""
        leaf = int(slots[slot])
        if leaf < 0:
            return ~leaf
        length = lengths[slot]
        if self._free:
            ply = self._free.pop()
        else:
            ply = self._end
            self._end += PLY
            if self._end > len(self.plies):
                inner = slots is self.plies
                for name in ("plies", "ply_lengths"):
                    old = getattr(self, name)
                    bigger = np.empty(2 * len(old), old.dtype)
                    bigger[: len(old)] = old
                    setattr(self, name, bigger)
                if inner:
                    slots, lengths = self.plies, self.ply_lengths
        self.plies[ply : ply + PLY] = leaf
        self.ply_lengths[ply : ply + PLY] = length
        slots[slot] = ~ply
        lengths[slot] = SUBTREE
        return ply

    def _collapse(self, slots: NDArray[np.int32], lengths: NDArray[np.uint8], slot: int, ply: int, above: int) -> None:
        """Fold a ply that no longer holds anything longer than the prefixes above it."""
        if self.ply_lengths[ply : ply + PLY].max() <= above:
            slots[slot] = self.plies[ply]
            lengths[slot] = self.ply_lengths[ply]
            self._free.append(ply)

    def _fill(self, slots: NDArray[np.int32], lengths: NDArray[np.uint8], first: int, count: int, length: int, load_balance: int) -> None:
        if count == 1 and slots[first] >= 0:
            # One slot, no ply below: what nearly every route of a full table meets.
            if lengths[first] <= length:
                slots[first] = load_balance
                lengths[first] = length
            return
        span = slice(first, first + count)
        if slots[span].min() >= 0:
            shorter = lengths[span] <= length
            np.copyto(slots[span], load_balance, where=shorter)
            np.copyto(lengths[span], length, where=shorter)
            return
        at = np.arange(first, first + count)
        while len(at):
            leaves, noted = slots[at], lengths[at]
            mine = at[noted <= length]
            slots[mine] = load_balance
            lengths[mine] = length
            subtrees = ~leaves[leaves < 0]
            at = (subtrees[:, None] + np.arange(PLY)).ravel()
            slots, lengths = self.plies, self.ply_lengths

    def _refill(
        self, slots: NDArray[np.int32], lengths: NDArray[np.uint8], first: int, count: int, length: int, cover_length: int, cover: int
    ) -> None:
        at = np.arange(first, first + count)
        while len(at):
            leaves = slots[at]
            mine = at[lengths[at] == length]
            slots[mine] = cover
            lengths[mine] = cover_length
            subtrees = ~leaves[leaves < 0]
            at = (subtrees[:, None] + np.arange(PLY)).ravel()
            slots, lengths = self.plies, self.ply_lengths
