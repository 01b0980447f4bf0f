"""MPLS label stack entry (RFC 3032, reserved labels RFC 3032, 6790, 5586). VPP: vnet/mpls/packet.h, mpls_types.h, mpls.c."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire import ethertype
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import padded

HEADER = np.dtype([("entry", ">u4")])
Entry = TypeVar("Entry", int, NDArray[np.integer])
"""One stack entry in host order, or an array of them."""

LABEL_SHIFT = 12
EXP_SHIFT = 9
EOS_SHIFT = 8
TTL_MASK = 0xFF
DEFAULT_TTL = 64
LABEL_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "ip4-explicit-null",
        1: "router-alert",
        2: "ipv6-explicit-null",
        3: "implicit-null",
        7: "entropy-label-indicator",
        13: "gal",
        # Not on the wire: VPP's mark for the end of a label-switched path.
        0x100001: "pop",
    }
)
EOS_NAMES = ("neos", "eos")


def label(entry: Entry) -> Entry:
    """The label."""
    return entry >> LABEL_SHIFT


def exp(entry: Entry) -> Entry:
    """The three experimental (traffic class) bits."""
    return entry >> EXP_SHIFT & 7


def end_of_stack(entry: Entry) -> Entry:
    """1 for the bottom of the stack."""
    return entry >> EOS_SHIFT & 1


def ttl(entry: Entry) -> Entry:
    """The time to live."""
    return entry & TTL_MASK


def format_mpls_unicast_label(number: int) -> str:
    """A label's reserved name or its number."""
    return LABEL_NAMES.get(number, str(number))


def format_mpls_header(entry: int) -> str:
    """A stack entry in host order: `[34:64:0:eos]` for label, TTL, EXP, bottom of stack."""
    return f"[{format_mpls_unicast_label(label(entry))}:{ttl(entry)}:{exp(entry)}:{EOS_NAMES[end_of_stack(entry)]}]"


def format_mpls_unicast_header_net_byte_order(data: bytes, indent: int = 0) -> str:
    """A stack entry as the text of an Ethernet frame goes on with it."""
    entry = int.from_bytes(padded(data, HEADER.itemsize), "big")
    return f"label {label(entry)} exp {exp(entry)}, s {end_of_stack(entry)}, ttl {ttl(entry)}"


LAYERS = (Layer(Carrier.ETHERTYPE, ethertype.MPLS, format_mpls_unicast_header_net_byte_order),)
