"""mpls-input, and the nodes where labelled packets end: mpls-not-enabled, mpls-drop, mpls-punt.

Counterpart of vnet/mpls/mpls_input.c and mpls_features.c; RFC 3032. There is no table of labels yet, so no
interface has MPLS enabled, and past the features every label would be dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.wire import ethertype, mpls
from vppsh.registry import arc, demux, error, feature, info, node, table

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

INPUT_ARC = arc("mpls-input", "mpls-input")
NOT_ENABLED_FEATURE = feature("mpls-input", "mpls-not-enabled")
LABELLED = demux("ethernet-input", ethertype.MPLS, "mpls-input")

DROP, LOOKUP = range(2)
NEXTS = ("error-drop", "mpls-drop")
NEXT_NAMES = ("error-drop", "mpls-lookup")

ERRORS = (
    info("none", "no error"),
    error("unknown_protocol", "unknown protocol"),
    error("unsupported_version", "unsupported version"),
    info("pkts_decap", "MPLS input packets decapsulated"),
    info("pkts_encap", "MPLS output packets encapsulated"),
    info("pkts_need_frag", "MPLS output packets needs fragmentation"),
    error("no_label", "MPLS no label for fib/dst"),
    error("ttl_expired", "MPLS ttl expired"),
    error("s_not_set", "MPLS s-bit not set"),
    error("bad_label", "invalid FIB id in label"),
    error("not_ip4", "non-ip4 packets dropped"),
    error("disallowed_fib", "disallowed FIB id"),
    error("not_enabled", "MPLS not enabled"),
    error("drop", "MPLS DROP DPO"),
    error("punt", "MPLS PUNT DPO"),
)
PKTS_DECAP, TTL_EXPIRED, NOT_ENABLED, DROPPED, PUNTED = 3, 7, 12, 13, 14


class MplsEnable:
    """On which interfaces MPLS is not enabled: all of them, from the start."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        engine.interfaces.subscribe(self._changed)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.ADDED:
            self._arcs.enable("mpls-input", "mpls-not-enabled", interface.sw_if_index)


MPLS_ENABLE = table(MplsEnable)


@dataclass(frozen=True, slots=True)
class InputTrace:
    """The outermost label stack entry of a packet, and the slot that it took."""

    next_slot: int
    entry: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """`MPLS: next mpls-lookup[1]  label 100 ttl 64 exp 0`; VPP has no name for the slots of features."""
    name = NEXT_NAMES[record.next_slot] if record.next_slot < len(NEXT_NAMES) else "BUG!"
    label, ttl, exp = mpls.label(record.entry), mpls.ttl(record.entry), mpls.exp(record.entry)
    return f"MPLS: next {name}[{record.next_slot}]  label {label} ttl {ttl} exp {exp}"


@node("mpls-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def mpls_input(ctx: Context, frame: Frame) -> Nexts:
    """Drop what has no time left, start the arc of the receive interface for the rest."""
    buffers, engine = ctx.buffers, ctx.engine
    entries = buffers.load(frame, mpls.HEADER)["entry"].astype(np.int64)
    received = frame.rx if frame.rx is not None else buffers.rx_sw_if_index[frame.rows].copy()
    nexts = np.empty(frame.n, np.int32)
    nexts[:] = engine.arcs.start(engine.arcs["mpls-input"], ctx, frame, received, LOOKUP)
    expired = entries & mpls.TTL_MASK == 0
    nexts[expired] = DROP
    buffers.error[frame.indices(buffers)[expired]] = ctx.error_base + TTL_EXPIRED
    engine.interfaces.mpls.add_each(np.broadcast_to(received, frame.n)[~expired])
    ctx.count(PKTS_DECAP, frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(int(nexts[position]), int(entries[position])))
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
