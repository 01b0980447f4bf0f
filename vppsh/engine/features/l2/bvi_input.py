"""From a bridge domain to its BVI: the packet loses its Ethernet header and is routed (l2_to_bvi in vnet/l2/l2_bvi.h)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE
from vppsh.engine.context import Context
from vppsh.engine.features.ethernet.ethertypes import BRIDGED, as_loaded
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.ethernet.tags import WORD2, WORD8, advance, wrong_address
from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NOBODY = -1


class Fault(enum.IntEnum):
    """Why a packet is not for a BVI."""

    NONE = 0
    BAD_MAC = 1
    ETHERTYPE = 2


class BviEthertypes:
    """The slot of each ethertype, of the nodes that hand packets to BVIs: as ethernet-input has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._slots: dict[str, NDArray[np.int32]] = {}

    def slots(self, ctx: Context) -> NDArray[np.int32]:
        """Of one node, by ethertype as loaded; NOBODY for those that no node takes."""
        slots = self._slots.get(ctx.node.name)
        if slots is None:
            slots = self._slots[ctx.node.name] = np.full(1 << 16, NOBODY, np.int32)
            for demux in self._engine.catalog.demuxes:
                if demux.node == "ethernet-input" and demux.key != BRIDGED:
                    slots[as_loaded(demux.key)] = self._engine.graph.next_by_name(ctx.node.name, demux.target)
        return slots


def to_bvi(ctx: Context, rows: NDArray[np.int32], bvi: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Let packets be received by a BVI (its sw_if_index); the slots where they go on, NOBODY for those with a `Fault`."""
    buffers, interfaces = ctx.buffers, ctx.engine.interfaces
    port = ctx.get(Ports).of(interfaces[bvi])
    frame = Frame(rows, len(rows))
    faults = np.full(len(rows), Fault.NONE, np.int32)
    if port is not None:
        faults[wrong_address(buffers.load(frame, WORD8), port)] = Fault.BAD_MAC
    ours = np.flatnonzero(faults == Fault.NONE)
    taken = rows[ours]
    buffers.l2_hdr_offset[taken] = buffers.current_data[taken]
    advance(buffers, taken, buffers.l2_len[taken])
    buffers.rx_sw_if_index[taken] = bvi
    buffers.tx_sw_if_index[taken] = -1
    at = taken.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[taken]
    nexts = np.full(len(rows), NOBODY, np.int32)
    nexts[ours] = ctx.get(BviEthertypes).slots(ctx)[buffers.bytes_at(WORD2)[at - WORD2.itemsize]]
    faults[ours[nexts[ours] == NOBODY]] = Fault.ETHERTYPE
    routed = rows[faults == Fault.NONE]
    interfaces.rx.add(bvi, len(routed), int(buffers.packet_length(routed).sum()))
    return nexts, faults
