"""adj-midchain-tx and its siblings: encapsulated packets leave the tunnel interface for what the tunnel is stacked on.

Counterpart of vnet/adj/adj_midchain_node.c. tunnel-output is where packets of tunnels get to behind the output
features; adj-midchain-tx where those get to that another node has dealt with in between (encryption).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.context import Context, Nexts
from vppsh.engine.forward_trace import format_adjacency
from vppsh.engine.frame import Frame
from vppsh.engine.rewrite import adjacency_of
from vppsh.engine.tunnel.midchain import Midchains
from vppsh.registry import node, table

MIDCHAINS = table(Midchains)


class MidchainTrace(Struct, frozen=True):
    """The adjacency that a packet took."""

    adjacency: int


def format_midchain_trace(view: Any, record: MidchainTrace) -> str:
    """VPP's `adj-midchain:[6]:ipv4 via 0.0.0.0 ipip0: ...`."""
    return format_adjacency(view, record.adjacency, f"adj-midchain:[{record.adjacency}]:")


def _leave(ctx: Context, frame: Frame, counted: bool) -> Nexts:
    """Count at the tunnel interface, replace the adjacency by the object it is stacked on."""
    buffers, rows = ctx.buffers, frame.rows
    for _, index in ctx.traced(frame):
        ctx.trace(index, MidchainTrace(int(buffers.adj_index[index])))
    adj = adjacency_of(ctx, frame)
    if counted:
        interfaces = ctx.get(Adjacencies).sw_if_index.take(adj)
        lengths = buffers.packet_length(rows)
        if isinstance(adj, int):
            ctx.engine.interfaces.tx.add(int(interfaces), frame.n, int(np.add.reduce(lengths)))
        else:
            ctx.engine.interfaces.tx.add_each(interfaces, lengths)
    return ctx.get(Midchains).leave(frame, adj)


@node("adj-midchain-tx", nexts=("error-drop",), trace=format_midchain_trace)
def adj_midchain_tx(ctx: Context, frame: Frame) -> Nexts:
    """Behind a node that handled the packets in between."""
    return _leave(ctx, frame, True)


@node("tunnel-output", sibling_of="adj-midchain-tx", trace=format_midchain_trace)
def tunnel_output(ctx: Context, frame: Frame) -> Nexts:
    """Behind the output features of a tunnel interface."""
    return _leave(ctx, frame, True)


@node("tunnel-output-no-count", sibling_of="adj-midchain-tx", trace=format_midchain_trace)
def tunnel_output_no_count(ctx: Context, frame: Frame) -> Nexts:
    """The same where somebody else counts."""
    return _leave(ctx, frame, False)
