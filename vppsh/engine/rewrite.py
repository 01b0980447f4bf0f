"""What every rewrite node does: the adjacency's header in front of the packet, then out of its interface.

VPP counterpart: vnet/adj/rewrite.h and the common part of ip4_rewrite_inline and ip6_rewrite_inline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency import REWRITE_BYTES, Adjacencies
from vppsh.engine.buffers import HEADROOM
from vppsh.engine.context import Context, Nexts
from vppsh.engine.counters import count_each
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

GOES_ON = -1
BLACKHOLED = -2
"""The error of a packet that is dropped for no stated reason (null-node's)."""
DROP = 0
"""The first next of every rewrite node."""
One = int
Each = NDArray[np.intp]
Mask = NDArray[np.bool_]
Complete = Callable[[Context, Frame, One | Each], None]
"""Fills in what a header that was put in front of a packet says of it."""


@dataclass
class Refused:
    """Packets of a frame that do not leave: the error and the next of each, GOES_ON for the others."""

    errors: NDArray[np.int32]
    nexts: NDArray[np.int32]

    @classmethod
    def of(cls, known: Refused | None, n: int, chosen: Mask, error: int, slot: int) -> Refused | None:
        """Refuse the packets that a mask chooses; a later fault takes the place of an earlier one."""
        if not np.count_nonzero(chosen):
            return known
        refused = cls(np.full(n, GOES_ON, np.int32), np.full(n, GOES_ON, np.int32)) if known is None else known
        refused.errors[chosen] = error
        refused.nexts[chosen] = slot
        return refused

    @property
    def mask(self) -> Mask:
        """Which packets are refused."""
        return self.errors != GOES_ON


def adjacency_of(ctx: Context, frame: Frame) -> One | Each:
    """The adjacency of all packets, or of each."""
    indices, adjacencies = ctx.buffers.adj_index[frame.rows], ctx.get(Adjacencies)
    one = common(indices)
    return adjacencies.known(indices).astype(np.intp) if one is None else adjacencies.known(one)


def send(ctx: Context, frame: Frame, adj: One | Each, refused: Refused | None, arc: str, complete: Complete | None = None) -> Nexts:
    """Let the packets that are not refused leave; the next of every packet."""
    buffers = ctx.buffers
    crowded = without_room(ctx, frame, adj)
    if crowded is not None:
        refused = Refused.of(refused, frame.n, crowded & ~refused.mask if refused is not None else crowded, BLACKHOLED, DROP)
    if refused is None:
        return leave(ctx, frame, adj, arc, complete)
    bad = refused.mask
    errors = refused.errors[bad]
    buffers.error[frame.indices(buffers)[bad]] = np.where(errors == BLACKHOLED, 0, ctx.error_base + errors)
    nexts = refused.nexts
    good = ~bad
    if np.count_nonzero(good):
        some = frame.pick(buffers, good)
        nexts[good] = leave(ctx, some, adj if isinstance(adj, int) else adj[good], arc, complete)
        frame.offset = None
    return nexts


def without_room(ctx: Context, frame: Frame, adj: One | Each) -> Mask | None:
    """Packets with no room in front for another header: they have gone round in tunnels that lead into each other."""
    buffers = ctx.buffers
    lowest = frame.offset if frame.offset is not None else int(buffers.current_data[frame.rows].min())
    if lowest >= REWRITE_BYTES - HEADROOM:
        return None
    lengths = ctx.get(Adjacencies).rewrite_length.take(adj)
    crowded: Mask = buffers.current_data[frame.rows] + HEADROOM < lengths
    return crowded if np.count_nonzero(crowded) else None


def leave(ctx: Context, frame: Frame, adj: One | Each, arc: str, complete: Complete | None = None) -> int | NDArray[np.int32]:
    """Write the headers and complete them, count at the adjacencies, start the output arc; the slots of the output nodes."""
    adjacencies = ctx.get(Adjacencies)
    put_in_front(ctx, frame, adjacencies, adj)
    if complete is not None:
        complete(ctx, frame, adj)
    if adjacencies.counting:
        # VPP counts the header that was just written twice.
        lengths = ctx.buffers.packet_length(frame.rows) + adjacencies.rewrite_length.take(adj)
        count_each(adjacencies.packets, adjacencies.bytes, np.broadcast_to(adj, (frame.n,)), lengths)
    return start_output(ctx, frame, adj, arc)


def start_output(ctx: Context, frame: Frame, adj: One | Each, arc: str) -> int | NDArray[np.int32]:
    """Note the interfaces that packets leave by, start the output arc; the slots of its nodes, or of what is behind it."""
    adjacencies = ctx.get(Adjacencies)
    tx = adjacencies.sw_if_index.take(adj)
    ctx.buffers.tx_sw_if_index[frame.rows] = tx
    slots: int | NDArray[np.int32] | None
    if isinstance(adj, int):
        slots = ctx.own_slots(int(adjacencies.next_slot[adj]))
    else:
        each = adjacencies.next_slot.take(adj)
        slots = common(each)
        slots = ctx.own_slots(each if slots is None else slots)
    arcs = ctx.engine.arcs
    if not arcs[arc].used:
        return slots
    if isinstance(adj, int) and isinstance(slots, int):
        return arcs.start(arcs[arc], ctx, frame, int(tx), slots)
    featured = arcs.start(arcs[arc], ctx, frame, np.broadcast_to(tx, (frame.n,)), GOES_ON)
    if isinstance(featured, int):
        return slots
    return np.where(featured == GOES_ON, slots, featured).astype(np.int32)


def put_in_front(ctx: Context, frame: Frame, adjacencies: Adjacencies, adj: One | Each) -> None:
    """Write each adjacency's header before its packet."""
    buffers = ctx.buffers
    lengths = adjacencies.rewrite_length.take(adj)
    length = int(lengths) if isinstance(adj, int) else common(lengths)
    if length is None:
        everything = frame.indices(buffers)
        for size in np.unique(lengths).tolist():
            mine = lengths == size
            part = Frame(everything[mine], int(mine.sum()), offset=frame.offset)
            assert not isinstance(adj, int)
            put_in_front(ctx, part, adjacencies, adj[mine])
        frame.offset = None
        return
    buffers.advance(frame, -length)
    if length:
        headers = adjacencies.headers(length)
        buffers.store(frame, headers.dtype, headers[adj])
    buffers.save_rewrite_length[frame.rows] = length
