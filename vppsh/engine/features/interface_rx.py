"""interface-rx-dpo-ip4, interface-rx-dpo-ip6: a packet is received again, on the interface that a route names.

VPP counterpart: vnet/dpo/interface_rx_dpo.c. VPP never has done with packets that routes lead in a circle; here
being received again counts as a lookup in another table does, and too many of them drop a packet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.lookup_again import limit_lookups
from vppsh.engine.fib.special import InterfaceReceives
from vppsh.engine.frame import Frame
from vppsh.registry import node

DROP, INPUT = range(2)


class InterfaceRxTrace(Struct, frozen=True):
    """The interface a packet is received on now."""

    sw_if_index: int


def format_interface_rx_trace(view: Any, record: InterfaceRxTrace) -> str:
    """The interface, as VPP prints it."""
    return f"   sw_if_index:{record.sw_if_index}"


def _receive(ctx: Context, frame: Frame) -> Nexts:
    buffers, rows = ctx.buffers, frame.rows
    objects = ctx.get(InterfaceReceives)
    received = objects.sw_if_index[objects.known(buffers.adj_index[rows])]
    if np.count_nonzero(received < 0):
        # No route led here: a stream did.
        return DROP
    buffers.rx_sw_if_index[rows] = received
    frame.rx = None
    ctx.engine.interfaces.rx.add_each(received, buffers.packet_length(rows))
    for position, index in ctx.traced(frame):
        ctx.trace(index, InterfaceRxTrace(int(received[position])))
    return limit_lookups(ctx, frame, INPUT)


@node("interface-rx-dpo-ip4", nexts=("ip4-drop", "ip4-input"), trace=format_interface_rx_trace)
def interface_rx_ip4(ctx: Context, frame: Frame) -> Nexts:
    """Receive IPv4 packets again."""
    return _receive(ctx, frame)


@node("interface-rx-dpo-ip6", nexts=("ip6-drop", "ip6-input"), trace=format_interface_rx_trace)
def interface_rx_ip6(ctx: Context, frame: Frame) -> Nexts:
    """Receive IPv6 packets again."""
    return _receive(ctx, frame)
