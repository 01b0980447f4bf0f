"""ip4-rewrite and its siblings: TTL, MTU, the adjacency's header in front, on to the output node.

Counterpart of vnet/ip/ip4_forward.c (ip4_rewrite_inline); checksum update of RFC 1624.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    FRAGMENTATION_NEEDED,
    MTU_EXCEEDED,
    SAME_INTERFACE,
    TIME_EXPIRED,
    TTL_EXCEEDED,
)  # fmt: skip
from vppsh.engine.features.ip4.input import WORD2, WORD4
from vppsh.engine.features.ip4.trace import format_rewrite_trace, trace_forward
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.rewrite import Complete, Each, One, Refused, adjacency_of, send
from vppsh.registry import node

DROP, ICMP_ERROR, FRAGMENT = range(3)
NEXTS = ("ip4-drop", "ip4-icmp-error", "ip4-frag")

TTL_AT = 8
# TTL, protocol and checksum as one little-endian word: TTL less one, checksum plus one.
NEXT_HOP = np.uint32(0x10000 - 1)
WRAPS, END_AROUND = np.uint32(0xFFFE0000), np.uint32(0x10000)
TTL = np.uint32(0xFF)
DONT_FRAGMENT = np.uint16(0x40)
MULTICAST_BITS = np.uint32(0x7FFFFF)
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)


def decremented(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """TTL-protocol-checksum words one hop further."""
    new: NDArray[np.uint32] = words + NEXT_HOP
    wraps = words >= WRAPS
    if np.count_nonzero(wraps):
        new += wraps * END_AROUND
    return new


def _decrement(ctx: Context, frame: Frame) -> Refused | None:
    """Decrement TTLs, except those of our own packets; packets whose TTL expires are refused."""
    buffers = ctx.buffers
    words = buffers.load(frame, WORD4, TTL_AT)
    new = decremented(words)
    flags = buffers.flags[frame.rows]
    ours: NDArray[np.bool_] | None = None
    if np.bitwise_or.reduce(flags) & OURS:
        ours = flags & OURS != 0
        new = np.where(ours, words, new)
    buffers.store(frame, WORD4, new, TTL_AT)
    left = new & TTL
    if np.count_nonzero(left) == frame.n:
        return None
    expired = left == 0 if ours is None else (left == 0) & ~ours
    refused = Refused.of(None, frame.n, expired, TIME_EXPIRED, ICMP_ERROR)
    if refused is not None:
        rows = frame.indices(buffers)[expired]
        buffers.tx_sw_if_index[rows] = -1
        set_icmp_error(buffers, rows, TTL_EXCEEDED)
    return refused


def _restore(ctx: Context, frame: Frame) -> None:
    """Give packets the TTL back that they came with: ip4-frag and ip4-icmp-error want to see it."""
    buffers = ctx.buffers
    theirs = buffers.flags[frame.rows] & OURS == 0
    if not theirs.any():
        return
    frame = frame.pick(buffers, theirs)
    words = buffers.load(frame, WORD4, TTL_AT)
    old = words - NEXT_HOP
    old -= (old >= WRAPS) * END_AROUND
    buffers.store(frame, WORD4, old, TTL_AT)


def _too_big(ctx: Context, frame: Frame, adj: One | Each, refused: Refused | None) -> Refused | None:
    """Packets longer than their adjacency's MTU are fragmented, or refused when they may not be."""
    buffers = ctx.buffers
    mtu = ctx.get(Adjacencies).mtu.take(adj)
    big = buffers.load(frame, WORD2, 2).byteswap().astype(np.int32) > mtu
    if not np.count_nonzero(big):
        return refused
    rows, limits = frame.indices(buffers), np.broadcast_to(mtu, (frame.n,))
    stubborn = big & (buffers.load(frame, WORD2, 6) & DONT_FRAGMENT != 0)
    yielding = big & ~stubborn
    refused = Refused.of(refused, frame.n, yielding, MTU_EXCEEDED, FRAGMENT)
    refused = Refused.of(refused, frame.n, stubborn, MTU_EXCEEDED, ICMP_ERROR)
    set_icmp_error(buffers, rows[stubborn], FRAGMENTATION_NEEDED, limits[stubborn])
    # ip4-frag reads the MTU from the lower half of the word, and where to send the pieces from the upper.
    to_midchain = int(ctx.node.name == "ip4-midchain")
    buffers.flow_hash[rows[yielding]] = limits[yielding].astype(np.uint32) | np.uint32(to_midchain << 16)
    _restore(ctx, frame.pick(buffers, big))
    return refused


def rewrite(ctx: Context, frame: Frame, complete: Complete | None = None) -> Nexts:
    """What all rewrite nodes do; `complete` fills in the headers of tunnels."""
    adj = adjacency_of(ctx, frame)
    refused = _too_big(ctx, frame, adj, _decrement(ctx, frame))
    nexts = send(ctx, frame, adj, refused, "ip4-output", complete)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts


@node("ip4-rewrite", nexts=NEXTS, errors_of="ip4-input", trace=format_rewrite_trace, index=693)
def ip4_rewrite(ctx: Context, frame: Frame) -> Nexts:
    """Towards a neighbour."""
    return rewrite(ctx, frame)


@node("ip4-rewrite-bcast", sibling_of="ip4-rewrite", errors_of="ip4-input", trace=format_rewrite_trace, index=692)
def ip4_rewrite_bcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards everybody on the link."""
    return rewrite(ctx, frame)


@node("ip4-rewrite-mcast", sibling_of="ip4-rewrite", errors_of="ip4-input", trace=format_rewrite_trace, index=691)
def ip4_rewrite_mcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards a group, its lower bits in the destination MAC (RFC 1112, 6.4); never back to where a packet came from."""
    buffers = ctx.buffers
    adj = adjacency_of(ctx, frame)
    refused = _too_big(ctx, frame, adj, _decrement(ctx, frame))
    back = ctx.get(Adjacencies).sw_if_index.take(adj) == buffers.rx_sw_if_index[frame.rows]
    refused = Refused.of(refused, frame.n, back, SAME_INTERFACE, DROP)
    groups = buffers.load(frame, WORD4, 16).byteswap()
    nexts = send(ctx, frame, adj, refused, "ip4-output")
    leaving = frame if refused is None else frame.pick(buffers, ~refused.mask)
    if leaving.n:
        groups = groups if refused is None else groups[~refused.mask]
        kept = buffers.load(leaving, WORD4, 2).byteswap() & ~MULTICAST_BITS
        buffers.store(leaving, WORD4, (kept | groups & MULTICAST_BITS).byteswap(), 2)
    if frame.traced:
        trace_forward(ctx, frame)
    return nexts
