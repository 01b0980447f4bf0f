"""ip6-lookup: from the destination to a load-balance, from that to the object that handles the packet.

Counterpart of vnet/ip/ip6_forward.h. ip6-load-balance, the second step alone, serves recursive routes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.flow_hash import flow_hash
from vppsh.engine.features.ip6.trace import format_lookup_trace, trace_forward
from vppsh.engine.fib.dpo import ADJACENCY_TYPES, NODES
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose, table_of
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip_protocol
from vppsh.registry import node

NEXTS = (
    "ip6-drop", "ip6-punt", "ip6-local", "ip6-discover-neighbor", "ip6-glean", "ip6-rewrite", "ip6-icmp-error",
    "ip6-rewrite-mcast", "ip6-rewrite-bcast", "ip6-hop-by-hop",
)  # fmt: skip
TO_HOP_BY_HOP = NEXTS.index("ip6-hop-by-hop")
HALF = np.dtype("u8")
OCTET = np.dtype("u1")
PROTOCOL_AT, DESTINATION_AT = 6, 24
HOP_BY_HOP = bytes((ip_protocol.IP6_HOP_BY_HOP_OPTIONS,))
# Nodes that send packets to somebody: on their way there hop-by-hop options count.
SENDING = frozenset(NODES[kind][Protocol.IP6] for kind in ADJACENCY_TYPES)


def _through_options(ctx: Context, nexts: int | NDArray[np.int32], options: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Packets with hop-by-hop options that are to be sent to somebody are looked at first."""
    leads_away = np.array([node.name in SENDING for node in ctx.node.nexts])
    return np.where(options & leads_away[nexts], TO_HOP_BY_HOP, nexts).astype(np.int32)


@node("ip6-lookup", nexts=NEXTS, trace=format_lookup_trace)
def ip6_lookup(ctx: Context, frame: Frame) -> Nexts:
    """Find the load-balance of each destination, count there, choose a bucket."""
    buffers, tables = ctx.buffers, ctx.get(Fib).ip6
    rows = frame.rows
    fib_index = table_of(ctx, frame, tables)
    buffers.fib_index[rows] = fib_index
    buffers.flow_hash[rows] = 0
    destinations = np.empty((frame.n, 2), np.uint64)
    destinations[:, 0] = buffers.load(frame, HALF, DESTINATION_AT).byteswap()
    destinations[:, 1] = buffers.load(frame, HALF, DESTINATION_AT + 8).byteswap()
    found = tables.lookup6(fib_index, destinations)
    nexts = choose(ctx, frame, found, Protocol.IP6, buffers.packet_length(rows), flow_hash)
    protocols = buffers.load(frame, OCTET, PROTOCOL_AT)
    if HOP_BY_HOP in protocols.tobytes():
        nexts = _through_options(ctx, nexts, protocols == ip_protocol.IP6_HOP_BY_HOP_OPTIONS)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip6-load-balance", sibling_of="ip6-lookup", trace=format_lookup_trace)
def ip6_load_balance(ctx: Context, frame: Frame) -> Nexts:
    """The packet comes with the index of a load-balance: choose a bucket of that."""
    buffers = ctx.buffers
    found = ctx.get(Fib).load_balances.known(buffers.adj_index[frame.rows])
    nexts = choose(ctx, frame, found, Protocol.IP6, buffers.packet_length(frame.rows), flow_hash, via=True)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
