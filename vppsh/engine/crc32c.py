"""CRC-32C as the processor's instruction computes it: VPP hashes keys with it (vppinfra/crc32.h)."""

from __future__ import annotations

POLYNOMIAL = 0x82F63B78


def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


TABLE = _table()


def crc32c(data: bytes, value: int = 0) -> int:
    """The checksum of `data`, going on from `value`; no inversion before or after, as VPP has it."""
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value
