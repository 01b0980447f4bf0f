"""Packets of two fragments which come in one frame, joined many at a time: what a link with a smaller MTU makes of most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import DATA_SIZE, HEADROOM, BufferFlag, BufferPool, Indices

Positions = NDArray[np.intp]
CHAINED = np.uint32(BufferFlag.NEXT_PRESENT)


def find_pairs(
    keys: Sequence[NDArray[np.uint64]], first: NDArray[np.int64], length: NDArray[np.int64], is_last: NDArray[np.bool_]
) -> tuple[Positions, Positions]:  # fmt: skip
    """Positions of first and second fragments: the only two of their key, which together are a packet.

    keys   what tells packets apart, in as many words as it takes
    first  of the octets that a fragment has, and how many those are
    """
    one, other = _neighbors(keys) or _by_sorting(keys)
    begins = first[one] == 0
    if np.count_nonzero(begins) == len(one):
        head, tail = one, other
    else:
        head, tail = np.where(begins, one, other), np.where(begins, other, one)
    whole = (first[head] == 0) & (is_last[head] < is_last[tail]) & (first[tail] == length[head])
    if np.count_nonzero(whole) == len(head):
        return head, tail
    return head[whole], tail[whole]


def _neighbors(keys: Sequence[NDArray[np.uint64]]) -> tuple[Positions, Positions] | None:
    """What there mostly is: every fragment right behind or in front of the only other one of its key. None if it is not so."""
    n = len(keys[0])
    if n % 2 or any((key[::2] != key[1::2]).any() for key in keys):
        return None
    if n > 2 and len(set(zip(*(key[::2].tolist() for key in keys)))) < n // 2:
        return None
    places = np.arange(n)
    return places[::2], places[1::2]


def _by_sorting(keys: Sequence[NDArray[np.uint64]]) -> tuple[Positions, Positions]:
    """Whatever the order."""
    order = np.lexsort(keys)
    same = np.ones(len(order) + 1, bool)
    same[0] = same[-1] = False
    for key in keys:
        ordered = key[order]
        same[1:-1] &= ordered[1:] == ordered[:-1]
    # same[i]: whether the fragments at i - 1 and i in this order are of one packet.
    at = np.flatnonzero(same[1:-1] & ~same[:-2] & ~same[2:])
    return order[at], order[at + 1]


def most_at_once(earlier: Positions, later: Positions, n: int) -> int:
    """How many pairs of a frame of n packets are begun and not completed, where that is the most."""
    change = np.zeros(n, np.int8)
    change[earlier] = 1
    change[later] = -1
    return int(change.cumsum(dtype=np.int64).max(initial=0))


def can_join(buffers: BufferPool, heads: Indices, tails: Indices, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs of buffers are short enough to be one: `lengths` are those of their packets."""
    flags = buffers.flags[heads] | buffers.flags[tails]
    fits: NDArray[np.bool_] = buffers.current_data[heads] + lengths <= DATA_SIZE
    if np.bitwise_or.reduce(flags) & CHAINED:
        fits &= flags & CHAINED == 0
    return fits


def join_pairs(
    buffers: BufferPool, heads: Indices, tails: Indices, kept: NDArray[np.int64], skipped: int, added: NDArray[np.int64]
) -> None:  # fmt: skip
    """Put `added` bytes of each second buffer, behind `skipped` ones, behind the `kept` ones of the first; free the second."""
    to, source = buffers.current_data[heads] + (HEADROOM + kept), buffers.current_data[tails] + (HEADROOM + skipped)
    data = buffers.data
    for head, tail, start, begin, size in zip(heads.tolist(), tails.tolist(), to.tolist(), source.tolist(), added.tolist()):
        data[head, start : start + size] = data[tail, begin : begin + size]
    buffers.current_length[heads] = kept + added
    buffers.release(tails)
