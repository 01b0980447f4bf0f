"""A throttle: has this been done already, a moment ago?

Counterpart of vnet/util/throttle.h. Keys are hashed into a small bitmap which is emptied, and the hash
changed, every `period` seconds; two keys that meet in it count as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

BUCKETS = 512

PRIME_1 = np.uint64(11400714785074694791)
PRIME_2 = np.uint64(14029467366897019727)
PRIME_3 = np.uint64(1609587929392839161)
PRIME_4 = np.uint64(9650029242287828579)
# The hash's own seed, plus its fifth prime, plus the eight bytes of a key.
START = np.uint64((0x9E3779B97F4A7C13 + 2870177450012600261 + 8) & 0xFFFFFFFFFFFFFFFF)
LOW_BITS = np.uint64(BUCKETS - 1)


def xxhash(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """VPP's clib_xxhash of 64-bit keys."""
    mixed = keys * PRIME_2
    mixed = (mixed << np.uint64(31) | mixed >> np.uint64(33)) * PRIME_1
    value: NDArray[np.uint64] = START ^ mixed
    value = (value << np.uint64(27) | value >> np.uint64(37)) * PRIME_1 + PRIME_4
    value ^= value >> np.uint64(33)
    value *= PRIME_2
    value ^= value >> np.uint64(29)
    value *= PRIME_3
    value ^= value >> np.uint64(32)
    return value


class Throttle:
    """Lets one key of a kind pass per period, and per run of the dataplane.

    The second matters to scripts: their lines follow each other faster than typed ones, and must give the
    same answers whenever they are run.
    """

    def __init__(self, engine: Engine, period: float) -> None:
        self._engine = engine
        self._period = period
        self._run = 0
        self._since = 0.0
        self._seed = np.uint64(0)
        self._seen: NDArray[np.bool_] = np.zeros(BUCKETS, bool)

    def passes(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which keys have not come by in this period, counting those before them in the array."""
        engine = self._engine
        now = engine.clock.now()
        if now - self._since > self._period or engine.runs != self._run:
            self._since, self._run = now, engine.runs
            self._seed = engine.random.integers(0, 1 << 64, dtype=np.uint64)
            self._seen[:] = False
        buckets = xxhash(keys ^ self._seed) & LOW_BITS
        allowed = np.zeros(len(keys), bool)
        _, first = np.unique(buckets, return_index=True)
        allowed[first] = True
        allowed &= ~self._seen[buckets]
        self._seen[buckets] = True
        return allowed
