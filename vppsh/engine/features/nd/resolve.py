"""ip6-discover-neighbor and ip6-glean: packets whose next hop has no MAC address yet are dropped, and the next hop is asked for.

Counterpart of vnet/ip-neighbor/ip6_neighbor.c. ip6-discover-neighbor handles incomplete adjacencies, ip6-glean
those of connected prefixes, where the next hop is the packet's own destination. A solicitation belongs to the
trace of the packet that caused it.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.adjacency import Adjacencies, Kind
from vppsh.engine.buffers import NONE, BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.ip6.trace import format_forward_trace, trace_forward
from vppsh.engine.features.nd.request import Solicitations
from vppsh.engine.frame import Frame
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.throttle import Throttle, ip6_keys
from vppsh.engine.wire import ip6
from vppsh.engine.wire.ip6 import from_halves, to_halves
from vppsh.registry import error, info, node

TO_DROP = 0
NEXTS = ("ip6-drop", "ip6-rewrite-mcast")
ERRORS = (
    info("throttled", "throttled"),
    error("drop", "address overflow drops"),
    info("request_sent", "neighbor solicitations sent"),
    error("no_source_address", "no source address for ND solicitation"),
    error("no_buffers", "no buffers"),
)
THROTTLED, DROP, REQUEST_SENT, NO_SOURCE_ADDRESS, NO_BUFFERS = range(len(ERRORS))

PERIOD = 1e-3
ADDRESS = np.dtype((">u8", 2))
DESTINATION_AT = 24


class NdThrottle(Throttle):
    """One solicitation for an address on an interface per period."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, PERIOD)


def _ask(ctx: Context, index: int, adj_index: int, target: int) -> int:
    """Solicit the next hop of the packet in a buffer; what it counts as."""
    buffers, adjacency = ctx.buffers, ctx.get(Adjacencies).find(adj_index)
    if adjacency is None:
        return DROP
    link = ctx.get(Ip6Links).find(adjacency.interface)
    # An adjacency may have been completed in this very frame: the load-balance that led here has not been told yet.
    if link is None or not link.interface.hardware.link_up or adjacency.kind is Kind.REWRITE:
        return DROP
    sent = ctx.get(Solicitations).ask(link, link.address, target)
    if sent is None:
        return NO_BUFFERS
    if buffers.trace[index] != NONE:
        buffers.trace[sent] = buffers.trace[index]
        buffers.flags[sent] |= np.uint32(BufferFlag.IS_TRACED)
    return REQUEST_SENT


def _resolve(ctx: Context, frame: Frame, *, glean: bool) -> Nexts:
    buffers, adjacencies = ctx.buffers, ctx.get(Adjacencies)
    if frame.traced:
        trace_forward(ctx, frame)
    indices = frame.indices(buffers)
    adjs = adjacencies.known(buffers.adj_index[indices])
    targets = buffers.load(frame, ip6.HEADER)["dst"].copy()
    if not glean:
        # As in VPP the packet is from now on one to the next hop, whatever its destination was.
        for adj_index in np.unique(adjs).tolist():
            adjacency = adjacencies.find(adj_index)
            if adjacency is not None:
                targets[adjs == adj_index] = to_halves(adjacency.next_hop)
        buffers.store(frame, ADDRESS, targets, DESTINATION_AT)
    interfaces = adjacencies.sw_if_index[adjs]
    buffers.tx_sw_if_index[indices] = interfaces
    errors = np.full(frame.n, THROTTLED)
    keys = ip6_keys(targets) ^ interfaces.astype(np.uint64)
    for position in np.flatnonzero(ctx.get(NdThrottle).passes(keys)).tolist():
        errors[position] = _ask(ctx, int(indices[position]), int(adjs[position]), from_halves(targets[position]))
    buffers.error[indices] = ctx.error_base + errors
    return TO_DROP


@node("ip6-discover-neighbor", nexts=NEXTS, errors=ERRORS, trace=format_forward_trace)
def ip6_discover_neighbor(ctx: Context, frame: Frame) -> Nexts:
    """Ask for the next hop of an incomplete adjacency."""
    return _resolve(ctx, frame, glean=False)


@node("ip6-glean", nexts=NEXTS, errors=ERRORS, trace=format_forward_trace)
def ip6_glean(ctx: Context, frame: Frame) -> Nexts:
    """Ask for the destination of a packet to a connected prefix."""
    return _resolve(ctx, frame, glean=True)
