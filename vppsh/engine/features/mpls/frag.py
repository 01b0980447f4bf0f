"""mpls-frag: labelled packets too long for where they go are sent in pieces, each with all the labels.

Counterpart of mpls_frag (vnet/mpls/mpls_output.c). IPv6 packets are cut only if they are our own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Kind
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.ip4.errors import FRAGMENTATION_NEEDED
from vppsh.engine.features.ip6.errors import PACKET_TOO_BIG
from vppsh.engine.features.ip_frag import DONT_FRAGMENT_SET, ERRORS, Cutting, cut, ip4_cutting, ip6_cutting
from vppsh.engine.features.mpls import popped
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.registry import node

OUTPUT, MIDCHAIN, IP4_ICMP_ERROR, IP6_ICMP_ERROR, DROP = range(5)
NEXTS = ("mpls-output", "mpls-midchain", "ip4-icmp-error", "ip6-icmp-error", "mpls-drop")
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)
NOTES = {Protocol.IP4: (IP4_ICMP_ERROR, FRAGMENTATION_NEEDED), Protocol.IP6: (IP6_ICMP_ERROR, PACKET_TOO_BIG)}


class FragTrace(Struct, frozen=True):
    """The longest piece without its labels, and the length of the packet with them."""

    mtu: int
    length: int


def format_frag_trace(view: Any, record: FragTrace) -> str:
    """`mtu:1492 pkt-size:2012`."""
    return f"mtu:{record.mtu} pkt-size:{record.length}"


def _cutting(ctx: Context, frame: Frame, protocol: Protocol, encap: int) -> Cutting:
    if protocol is Protocol.IP4:
        return ip4_cutting(ctx, frame, encap)
    cutting = ip6_cutting(ctx, frame, encap)
    cutting.errors[ctx.buffers.flags[frame.rows] & OURS == 0] = DONT_FRAGMENT_SET
    return cutting


def _fragment(ctx: Context, frame: Frame, protocol: Protocol, encap: int) -> None:
    """Packets of one protocol below labels of so many bytes."""
    buffers, adjacencies = ctx.buffers, ctx.get(Adjacencies)
    adj = adjacencies.known(buffers.adj_index[frame.rows])
    # As in VPP the labels are taken off the MTU here, and once more for the room that they need in a piece.
    mtu: NDArray[np.int64] = adjacencies.mtu.take(adj).astype(np.int64) - encap
    lengths = buffers.packet_length(frame.rows)
    cutting = _cutting(ctx, frame, protocol, encap)
    pieces, new = cut(ctx, frame, cutting, mtu)
    for position, index in ctx.traced(frame):
        ctx.trace(index, FragTrace(int(mtu[position]), int(lengths[position])))
    slots = np.where(adjacencies.kind.take(adj) == Kind.MIDCHAIN, MIDCHAIN, OUTPUT)[pieces.packet]
    for slot in dict.fromkeys(slots.tolist()):
        ctx.enqueue(slot, new[slots == slot], offset=frame.offset, rx=frame.rx, traced=frame.traced)
    bad = cutting.bad
    for error_index in cutting.errors[bad].tolist():
        ctx.count(error_index)
    refused = frame.pick(buffers, cutting.errors == DONT_FRAGMENT_SET)
    if refused.n:
        slot, message = NOTES[protocol]
        set_icmp_error(buffers, refused.rows, message, mtu[cutting.errors == DONT_FRAGMENT_SET])
        buffers.advance(refused, encap)
        ctx.enqueue_frame(slot, refused)
    ctx.enqueue_frame(DROP, frame.pick(buffers, bad & (cutting.errors != DONT_FRAGMENT_SET)))
    buffers.free_packets(frame.pick(buffers, ~bad))


@node("mpls-frag", nexts=NEXTS, errors=ERRORS, trace=format_frag_trace)
def mpls_frag(ctx: Context, frame: Frame) -> None:
    """What is below the labels, and how many bytes of them there are, imposition has noted."""
    buffers = ctx.buffers
    is_ip4 = popped.payload(buffers, frame.rows) == Protocol.IP4
    encaps = np.maximum(buffers.l3_hdr_offset[frame.rows] - buffers.current_data[frame.rows], 0)
    for protocol, theirs in ((Protocol.IP4, is_ip4), (Protocol.IP6, ~is_ip4)):
        for encap in np.unique(encaps[theirs]).tolist():
            _fragment(ctx, frame.pick(buffers, theirs & (encaps == encap)), protocol, encap)
