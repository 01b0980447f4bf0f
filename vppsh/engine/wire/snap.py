"""IEEE 802 subnetwork access protocol: an organisation and what it means by a number. VPP: vnet/snap/snap.h, snap.c."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ethertype
from vppsh.engine.wire.text import padded

HEADER = np.dtype([("oui", "u1", (3,)), ("protocol", ">u2")])

OUI_ETHERNET = 0x000000
OUI_CISCO = 0x00000C
CISCO_PROTOCOLS: Mapping[int, str] = MappingProxyType({
    0x0102: "drip", 0x0104: "port_aggregation_protocol", 0x0105: "mls_hello", 0x010B: "per_vlan_spanning_tree",
    0x010C: "vlan_bridge", 0x0111: "unidirectional_link_detection", 0x2000: "cdp", 0x2001: "cgmp", 0x2003: "vtp",
    0x2004: "dtp", 0x200A: "stp_uplink_fast",
})  # fmt: skip


def format_snap_header(data: bytes) -> str:
    """`SNAP cisco cdp`."""
    header = padded(data, HEADER.itemsize)
    oui, protocol = int.from_bytes(header[:3], "big"), int.from_bytes(header[3:], "big")
    if oui == OUI_ETHERNET:
        # VPP hands the number over in network order to what expects the host's.
        return f"SNAP ethernet {ethertype.format_ethernet_type((protocol & 0xFF) << 8 | protocol >> 8)}"
    if oui == OUI_CISCO:
        return f"SNAP cisco {CISCO_PROTOCOLS.get(protocol, f'unknown 0x{protocol:x}')}"
    return f"SNAP oui 0x{oui:06x} 0x{protocol:04x}"
