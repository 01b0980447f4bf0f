"""ip4-rewrite and its siblings: TTL, MTU, the adjacency's header in front, on to the output node.

Counterpart of vnet/ip/ip4_forward.c (ip4_rewrite_inline); checksum update of RFC 1624.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency import REWRITE_BYTES, Adjacencies
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    FRAGMENTATION_NEEDED, MTU_EXCEEDED, NONE, SAME_INTERFACE, TIME_EXPIRED, TTL_EXCEEDED, set_icmp_error,
)  # fmt: skip
from vppsh.engine.features.ip4.input import WORD2, WORD4
from vppsh.engine.features.ip4.trace import format_rewrite_trace, trace_forward
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
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


def decremented(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """TTL-protocol-checksum words one hop further."""
    new: NDArray[np.uint32] = words + NEXT_HOP
    new += (words >= WRAPS) * END_AROUND
    return new


def _decrement(ctx: Context, frame: Frame, error: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
    """Decrement TTLs, except of our own packets; errors only if some expire."""
    buffers = ctx.buffers
    words = buffers.load(frame, WORD4, TTL_AT)
    new = decremented(words)
    flags = buffers.flags[frame.rows]
    expired = new & TTL == 0
    if np.bitwise_or.reduce(flags) & BufferFlag.LOCALLY_ORIGINATED:
        ours = flags & np.uint32(BufferFlag.LOCALLY_ORIGINATED) != 0
        new = np.where(ours, words, new)
        expired &= ~ours
    buffers.store(frame, WORD4, new, TTL_AT)
    if np.count_nonzero(expired):
        error = np.full(frame.n, NONE, np.int32) if error is None else error
        error[expired] = TIME_EXPIRED
        rows = frame.indices(buffers)[expired]
        buffers.tx_sw_if_index[rows] = -1
        set_icmp_error(buffers, rows, TTL_EXCEEDED)
    return error


def _restore(ctx: Context, frame: Frame, chosen: NDArray[np.bool_]) -> None:
    """Give packets that ip4-frag sends back here the TTL that they came with."""
    some = frame.pick(ctx.buffers, chosen)
    flags = ctx.buffers.flags[some.rows]
    theirs = flags & np.uint32(BufferFlag.LOCALLY_ORIGINATED) == 0
    if not theirs.any():
        return
    some = some.pick(ctx.buffers, theirs)
    words = ctx.buffers.load(some, WORD4, TTL_AT)
    old = words - NEXT_HOP
    old -= (old >= WRAPS) * END_AROUND
    ctx.buffers.store(some, WORD4, old, TTL_AT)


def _put_in_front(ctx: Context, frame: Frame, adjacencies: Adjacencies, adj: int | NDArray[np.int32]) -> int | NDArray[np.int32]:
    """Write each adjacency's header before the packet; the tx interfaces."""
    buffers, rows = ctx.buffers, frame.rows
    lengths = adjacencies.rewrite_length[adj]
    length = int(lengths) if isinstance(adj, int) else common(lengths)
    if length is None:
        everything = frame.indices(buffers)
        for size in np.unique(lengths).tolist():
            mine = lengths == size
            part = Frame(everything[mine], int(mine.sum()), offset=frame.offset)
            assert not isinstance(adj, int)
            _put_in_front(ctx, part, adjacencies, adj[mine])
        frame.offset = None
        tx: NDArray[np.int32] = adjacencies.sw_if_index[adj]
        return tx
    buffers.advance(frame, -length)
    if length:
        dtype = np.dtype(f"V{length}")
        headers = np.ndarray((len(adjacencies.rewrite),), dtype, adjacencies.rewrite.data, 0, (REWRITE_BYTES,))
        buffers.store(frame, dtype, headers[adj])
    buffers.save_rewrite_length[rows] = length
    sw_if_index = adjacencies.sw_if_index[adj]
    buffers.tx_sw_if_index[rows] = sw_if_index
    return int(sw_if_index) if isinstance(adj, int) else sw_if_index


def _too_big(ctx: Context, frame: Frame, adjacencies: Adjacencies, adj: int | NDArray[np.int32], error: NDArray[np.int32] | None,
             nexts: NDArray[np.int32]) -> NDArray[np.int32] | None:  # fmt: skip
    """Mark packets longer than their adjacency's MTU: to be fragmented, or refused when they may not be."""
    buffers = ctx.buffers
    length = buffers.load(frame, WORD2, 2).byteswap()
    mtu = adjacencies.mtu[adj]
    big = length > mtu
    if not np.count_nonzero(big):
        return error
    error = np.full(frame.n, NONE, np.int32) if error is None else error
    error[big] = MTU_EXCEEDED
    rows = frame.indices(buffers)
    limits = np.broadcast_to(mtu, (frame.n,))
    stubborn = big & (buffers.load(frame, WORD2, 6) & DONT_FRAGMENT != 0)
    nexts[big] = FRAGMENT
    nexts[stubborn] = ICMP_ERROR
    set_icmp_error(buffers, rows[stubborn], FRAGMENTATION_NEEDED, limits[stubborn])
    yielding = big & ~stubborn
    # ip4-frag reads the MTU from the lower half of the word, and where to send the pieces from the upper.
    again = ctx.node.name == "ip4-midchain"
    buffers.flow_hash[rows[yielding]] = limits[yielding].astype(np.uint32) | np.uint32(int(again) << 16)
    return error


