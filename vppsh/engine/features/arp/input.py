"""arp-input and arp-disabled: the start of the ARP arc, and its end where IPv4 is not enabled (vnet/arp/arp.c)."""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.arp.errors import ARP_ERRORS, DISABLED, L2_TYPE_NOT_ETHERNET, L3_DST_ADDRESS_UNSET, L3_TYPE_NOT_IP4, REPLIES_SENT
from vppsh.engine.features.arp.message import format_arp_trace, trace_arp
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.wire import arp, ethertype
from vppsh.registry import demux, node, table

DROP, TO_DISABLED = range(2)

ETHERTYPE = demux("ethernet-input", ethertype.ARP, "arp-input")


class ArpInterfaces:
    """Answers requests on the interfaces that have IPv4 enabled."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        engine.get(IpEnable).subscribe(self._ip_changed)

    def _ip_changed(self, protocol: Protocol, sw_if_index: int, enabled: bool) -> None:
        if protocol is Protocol.IP4:
            self._arcs.enable("arp", "arp-reply", sw_if_index, enabled)
            self._arcs.enable("arp", "arp-disabled", sw_if_index, not enabled)


ARP_INTERFACES = table(ArpInterfaces)


@node("arp-input", nexts=("error-drop", "arp-disabled"), errors=ARP_ERRORS, trace=format_arp_trace)
def arp_input(ctx: Context, frame: Frame) -> Nexts:
    """Let only Ethernet and IPv4 pass, from a sender with an address."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    trace_arp(ctx, frame)
    rows = frame.rows
    message = buffers.load(frame, arp.HEADER)
    errors = np.full(frame.n, REPLIES_SENT)
    errors[message["hardware_type"] != arp.HARDWARE_ETHERNET] = L2_TYPE_NOT_ETHERNET
    errors[message["protocol_type"] != ethertype.IP4] = L3_TYPE_NOT_IP4
    errors[message["sender_ip4"] == 0] = L3_DST_ADDRESS_UNSET
    received = frame.rx if frame.rx is not None else buffers.rx_sw_if_index[rows]
    nexts = arcs.start(arcs["arp"], ctx, frame, received, TO_DISABLED)
    bad = errors != REPLIES_SENT
    if not bad.any():
        return nexts
    buffers.error[frame.indices(buffers)[bad]] = ctx.error_base + errors[bad]
    return np.where(bad, DROP, nexts)


@node("arp-disabled", nexts=("error-drop",), errors=ARP_ERRORS, trace=format_arp_trace)
def arp_disabled(ctx: Context, frame: Frame) -> Nexts:
    """Drop what comes in by an interface without IPv4."""
    trace_arp(ctx, frame)
    ctx.buffers.error[frame.rows] = ctx.error_base + DISABLED
    return DROP
