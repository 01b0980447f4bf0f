"""Which numbers of data messages have come (RFC 6479; noise_counter_recv in VPP's wireguard_noise.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 8192
WINDOW = BITS - 64
REJECT_AFTER_MESSAGES = (1 << 64) - 1 - WINDOW - 1

Counters = NDArray[np.uint64]


class CounterWindow:
    """The highest number that has come, and which of the ones before it.

    top  -1 before the first
    """

    def __init__(self) -> None:
        self.top = -1
        self._seen: NDArray[np.bool_] = np.zeros(BITS, np.bool_)

    @property
    def exhausted(self) -> bool:
        """Whether no more numbers can come."""
        return self.top >= REJECT_AFTER_MESSAGES

    def accept(self, counters: Counters) -> NDArray[np.bool_]:
        """Note the numbers of authentic messages, in order; False for those that have come before, or are too old."""
        n = len(counters)
        first, last = int(counters[0]), int(counters[-1])
        if first > self.top and last < REJECT_AFTER_MESSAGES and bool((counters[1:] > counters[:-1]).all()):
            # The ordinary case: every number is higher than the one before.
            self._move(last)
            near = counters if last - first < BITS else counters[counters > np.uint64(last - BITS)]
            self._seen[(near & np.uint64(BITS - 1)).astype(np.intp)] = True
            return np.ones(n, np.bool_)
        return np.fromiter((self._accept_one(number) for number in counters.tolist()), np.bool_, n)

    def _accept_one(self, number: int) -> bool:
        if self.exhausted or number >= REJECT_AFTER_MESSAGES or number + WINDOW < self.top:
            return False
        if number > self.top:
            self._move(number)
        elif self._seen[number & BITS - 1]:
            return False
        self._seen[number & BITS - 1] = True
        return True

    def _move(self, top: int) -> None:
        """The highest number is this one now; those between have not come yet."""
        step, self.top, begin = top - self.top, top, self.top + 1 & BITS - 1
        if step >= BITS:
            self._seen[:] = False
            return
        end = begin + step
        self._seen[begin:end] = False
        self._seen[: max(0, end - BITS)] = False
