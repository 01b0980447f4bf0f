"""Next nodes and errors of the nodes that look at an Ethernet header, and where each ethertype goes.

A feature says which ethertype it takes with `demux("ethernet-input", ethertype, node)` next to its node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Graph

PUNT, DROP, LLC = range(3)
NEXTS = ("error-punt", "error-drop", "llc-input", "ip4-input", "ip4-input-no-checksum")

NONE, BAD_LLC_LENGTH, UNKNOWN_TYPE, UNKNOWN_VLAN, L3_MAC_MISMATCH, SUBINTERFACE_DOWN = range(6)
# VPP gives these counters no names of their own: their texts serve as names.
ERRORS = tuple(
    error(text, text)
    for text in ("no error", "llc length > packet length", "unknown ethernet type", "unknown vlan", "l3 mac mismatch", "subinterface down")
)

FIRST_ETHERTYPE = 0x600
"""Smaller numbers are the length of an 802.3 frame, whose LLC header says what follows."""

BRIDGED = -1
"""In place of an ethertype: packets of interfaces that are bridged or cross-connected."""


def as_loaded(number: int) -> int:
    """What a little-endian load of two bytes gives for a number in network order: loads without a swap are cheaper."""
    return (number & 0xFF) << 8 | number >> 8


class Ethertypes:
    """The slot of ethernet-input for each ethertype.

    slots  int32 by ethertype as loaded (see `as_loaded`), PUNT for those that nobody takes
    l2     the slot of bridged packets, DROP as long as no feature takes them
    """

    def __init__(self, engine: Engine) -> None:
        slots: NDArray[np.int32] = np.full(1 << 16, PUNT, np.int32)
        slots[:FIRST_ETHERTYPE] = LLC
        self.l2 = DROP
        for demux in engine.catalog.demuxes:
            if demux.node == "ethernet-input":
                slot = engine.graph.next_by_name(demux.node, demux.target)
                if demux.key == BRIDGED:
                    self.l2 = slot
                else:
                    slots[demux.key] = slot
        self.slots: NDArray[np.int32] = slots[np.arange(1 << 16, dtype=np.uint16).byteswap()]

    def take(self, graph: Graph, number: int, node: str) -> None:
        """Send an ethertype to a node from now on, which VPP does not know before that is first used."""
        self.slots[as_loaded(number)] = graph.next_by_name("ethernet-input", node)
