"""ip4-arp and ip4-glean: packets whose next hop has no MAC address yet are dropped, and the next hop is asked for.

Counterpart of vnet/ip-neighbor/ip4_neighbor.c. ip4-arp handles incomplete adjacencies, ip4-glean those of
connected prefixes, where the next hop is the packet's own destination.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies, Adjacency, Kind
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.arp.request import ArpRequests
from vppsh.engine.features.ip4.trace import format_forward_trace, trace_forward
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.source_address import to_neighbor
from vppsh.engine.throttle import Throttle
from vppsh.engine.wire import ip4
from vppsh.registry import error, info, node

DROP = 0
NEXTS = ("ip4-drop",)
ERRORS = (
    info("throttled", "ARP requests throttled"),
    info("resolved", "ARP requests resolved"),
    error("no_buffers", "ARP requests out of buffer"),
    info("request_sent", "ARP requests sent"),
    error("non_arp_adj", "ARPs to non-ARP adjacencies"),
    error("no_source_address", "no source address for ARP request"),
)
THROTTLED, RESOLVED, NO_BUFFERS, REQUEST_SENT, NON_ARP_ADJ, NO_SOURCE_ADDRESS = range(len(ERRORS))

PERIOD = 1e-3


class ArpThrottle(Throttle):
    """One request for an address on an interface per period."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, PERIOD)


def _source(engine: Engine, adjacency: Adjacency, target: int | None) -> int | None:
    """The address to ask from; there is one for every target or for none."""
    if adjacency.kind is Kind.GLEAN and adjacency.glean is not None and adjacency.glean.length:
        return adjacency.glean.address
    return to_neighbor(engine, Protocol.IP4, adjacency.interface, target)


def _ask(ctx: Context, adjacency: Adjacency, target: int, expected: Kind) -> int:
    """Send one request; what it counts as."""
    if adjacency.kind is Kind.REWRITE:
        # Completed in this very frame: the load-balance that led here has not been told yet.
        return RESOLVED
    source = _source(ctx.engine, adjacency, target)
    if adjacency.kind is not expected or source is None:
        return NON_ARP_ADJ
    return REQUEST_SENT if ctx.get(ArpRequests).ask(adjacency, source, target) else NO_BUFFERS


def _resolve(ctx: Context, frame: Frame, expected: Kind) -> Nexts:
    buffers, adjacencies = ctx.buffers, ctx.get(Adjacencies)
    trace_forward(ctx, frame)
    indices: NDArray[np.int32] = buffers.adj_index[frame.rows].copy()
    targets = buffers.load(frame, ip4.HEADER)["dst"].astype(np.uint64)
    errors = np.full(frame.n, THROTTLED)
    for index in np.unique(indices).tolist():
        adjacency = adjacencies.find(index)
        mine = indices == index
        if adjacency is None or adjacency.protocol is not Protocol.IP4:
            errors[mine] = NON_ARP_ADJ
            continue
        if expected is Kind.INCOMPLETE:
            # That of a broadcast has more bits than an address.
            targets[mine] = adjacency.next_hop & 0xFFFFFFFF
        if _source(ctx.engine, adjacency, None) is None:
            errors[mine] = NO_SOURCE_ADDRESS
    able = np.flatnonzero(errors == THROTTLED)
    keys = targets[able] << np.uint64(32) | adjacencies.sw_if_index[indices[able]].astype(np.uint64)
    for position in able[ctx.get(ArpThrottle).passes(keys)].tolist():
        errors[position] = _ask(ctx, adjacencies[int(indices[position])], int(targets[position]), expected)
    buffers.error[frame.rows] = ctx.error_base + errors
    return DROP


@node("ip4-arp", nexts=NEXTS, errors=ERRORS, trace=format_forward_trace)
def ip4_arp(ctx: Context, frame: Frame) -> Nexts:
    """Ask for the next hop of an incomplete adjacency."""
    return _resolve(ctx, frame, Kind.INCOMPLETE)


@node("ip4-glean", nexts=NEXTS, errors=ERRORS, trace=format_forward_trace)
def ip4_glean(ctx: Context, frame: Frame) -> Nexts:
    """Ask for the destination of a packet to a connected prefix."""
    return _resolve(ctx, frame, Kind.GLEAN)
