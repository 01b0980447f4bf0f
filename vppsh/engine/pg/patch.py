"""Packets of one length whose ranges do not come round soon: one packet, copied, patched where it changes.

A checksum is a sum of words, so a byte that changes by d changes it by d times a weight, always the same one (RFC 1624).
The weights are found by trial: each byte that ranges touch is changed once, and the packet computed in full. That
holds for whatever headers lie inside each other, as long as no range decides how many bytes a checksum covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.pg.computed import Computation, Packets, load, word_view

ONES = 0xFFFF
MASK32 = (1 << 32) - 1


class Term(Struct, frozen=True):
    """One or two bytes of the packet, and how often they count."""

    at: int
    n_bytes: int
    weight: int


class Checksum(Struct, frozen=True):
    """A checksum: where it is, what it is a sum of besides `constant`, and whether zero is sent as ones."""

    at: int
    constant: int
    terms: tuple[Term, ...]
    never_zero: bool


class Patch:
    """The packet that is copied, and its checksums."""

    def __init__(self, packet: NDArray[np.uint8], checksums: Sequence[Checksum]) -> None:
        self._item = packet.view(f"V{len(packet)}")
        self._length = len(packet)
        self._places = [checksum.at for checksum in checksums]
        self._sums = list(dict.fromkeys(checksum.terms for checksum in checksums))
        self._sum_of = [self._sums.index(checksum.terms) for checksum in checksums]
        # Folding makes 65535 of what is 0 modulo 65535. With one more before and one less after it makes 0 of that, so that the
        # checksum, the complement, is 65535 and not 0.
        largest = max((checksum.constant + 1 + sum(ONES * term.weight for term in checksum.terms) for checksum in checksums), default=0)
        dtype = np.dtype(np.uint32 if largest <= MASK32 else np.uint64)
        extra: NDArray[Any] = np.array([[int(checksum.never_zero)] for checksum in checksums], dtype)
        self._constants = extra + np.array([[checksum.constant] for checksum in checksums], dtype)
        self._tops = extra + ONES
        self._folds = 0
        while largest > ONES:
            largest = ONES + (largest >> 16) if largest >> 16 > 1 else ONES
            self._folds += 1

    def copy_to(self, packets: Packets) -> None:
        """Begin packets, uint8 (n, at least their length), with the bytes that do not change."""
        packets[:, : self._length].view(self._item.dtype)[:, 0] = self._item

    def finish(self, packets: Packets) -> None:
        """Write the checksums of packets whose ranges are filled in."""
        if not self._places:
            return
        sums = [_sum(packets, terms, self._constants.dtype) for terms in self._sums]
        totals = (sums[0][None, :] if len(sums) == 1 else np.stack([sums[index] for index in self._sum_of])) + self._constants
        for _ in range(self._folds):
            carried = totals >> 16
            totals &= ONES
            totals += carried
        np.subtract(self._tops, totals, out=totals)
        for at, values in zip(self._places, totals, strict=True):
            word_view(packets, at)[:] = values


def _sum(packets: Packets, terms: tuple[Term, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    total: NDArray[Any] | None = None
    for term in terms:
        values = (word_view(packets, term.at) if term.n_bytes == 2 else packets[:, term.at]).astype(dtype)
        if term.weight != 1:
            values *= term.weight
        if total is None:
            total = values
        else:
            total += values
    return np.zeros(len(packets), dtype) if total is None else total


def patch(packet: Packets, length: int, touched: Sequence[int], computations: Sequence[Computation]) -> Patch | None:
    """How to make packets of `length` bytes from one, uint8 (1, room for its masked writes), with nothing computed in it yet.

    `touched` are the bytes that ranges change; None when they decide more than a sum.
    """
    places = [(each.checksum_at, each.never_zero) for each in computations if each.checksum_at is not None]
    fixed = {at + byte for at, _ in places for byte in (0, 1)} | {byte for each in computations for byte in each.decided_by}
    touched = sorted({byte for byte in touched if byte < length})
    if fixed & set(touched):
        return None
    trials = np.repeat(packet, 1 + len(touched), axis=0)
    changes = np.where(packet[0, touched] == 0xFF, -1, 1)
    trials[np.arange(1, len(trials)), touched] = packet[0, touched] + changes
    for computation in computations:
        computation.apply(trials, np.full(len(trials), length))
    checksums = []
    for at, never_zero in places:
        sums = ONES - load(trials, at)
        weights = (sums[1:] - sums[0]) * changes % ONES
        terms = _terms(dict(zip(touched, weights.tolist(), strict=True)))
        constant = int(sums[0] - _sum(trials[:1], terms, np.dtype(np.int64))[0]) % ONES or ONES
        checksums.append(Checksum(at, constant, terms, never_zero))
    return Patch(trials[0, :length].copy(), checksums)


def _terms(weights: dict[int, int]) -> tuple[Term, ...]:
    """Bytes by their weights, two of a word taken together."""
    terms = []
    left = dict(weights)
    for at, weight in weights.items():
        if not left.pop(at, 0):
            continue
        after = left.get(at + 1, 0)
        if after and weight == 256 * after % ONES:
            del left[at + 1]
            terms.append(Term(at, 2, after))
        else:
            terms.append(Term(at, 1, weight))
    return tuple(terms)
