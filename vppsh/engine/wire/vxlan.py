"""VXLAN (RFC 7348) and its generic protocol extension (draft-ietf-nvo3-vxlan-gpe). VPP: plugins/vxlan, plugins/vxlan-gpe."""

from __future__ import annotations

import enum

import numpy as np

HEADER = np.dtype([("flags", "u1"), ("version", "u1"), ("reserved", "u1"), ("protocol", "u1"), ("vni_and_reserved", ">u4")])

FLAG_VNI = 0x08
FLAG_PROTOCOL = 0x04
VNI_SHIFT = 8
MAX_VNI = 0xFFFFFF


class GpeProtocol(enum.IntEnum):
    """What is in a packet of VXLAN-GPE, by the number in its header."""

    IP4 = 1
    IP6 = 2
    ETHERNET = 3
    NSH = 4


def header(vni: int) -> bytes:
    """The header of a network's packets."""
    return bytes((FLAG_VNI, 0, 0, 0)) + (vni << VNI_SHIFT & 0xFFFFFFFF).to_bytes(4, "big")


def gpe_header(vni: int, protocol: int) -> bytes:
    """The same with what follows it."""
    return bytes((FLAG_VNI | FLAG_PROTOCOL, 0, 0, protocol)) + (vni << VNI_SHIFT & 0xFFFFFFFF).to_bytes(4, "big")
