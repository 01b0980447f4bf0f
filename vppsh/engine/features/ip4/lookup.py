"""ip4-lookup: from the destination to a load-balance, from that to the object that handles the packet.

Counterpart of vnet/ip/ip4_forward.h. ip4-load-balance, the second step alone, serves recursive routes.
"""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.flow_hash import flow_hash
from vppsh.engine.features.ip4.input import WORD4
from vppsh.engine.features.ip4.trace import format_lookup_trace, trace_forward
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose, table_of
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.registry import node

NEXTS = (
    "ip4-drop", "ip4-punt", "ip4-local", "ip4-arp", "ip4-glean", "ip4-rewrite", "ip4-rewrite-mcast", "ip4-rewrite-bcast", "ip4-icmp-error",
)  # fmt: skip


@node("ip4-lookup", nexts=NEXTS, trace=format_lookup_trace)
def ip4_lookup(ctx: Context, frame: Frame) -> Nexts:
    """Find the load-balance of each destination, count there, choose a bucket."""
    buffers, tables = ctx.buffers, ctx.get(Fib).ip4
    rows = frame.rows
    fib_index = table_of(ctx, frame, tables)
    buffers.fib_index[rows] = fib_index
    buffers.flow_hash[rows] = 0
    destinations = buffers.load(frame, WORD4, 16).byteswap()
    found = tables.mtrie.lookup(fib_index, destinations)
    nexts = choose(ctx, frame, found, Protocol.IP4, buffers.packet_length(rows), flow_hash)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip4-load-balance", sibling_of="ip4-lookup", trace=format_lookup_trace)
def ip4_load_balance(ctx: Context, frame: Frame) -> Nexts:
    """The packet comes with the index of a load-balance: choose a bucket of that."""
    buffers = ctx.buffers
    found = ctx.get(Fib).load_balances.known(buffers.adj_index[frame.rows])
    nexts = choose(ctx, frame, found, Protocol.IP4, buffers.packet_length(frame.rows), flow_hash, via=True)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