def _rewrite(ctx: Context, frame: Frame, *, multicast: bool = False) -> Nexts:
    buffers, engine, adjacencies = ctx.buffers, ctx.engine, ctx.get(Adjacencies)
    rows = frame.rows
    indices = buffers.adj_index[rows]
    one = common(indices)
    adj: int | NDArray[np.int32] = indices.copy() if one is None else one
    nexts = np.full(frame.n, ICMP_ERROR, np.int32)
    error = _decrement(ctx, frame, None)
    error = _too_big(ctx, frame, adjacencies, adj, error, nexts)
    if multicast:
        same = adjacencies.sw_if_index[adj] == buffers.rx_sw_if_index[rows]
        if same.any():
            error = np.full(frame.n, NONE, np.int32) if error is None else error
            error[same] = SAME_INTERFACE
            nexts[same] = DROP
    good = frame
    if error is not None:
        bad = error != NONE
        buffers.error[frame.indices(buffers)[bad]] = ctx.error_base + error[bad]
        _restore(ctx, frame, error == MTU_EXCEEDED)
        good = frame.pick(buffers, ~bad)
        adj = adj if isinstance(adj, int) else adj[~bad]
    slots: int | NDArray[np.int32] | None = None
    if good.n:
        destinations = buffers.load(good, WORD4, 16).byteswap() if multicast else None
        tx = _put_in_front(ctx, good, adjacencies, adj)
        if destinations is not None:
            _group_address(ctx, good, destinations)
        if adjacencies.counting:
            np.add.at(adjacencies.packets, adj, good.n if isinstance(adj, int) else 1)
            lengths = buffers.packet_length(good.rows)
            np.add.at(adjacencies.bytes, adj, int(lengths.sum()) if isinstance(adj, int) else lengths)
        slots = adjacencies.next_slot[adj]
        slots = int(slots) if isinstance(adj, int) else slots
        arc = engine.arcs["ip4-output"]
        if arc.used:
            slots = _output_features(ctx, good, tx, slots)
    if error is not None:
        if slots is not None:
            nexts[~bad] = slots
        frame.offset = None
        slots = nexts
    if frame.traced:
        trace_forward(ctx, frame, adjacency=True)
    if isinstance(slots, np.ndarray):
        same_slot = common(slots)
        return slots if same_slot is None else same_slot
    return slots


def _output_features(ctx: Context, frame: Frame, tx: int | NDArray[np.int32], slots: int | NDArray[np.int32]) -> int | NDArray[np.int32]:
    arcs = ctx.engine.arcs
    if isinstance(tx, int) and isinstance(slots, int):
        return arcs.start(arcs["ip4-output"], ctx, frame, tx, slots)
    featured = arcs.start(arcs["ip4-output"], ctx, frame, tx, -1)
    return np.where(np.asarray(featured) < 0, slots, featured)


def _group_address(ctx: Context, frame: Frame, destinations: NDArray[np.uint32]) -> None:
    """Put the lower bits of the group into the destination MAC (RFC 1112, 6.4)."""
    kept = ctx.buffers.load(frame, WORD4, 2).byteswap() & ~MULTICAST_BITS
    ctx.buffers.store(frame, WORD4, (kept | destinations & MULTICAST_BITS).byteswap(), 2)


@node("ip4-rewrite", nexts=NEXTS, errors_of="ip4-input", trace=format_rewrite_trace, index=693)
def ip4_rewrite(ctx: Context, frame: Frame) -> Nexts:
    """Towards a neighbour."""
    return _rewrite(ctx, frame)


@node("ip4-rewrite-bcast", sibling_of="ip4-rewrite", errors_of="ip4-input", trace=format_rewrite_trace, index=692)
def ip4_rewrite_bcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards everybody on the link."""
    return _rewrite(ctx, frame)


@node("ip4-rewrite-mcast", sibling_of="ip4-rewrite", errors_of="ip4-input", trace=format_rewrite_trace, index=691)
def ip4_rewrite_mcast(ctx: Context, frame: Frame) -> Nexts:
    """Towards a group; never back to where the packet came from."""
    return _rewrite(ctx, frame, multicast=True)
