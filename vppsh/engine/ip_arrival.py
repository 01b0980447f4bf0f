"""What ip4-input and ip6-input do alike: count packets at their interface, and start its unicast or multicast arc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.counters import SimpleCounter
from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.context import Context


class Entry(Struct, frozen=True):
    """The arcs of an IP version, and the slots of the lookups at their ends."""

    unicast: str
    lookup: int
    multicast: str
    lookup_multicast: int


def admit(ctx: Context, frame: Frame, entry: Entry, counter: SimpleCounter, multicast: NDArray[np.bool_]) -> int | NDArray[np.int32]:
    """Count each packet at its receive interface; the next that its arc begins with, for all or each."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    buffers.adj_index_rx[frame.rows] = -1
    received = frame.rx if frame.rx is not None else buffers.rx_sw_if_index[frame.rows]
    if isinstance(received, int):
        counter.add(received, frame.n)
    else:
        counter.add_each(received)
    nexts = arcs.start(arcs[entry.unicast], ctx, frame, received, entry.lookup)
    if not np.count_nonzero(multicast):
        return nexts
    each = as_array(nexts, frame.n)
    chosen = frame.pick(buffers, multicast)
    theirs = received if isinstance(received, int) else received[multicast]
    each[multicast] = arcs.start(arcs[entry.multicast], ctx, chosen, theirs, entry.lookup_multicast)
    return each


def as_array(nexts: int | NDArray[np.int32], n: int) -> NDArray[np.int32]:
    """One next per packet, to be changed."""
    each = np.empty(n, np.int32)
    each[:] = nexts
    return each
