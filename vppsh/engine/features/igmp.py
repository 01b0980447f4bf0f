"""igmp-input: group management messages for us (RFC 3376; VPP's plugins/igmp/igmp_input.c).

A message whose checksum is right goes no further than that IGMP is not enabled on its interface, which nothing enables here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.wire import igmp, ip4, ip_protocol
from vppsh.engine.wire.checksum import checksum
from vppsh.engine.wire.igmp import format_igmp_header
from vppsh.registry import demux, error, info, node

DROP = 0
ERRORS = (
    info("none", "valid igmp packets"),
    error("unspecified", "unspecified error"),
    error("invalid_protocol", "invalid ip4 protocol"),
    error("bad_checksum", "bad checksum"),
    error("bad_length", "bad length"),
    error("unknown_type", "unknown igmp message type"),
    error("not_enabled", "IGMP not enabled on this interface"),
)
INVALID_PROTOCOL, BAD_CHECKSUM, NOT_ENABLED = 2, 3, 6

IGMP_OVER_IP4 = demux("ip4-local", ip_protocol.IGMP, "igmp-input")


class InputTrace(Struct, frozen=True):
    """Where a message came in, and its header."""

    sw_if_index: int
    header: bytes


def format_input_trace(view: Any, record: InputTrace) -> str:
    """The interface, then type, code and checksum on a line of their own."""
    return f"sw_if_index {record.sw_if_index} next-index {DROP}\n{format_igmp_header(record.header)}"


def _fault(packet: bytes, header_bytes: int) -> int:
    """What is wrong with an IPv4 packet."""
    if packet[9:10] != bytes((ip_protocol.IGMP,)):
        return INVALID_PROTOCOL
    message = packet[header_bytes : int.from_bytes(packet[2:4], "big")]
    return NOT_ENABLED if len(message) >= igmp.HEADER_BYTES and checksum(message) == 0 else BAD_CHECKSUM


@node("igmp-input", nexts=("error-drop",), errors=ERRORS, trace=format_input_trace)
def igmp_input(ctx: Context, frame: Frame) -> Nexts:
    """Messages are rare, and checked one by one."""
    buffers = ctx.buffers
    indices = frame.indices(buffers).tolist()
    ahead = ip4.header_bytes(buffers.load(frame, np.dtype("u1"))).astype(np.int32)
    faults = [_fault(buffers.packet(index), length) for index, length in zip(indices, ahead.tolist(), strict=True)]
    # A message of another protocol stays where its IP header is.
    ahead[np.array(faults) == INVALID_PROTOCOL] = 0
    buffers.current_data[frame.rows] += ahead
    buffers.current_length[frame.rows] -= ahead
    frame.offset = None
    buffers.error[frame.rows] = ctx.error_base + np.array(faults)
    for _, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(int(buffers.rx_sw_if_index[index]), buffers.peek(index, igmp.HEADER_BYTES)))
    return DROP
