"""ip6-input: checks the header, counts, starts the unicast or multicast arc of the receive interface.

Counterpart of vnet/ip/ip6_input.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.errors import HOP_LIMIT_EXCEEDED, IP6_ERRORS, NONE, TIME_EXPIRED, TOO_SHORT, VERSION
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.ip_arrival import Entry, admit, as_array
from vppsh.engine.wire import ethertype, ip6
from vppsh.registry import demux, node

ERROR_DROP, LOOKUP, ICMP_ERROR, LOOKUP_MULTICAST = range(4)
ETHERTYPE = demux("ethernet-input", ethertype.IP6, "ip6-input")
NEXTS = ("error-drop", "ip6-lookup", "ip6-icmp-error", "ip6-mfib-forward-lookup")
ENTRY = Entry("ip6-unicast", LOOKUP, "ip6-multicast", LOOKUP_MULTICAST)

BYTE = np.dtype("u1")
HOP_LIMIT_AT, DESTINATION_AT = 7, 24
VERSION_MASK, VERSION_BITS = np.uint8(0xF0), np.uint8(ip6.VERSION << 4)
MULTICAST = np.uint8(0xFF)


def check(ctx: Context, frame: Frame) -> NDArray[np.int32] | None:
    """The error of each packet, of several the one that VPP checks last; None when all headers are good."""
    buffers = ctx.buffers
    version = buffers.load(frame, BYTE) & VERSION_MASK != VERSION_BITS
    expired = buffers.load(frame, BYTE, HOP_LIMIT_AT) == 0
    short = buffers.current_length[frame.rows] < ip6.HEADER.itemsize
    if not (np.count_nonzero(version) or np.count_nonzero(expired) or np.count_nonzero(short)):
        return None
    errors = np.full(frame.n, NONE, np.int32)
    errors[version] = VERSION
    errors[expired] = TIME_EXPIRED
    errors[short] = TOO_SHORT
    return errors


def refuse(ctx: Context, frame: Frame, errors: NDArray[np.int32], nexts: int | NDArray[np.int32]) -> NDArray[np.int32]:
    """Where packets go instead when there is something wrong with them."""
    buffers = ctx.buffers
    bad = errors != NONE
    refused = as_array(nexts, frame.n)
    refused[bad] = ERROR_DROP
    indices = frame.indices(buffers)
    buffers.error[indices[bad]] = ctx.error_base + errors[bad]
    expired = errors == TIME_EXPIRED
    refused[expired] = ICMP_ERROR
    set_icmp_error(buffers, indices[expired], HOP_LIMIT_EXCEEDED)
    return refused


@node("ip6-input", nexts=NEXTS, errors=IP6_ERRORS, trace=format_input_trace, index=640)
def ip6_input(ctx: Context, frame: Frame) -> Nexts:
    """Check version, hop limit and length."""
    if frame.traced:
        trace_input(ctx, frame)
    errors = check(ctx, frame)
    multicast = ctx.buffers.load(frame, BYTE, DESTINATION_AT) == MULTICAST
    nexts = admit(ctx, frame, ENTRY, ctx.engine.interfaces.ip6, multicast)
    return nexts if errors is None else refuse(ctx, frame, errors, nexts)
