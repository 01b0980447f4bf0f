"""Packets for tests, made by hand: right ones, and wrong ones in every way that a header can be wrong."""

from __future__ import annotations

import random
import struct


def ones_complement(data: bytes) -> int:
    """The Internet checksum of some bytes (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ip4_packet(
    src: int = 0x0A000002, dst: int = 0x0A000102, *, payload: bytes = b"\x03\xe8\x07\xd0\x00\x10\0\0abcdefgh", ttl: int = 64,
    protocol: int = 17, flags_and_offset: int = 0, options: bytes = b"", version: int = 4, tos: int = 0, identifier: int = 0,
    length: int | None = None, header_words: int | None = None, checksum: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv4 packet; what is not given is right."""
    words = 5 + len(options) // 4 if header_words is None else header_words
    total = 20 + len(options) + len(payload) if length is None else length
    header = (
        struct.pack(">BBHHHBBHII", version << 4 | words, tos, total, identifier, flags_and_offset, ttl, protocol, 0, src, dst) + options
    )
    total_sum = ones_complement(header) if checksum is None else checksum
    return header[:10] + struct.pack(">H", total_sum) + header[12:] + payload


def ip6_packet(
    src: int, dst: int, *, payload: bytes = b"\x03\xe8\x07\xd0\x00\x10\0\0abcdefgh", hop_limit: int = 64, protocol: int = 17,
    version: int = 6, label: int = 0,
) -> bytes:  # fmt: skip
    """An IPv6 packet; what is not given is right."""
    header = struct.pack(">IHBB", version << 28 | label, len(payload), protocol, hop_limit)
    return header + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + payload


def odd_ip4_packet(rng: random.Random, destinations: list[int]) -> bytes:
    """An IPv4 packet that is right, or wrong in one or two ways."""
    wrong: dict[str, object] = {}
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        wrong.update(
            rng.choice((
                {"ttl": 0}, {"ttl": 1}, {"version": 5}, {"header_words": 4}, {"header_words": 15}, {"length": 19}, {"length": 700},
                {"checksum": 0x1234}, {"flags_and_offset": 1}, {"flags_and_offset": 0x2000}, {"options": b"\x94\x04\0\0"},
                {"options": b"\1\1\1\1", "checksum": 7},
            ))
        )  # fmt: skip
    payload = rng.randbytes(rng.choice((8, 26, 100)))
    return ip4_packet(rng.getrandbits(32), rng.choice(destinations), payload=payload, **wrong)  # type: ignore[arg-type]
