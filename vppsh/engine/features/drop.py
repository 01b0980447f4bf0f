"""Where packets end: error-drop and drop, error-punt and punt, and the node that no packet should reach.

Counterpart of vlib/drop.c and the second half of vnet/interface_output.c: error-drop and error-punt count
per receive interface, drop and punt count the reason and free the packet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.counters import SimpleCounter
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.wire import ethertype
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.registry import arc, error, node

ERROR_DROP_ARC = arc("error-drop", "error-drop", end="drop")
ERROR_PUNT_ARC = arc("error-punt", "error-punt", end="punt")
END = 0


class ReceivedOn(Struct, frozen=True):
    """Which interface a dropped packet came in by."""

    name: str


class CaughtUp(Struct, frozen=True):
    """The frame of a packet whose trace begins where it is dropped."""

    data: bytes


class Reason(Struct, frozen=True):
    """Why a packet was dropped: the error's node and text."""

    node: str
    text: str


def format_received_on(view: Any, record: ReceivedOn | CaughtUp) -> str:
    """`rx:pg0`, or the addresses of a packet that is traced from here on."""
    if isinstance(record, ReceivedOn):
        return f"rx:{record.name}"
    mactype = int.from_bytes(record.data[12:14], "big")
    if mactype == ethertype.IP4:
        return f"IP4: {format_ip4_address(record.data[26:30])} -> {format_ip4_address(record.data[30:34])}"
    if mactype == ethertype.IP6:
        return f"IP6: {format_ip6_address(record.data[22:38])} -> {format_ip6_address(record.data[38:54])}"
    return f"mactype 0x{mactype:4x} (not decoded)"


def format_reason(view: Any, record: Reason) -> str:
    """`ip4-local: unknown ip protocol`."""
    return f"{record.node}: {record.text}"


def _trace_from_here(ctx: Context, frame: Frame) -> None:
    """Begin traces that `trace add error-drop N` asked for (drop_catchup_trace)."""
    buffers, tracer = ctx.buffers, ctx.engine.tracer
    wanted = tracer.wants(ctx.node)
    if not wanted or frame.traced:
        return
    for index in frame.indices(buffers)[:wanted].tolist():
        if tracer.begin(index):
            frame.traced = True
            ctx.node.trace_count += 1
            if buffers.flags[index] & BufferFlag.L2_HDR_OFFSET_VALID:
                back = int(buffers.l2_hdr_offset[index]) - int(buffers.current_data[index])
                ctx.trace(index, CaughtUp(buffers.peek(index, 54 - min(back, 0), back)[:54]))


def _count_by_interface(ctx: Context, frame: Frame, counter: SimpleCounter, interfaces: Interfaces) -> None:
    """Count at the receive interface of each packet, and at the one that it is a sub-interface of."""
    if frame.rx is not None:
        shares = {frame.rx: frame.n}
    else:
        found, counts = np.unique(ctx.buffers.rx_sw_if_index[frame.rows], return_counts=True)
        shares = dict(zip(found.tolist(), counts.tolist(), strict=True))
    for sw_if_index, n in shares.items():
        if sw_if_index in interfaces:
            counter.add(sw_if_index, n)
            parent = interfaces[sw_if_index].super
            if parent is not None:
                counter.add(parent.sw_if_index, n)


def _by_interface(which: str) -> Callable[[Context, Frame], Any]:
    def count_and_pass(ctx: Context, frame: Frame) -> Any:
        interfaces = ctx.get(Interfaces)
        _trace_from_here(ctx, frame)
        for _, index in ctx.traced(frame):
            received = int(ctx.buffers.rx_sw_if_index[index])
            ctx.trace(index, ReceivedOn(interfaces[received].name if received in interfaces else "DELETED"))
        _count_by_interface(ctx, frame, interfaces.drops if which == "error-drop" else interfaces.punts, interfaces)
        engine = ctx.engine
        if which == "error-drop" and engine.drop_capture is not None:
            engine.drop_capture(frame)
        sw_if_index = frame.rx if frame.rx is not None else ctx.buffers.rx_sw_if_index[frame.rows]
        return engine.arcs.start(engine.arcs[which], ctx, frame, sw_if_index, END)

    return count_and_pass


def _end(ctx: Context, frame: Frame) -> None:
    """Count the reason of each packet and free it."""
    buffers, errors = ctx.buffers, ctx.engine.errors
    for _, index in ctx.traced(frame):
        owner, spec = errors.spec(int(buffers.error[index]))
        ctx.trace(index, Reason(owner, spec.text))
    reasons = buffers.error[frame.rows]
    first = int(reasons[0])
    if (reasons == first).all():
        errors.counts[first] += frame.n
    else:
        errors.counts += np.bincount(reasons, minlength=len(errors.counts))
    buffers.free_packets(frame)


@node("null-node", errors=(error("blackholed packets", "blackholed packets"),), index=0)
def null_node(ctx: Context, frame: Frame) -> None:
    """Owns the reason of packets that are dropped for none; those that come here got lost."""
    ctx.count(0, frame.n)
    ctx.buffers.free_packets(frame)


NODES = (
    node("error-drop", nexts=("drop",), trace=format_received_on, traceable=True, index=745)(_by_interface("error-drop")),
    node("error-punt", nexts=("punt",), trace=format_received_on, traceable=True, index=744)(_by_interface("error-punt")),
    node("drop", trace=format_reason)(_end),
    node("punt", trace=format_reason)(_end),
)
