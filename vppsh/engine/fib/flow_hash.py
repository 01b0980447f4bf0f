"""The flow hash: which of several equal ways a flow takes.

VPP's hash_v3_mix32 / finalize32 (vppinfra/hash.h, Bob Jenkins' lookup3 in VPP's variant) over words as
they lie in memory, little-endian. Arithmetic is modulo 2^32.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.uniform import common

Numbers = TypeVar("Numbers", NDArray[np.uint32], NDArray[np.uint64])
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


# Operations on members of an enumeration are slow: what every frame asks for is kept as numbers.
SRC_ADDR, DST_ADDR, SRC_PORT, DST_PORT, PROTO, REVERSE, SYMMETRIC, FLOW_LABEL, GTPV1_TEID = (int(each) for each in FlowHashConfig)
ENDS = SRC_ADDR | DST_ADDR | SRC_PORT | DST_PORT
ALL_BITS = 0xFFFFFFFF


class FlowHashSettings:
    """What the hash of every table has in common (`set ip flow-hash router-id`)."""

    def __init__(self, engine: Any) -> None:
        self.router_id = 0


def by_config(config: NDArray[np.integer], hash_some: Callable[[NDArray[np.intp] | None, int], Words]) -> Words:
    """Hash packets under a configuration each: `hash_some(positions, configuration)`, positions None for all of them."""
    one = common(config)
    if one is not None:
        return hash_some(None, one)
    hashes = np.empty(len(config), np.uint32)
    for each in np.unique(config).tolist():
        mine = np.flatnonzero(config == each)
        hashes[mine] = hash_some(mine, each)
    return hashes


def ends(config: int, src: Numbers, dst: Numbers, src_port: Numbers, dst_port: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The two addresses and the word of both ports, as a configuration wants them: what is left out is zero."""
    if config & ENDS != ENDS:
        nothing = np.zeros_like(src)
        src = src if config & SRC_ADDR else nothing
        dst = dst if config & DST_ADDR else nothing
        src_port = src_port if config & SRC_PORT else nothing
        dst_port = dst_port if config & DST_PORT else nothing
    if config & REVERSE:
        src, dst = dst, src
    if config & SYMMETRIC:
        src, dst = np.minimum(src, dst), np.maximum(src, dst)
        src_port, dst_port = np.minimum(src_port, dst_port), np.maximum(src_port, dst_port)
    if config & REVERSE:
        src_port, dst_port = dst_port, src_port
    both = dst_port << src.dtype.type(16) | src_port
    return src, dst, both


def _rotated(words: Words, by: int) -> Words:
    turned = words << np.uint32(by)
    turned |= words >> np.uint32(32 - by)
    return turned


def hashed(a: Words, b: Words, c: Words) -> Words:
    """The hash of three words each: hash_v3_mix32, then the third word of hash_v3_finalize32."""
    a, b, c = a.copy(), b.copy(), c.copy()
    for by in (4, 6, 8, 16, 19, 4):
        a -= c
        a ^= _rotated(c, by)
        c += b
        a, b, c = b, c, a
    for by in (14, 11, 25, 16, 4, 14, 24):
        c ^= b
        c -= _rotated(b, by)
        a, b, c = b, c, a
    return b


def hashed_one(a: int, b: int, c: int) -> int:
    """The same for one packet, faster than arrays of one."""
    for by in (4, 6, 8, 16, 19, 4):
        a = (a - c & ALL_BITS) ^ (c << by & ALL_BITS | c >> 32 - by)
        c = c + b & ALL_BITS
        a, b, c = b, c, a
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - (b << by & ALL_BITS | b >> 32 - by) & ALL_BITS
        a, b, c = b, c, a
    return b


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
