"""ip6-lookup: from the destination to a load-balance, from that to the object that handles the packet.

Counterpart of vnet/ip/ip6_forward.h. ip6-load-balance, the second step alone, serves recursive routes.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.flow_hash import flow_hash
from vppsh.engine.features.ip6.trace import format_lookup_trace, trace_forward
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose, table_of
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.registry import node

NEXTS = (
    "ip6-drop", "ip6-punt", "ip6-local", "ip6-discover-neighbor", "ip6-glean", "ip6-rewrite", "ip6-icmp-error",
    "ip6-rewrite-mcast", "ip6-rewrite-bcast",
)  # fmt: skip
HALF = np.dtype("u8")
DESTINATION_AT = 24


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
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip6-load-balance", sibling_of="ip6-lookup", trace=format_lookup_trace)
def ip6_load_balance(ctx: Context, frame: Frame) -> Nexts:
    """The packet comes with the index of a load-balance: choose a bucket of that."""
    buffers = ctx.buffers
    found = buffers.adj_index[frame.rows]
    nexts = choose(ctx, frame, found, Protocol.IP6, buffers.packet_length(frame.rows), flow_hash, via=True)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
