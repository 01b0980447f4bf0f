"""ip4-icmp-input: ICMP messages for us, to the node of their type; the host gets those that nobody wants.

Counterpart of vnet/ip/icmp4.c. As in VPP the checksum of a message is not looked at.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp4.errors import ICMP4_ERRORS, UNKNOWN_TYPE
from vppsh.engine.features.ip4.trace import format_input_trace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.slot_table import SlotTable
from vppsh.engine.wire import ip4
from vppsh.registry import node

PUNT = 0
OCTET = np.dtype("u1")


class Icmp4Types(SlotTable):
    """Which node handles which type of message (ip4_icmp_register_type)."""

    node = "ip4-icmp-input"
    unwanted = PUNT


@node("ip4-icmp-input", nexts=("ip4-punt",), errors=ICMP4_ERRORS, trace=format_input_trace)
def ip4_icmp_input(ctx: Context, frame: Frame) -> Nexts:
    """By the type of each message, which lies behind the IP options."""
    buffers = ctx.buffers
    trace_input(ctx, frame)
    header_length = ip4.header_bytes(buffers.load(frame, OCTET))
    kinds = buffers.bytes_at(OCTET)[buffers.addresses(frame) + header_length]
    buffers.error[frame.rows] = ctx.error_base + UNKNOWN_TYPE
    return ctx.get(Icmp4Types).slots[kinds]
