"""IEEE 802.2 logical link control, as VPP shows it behind ethertype LLC_ENCAP. VPP: vnet/llc/llc.c, llc.h."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ethertype
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import padded

HEADER = np.dtype([("dst_sap", "u1"), ("src_sap", "u1"), ("control", "u1")])

UNNUMBERED = 0x03
SAP_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0x00: "null",
        0x02: "sublayer",
        0x04: "sna_path_control",
        0x06: "ip4",
        0x08: "sna1",
        0x0C: "sna2",
        0x40: "sna3",
        0x0E: "proway_lan",
        0x10: "netware1",
        0xE0: "netware2",
        0x14: "osi_layer1",
        0x20: "osi_layer2",
        0x34: "osi_layer3",
        0x54: "osi_layer4",
        0xFE: "osi_layer5",
        0x42: "bpdu",
        0x98: "arp",
        0xAA: "snap",
        0xBA: "vines1",
        0xBC: "vines2",
        0xF0: "netbios",
        0xFF: "global_dsap",
    }
)


def format_llc_protocol(sap: int) -> str:
    """VPP's name of a service access point."""
    return SAP_NAMES.get(sap, f"0x{sap:02x}")


def format_llc_header_with_length(data: bytes, indent: int = 0) -> str:
    """Service access points, and the control field when the frame is not plain unnumbered information."""
    header = padded(data, HEADER.itemsize + 1)
    extended = header[2] & UNNUMBERED != UNNUMBERED
    if len(data) < HEADER.itemsize + extended:
        return "llc header truncated"
    text = f"LLC {format_llc_protocol(header[1])} -> {format_llc_protocol(header[0])}"
    if header[2] != UNNUMBERED:
        text += f", control 0x{header[2] | (header[3] << 8 if extended else 0):x}"
    return text


LAYERS = (Layer(Carrier.ETHERTYPE, ethertype.LLC_ENCAP, format_llc_header_with_length),)
