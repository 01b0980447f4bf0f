"""User datagram protocol (RFC 768). VPP: vnet/udp/udp_packet.h, udp_format.c; it shows nothing of what UDP carries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import new_line

HEADER = np.dtype([("src_port", ">u2"), ("dst_port", ">u2"), ("length", ">u2"), ("checksum", ">u2")])

NO_CHECKSUM = 0


def transmitted(checksums: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Computed checksums as they are sent: zero would mean that there is none, so its other form takes its place."""
    return np.where(checksums == NO_CHECKSUM, np.uint16(0xFFFF), checksums).astype(">u2")


def format_udp_header(data: bytes, indent: int = 0) -> str:
    """Ports, then length and checksum on a second line."""
    if len(data) < HEADER.itemsize:
        return "UDP header truncated"
    source, destination, length, checksum = (int.from_bytes(data[at : at + 2], "big") for at in (0, 2, 4, 6))
    return f"UDP: {source} -> {destination}{new_line(indent + 2)}length {length}, checksum 0x{checksum:04x}"


LAYERS = (Layer(Carrier.IP_PROTOCOL, ip_protocol.UDP, format_udp_header),)
