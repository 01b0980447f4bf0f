"""Ethernet II header with up to two tags (IEEE 802.3, 802.1Q) and the 802.1ah backbone header.

VPP: vnet/ethernet/packet.h, format.c. Its text names the innermost type first: `IP4: SRC -> DST 802.1q vlan 7`.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.wire import ethertype, vlan
from vppsh.engine.wire.layers import Carrier, format_next
from vppsh.engine.wire.text import format_ethernet_address, padded

HEADER = np.dtype([("dst", "u1", (6,)), ("src", "u1", (6,)), ("type", ">u2")])

MAX_TAGS_SHOWN = 2
TAG_TYPES = (ethertype.VLAN, ethertype.DOT1AD, ethertype.DOT1AH)


def format_ethernet_header_with_length(data: bytes, indent: int = 0) -> str:
    """Type, addresses and tags, then the header that follows in the captured bytes."""
    return _format(data, indent, nested=True)


def format_ethernet_header(data: bytes, indent: int = 0) -> str:
    """Type, addresses and tags only."""
    return _format(data, indent, nested=False)


def _format(data: bytes, indent: int, *, nested: bool) -> str:
    most = HEADER.itemsize + MAX_TAGS_SHOWN * vlan.HEADER.itemsize
    header = padded(data, most)
    innermost, tags, outermost = _tags(header)
    length = HEADER.itemsize + len(tags) * vlan.HEADER.itemsize
    if len(data) < length and (nested or len(data) < HEADER.itemsize):
        return "ethernet header truncated"
    source, destination = format_ethernet_address(header[6:12]), format_ethernet_address(header[0:6])
    text = f"{ethertype.format_ethernet_type(innermost)}: {source} -> {destination}"
    if innermost == ethertype.DOT1AH:
        return text + _backbone_tags(header)
    # VPP tells the kind of every tag from the outermost one.
    kind = "802.1q" if outermost == ethertype.VLAN else "802.1ad"
    text += "".join(f" {kind} vlan {vlan.format_ethernet_vlan_tci(tci)}" for tci in tags)
    if nested and len(data) > length:
        text += format_next(Carrier.ETHERTYPE, innermost, data[length:], indent)
    return text


def _tags(header: bytes) -> tuple[int, list[int], int]:
    """The innermost type, the tags in front of it, and the outermost type."""
    outermost = kind = int.from_bytes(header[12:14], "big")
    tags: list[int] = []
    while kind in TAG_TYPES and len(tags) < MAX_TAGS_SHOWN:
        at = HEADER.itemsize + len(tags) * vlan.HEADER.itemsize
        tags.append(int.from_bytes(header[at : at + 2], "big"))
        # 802.1ah is a layout of its own: VPP does not look for tags behind it.
        if kind != ethertype.DOT1AH:
            kind = int.from_bytes(header[at + 2 : at + 4], "big")
    return kind, tags, outermost


def _backbone_tags(header: bytes) -> str:
    backbone, instance = int.from_bytes(header[12:14], "big"), int.from_bytes(header[16:18], "big")
    return (
        f" {'802.1ad' if backbone == ethertype.DOT1AD else ''} b-tag {int.from_bytes(header[14:16], 'big'):04X}"
        f" {'802.1ah' if instance == ethertype.DOT1AH else ''} i-tag {int.from_bytes(header[18:22], 'big'):08X}"
    )
