"""ip4-pmtu-dpo and ip6-pmtu-dpo: packets to a peer whose path MTU is known, in pieces that fit (RFC 1191, 8201).

Counterpart of vnet/ip/ip_path_mtu_node.c. Every packet is cut, if only into one piece: one of IPv6 gets a fragment
header, and one of IPv4 that must not be cut is answered even if it would fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context
from vppsh.engine.features.ip4.errors import FRAGMENTATION_NEEDED
from vppsh.engine.features.ip_frag import DONT_FRAGMENT_SET, ERRORS, Cutting, cut, ip4_cutting, ip6_cutting
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.path_mtu import PathMtuObjects
from vppsh.registry import node

ICMP_ERROR, DROP = range(2)


class PathMtuTrace(Struct, frozen=True):
    """The longest piece, and the length of the packet."""

    mtu: int
    length: int


def format_path_mtu_trace(view: Any, record: PathMtuTrace) -> str:
    """`path mtu:900 packet size:1308`."""
    return f"path mtu:{record.mtu} packet size:{record.length}"


def _fragment(ctx: Context, frame: Frame, cutting: Cutting) -> None:
    buffers, objects = ctx.buffers, ctx.get(PathMtuObjects)
    # Load.
    rows = frame.indices(buffers)
    indices = objects.known(buffers.adj_index[rows])
    mtu, slots = objects.mtu.take(indices).astype(np.int64), objects.next_slot.take(indices)
    buffers.adj_index[rows] = objects.next_index.take(indices)
    lengths = buffers.packet_length(rows)
    for position, index in ctx.traced(frame):
        ctx.trace(index, PathMtuTrace(int(mtu[position]), int(lengths[position])))
    # Act.
    pieces, new = cut(ctx, frame, cutting, mtu)
    goes_to = slots[pieces.packet]
    for slot in dict.fromkeys(goes_to.tolist()):
        ctx.enqueue(slot, new[goes_to == slot], offset=frame.offset, rx=frame.rx, traced=frame.traced)
    # Report.
    bad = cutting.bad
    if bad.any():
        buffers.error[rows[bad]] = ctx.error_base + cutting.errors[bad]
        for error_index in cutting.errors[bad].tolist():
            ctx.count(error_index)
        refused = cutting.errors == DONT_FRAGMENT_SET
        set_icmp_error(buffers, rows[refused], FRAGMENTATION_NEEDED, mtu[refused])
        ctx.enqueue_frame(ICMP_ERROR, frame.pick(buffers, refused))
        ctx.enqueue_frame(DROP, frame.pick(buffers, bad & ~refused))
    buffers.free_packets(frame.pick(buffers, ~bad))


@node("ip4-pmtu-dpo", nexts=("ip4-icmp-error", "ip4-drop"), errors=ERRORS, trace=format_path_mtu_trace)
def ip4_pmtu(ctx: Context, frame: Frame) -> None:
    """IPv4 packets; what must not be cut is answered."""
    _fragment(ctx, frame, ip4_cutting(ctx, frame))


@node("ip6-pmtu-dpo", nexts=("ip6-icmp-error", "ip6-drop"), errors=ERRORS, trace=format_path_mtu_trace)
def ip6_pmtu(ctx: Context, frame: Frame) -> None:
    """IPv6 packets, not only our own."""
    _fragment(ctx, frame, ip6_cutting(ctx, frame))
