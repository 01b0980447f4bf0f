"""CRC-32C as the processor's instruction computes it: VPP hashes keys with it (vppinfra/crc32.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78


def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


TABLE = _table()
TABLE_ROW = np.array(TABLE, np.uint32)
TABLE_ROW.flags.writeable = False


def crc32c(data: bytes, value: int = 0) -> int:
    """The checksum of `data`, going on from `value`; no inversion before or after, as VPP has it."""
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value


def crc32c_rows(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The checksums of the rows of a uint8 (n, k) matrix, all at once."""
    value = np.zeros(len(rows), np.uint32)
    for column in rows.T:
        value = value >> np.uint32(8) ^ TABLE_ROW[(value ^ column) & np.uint32(0xFF)]
    return value
