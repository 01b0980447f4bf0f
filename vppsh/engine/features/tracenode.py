"""trace-filtering and pcap-filtering: begin traces, or capture, where an interface's routed packets go by.

Counterpart of plugins/tracenode. The features sit on the unicast arcs behind reassembly, so that they also see
what came out of a tunnel, and let only those packets in that the filter of traces (or captures) accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.pcap_trace import PcapTrace
from vppsh.registry import feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ARCS = ("ip4-unicast", "ip6-unicast")
TRACE, PCAP = "trace-filtering", "pcap-filtering"


class Added(Struct, frozen=True):
    """The interface by which a packet came whose trace begins here."""

    interface: str


def format_added(view: Any, record: Added) -> str:
    """`Packet traced from interface pg0 added`."""
    return f"Packet traced from interface {record.interface} added"


class TraceNodes:
    """The interfaces whose packets are looked at; one feature at a time, as in VPP."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._enabled: set[int] = set()
        engine.interfaces.subscribe(self._changed)

    def set(self, sw_if_index: int, name: str, on: bool) -> None:
        """Switch a feature on an interface; nothing happens when either was switched that way already."""
        if (sw_if_index in self._enabled) is on:
            return
        for arc in ARCS:
            self._engine.arcs.enable(arc, name, sw_if_index, on)
        if on:
            self._enabled.add(sw_if_index)
        else:
            self._enabled.discard(sw_if_index)

    def _changed(self, change: Change, interface: Interface) -> None:
        # The arcs forget an interface by themselves; another one may get its number.
        if change is Change.DELETED:
            self._enabled.discard(interface.sw_if_index)


@node(TRACE, trace=format_added)
def trace_filtering(ctx: Context, frame: Frame) -> Nexts:
    """Begin traces of packets that have none."""
    engine, buffers = ctx.engine, ctx.buffers
    if engine.tracer.enabled:
        interfaces = engine.interfaces
        for index in frame.indices(buffers).tolist():
            if buffers.trace[index] < 0 and engine.tracer.begin(index):
                frame.traced = True
                ctx.trace(index, Added(interfaces[int(buffers.rx_sw_if_index[index])].name))
    return engine.arcs.next(ctx, frame)


@node(PCAP, trace=format_added)
def pcap_filtering(ctx: Context, frame: Frame) -> Nexts:
    """Add packets to the capture of `pcap trace`."""
    ctx.get(PcapTrace).received(frame)
    return ctx.engine.arcs.next(ctx, frame)


FEATURES = [
    feature(arc, name, before=(f"{arc[:3]}-lookup",), after=(f"{arc[:3]}-full-reassembly-feature",))
    for arc in ARCS
    for name in (TRACE, PCAP)
]
