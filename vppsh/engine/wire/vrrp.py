"""Virtual router redundancy protocol, version 3 (RFC 5798). VPP: plugins/vrrp/vrrp_packet.h, vrrp_format.c."""

from __future__ import annotations

HEADER_BYTES = 8
VERSION = 3
CHECKSUM = slice(6, 8)
# Who sends with less is not a neighbour.
HOP_LIMIT = 255


def version(header: bytes) -> int:
    """The version, from the first four bits."""
    return header[0] >> 4


def n_addresses(header: bytes) -> int:
    """How many addresses follow the header."""
    return header[3]


def format_vrrp_packet_hdr(header: bytes) -> str:
    """`ver 3, type 1, VRID 7, prio 100, n_addrs 1, interval 100cs, csum 0x1234`; VPP shows the checksum as its processor reads it."""
    interval, csum = int.from_bytes(header[4:6], "big"), int.from_bytes(header[CHECKSUM], "little")
    return (
        f"ver {version(header)}, type {header[0] & 0xF}, VRID {header[1]}, prio {header[2]}, n_addrs {n_addresses(header)}, "
        f"interval {interval}{'c' if version(header) == VERSION else ''}s, csum 0x{csum:x}"
    )
