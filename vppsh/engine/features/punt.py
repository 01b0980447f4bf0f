"""punt-dispatch: packets that a node hands to the host for a reason, to whoever wants those (vlib/punt_node.c)."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.punt import NOBODY, Punts
from vppsh.registry import column, error, node

DROP = 0
# VPP gives these counters no names of their own: their texts serve as names.
DISPATCHED, NO_REASON, NO_REGISTRATION, REPLICATION_FAILURE = range(4)
ERRORS = tuple(error(text, text) for text in ("dispatched", "No such punt reason", "No registrations", "Replication Failure"))

PUNT_REASON = column("punt_reason", "u4")


class PuntTrace(Struct, frozen=True):
    """Why the packet was handed over."""

    reason: str


def format_punt_trace(view: Any, record: PuntTrace) -> str:
    """`reason: [2] ipsec4-no-such-tunnel flags: ip4-packet `."""
    return f"reason: {record.reason}"


@node("punt-dispatch", nexts=("drop",), errors=ERRORS, trace=format_punt_trace)
def punt_dispatch(ctx: Context, frame: Frame) -> Nexts:
    """By the reason that was noted in the packet's buffer."""
    buffers, punts = ctx.buffers, ctx.get(Punts)
    reasons = buffers.punt_reason[frame.rows]
    known = reasons < len(punts.reasons)
    slots = punts.slots[np.where(known, reasons, 0)]
    punts.counters.add_each(reasons[known].astype(np.int64), buffers.packet_length(frame.rows)[known])
    wanted = known & (slots != NOBODY)
    for _, index in ctx.traced(frame):
        number = int(buffers.punt_reason[index])
        ctx.trace(index, PuntTrace(str(punts.reasons[number]) if number < len(punts.reasons) else f"[{number}]"))
    if wanted.any():
        ctx.count(DISPATCHED, int(np.count_nonzero(wanted)))
    refused = ~wanted
    if refused.any():
        buffers.error[frame.indices(buffers)[refused]] = ctx.error_base + np.where(known[refused], NO_REGISTRATION, NO_REASON)
    return np.where(wanted, slots, DROP)
