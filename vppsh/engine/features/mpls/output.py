"""mpls-output: the adjacency's header in front of labelled packets, and out; mpls-adj-incomplete asks for the neighbour.

Counterpart of vnet/mpls/mpls_output.c. Nothing decrements the labels' TTL here: imposition has done so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import MTU_EXCEEDED
from vppsh.engine.features.mpls.errors import MPLS_ERRORS, PKTS_ENCAP, PKTS_NEED_FRAG
from vppsh.engine.fib.types import Protocol
from vppsh.engine.forward_trace import format_adjacency
from vppsh.engine.frame import Frame
from vppsh.engine.rewrite import Complete, Refused, adjacency_of, send
from vppsh.registry import arc, feature, node

DROP, FRAGMENT = range(2)
NEXTS = ("mpls-drop", "mpls-frag")
OUTPUT_ARC = arc("mpls-output", "mpls-output", "mpls-midchain", end="interface-output")
OUTPUT_FEATURE = feature("mpls-output", "interface-output")
INCOMPLETE_NEXTS = ("error-drop", "ip4-arp", "ip6-discover-neighbor")
TO_DROP, TO_ARP, TO_ND = range(3)


class OutputTrace(Struct, frozen=True):
    """The adjacency and the flow hash."""

    adjacency: int
    flow_hash: int


class IncompleteTrace(Struct, frozen=True):
    """Who is to ask: ARP or ND."""

    next_slot: int


def format_output_trace(view: Any, record: OutputTrace) -> str:
    """`adj-idx 5 : mpls via 10.0.1.2 pg1: ... flow hash: 0x00000000`."""
    return f"{format_adjacency(view, record.adjacency, f'adj-idx {record.adjacency} : ')} flow hash: 0x{record.flow_hash:08x}"


def format_incomplete_trace(view: Any, record: IncompleteTrace) -> str:
    """`next:1`, two columns in."""
    return f"  next:{record.next_slot}"


def output(ctx: Context, frame: Frame, complete: Complete | None = None) -> Nexts:
    """Send packets that fit, mpls-frag has the others; `complete` fills in the headers of tunnels."""
    buffers, adjacencies = ctx.buffers, ctx.get(Adjacencies)
    adj = adjacency_of(ctx, frame)
    lengths = buffers.packet_length(frame.rows)
    big = lengths > adjacencies.mtu.take(adj)
    n_big = int(np.count_nonzero(big))
    refused = None
    if n_big:
        # As in VPP the error is numbered as IPv4 numbers it: whoever may not be cut ends as an invalid FIB id in a label.
        refused = Refused.of(None, frame.n, big, MTU_EXCEEDED, FRAGMENT)
        ctx.count(PKTS_NEED_FRAG, n_big)
    nexts = send(ctx, frame, adj, refused, "mpls-output", complete)
    ctx.count(PKTS_ENCAP, frame.n)
    for position, index in ctx.traced(frame):
        used = adj if isinstance(adj, int) else int(adj[position])
        ctx.trace(index, OutputTrace(used, int(buffers.flow_hash[index])))
    return nexts


@node("mpls-output", nexts=NEXTS, errors=MPLS_ERRORS, trace=format_output_trace)
def mpls_output(ctx: Context, frame: Frame) -> Nexts:
    """Towards a neighbour."""
    return output(ctx, frame)


@node("mpls-adj-incomplete", nexts=INCOMPLETE_NEXTS, errors=MPLS_ERRORS, trace=format_incomplete_trace)
def mpls_adj_incomplete(ctx: Context, frame: Frame) -> Nexts:
    """To ARP or ND, by the address of the next hop."""
    adjacencies = ctx.get(Adjacencies)
    known = [adjacencies.find(index) for index in ctx.buffers.adj_index[frame.rows].tolist()]
    nexts = np.array([TO_DROP if each is None else TO_ND if each.protocol is Protocol.IP6 else TO_ARP for each in known], np.int32)
    for position, index in ctx.traced(frame):
        ctx.trace(index, IncompleteTrace(int(nexts[position])))
    return nexts
