"""Internet protocol version 4 (RFC 791, 1071, 2474, 3168). VPP: vnet/ip/ip4_packet.h, ip4_format.c."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire import ethertype, ip_protocol
from vppsh.engine.wire.checksum import BASE, Sums, checksum
from vppsh.engine.wire.layers import Carrier, Layer, format_next
from vppsh.engine.wire.text import format_ip4_address, new_line, padded

HEADER = np.dtype(
    [
        ("version_and_length", "u1"),
        ("tos", "u1"),
        ("length", ">u2"),
        ("fragment_id", ">u2"),
        ("flags_and_offset", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
    ]
)
CHECKSUM_OFFSET = 10
MAX_LENGTH = 60

VERSION_AND_LENGTH_NO_OPTIONS = 0x45
FRAGMENT_OFFSET_MASK = 0x1FFF
FLAG_MORE_FRAGMENTS = 1 << 13
FLAG_DONT_FRAGMENT = 1 << 14
FLAG_CONGESTION = 1 << 15
FLAG_NAMES = ((FLAG_MORE_FRAGMENTS, "MORE_FRAGMENTS"), (FLAG_DONT_FRAGMENT, "DONT_FRAGMENT"), (FLAG_CONGESTION, "CONGESTION"))
OPTION_ROUTER_ALERT = 20

Word = TypeVar("Word", int, np.ndarray)


def header_bytes(version_and_length: Word) -> Word:
    """Length of the header in bytes, options included, from its first byte."""
    return (version_and_length & 0xF) * 4


def is_fragment(flags_and_offset: Word) -> Word:
    """Nonzero for every fragment, the first one too."""
    return flags_and_offset & (FRAGMENT_OFFSET_MASK | FLAG_MORE_FRAGMENTS)


def pseudo_header(header: bytes, protocol: int, length: int) -> bytes:
    """What the checksum of `length` bytes of TCP or UDP covers besides them (RFC 793), for one packet."""
    return header[12:20] + bytes((0, protocol)) + length.to_bytes(2, "big")


def pseudo_header_sums(headers: NDArray[np.void], lengths: NDArray[np.integer]) -> Sums:
    """The same for many packets, as sums to add to those of their bytes."""
    sums = headers["src"].view("<u4").astype(np.float64)
    sums += headers["dst"].view("<u4")
    sums += headers["protocol"].astype(np.float64) * 256
    sums += lengths.astype(">u2").view("<u2")
    return sums


def decrement_ttl(checksums: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The checksum fields (big-endian) once the TTL of their packets is one less, as VPP works them out."""
    fields = checksums.view("<u2")
    return ((fields + np.uint16(1)) + (fields >= BASE - 1)).astype("<u2", copy=False).view(">u2")


def format_ip4_header(data: bytes, indent: int = 0) -> str:
    """Protocol and addresses, then fields and fragmentation on lines of their own, then the next header."""
    if len(data) < HEADER.itemsize:
        return "IP header truncated"
    version, length = data[0] >> 4, header_bytes(data[0])
    protocol, line = data[9], new_line(indent + 2)
    text = f"{ip_protocol.format_ip_protocol(protocol)}: {format_ip4_address(data[12:16])} -> {format_ip4_address(data[16:20])}"
    if version != 4 or length != HEADER.itemsize:
        text += f"{line}version {version}, header length {length}"
    text += f"{line}tos 0x{data[1]:02x}, ttl {data[8]}, length {int.from_bytes(data[2:4], 'big')}, {_checksum_text(data)}"
    text += f" dscp {ip_protocol.format_ip_dscp(data[1] >> 2)} ecn {ip_protocol.format_ip_ecn(data[1])}"
    fragment = int.from_bytes(data[6:8], "big")
    offset, flags = 8 * (fragment & FRAGMENT_OFFSET_MASK), fragment & ~FRAGMENT_OFFSET_MASK
    text += f"{line}fragment id 0x{int.from_bytes(data[4:6], 'big'):04x}"
    if offset:
        text += f" offset {offset}"
    if flags:
        text += ", flags " + "".join(name for flag, name in FLAG_NAMES if flags & flag)
    # Behind an offset there is no header to show.
    if not offset and length < len(data):
        text += format_next(Carrier.IP_PROTOCOL, protocol, data[length:], indent)
    return text


def _checksum_text(data: bytes) -> str:
    """The checksum, and the right one when it is wrong; options that were not captured count as zeros."""
    header = padded(data, max(HEADER.itemsize, header_bytes(data[0])))
    text = f"checksum 0x{int.from_bytes(header[CHECKSUM_OFFSET:12], 'big'):04x}"
    if checksum(header):
        text += f" (should be 0x{checksum(header[:CHECKSUM_OFFSET] + header[12:]):04x})"
    return text


LAYERS = (Layer(Carrier.ETHERTYPE, ethertype.IP4, format_ip4_header),)
