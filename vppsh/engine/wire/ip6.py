"""Internet protocol version 6 (RFC 8200) and its fragment header. VPP: vnet/ip/ip6_packet.h, ip6_format.c.

VPP shows the header that the next-header field names; it walks no chain of extension headers.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire import ethertype, ip_protocol
from vppsh.engine.wire.checksum import Sums, word_sums
from vppsh.engine.wire.layers import Carrier, Layer, format_next
from vppsh.engine.wire.text import format_ip6_address, new_line

HEADER = np.dtype(
    [
        ("version_class_and_label", ">u4"),
        ("payload_length", ">u2"),
        ("protocol", "u1"),
        ("hop_limit", "u1"),
        ("src", ">u8", (2,)),
        ("dst", ">u8", (2,)),
    ]
)
FRAGMENT = np.dtype([("next_header", "u1"), ("reserved", "u1"), ("offset_and_more", ">u2"), ("id", ">u4")])

VERSION = 6
FRAGMENT_MORE = 1

Word = TypeVar("Word", int, np.ndarray)


def version(first_word: Word) -> Word:
    """The version, from the header's first 32 bits."""
    return first_word >> 28


def traffic_class(first_word: Word) -> Word:
    """The traffic class (DSCP and ECN), from the header's first 32 bits."""
    return first_word >> 20 & 0xFF


def flow_label(first_word: Word) -> Word:
    """The flow label, from the header's first 32 bits."""
    return first_word & 0xFFFFF


def to_halves(address: int) -> tuple[int, int]:
    """An address as the fields of a header hold it: upper and lower half."""
    return address >> 64, address & (1 << 64) - 1


def from_halves(halves: NDArray[np.uint64]) -> int:
    """An address of a header's field as a number."""
    return int(halves[0]) << 64 | int(halves[1])


def pseudo_header(header: bytes, protocol: int, length: int) -> bytes:
    """What the checksum of `length` bytes of an upper-layer packet covers besides them (RFC 8200, 8.1), for one packet."""
    return header[8:40] + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def pseudo_header_sums(headers: NDArray[np.void], protocols: NDArray[np.integer], lengths: NDArray[np.integer]) -> Sums:
    """The same for many packets, as sums to add to those of their bytes."""
    sums = word_sums(headers["src"].view(np.uint8)) + word_sums(headers["dst"].view(np.uint8))
    sums += protocols.astype(np.float64) * 256
    sums += lengths.astype(">u4").view("<u4")
    return sums


def format_ip6_header(data: bytes, indent: int = 0) -> str:
    """Protocol and addresses, then the fields on a line of their own, then the next header."""
    if len(data) < HEADER.itemsize:
        return "IP header truncated"
    first, protocol, line = int.from_bytes(data[0:4], "big"), data[6], new_line(indent + 2)
    text = f"{ip_protocol.format_ip_protocol(protocol)}: {format_ip6_address(data[8:24])} -> {format_ip6_address(data[24:40])}"
    if version(first) != VERSION:
        text += f"{line}version {version(first)}"
    text += f"{line}tos 0x{traffic_class(first):02x}, flow label 0x{flow_label(first):x}, hop limit {data[7]}"
    text += f", payload length {int.from_bytes(data[4:6], 'big')}"
    if len(data) > HEADER.itemsize:
        text += format_next(Carrier.IP_PROTOCOL, protocol, data[HEADER.itemsize :], indent)
    return text


def format_ip6_frag_hdr(data: bytes, indent: int = 0) -> str:
    """The fragment header; VPP prints offset and flag as the little-endian reading of the two bytes."""
    if len(data) < FRAGMENT.itemsize:
        return "ipv6 frag header truncated"
    offset_and_more, identification = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:8], "big")
    return f"IPV6_FRAG_HDR: next_hdr: {data[0]}, rsv: {data[1]}, frag_offset_and_more: {offset_and_more}, id: {identification}"


LAYERS = (
    Layer(Carrier.ETHERTYPE, ethertype.IP6, format_ip6_header),
    Layer(Carrier.IP_PROTOCOL, ip_protocol.IPV6_FRAGMENTATION, format_ip6_frag_hdr),
)
