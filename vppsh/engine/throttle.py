"""A throttle: has this been done already, a moment ago?

Counterpart of vnet/util/throttle.h. Keys are hashed into a small bitmap which is emptied, and the hash
changed, every `period` seconds; two keys that meet in it count as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.xxhash import xxhash

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

BUCKETS = 512
LOW_BITS = np.uint64(BUCKETS - 1)


def ip6_keys(addresses: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A key for each IPv6 address, (n, 2) as upper and lower half (ip6_address_hash_to_u64)."""
    return xxhash((addresses[:, 0] ^ addresses[:, 1]).astype(np.uint64))


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
