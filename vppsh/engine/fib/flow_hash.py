"""The flow hash: which of several equal ways a flow takes.

VPP's hash_v3_mix32 / finalize32 (vppinfra/hash.h, Bob Jenkins' lookup3 in VPP's variant) over words as
they lie in memory, little-endian. Arithmetic is modulo 2^32.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Longs = NDArray[np.uint64]


class FlowHashConfig(enum.IntFlag):
    """What goes into the hash; a table's setting."""

    SRC_ADDR = 1 << 0
    DST_ADDR = 1 << 1
    SRC_PORT = 1 << 2
    DST_PORT = 1 << 3
    PROTO = 1 << 4
    REVERSE_SRC_DST = 1 << 5
    SYMMETRIC = 1 << 6
    FLOW_LABEL = 1 << 7
    GTPV1_TEID = 1 << 8


class FlowHashSettings:
    """What the hash of every table has in common (`set ip flow-hash router-id`)."""

    def __init__(self, engine: Any) -> None:
        self.router_id = 0


def _rotated(words: Words, by: int) -> Words:
    return words << np.uint32(by) | words >> np.uint32(32 - by)


def mix(a: Words, b: Words, c: Words) -> tuple[Words, Words, Words]:
    """hash_v3_mix32."""
    for by in (4, 6, 8, 16, 19, 4):
        a = (a - c) ^ _rotated(c, by)
        c = c + b
        a, b, c = b, c, a
    return a, b, c


def finalize(a: Words, b: Words, c: Words) -> Words:
    """hash_v3_finalize32; its third word is the hash."""
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _rotated(b, by)
        a, b, c = b, c, a
    return b


def hashed(a: Words, b: Words, c: Words) -> Words:
    """The hash of three words each."""
    return finalize(*mix(a, b, c))


def _mix_step(a: Longs, b: Longs, c: Longs, by: tuple[int, int, int]) -> tuple[Longs, Longs, Longs]:
    a = (a - (b + c)) ^ c >> np.uint64(by[0])
    b = (b - (c + a)) ^ a << np.uint64(by[1])
    c = (c - (a + b)) ^ b >> np.uint64(by[2])
    return a, b, c


def mixed64(a: Longs, b: Longs, c: Longs) -> Words:
    """hash_mix64 of three words each; the lower half of its third word is the hash."""
    for by in ((43, 9, 8), (38, 23, 5), (35, 49, 11), (12, 18, 22)):
        a, b, c = _mix_step(a, b, c, by)
    return c.astype(np.uint32)
