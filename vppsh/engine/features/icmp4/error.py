"""ip4-icmp-error: tells senders why their packets were not delivered (RFC 792; vnet/ip/icmp4.c).

The message carries as much of the packet as fits in 576 bytes. It is a copy in a buffer of its own, in the
same trace, while the packet itself goes on to be dropped. A sender is told once per destination and moment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import BufferFlag, Indices
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.icmp4.errors import DEST_UNREACH_SENT, DROP, ICMP4_ERRORS, PARAM_PROBLEM_SENT, TTL_EXPIRE_SENT
from vppsh.engine.features.ip4.trace import format_input_trace, trace_input
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import TO_DROP, tell_senders
from vppsh.engine.source_address import of_interface_each
from vppsh.engine.throttle import Throttle
from vppsh.engine.wire import icmp4, ip4, ip_protocol
from vppsh.engine.wire.checksum import byte_sums, checksums, word_sums
from vppsh.registry import node

MESSAGE = np.dtype([*icmp4.HEADER.descr, ("data", ">u4")])
IN_FRONT = ip4.HEADER.itemsize + MESSAGE.itemsize
LONGEST = 576
TTL = 255
PERIOD = 1e-5

# What is counted for each type of message.
COUNTED = np.full(256, DROP)
COUNTED[icmp4.DESTINATION_UNREACHABLE] = DEST_UNREACH_SENT
COUNTED[icmp4.TIME_EXCEEDED] = TTL_EXPIRE_SENT
COUNTED[icmp4.PARAMETER_PROBLEM] = PARAM_PROBLEM_SENT
COUNTED.flags.writeable = False


class Icmp4Throttle(Throttle):
    """One message for a pair of addresses per period."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, PERIOD)


def _sources(ctx: Context, copies: Indices, destinations: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """An address of the interface that each packet came in by, and whether it has one."""
    received = ctx.buffers.rx_sw_if_index[copies]
    sources, known = np.zeros(len(copies), np.uint32), np.zeros(len(copies), bool)
    for sw_if_index in np.unique(received).tolist():
        mine = received == sw_if_index
        found = of_interface_each(ctx.engine, Protocol.IP4, sw_if_index, destinations[mine])
        if found is not None:
            sources[mine], known[mine] = found, True
    return sources, known


def _answer(ctx: Context, copies: Indices, offset: int | None) -> NDArray[np.bool_]:
    """Put the headers of a message in front of copies of packets; which of them found an address to come from."""
    buffers = ctx.buffers
    frame = Frame(copies, len(copies), offset=offset)
    offending = buffers.load(frame, ip4.HEADER)
    buffers.advance(frame, -IN_FRONT)
    lengths = np.minimum(buffers.current_length[copies], LONGEST)
    buffers.current_length[copies] = lengths
    buffers.flags[copies] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    header = np.zeros(frame.n, ip4.HEADER)
    header["version_and_length"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS
    header["length"] = lengths
    header["ttl"] = TTL
    header["protocol"] = ip_protocol.ICMP
    header["dst"] = offending["src"]
    header["src"], sent = _sources(ctx, copies, header["dst"].astype(np.uint32))
    header["checksum"] = checksums(word_sums(header))
    buffers.store(frame, ip4.HEADER, header)
    message = np.zeros(frame.n, MESSAGE)
    noted = buffers.flow_hash[copies]
    message["type"], message["code"] = noted & 0xFF, noted >> 8 & 0xFF
    message["data"] = buffers.fib_index[copies]
    buffers.store(frame, MESSAGE, message, ip4.HEADER.itemsize)
    summed = lengths - ip4.HEADER.itemsize
    message["checksum"] = checksums(byte_sums(gather(buffers, buffers.addresses(frame, ip4.HEADER.itemsize), int(summed.max())), summed))
    buffers.store(frame, MESSAGE, message, ip4.HEADER.itemsize)
    for error, n in zip(*np.unique(np.where(sent, COUNTED[message["type"]], DROP), return_counts=True), strict=True):
        ctx.count(int(error), int(n))
    return sent


@node("ip4-icmp-error", nexts=("ip4-drop", "ip4-lookup"), errors=ICMP4_ERRORS, trace=format_input_trace)
def ip4_icmp_error(ctx: Context, frame: Frame) -> Nexts:
    """Send messages about the packets that are not throttled; drop all of them."""
    buffers = ctx.buffers
    trace_input(ctx, frame)
    header = buffers.load(frame, ip4.HEADER)
    keys = header["dst"].astype(np.uint64) << np.uint64(32) | header["src"]
    told = ctx.get(Icmp4Throttle).passes(keys)
    tell_senders(ctx, frame, told, DROP, IN_FRONT, _answer)
    return TO_DROP
