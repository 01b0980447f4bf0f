"""mpls-input, and the nodes where labelled packets end: mpls-not-enabled, mpls-drop, mpls-punt.

Counterpart of vnet/mpls/mpls_input.c and mpls_features.c; RFC 3032.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.mpls.errors import DROPPED, MPLS_ERRORS, NOT_ENABLED, PKTS_DECAP, PUNTED, TTL_EXPIRED
from vppsh.engine.frame import Frame
from vppsh.engine.ip_arrival import as_array
from vppsh.engine.wire import ethertype, mpls
from vppsh.registry import arc, demux, feature, node

INPUT_ARC = arc("mpls-input", "mpls-input", end="mpls-lookup")
NOT_ENABLED_FEATURE = feature("mpls-input", "mpls-not-enabled", before=("mpls-lookup",))
LOOKUP_FEATURE = feature("mpls-input", "mpls-lookup")
LABELLED = demux("ethernet-input", ethertype.MPLS, "mpls-input")

DROP, LOOKUP = range(2)
NEXTS = ("error-drop", "mpls-lookup")


class InputTrace(Struct, frozen=True):
    """The outermost label stack entry of a packet, and the slot that it took."""

    next_slot: int
    entry: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """`MPLS: next mpls-lookup[1]  label 100 ttl 64 exp 0`; VPP has no name for the slots of features."""
    name = NEXTS[record.next_slot] if record.next_slot < len(NEXTS) else "BUG!"
    label, ttl, exp = mpls.label(record.entry), mpls.ttl(record.entry), mpls.exp(record.entry)
    return f"MPLS: next {name}[{record.next_slot}]  label {label} ttl {ttl} exp {exp}"


@node("mpls-input", nexts=NEXTS, errors=MPLS_ERRORS, trace=format_input_trace)
def mpls_input(ctx: Context, frame: Frame) -> Nexts:
    """Drop what has no time left, start the arc of the receive interface for the rest."""
    buffers, engine = ctx.buffers, ctx.engine
    entries = buffers.load(frame, mpls.HEADER)["entry"].astype(np.uint32)
    received = frame.rx if frame.rx is not None else buffers.rx_sw_if_index[frame.rows].copy()
    nexts = engine.arcs.start(engine.arcs["mpls-input"], ctx, frame, received, LOOKUP)
    expired = entries & mpls.TTL_MASK == 0
    if np.count_nonzero(expired):
        nexts = as_array(nexts, frame.n)
        nexts[expired] = DROP
        buffers.error[frame.indices(buffers)[expired]] = ctx.error_base + TTL_EXPIRED
        engine.interfaces.mpls.add_each(np.broadcast_to(received, frame.n)[~expired])
    elif isinstance(received, int):
        engine.interfaces.mpls.add(received, frame.n)
    else:
        engine.interfaces.mpls.add_each(received)
    ctx.count(PKTS_DECAP, frame.n)
    for position, index in ctx.traced(frame):
        slot = nexts if isinstance(nexts, int) else int(nexts[position])
        ctx.trace(index, InputTrace(slot, int(entries[position])))
    return nexts


def format_end_trace(view: Any, record: None) -> str:
    """`drop`, also where packets are punted."""
    return "drop"


def _end(reason: int) -> Callable[[Context, Frame], Nexts]:
    """A node where packets end for one reason."""

    def terminate(ctx: Context, frame: Frame) -> Nexts:
        for _, index in ctx.traced(frame):
            ctx.trace(index, None)
        ctx.buffers.error[frame.rows] = ctx.error_base + reason
        return 0

    return terminate


ENDS = (
    node("mpls-not-enabled", nexts=("error-drop",), errors_of="mpls-input", trace=format_end_trace)(_end(NOT_ENABLED)),
    node("mpls-drop", nexts=("error-drop",), errors_of="mpls-input", trace=format_end_trace)(_end(DROPPED)),
    node("mpls-punt", nexts=("error-punt",), errors_of="mpls-input", trace=format_end_trace)(_end(PUNTED)),
)
