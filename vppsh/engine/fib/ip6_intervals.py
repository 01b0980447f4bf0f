"""IPv6 forwarding: from destination to load-balance by binary search over intervals.

VPP looks a destination up in a hash once per prefix length in use (vnet/fib/ip6_fib.c). Each of those
probes would be some eight numpy calls over the vector; instead a table's prefixes are laid out as the
intervals of the address space between which the answer changes, and `np.searchsorted` over the upper
64 bits answers most packets in one call. Where prefixes longer than 64 bits live, the interval holds
the complement of a group number and the lower 64 bits are searched among that group's intervals: first
their rank among all bounds, then (group, rank) as one number. The layout is rebuilt, for the whole
table, at the first lookup after a change: adding n routes in a row costs n dictionary entries and one
sort, and forwarding does not change the intervals (a load-balance keeps its number).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

U64 = np.uint64
LOW = (1 << 64) - 1

Prefix6 = tuple[int, int, int]
"""Network, length, load-balance."""


def paint(prefixes: Iterable[tuple[int, int, int]], default: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Intervals of a 64-bit space and what each holds, for (start, length, value) with lengths up to 64.

    Answers the starts in order, the first of them 0, and the values; longer prefixes win.
    """
    by_length: dict[int, tuple[list[int], list[int]]] = {}
    for start, length, value in prefixes:
        starts, values = by_length.setdefault(length, ([], []))
        starts.append(start)
        values.append(value)
    bounds = [np.zeros(1, U64)]
    spans = {}
    for length, (first, held) in sorted(by_length.items()):
        starts64 = np.array(first, U64)
        # The end of the last prefix of the space wraps to 0, which is a bound anyway.
        ends = starts64 + U64((1 << 64 - length) & LOW)
        spans[length] = (starts64, ends, np.array(held, np.int64))
        bounds += [starts64, ends]
    edges = np.unique(np.concatenate(bounds))
    painted = np.full(len(edges), default, np.int64)
    for starts64, ends, values64 in spans.values():
        at = np.searchsorted(edges, starts64)
        until = np.where(ends == 0, len(edges), np.searchsorted(edges, ends))
        counts = until - at
        offsets = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        painted[np.repeat(at, counts) + offsets] = np.repeat(values64, counts)
    return edges, painted


class Intervals:
    """The forwarding of one IPv6 table."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[int, int], int] = {}
        self._dirty = True
        self._edges = np.zeros(1, U64)
        self._leaves = np.zeros(1, np.int64)
        self._low_bounds = np.zeros(1, U64)
        self._low_keys = np.zeros(1, np.int64)
        self._low_leaves = np.zeros(1, np.int32)
        self._stride = 1

    def add(self, network: int, length: int, load_balance: int) -> None:
        """Enter a prefix."""
        self._prefixes[network, length] = load_balance
        self._dirty = True

    def remove(self, network: int, length: int) -> None:
        """Take a prefix out."""
        if self._prefixes.pop((network, length), None) is not None:
            self._dirty = True

    def lookup(self, dst: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Load-balances for destinations, (n, 2) as upper and lower half in host order."""
        if self._dirty:
            self._rebuild()
        leaves = self._leaves[np.searchsorted(self._edges, dst[:, 0], "right") - 1]
        if leaves.min(initial=0) < 0:
            below = (leaves < 0).nonzero()[0]
            ranks = np.searchsorted(self._low_bounds, dst[below, 1], "right") - 1
            keys = ~leaves[below] * self._stride + ranks
            leaves[below] = self._low_leaves[np.searchsorted(self._low_keys, keys, "right") - 1]
        return leaves.astype(np.int32)

    def _rebuild(self) -> None:
        self._dirty = False
        short: list[Prefix6] = []
        groups: dict[int, list[Prefix6]] = {}
        for (network, length), row in self._prefixes.items():
            if length <= 64:
                short.append((network >> 64, length, row))
            else:
                groups.setdefault(network >> 64, []).append((network & LOW, length - 64, row))
        self._edges, self._leaves = paint(short, 0)
        if not groups:
            return
        highs = np.array(list(groups), U64)
        # What covers a group as a whole: the answer for lower halves that none of its prefixes covers.
        covers = self._leaves[np.searchsorted(self._edges, highs, "right") - 1]
        layouts = [paint(prefixes, int(cover)) for prefixes, cover in zip(groups.values(), covers, strict=True)]
        self._low_bounds = np.unique(np.concatenate([edges for edges, _ in layouts]))
        self._stride = len(self._low_bounds)
        keys = [group * self._stride + np.searchsorted(self._low_bounds, edges) for group, (edges, _) in enumerate(layouts)]
        self._low_keys = np.concatenate(keys)
        self._low_leaves = np.concatenate([held for _, held in layouts]).astype(np.int32)
        # A group takes the place of a route of 64 bits, which is in what covers it: painted after it.
        self._edges, self._leaves = paint([*short, *((high, 64, ~group) for group, high in enumerate(groups))], 0)
