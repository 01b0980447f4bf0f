"""The Internet checksum (RFC 1071) over many packets at once, and its incremental update (RFC 1624).

Because 65536 = 1 (mod 65535), words of 32 bits may be summed instead of 16, and in either byte order: the
sum of little-endian words is the byte-swapped sum of big-endian ones. So sums here are plain sums of
little-endian words, kept as float64 (exact: a 64 KB packet stays below 2**46), which lets a matrix product
do the adding, several times faster than an integer reduction over rows of a few words. They become
checksums at the end; a big-endian view then puts the bytes right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]

BASE = 0xFFFF
WORD = 4
# Bytes handled at a time: eight times as many of float64 still fit a second-level cache.
BLOCK = 1 << 19
ONES = np.ones(0x10000 // 2)
ONES.flags.writeable = False
# 16 bits wide, so that comparing a column number with a length stays cheap.
COLUMNS = np.arange(0x10000, dtype=np.uint16)
COLUMNS.flags.writeable = False


def checksum(data: bytes, pseudo_header: bytes = b"") -> int:
    """The checksum of one packet's bytes, for code that handles packets one by one."""
    total = int.from_bytes(pseudo_header, "big") + int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return BASE - ((total - 1) % BASE + 1 if total else 0)


def word_sums(rows: NDArray[Any]) -> Sums:
    """Sum of each row's 16-bit words; `rows` is uint8 (n, even width) or a packed array of n headers of even size."""
    if rows.ndim == 1:
        rows = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    words = rows.view("<u4" if rows.shape[1] % WORD == 0 else "<u2")
    sums: Sums = words.astype(np.float64) @ ONES[: words.shape[1]]
    return sums


def byte_sums(rows: NDArray[np.uint8], lengths: NDArray[np.integer]) -> Sums:
    """Sum of the first `lengths[i]` bytes of each row of a uint8 (n, width) matrix, an odd last byte padded with zero.

    A length past the width counts as the width.
    """
    if not len(rows):
        return np.zeros(0)
    if rows.size > BLOCK and len(rows) > 1:
        half = len(rows) // 2
        return np.concatenate((byte_sums(rows[:half], lengths[:half]), byte_sums(rows[half:], lengths[half:])))
    longest, shortest = min(int(lengths.max()), rows.shape[1]), int(lengths.min())
    width = -longest % WORD + longest
    if longest <= shortest and longest == width:
        return word_sums(rows[:, :width])
    kept = np.zeros((len(rows), width), np.uint8)
    if longest <= shortest:
        kept[:, :longest] = rows[:, :longest]
    else:
        np.multiply(rows[:, :longest], COLUMNS[:longest] < lengths.astype(np.uint16)[:, None], out=kept[:, :longest])
    return word_sums(kept)


def adds_up(sums: Sums) -> NDArray[np.bool_]:
    """Whether data that includes its checksum is intact (data that is all zeros passes too)."""
    multiples = np.rint(sums * (1 / BASE))
    multiples *= BASE
    intact: NDArray[np.bool_] = multiples == sums
    return intact


def checksums(sums: Sums) -> NDArray[np.uint16]:
    """The checksum fields (big-endian uint16) for data whose checksum field was counted as zero."""
    return _field(BASE - _end_around(sums.astype(np.int64)))


def update(old: NDArray[np.uint16], *changes: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.uint16]:
    """Checksum fields after fields of the packets changed: `changes` are (before, after) pairs.

    All arrays are as loaded from packets, big-endian of 16 or 32 bits, the fields at even offsets. Where
    both 0x0000 and 0xffff would do, the answer is the one VPP's ip_csum_update comes to.
    """
    totals = _little(old)
    for before, after in changes:
        totals += _little(before)
        totals -= _little(after)
    return _field(_end_around(totals))


def _end_around(totals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Totals folded to 16 bits as ones' complement addition does: only zero gives zero."""
    return np.where(totals == 0, 0, (totals - 1) % BASE + 1)


def _little(fields: NDArray[Any]) -> NDArray[np.int64]:
    """Big-endian fields read as little-endian words."""
    return fields.view(fields.dtype.newbyteorder("<")).astype(np.int64)


def _field(values: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Little-endian 16-bit results as the big-endian fields they are in the packet."""
    return values.astype("<u2").view(">u2")
