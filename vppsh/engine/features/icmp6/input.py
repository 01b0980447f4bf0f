"""ip6-icmp-input: ICMPv6 messages for us, to the node of their type; the host gets those that nobody wants.

Counterpart of vnet/ip/icmp6.c. The checksum has been looked at by ip6-receive.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp6.errors import (
    ICMP6_ERRORS,
    INVALID_CODE_FOR_TYPE,
    INVALID_HOP_LIMIT_FOR_TYPE,
    LENGTH_TOO_SMALL_FOR_TYPE,
    NONE,
    UNKNOWN_TYPE,
)  # fmt: skip
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.slot_table import SlotTable
from vppsh.engine.wire import icmp6, ip6
from vppsh.registry import node

PUNT = 0

# By type of message: the highest code, the least hop limit and payload that are valid.
MAX_CODE = np.zeros(256, np.uint8)
for _kind, _code in icmp6.CODE_NAMES:
    MAX_CODE[_kind] = max(MAX_CODE[_kind], _code)
LEAST_HOP_LIMIT = np.zeros(256, np.uint8)
LEAST_LENGTH = np.full(256, icmp6.HEADER.itemsize, np.uint16)
for _kind, _length in icmp6.NEIGHBOR_DISCOVERY_LENGTHS.items():
    LEAST_HOP_LIMIT[_kind] = 255
    LEAST_LENGTH[_kind] = _length
for _table in (MAX_CODE, LEAST_HOP_LIMIT, LEAST_LENGTH):
    _table.flags.writeable = False


class Icmp6Types(SlotTable):
    """Which node handles which type of message (icmp6_register_type)."""

    node = "ip6-icmp-input"
    unwanted = PUNT


@node("ip6-icmp-input", nexts=("ip6-punt",), errors=ICMP6_ERRORS, trace=format_input_trace)
def ip6_icmp_input(ctx: Context, frame: Frame) -> Nexts:
    """By the type of each message, which lies right behind the header; of several faults the last counts."""
    buffers = ctx.buffers
    if frame.traced:
        trace_input(ctx, frame)
    header = buffers.load(frame, ip6.HEADER)
    message = buffers.load(frame, icmp6.HEADER, ip6.HEADER.itemsize)
    kinds = message["type"]
    nexts = ctx.get(Icmp6Types).slots[kinds]
    errors = np.where(nexts == PUNT, UNKNOWN_TYPE, NONE)
    errors[message["code"] > MAX_CODE[kinds]] = INVALID_CODE_FOR_TYPE
    errors[header["hop_limit"] < LEAST_HOP_LIMIT[kinds]] = INVALID_HOP_LIMIT_FOR_TYPE
    errors[header["payload_length"] < LEAST_LENGTH[kinds]] = LENGTH_TOO_SMALL_FOR_TYPE
    buffers.error[frame.rows] = ctx.error_base + errors
    nexts[errors != NONE] = PUNT
    return nexts
