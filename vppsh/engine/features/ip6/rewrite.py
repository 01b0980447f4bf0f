"""ip6-rewrite and its siblings: hop limit, MTU, the adjacency's header in front, on to the output node.

Counterpart of vnet/ip/ip6_forward.c (ip6_rewrite_inline_with_gso).
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.errors import HOP_LIMIT_EXCEEDED, MTU_EXCEEDED, PACKET_TOO_BIG, TIME_EXPIRED
from vppsh.engine.features.ip6.input import BYTE, HOP_LIMIT_AT
from vppsh.engine.features.ip6.trace import format_rewrite_trace, trace_forward
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.rewrite import Complete, Each, One, Refused, adjacency_of, send
from vppsh.engine.wire import ip6
from vppsh.registry import node

DROP, ICMP_ERROR, FRAGMENT = range(3)
NEXTS = ("ip6-drop", "ip6-icmp-error", "ip6-frag")

LENGTH = np.dtype("u2")
GROUP = np.dtype("u4")
LENGTH_AT, GROUP_AT = 4, 36
LEAST_MTU = 1280
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)


def _decrement(ctx: Context, frame: Frame) -> Refused | None:
    """Decrement hop limits, except those of our own packets; packets whose hop limit expires are refused."""
    buffers = ctx.buffers
    new = buffers.load(frame, BYTE, HOP_LIMIT_AT) - np.uint8(1)
    expired = new == 0
    flags = buffers.flags[frame.rows]
    if np.bitwise_or.reduce(flags) & OURS:
        ours = flags & OURS != 0
        new = new + ours.astype(np.uint8)
        expired &= ~ours
    buffers.store(frame, BYTE, new, HOP_LIMIT_AT)
    refused = Refused.of(None, frame.n, expired, TIME_EXPIRED, ICMP_ERROR)
    if refused is not None:
        rows = frame.indices(buffers)[expired]
        buffers.tx_sw_if_index[rows] = -1
        set_icmp_error(buffers, rows, HOP_LIMIT_EXCEEDED)
    return refused


def _too_big(ctx: Context, frame: Frame, adj: One | Each, refused: Refused | None) -> Refused | None:
    """Packets longer than their adjacency's MTU are refused; only our own may be fragmented (RFC 8200, 5)."""
    buffers = ctx.buffers
    mtu = ctx.get(Adjacencies).mtu.take(adj)
    length = buffers.load(frame, LENGTH, LENGTH_AT).byteswap().astype(np.int32) + ip6.HEADER.itemsize
    big = (length > mtu) & (mtu >= LEAST_MTU)
    if not np.count_nonzero(big):
        return refused
    rows, limits = frame.indices(buffers), np.broadcast_to(mtu, (frame.n,))
    ours = big & (buffers.flags[rows] & OURS != 0)
    theirs = big & ~ours
    refused = Refused.of(refused, frame.n, ours, MTU_EXCEEDED, FRAGMENT)
    refused = Refused.of(refused, frame.n, theirs, MTU_EXCEEDED, ICMP_ERROR)
    set_icmp_error(buffers, rows[theirs], PACKET_TOO_BIG, limits[theirs])
    to_midchain = int(ctx.node.name == "ip6-midchain")
    buffers.flow_hash[rows[ours]] = limits[ours].astype(np.uint32) | np.uint32(to_midchain << 16)
    return refused


def rewrite(ctx: Context, frame: Frame, complete: Complete | None = None) -> Nexts:
    """What all rewrite nodes do; `complete` fills in the headers of tunnels."""
    adj = adjacency_of(ctx, frame)
    refused = _too_big(ctx, frame, adj, _decrement(ctx, frame))
    nexts = send(ctx, frame, adj, refused, "ip6-output", complete)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip6-rewrite", nexts=NEXTS, errors_of="ip6-input", trace=format_rewrite_trace)
def ip6_rewrite(ctx: Context, frame: Frame) -> Nexts:
    """Towards a neighbour."""
    return rewrite(ctx, frame)


@node("ip6-rewrite-bcast", sibling_of="ip6-rewrite", errors_of="ip6-input", trace=format_rewrite_trace)
def ip6_rewrite_bcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards everybody on the link."""
    return rewrite(ctx, frame)


@node("ip6-rewrite-mcast", sibling_of="ip6-rewrite", errors_of="ip6-input", trace=format_rewrite_trace)
def ip6_rewrite_mcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards a group, whose last four bytes are in the destination MAC (RFC 2464, 7)."""
    buffers = ctx.buffers
    adj = adjacency_of(ctx, frame)
    refused = _too_big(ctx, frame, adj, _decrement(ctx, frame))
    groups = buffers.load(frame, GROUP, GROUP_AT).copy()
    nexts = send(ctx, frame, adj, refused, "ip6-output")
    leaving = frame if refused is None else frame.pick(buffers, ~refused.mask)
    if leaving.n:
        buffers.store(leaving, GROUP, groups if refused is None else groups[~refused.mask], 2)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
