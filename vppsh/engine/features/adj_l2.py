"""adj-l2-rewrite, adj-l2-midchain: Ethernet frames leave by an adjacency, into a tunnel that carries frames (vnet/adj/adj_l2.c)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.context import Context, Nexts
from vppsh.engine.counters import count_each
from vppsh.engine.engine import Engine
from vppsh.engine.forward_trace import format_adjacency
from vppsh.engine.frame import Frame
from vppsh.engine.rewrite import Each, One, adjacency_of, put_in_front, start_output, without_room
from vppsh.engine.tunnel.midchain import Midchains
from vppsh.registry import arc, feature, node

DROP = 0
OUTPUT_ARC = arc("ethernet-output", "adj-l2-midchain", end="error-drop")
END_OF_ARC = feature("ethernet-output", "error-drop")


class AdjL2Trace(Struct, frozen=True):
    """The adjacency that a frame took."""

    adjacency: int


def format_adj_l2_trace(view: Engine, record: AdjL2Trace) -> str:
    """VPP's `adj-idx 3 : ethernet via 0.0.0.0 gre0: ...`."""
    return format_adjacency(view, record.adjacency, f"adj-idx {record.adjacency} : ")


def _leave(ctx: Context, frame: Frame, adj: One | Each, midchain: bool) -> int | NDArray[np.int32]:
    adjacencies = ctx.get(Adjacencies)
    put_in_front(ctx, frame, adjacencies, adj)
    if midchain:
        ctx.get(Midchains).complete(ctx, frame, adj, None)
    return start_output(ctx, frame, adj, "ethernet-output")


def _rewrite(ctx: Context, frame: Frame, midchain: bool) -> Nexts:
    buffers, adjacencies = ctx.buffers, ctx.get(Adjacencies)
    for _, index in ctx.traced(frame):
        ctx.trace(index, AdjL2Trace(int(buffers.adj_index[index])))
    adj = adjacency_of(ctx, frame)
    lengths = buffers.packet_length(frame.rows)
    if adjacencies.counting:
        # VPP counts bytes only.
        count_each(np.zeros_like(adjacencies.packets), adjacencies.bytes, np.broadcast_to(adj, (frame.n,)), lengths)
    buffers.tx_sw_if_index[frame.rows] = adjacencies.sw_if_index.take(adj)
    fits = lengths <= adjacencies.mtu.take(adj)
    crowded = without_room(ctx, frame, adj)
    if crowded is not None:
        fits = fits & ~crowded
    if np.count_nonzero(fits) == frame.n:
        return _leave(ctx, frame, adj, midchain)
    # Frames cannot be fragmented.
    nexts = np.full(frame.n, DROP, np.int32)
    some = frame.pick(buffers, fits)
    if some.n:
        nexts[fits] = _leave(ctx, some, adj if isinstance(adj, int) else adj[fits], midchain)
    frame.offset = None
    return nexts


@node("adj-l2-rewrite", nexts=("error-drop",), trace=format_adj_l2_trace)
def adj_l2_rewrite(ctx: Context, frame: Frame) -> Nexts:
    """By an adjacency that needs nothing but its header."""
    return _rewrite(ctx, frame, False)


@node("adj-l2-midchain", nexts=("error-drop",), trace=format_adj_l2_trace)
def adj_l2_midchain(ctx: Context, frame: Frame) -> Nexts:
    """Into a tunnel."""
    return _rewrite(ctx, frame, True)
