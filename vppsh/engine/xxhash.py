"""The hash that VPP makes of a 64-bit word: XXH64 of its eight bytes with a seed of its own (vppinfra/xxhash.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIME_1 = np.uint64(11400714785074694791)
PRIME_2 = np.uint64(14029467366897019727)
PRIME_3 = np.uint64(1609587929392839161)
PRIME_4 = np.uint64(9650029242287828579)
# The hash's own seed, plus its fifth prime, plus the eight bytes of a key.
START = np.uint64((0x9E3779B97F4A7C13 + 2870177450012600261 + 8) & 0xFFFFFFFFFFFFFFFF)


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


def xxhash64(key: int) -> int:
    """The hash of one key."""
    return int(xxhash(np.array([key], np.uint64))[0])
