"""Generic network virtualization encapsulation (RFC 8926). VPP: plugins/geneve/geneve_packet.h."""

from __future__ import annotations

import numpy as np

HEADER = np.dtype([("version_and_options", "u1"), ("flags", "u1"), ("protocol", ">u2"), ("vni_and_reserved", ">u4")])

VERSION = 0
VERSION_SHIFT = 6
OPTIONS_MASK = 0x3F
OPTIONS_UNIT = 4
ETHERNET = 0x6558
VNI_SHIFT = 8
MAX_VNI = 0xFFFFFF


def header(vni: int) -> bytes:
    """The header of a network's frames, without options."""
    return bytes((VERSION << VERSION_SHIFT, 0)) + ETHERNET.to_bytes(2, "big") + (vni << VNI_SHIFT & 0xFFFFFFFF).to_bytes(4, "big")
