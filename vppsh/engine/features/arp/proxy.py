"""arp-proxy: answers requests for addresses in configured ranges, as if they were ours (RFC 1027; vnet/arp/arp_proxy.c)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.arp.errors import ARP_ERRORS, REPLIES_SENT
from vppsh.engine.features.arp.message import format_arp_trace, make_reply, read_message, trace_arp
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.registry import node

DROP, REPLY = range(2)


class ProxyRange(Struct, frozen=True):
    """Addresses from `first` to `last` in the table `fib_index` are answered for."""

    first: int
    last: int
    fib_index: int


class ArpProxy:
    """The ranges, in order of configuration, and the interfaces on which they are answered for."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._enabled: set[int] = set()
        self.ranges: list[ProxyRange] = []
        engine.interfaces.subscribe(self._interface_changed)

    def add(self, wanted: ProxyRange) -> None:
        """Answer for a range."""
        if wanted not in self.ranges:
            self.ranges.append(wanted)

    def remove(self, wanted: ProxyRange) -> None:
        """No longer answer for a range."""
        if wanted in self.ranges:
            self.ranges.remove(wanted)

    def enable(self, sw_if_index: int, enabled: bool) -> None:
        """Answer on an interface, or no longer."""
        if enabled != (sw_if_index in self._enabled):
            self._arcs.enable("arp", "arp-proxy", sw_if_index, enabled)
            self._enabled ^= {sw_if_index}

    def answers(self, fib_index: int, address: int) -> bool:
        """Whether an address is one to answer for."""
        return any(each.fib_index == fib_index and each.first <= address <= each.last for each in self.ranges)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            self._enabled.discard(interface.sw_if_index)


@node("arp-proxy", nexts=("error-drop", "interface-output"), errors=ARP_ERRORS, trace=format_arp_trace)
def arp_proxy(ctx: Context, frame: Frame) -> Nexts:
    """Answer requests; other messages count as VPP counts them, and what matches no range keeps its earlier error."""
    buffers, proxy = ctx.buffers, ctx.get(ArpProxy)
    trace_arp(ctx, frame)
    tables = ctx.get(Fib).ip4.fib_index_of[buffers.rx_sw_if_index[frame.rows]]
    nexts = np.full(frame.n, DROP)
    replies = 0
    for position, index in enumerate(frame.indices(buffers).tolist()):
        message = read_message(buffers, index)
        if not message.is_request:
            buffers.error[index] = ctx.error_base + REPLIES_SENT
        elif proxy.answers(int(tables[position]), message.target):
            make_reply(ctx, index, message.target)
            nexts[position] = REPLY
            replies += 1
    if replies:
        ctx.count(REPLIES_SENT, replies)
        frame.offset = None
    return nexts
