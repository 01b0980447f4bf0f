"""Generic routing encapsulation (RFC 2784, 2890). VPP: vnet/gre/packet.h, gre.c; behind IP it shows the protocol only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import padded

HEADER = np.dtype([("flags_and_version", ">u2"), ("protocol", ">u2")])
KEY = np.dtype(">u4")

FLAG_CHECKSUM = 1 << 15
FLAG_KEY = 1 << 13
FLAG_SEQUENCE = 1 << 12
VERSION_MASK = 0x7
TEB, ERSPAN = 0x6558, 0x88BE
PROTOCOL_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0x0800: "ip4",
        0x86DD: "ip6",
        0x6558: "teb",
        0x0806: "arp",
        0x8847: "mpls_unicast",
        0x88BE: "erspan",
        0x894F: "nsh",
    }
)


def format_gre_protocol(number: int) -> str:
    """VPP's name of a payload type."""
    return PROTOCOL_NAMES.get(number, f"0x{number:04x}")


def format_gre_header(data: bytes, indent: int = 0) -> str:
    """`GRE` and the payload type; what was not captured counts as zero, as VPP does not check."""
    return f"GRE {format_gre_protocol(int.from_bytes(padded(data, HEADER.itemsize)[2:4], 'big'))}"


LAYERS = (Layer(Carrier.IP_PROTOCOL, ip_protocol.GRE, format_gre_header),)
