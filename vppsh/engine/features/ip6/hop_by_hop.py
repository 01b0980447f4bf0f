"""ip6-hop-by-hop: packets that every router on the way has to look into, on their way to a neighbour (RFC 8200, 4.3).

Counterpart of vnet/ip/ip6_forward.c. ip6-lookup sends packets here instead of to the node of their adjacency.
No option is known; what an unknown one asks for is done (RFC 8200, 4.2).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.adjacency import DPO_TYPES, Adjacencies, Kind
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.forwarding import DpoSlots
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.wire import icmp6, ip6
from vppsh.registry import error, node

DROP, ICMP_ERROR = 0, 6
"""The slots that it uses itself, of those it shares with ip6-lookup."""
ERRORS = (
    error("processed", "pkts with ip6 hop-by-hop options"),
    error("format", "incorrectly formatted hop-by-hop options"),
    error("unknown_option", "unknown ip6 hop-by-hop options"),
)
PROCESSED, FORMAT, UNKNOWN_OPTION = range(len(ERRORS))

PAD_1, PAD_N = 0, 1
OPTION_BYTES = 2
TRACED_BYTES = 256
UNRECOGNIZED_OPTION = (icmp6.PARAMETER_PROBLEM, 2)
MULTICAST = 0xFF
DESTINATION_AT = 24
# What VPP calls the next of each kind of adjacency (ip_lookup_next_t), and of packets that are refused.
VPP_NEXTS = {
    Kind.INCOMPLETE: 3, Kind.GLEAN: 4, Kind.REWRITE: 5, Kind.MIDCHAIN: 6, Kind.MCAST: 8, Kind.BROADCAST: 9, Kind.MCAST_MIDCHAIN: 10,
}  # fmt: skip
VPP_ICMP_ERROR = 7


class Unknown(enum.IntEnum):
    """What the two highest bits of an option's type say of those who do not know it."""

    SKIP = 0
    DISCARD = 1
    TELL = 2
    TELL_UNLESS_GROUP = 3


class HopByHopTrace(Struct, frozen=True):
    """VPP's number of the next, and the header as it came."""

    next: int
    data: bytes


def options_of(header: bytes) -> Iterator[tuple[int, int]]:
    """(offset, type) of the options in a header, padding of one byte left out."""
    at = OPTION_BYTES
    while at < len(header):
        if header[at] == PAD_1:
            at += 1
            continue
        yield at, header[at]
        at += OPTION_BYTES + (header[at + 1] if at + 1 < len(header) else 0)


def format_hop_by_hop_trace(view: Any, record: HopByHopTrace) -> str:
    """The next, the length, and every option."""
    data = record.data
    text = f"IP6_HOP_BY_HOP: next index {record.next} len {(data[1] + 1) << 3} traced {len(data)}"
    for at, kind in options_of(data):
        text += f"\n    unrecognized option {kind} length {data[at + 1] if at + 1 < len(data) else 0}"
    return text


def _scan(header: bytes, to_group: bool) -> tuple[int, int]:
    """The error of a header, and the offset of the option that the sender is told of, 0 for none.

    As in VPP what follows the first unknown option is not looked at.
    """
    for at, kind in options_of(header):
        if kind == PAD_N:
            continue
        wanted = Unknown(kind >> 6)
        if wanted is Unknown.SKIP:
            break
        told = wanted is Unknown.TELL or (wanted is Unknown.TELL_UNLESS_GROUP and not to_group)
        return UNKNOWN_OPTION, at if told else 0
    return PROCESSED, 0


@node("ip6-hop-by-hop", sibling_of="ip6-lookup", errors=ERRORS, trace=format_hop_by_hop_trace)
def ip6_hop_by_hop(ctx: Context, frame: Frame) -> Nexts:
    """Look at the options of each packet."""
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    adjacencies = ctx.get(Adjacencies)
    kinds = [Kind(kind) for kind in adjacencies.kind[adjacencies.known(buffers.adj_index[rows])].tolist()]
    nexts = ctx.get(DpoSlots).find(ctx, np.array([DPO_TYPES[kind] for kind in kinds], np.uint8), Protocol.IP6)
    traced = {position for position, _ in ctx.traced(frame)}
    for position, index in enumerate(rows.tolist()):
        packet = buffers.peek(index, ip6.HEADER.itemsize + OPTION_BYTES)
        length, payload = (packet[-1] + 1) << 3, int.from_bytes(packet[4:6], "big")
        header = buffers.peek(index, length, ip6.HEADER.itemsize)
        fault, at, vpp_next = FORMAT, 0, VPP_NEXTS[kinds[position]]
        if length <= payload:
            fault, at = _scan(header, packet[DESTINATION_AT] == MULTICAST)
        if fault != PROCESSED:
            nexts[position], vpp_next = (ICMP_ERROR, VPP_ICMP_ERROR) if at else (DROP, DROP)
        if at:
            set_icmp_error(buffers, slice(index, index + 1), UNRECOGNIZED_OPTION, ip6.HEADER.itemsize + at)
        buffers.error[index] = ctx.error_base + fault
        if position in traced:
            ctx.trace(index, HopByHopTrace(vpp_next, header[:TRACED_BYTES]))
    return nexts
