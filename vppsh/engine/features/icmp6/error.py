"""ip6-icmp-error: tells senders why their packets were not delivered (RFC 4443; vnet/ip/icmp6.c).

The message carries as much of the packet as fits in the least MTU. It is a copy in a buffer of its own, in
the same trace, while the packet itself goes on to be dropped. A sender is told once per destination and moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag, Indices
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.icmp6.errors import (
    DEST_UNREACH_SENT,
    DROP,
    ICMP6_ERRORS,
    PACKET_TOO_BIG_SENT,
    PARAM_PROBLEM_SENT,
    TTL_EXPIRE_SENT,
)  # fmt: skip
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import TO_DROP, tell_senders
from vppsh.engine.l4_checksum import ip6_l4_checksums
from vppsh.engine.source_address import of_interface
from vppsh.engine.throttle import Throttle, ip6_keys
from vppsh.engine.wire import icmp6, ip6, ip_protocol
from vppsh.engine.wire.ip6 import from_halves, to_halves
from vppsh.registry import node

MESSAGE = np.dtype([*icmp6.HEADER.descr, ("data", ">u4")])
IN_FRONT = ip6.HEADER.itemsize + MESSAGE.itemsize
LONGEST = 1280
HOP_LIMIT = 255
PERIOD = 1e-3

# What is counted for each type of message.
COUNTED = np.full(256, DROP)
COUNTED[icmp6.DESTINATION_UNREACHABLE] = DEST_UNREACH_SENT
COUNTED[icmp6.PACKET_TOO_BIG] = PACKET_TOO_BIG_SENT
COUNTED[icmp6.TIME_EXCEEDED] = TTL_EXPIRE_SENT
COUNTED[icmp6.PARAMETER_PROBLEM] = PARAM_PROBLEM_SENT
COUNTED.flags.writeable = False


class Icmp6Throttle(Throttle):
    """One message for a pair of addresses per period."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, PERIOD)


def _sources(ctx: Context, copies: Indices, destinations: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """An address of the interface that each packet came in by, and whether it has one."""
    received = ctx.buffers.rx_sw_if_index[copies].tolist()
    sources, known = np.zeros((len(copies), 2), np.uint64), np.zeros(len(copies), bool)
    for position, (sw_if_index, destination) in enumerate(zip(received, destinations, strict=True)):
        found = of_interface(ctx.engine, Protocol.IP6, sw_if_index, from_halves(destination))
        if found is not None:
            sources[position], known[position] = to_halves(found), True
    return sources, known


def _answer(ctx: Context, copies: Indices, offset: int | None) -> NDArray[np.bool_]:
    """Put the headers of a message in front of copies of packets; which of them found an address to come from."""
    buffers = ctx.buffers
    frame = Frame(copies, len(copies), offset=offset)
    offending = buffers.load(frame, ip6.HEADER)
    buffers.advance(frame, -IN_FRONT)
    lengths = np.minimum(buffers.current_length[copies], LONGEST)
    buffers.current_length[copies] = lengths
    buffers.flags[copies] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    header = np.zeros(frame.n, ip6.HEADER)
    header["version_class_and_label"] = ip6.VERSION << 28
    header["payload_length"] = lengths - ip6.HEADER.itemsize
    header["protocol"] = ip_protocol.ICMP6
    header["hop_limit"] = HOP_LIMIT
    header["dst"] = offending["src"]
    header["src"], sent = _sources(ctx, copies, header["dst"])
    buffers.store(frame, ip6.HEADER, header)
    message = np.zeros(frame.n, MESSAGE)
    noted = buffers.flow_hash[copies]
    message["type"], message["code"] = noted & 0xFF, noted >> 8 & 0xFF
    message["data"] = buffers.fib_index[copies]
    buffers.store(frame, MESSAGE, message, ip6.HEADER.itemsize)
    message["checksum"] = ip6_l4_checksums(buffers, frame)
    buffers.store(frame, MESSAGE, message, ip6.HEADER.itemsize)
    for error, n in zip(*np.unique(np.where(sent, COUNTED[message["type"]], DROP), return_counts=True), strict=True):
        ctx.count(int(error), int(n))
    return sent


@node("ip6-icmp-error", nexts=("error-drop", "ip6-lookup"), errors=ICMP6_ERRORS, trace=format_input_trace)
def ip6_icmp_error(ctx: Context, frame: Frame) -> Nexts:
    """Send messages about the packets that are not throttled; drop all of them."""
    if frame.traced:
        trace_input(ctx, frame)
    header = ctx.buffers.load(frame, ip6.HEADER)
    keys = ip6_keys(header["dst"]) ^ ip6_keys(header["src"])
    tell_senders(ctx, frame, ctx.get(Icmp6Throttle).passes(keys), DROP, IN_FRONT, _answer)
    return TO_DROP
