"""802.1Q and 802.1ad tags (IEEE 802.1Q). VPP: vnet/ethernet/packet.h and format.c."""

from __future__ import annotations

import numpy as np

HEADER = np.dtype([("tci", ">u2"), ("type", ">u2")])

ID_MASK = 0x0FFF
CFI_SHIFT = 12
PRIORITY_SHIFT = 13


def format_ethernet_vlan_tci(tci: int) -> str:
    """The VLAN id, then priority and CFI when they are set: `9 priority 3 cfi`."""
    text = str(tci & ID_MASK)
    if priority := tci >> PRIORITY_SHIFT:
        text += f" priority {priority}"
    if tci >> CFI_SHIFT & 1:
        text += " cfi"
    return text
