"""ip4-lookup: from the destination to a load-balance, from that to the object that handles the packet.

Counterpart of vnet/ip/ip4_forward.h. ip4-load-balance, the second step alone, serves recursive routes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.flow_hash import flow_hash
from vppsh.engine.features.ip4.input import WORD4
from vppsh.engine.features.ip4.trace import format_lookup_trace, trace_forward
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.registry import node

NEXTS = (
    "ip4-drop", "ip4-punt", "ip4-local", "ip4-arp", "ip4-glean", "ip4-rewrite", "ip4-mcast-midchain", "ip4-midchain",
    "ip4-rewrite-mcast", "ip4-rewrite-bcast", "ip4-icmp-error",
)  # fmt: skip


def _table(fib: Fib, ctx: Context, frame: Frame) -> int | NDArray[np.int32]:
    """The table of each packet: of its receive interface, unless tx_sw_if_index names another."""
    buffers = ctx.buffers
    chosen = buffers.tx_sw_if_index[frame.rows]
    if frame.rx is not None and not np.count_nonzero(chosen != -1):
        return int(fib.ip4.fib_index_of[frame.rx])
    received = fib.ip4.fib_index_of[buffers.rx_sw_if_index[frame.rows]]
    tables = np.where(chosen != -1, chosen, received)
    one = common(tables)
    return tables if one is None else one


@node("ip4-lookup", nexts=NEXTS, trace=format_lookup_trace)
def ip4_lookup(ctx: Context, frame: Frame) -> Nexts:
    """Find the load-balance of each destination, count there, choose a bucket."""
    buffers, fib = ctx.buffers, ctx.get(Fib)
    rows = frame.rows
    tables = _table(fib, ctx, frame)
    buffers.fib_index[rows] = tables
    buffers.flow_hash[rows] = 0
    destinations = buffers.load(frame, WORD4, 16).byteswap()
    found = fib.ip4.mtrie.lookup(tables, destinations)
    lengths = buffers.current_length[rows]
    if np.bitwise_or.reduce(buffers.flags[rows]) & BufferFlag.NEXT_PRESENT:
        lengths = buffers.packet_length(rows)
    nexts = choose(ctx, frame, found, Protocol.IP4, lengths, flow_hash)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip4-load-balance", sibling_of="ip4-lookup", trace=format_lookup_trace)
def ip4_load_balance(ctx: Context, frame: Frame) -> Nexts:
    """The packet comes with the index of a load-balance: choose a bucket of that."""
    buffers = ctx.buffers
    rows = frame.rows
    found = buffers.adj_index[rows].copy()
    nexts = choose(ctx, frame, found, Protocol.IP4, buffers.packet_length(rows), flow_hash, via=True)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
