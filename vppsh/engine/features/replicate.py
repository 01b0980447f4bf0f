"""ip4-replicate and ip6-replicate: a copy of the packet for each bucket of a replicate object (vnet/dpo/replicate_dpo.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffer_data import copy_packets
from vppsh.engine.context import Context
from vppsh.engine.counters import count_each
from vppsh.engine.fib.forwarding import DpoSlots
from vppsh.engine.frame import Frame
from vppsh.engine.replicate import Replicates
from vppsh.registry import error, node

# VPP gives this counter no name of its own: its text serves as name.
ERRORS = (error("Buffer Allocation Failure", "Buffer Allocation Failure"),)
ALLOCATION_FAILURE = 0
DROP = 0


class ReplicateTrace(Struct, frozen=True):
    """Which object, and the text of the bucket that the copy goes to."""

    index: int
    bucket: str


def format_replicate_trace(view: Any, record: ReplicateTrace) -> str:
    """`replicate: 6 via [@2]: ipv4-mcast: pg1: ...`."""
    return f"replicate: {record.index} via {record.bucket}"


def _replicate(ctx: Context, frame: Frame) -> None:
    """The packet itself takes the first bucket, copies of it the others; without any bucket it is dropped."""
    buffers, replicates = ctx.buffers, ctx.get(Replicates)
    rows = frame.indices(buffers)
    objects = replicates.known(buffers.adj_index[rows]).astype(np.intp)
    count_each(replicates.packets, replicates.bytes, objects, buffers.packet_length(frame.rows))
    buckets = [replicates.buckets(index) for index in objects.tolist()]
    counts = np.array([len(each) for each in buckets])
    source = np.repeat(np.arange(frame.n), counts)
    first = np.arange(len(source)) == np.repeat(np.cumsum(counts) - counts, counts)
    out = rows[source]
    copies = copy_packets(buffers, out[~first])
    kept = first.copy()
    kept[np.flatnonzero(~first)[: len(copies)]] = True
    out[kept & ~first] = copies
    ctx.enqueue(DROP, rows[counts == 0], offset=frame.offset, rx=frame.rx, traced=frame.traced)
    if not kept.all():
        ctx.count(ALLOCATION_FAILURE, len(np.unique(source[~kept])))
    targets = [bucket for each in buckets for bucket in each]
    slots = np.empty(len(out), np.int32)
    for place, target in enumerate(targets):
        slots[place] = ctx.get(DpoSlots).one(ctx, target.type, target.protocol)
    buffers.adj_index[out[kept]] = np.array([target.index for target in targets])[kept]
    if frame.traced:
        for place in np.flatnonzero(kept & (buffers.trace[out] >= 0)).tolist():
            index = int(objects[source[place]])
            ctx.trace(int(out[place]), ReplicateTrace(index, replicates.format_bucket(index, targets[place], 0)))
    for slot in dict.fromkeys(slots[kept].tolist()):
        ctx.enqueue(slot, out[kept & (slots == slot)], offset=frame.offset, rx=frame.rx, traced=frame.traced)


def _node(name: str, drop: str) -> Callable[..., Any]:
    return node(name, nexts=(drop,), errors=ERRORS, trace=format_replicate_trace)


NODES = (_node("ip4-replicate", "ip4-drop")(_replicate), _node("ip6-replicate", "ip6-drop")(_replicate))
