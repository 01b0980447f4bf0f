"""ip4-options: packets with IP options are for the host, except IGMP with a router alert, which is for us.

Counterpart of vnet/ip/ip4_options.c; the router alert option is RFC 2113.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4, ip_protocol
from vppsh.registry import node

PUNT, LOCAL = range(2)
NEXTS = ("ip4-punt", "ip4-local")

OPTION_WORD = np.dtype(">u4")
# Type and length of the first option; the highest bit of the type, "copy into fragments", does not count.
TYPE_AND_LENGTH = 0x7FFF0000
ROUTER_ALERT = ip4.OPTION_ROUTER_ALERT << 24 | 4 << 16


class OptionsTrace(Struct, frozen=True):
    """The first four bytes behind the fixed header."""

    option: bytes


def format_options_trace(view: Any, record: OptionsTrace) -> str:
    """`option:[0x94,0x4,0x0,0x0]`, indented once more than other records."""
    return f"  option:[{','.join(f'0x{octet:x}' for octet in record.option)}]"


@node("ip4-options", nexts=NEXTS, trace=format_options_trace)
def ip4_options(ctx: Context, frame: Frame) -> Nexts:
    """IGMP with a router alert to the local stack, in the table of its interface; the rest to the host."""
    buffers = ctx.buffers
    option = buffers.load(frame, OPTION_WORD, ip4.HEADER.itemsize)
    protocol = buffers.load(frame, ip4.HEADER)["protocol"]
    ours = (option & TYPE_AND_LENGTH == ROUTER_ALERT) & (protocol == ip_protocol.IGMP)
    for _, index in ctx.traced(frame):
        ctx.trace(index, OptionsTrace(buffers.peek(index, OPTION_WORD.itemsize, ip4.HEADER.itemsize)))
    if not ours.any():
        return PUNT
    rows = frame.indices(buffers)[ours]
    named = buffers.tx_sw_if_index[rows]
    buffers.fib_index[rows] = np.where(named >= 0, named, ctx.get(Fib).ip4.fib_index_of[buffers.rx_sw_if_index[rows]])
    return np.where(ours, LOCAL, PUNT)
