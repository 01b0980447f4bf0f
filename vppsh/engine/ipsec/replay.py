"""Anti-replay windows and extended sequence numbers of what an association receives (RFC 4303, 3.4.3 and appendix A).

VPP counterpart: ipsec_sa_anti_replay_* in vnet/ipsec/ipsec_sa.h. A vector's packets are checked against the window as it was
before the vector, which also gives the upper half of their numbers; once they are decrypted they are checked again, one after
the other, and move the window. Numbers are unsigned 32 bits and wrap as in C.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.uniform import common

MINIMUM = 64
SHOWN = 64
LOW = (1 << 32) - 1
# Without a window, a number that lies further behind than this has wrapped.
FAR_BEHIND = 1 << 30

Numbers = NDArray[np.uint32]
Mask = NDArray[np.bool_]


def window_size(wanted: int) -> int:
    """The size that VPP makes of a wanted one: the next power of two, 64 at least."""
    return MINIMUM if wanted <= MINIMUM else 1 << (wanted - 1).bit_length()


class Checked(Struct, frozen=True):
    """What the check before decryption found: which packets are replayed, and the upper half of each number."""

    replayed: Mask
    high: Numbers


class Advanced(Struct, frozen=True):
    """What the check after decryption found.

    replayed  which packets are, this time
    tops      answers with the highest number after each packet, which only traces ask for
    lost      how many numbers fell out of the window without a packet
    """

    replayed: Mask
    tops: Callable[[], NDArray[np.uint64]]
    lost: int


class ReplayWindow:
    """The highest number received, and which of the last `size` numbers are still missing.

    top       64 bits with extended numbers
    missing   bool (size,), by number modulo size; nothing is missing before the first packet
    """

    def __init__(self, size: int, *, checks: bool, extended: bool) -> None:
        self.size = size
        self.checks = checks
        self.extended = extended
        self.top = 0
        self.missing: Mask = np.zeros(size, np.bool_)

    def shown(self) -> str:
        """The newest 64 numbers, oldest first: 1 for those received."""
        places = (self.top - (SHOWN - 1) + np.arange(SHOWN)) & (self.size - 1)
        return "".join("01"[not missing] for missing in self.missing[places].tolist())

    # Before decryption: the whole vector against the window as it is.

    def check(self, sequence: Numbers) -> Checked:
        """Which packets of a vector are replayed, and the upper half that each number seems to have."""
        low, high, n = self.top & LOW, self.top >> 32, len(sequence)
        if self._are_new(sequence, low):
            return Checked(np.zeros(n, np.bool_), np.full(n, _u32(high)))
        if not self.extended:
            return Checked(self._replayed_plain(sequence), np.zeros(n, np.uint32))
        if not self.checks:
            wrapped = (sequence < low) & (np.uint32(low) - sequence > FAR_BEHIND)
            return Checked(np.zeros(len(sequence), np.bool_), np.where(wrapped, _u32(high + 1), _u32(high)))
        below = sequence < _u32(low - self.size + 1)
        if low >= self.size - 1:
            seen = ~below & (sequence <= low)
            highs = np.where(below, _u32(high + 1), _u32(high))
        else:
            # The window reaches below zero: the largest numbers are of the time before.
            seen = ~below | (sequence <= low)
            highs = np.where(below, _u32(high), _u32(high - 1))
        return Checked(seen & ~self.missing[sequence & (self.size - 1)], highs)

    def _are_new(self, sequence: Numbers, low: int) -> bool:
        """What there mostly is: all numbers are higher than any before, and of the same upper half."""
        return self.checks and len(sequence) > 0 and (not self.extended or low >= self.size - 1) and int(np.minimum.reduce(sequence)) > low

    def _replayed_plain(self, sequence: Numbers) -> Mask:
        if not self.checks:
            return np.zeros(len(sequence), np.bool_)
        low = self.top & LOW
        too_old = low >= sequence + np.uint32(self.size & LOW)
        return (sequence <= low) & (too_old | ~self.missing[sequence & (self.size - 1)])

    # After decryption: one packet after the other.

    def advance(self, sequence: Numbers, high: Numbers) -> Advanced:
        """Check packets that decrypted again, and let each that passes move the window."""
        n = len(sequence)
        if n and common(high) is not None and bool((sequence[1:] > sequence[:-1]).all()):
            first = int(high[0]) << 32 | int(sequence[0])
            if first > self.top and (not self.extended or int(high[0]) == self.top >> 32):
                return self._advance_in_order(sequence, int(high[0]))
        replayed = np.zeros(n, np.bool_)
        tops = np.zeros(n, np.uint64)
        lost = 0
        for position, (low, upper) in enumerate(zip(sequence.tolist(), high.tolist())):
            if self._is_replayed(low, upper):
                replayed[position] = True
            else:
                lost += self._accept(low, upper)
            tops[position] = self.top
        return Advanced(replayed, lambda: tops, lost)

    def _advance_in_order(self, sequence: Numbers, high: int) -> Advanced:
        """Every number is higher than the one before: the ordinary case, without a loop over packets."""
        n, last = len(sequence), int(sequence[-1])
        new = high << 32 | last
        if new - self.top < self.size:
            lost = self._clear(new - self.top)
            self.missing[sequence & (self.size - 1)] = False
        elif last - int(sequence[0]) == n - 1 and n >= self.size:
            # All of the new window is there.
            lost = self._clear(new - self.top) - (n - self.size)
            self.missing[:] = False
        else:
            # Nothing of the old window stays, nor of the packets whose numbers lie before the new one.
            gone = int(np.searchsorted(sequence, np.uint32(max(last - self.size, -1) + 1), "left"))
            lost = self._clear(new - self.top) - gone
            self.missing[sequence[gone:] & (self.size - 1)] = False
        self.top = new
        return Advanced(np.zeros(n, np.bool_), lambda: sequence.astype(np.uint64) | np.uint64(high << 32), lost)

    def _is_replayed(self, sequence: int, high: int) -> bool:
        """Whether a packet that decrypted with this number is out of the window, or there already.

        Extended numbers are compared whole. VPP looks at the lower halves, and may take an old packet for a new one when another
        packet of its vector begins a new upper half.
        """
        if not self.checks:
            return False
        if self.extended:
            behind = self.top - (high << 32 | sequence)
            return behind >= 0 and (behind >= self.size or not self.missing[sequence & (self.size - 1)])
        if sequence > self.top:
            return False
        return self.top >= (sequence + self.size) & LOW or not self.missing[sequence & (self.size - 1)]

    def _accept(self, sequence: int, high: int) -> int:
        """Note a packet; how many numbers are lost by that."""
        number = high << 32 | sequence if self.extended else sequence
        if number > self.top:
            return self._shift(number - self.top)
        self.missing[sequence & (self.size - 1)] = False
        return 0

    def _shift(self, step: int) -> int:
        """Move the window on by so many numbers, of which the last is there; how many of those that leave it were missing."""
        lost = self._clear(step)
        self.top += step
        self.missing[self.top & (self.size - 1)] = False
        return lost

    def _clear(self, step: int) -> int:
        """Let the next `step` numbers be missing; how many of those whose places they take still were."""
        if step >= self.size:
            lost = int(np.count_nonzero(self.missing)) + step - self.size
            self.missing[:] = True
            return lost
        first = (self.top + 1) & (self.size - 1)
        last = min(first + step, self.size)
        rest = first + step - last
        lost = int(np.count_nonzero(self.missing[first:last]) + np.count_nonzero(self.missing[:rest]))
        self.missing[first:last] = True
        self.missing[:rest] = True
        return lost


def _u32(value: int) -> np.uint32:
    return np.uint32(value & LOW)
