"""Authentication header (RFC 4302). VPP: vnet/ipsec/ah.h; it shows nothing of what is behind the IP header."""

from __future__ import annotations

import numpy as np

HEADER = np.dtype([("next_header", "u1"), ("length", "u1"), ("reserved", ">u2"), ("spi", ">u4"), ("sequence", ">u4")])
WORD_BYTES = 4


def padding(icv_bytes: int, multiple: int) -> int:
    """How many bytes follow a check value so that the header is a multiple of 4 bytes long (IPv6: 8)."""
    return -(HEADER.itemsize + icv_bytes) % multiple
