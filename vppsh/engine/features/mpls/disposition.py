"""ip4- and ip6-mpls-label-disposition-*: the last label is off; the IP header that shows is checked as one that came in.

Counterpart of vnet/dpo/mpls_disposition.c. In uniform mode the packet takes over the label's TTL and class (RFC 3443).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4 import input as ip4_input
from vppsh.engine.features.ip4.errors import IP4_ERRORS
from vppsh.engine.features.ip6 import input as ip6_input
from vppsh.engine.features.ip6.errors import IP6_ERRORS
from vppsh.engine.features.mpls import popped
from vppsh.engine.fib.labels import MplsDispositions
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4
from vppsh.engine.wire.checksum import checksums, word_sums
from vppsh.registry import node

OCTET, HALF = np.dtype("u1"), np.dtype(">u2")
DESTINATION_AT, HOP_LIMIT_AT = 16, 7
CLASS_SHIFT = 5
TRAFFIC_CLASS = np.uint16(0x0FF0)


class DispositionTrace(Struct, frozen=True):
    """The object: its reverse path identifier, the payload, the mode."""

    rpf_id: int
    payload: Protocol
    uniform: bool


def format_disposition_trace(view: Any, record: DispositionTrace) -> str:
    """`rpf-id:-1 ip4, pipe`."""
    return f"rpf-id:{record.rpf_id} {record.payload.text}, {'uniform' if record.uniform else 'pipe'}"


def _leave(ctx: Context, frame: Frame, payload: Protocol, uniform: bool) -> int | NDArray[np.int32]:
    """On to what the disposition objects are stacked on."""
    buffers, objects = ctx.buffers, ctx.get(MplsDispositions)
    indices = objects.known(buffers.adj_index[frame.rows])
    for position, index in ctx.traced(frame):
        ctx.trace(index, DispositionTrace(int(objects.rpf_id[indices[position]]), payload, uniform))
    one = common(indices)
    if one is not None:
        buffers.adj_index[frame.rows] = objects.next_index[one]
        return ctx.own_slots(int(objects.next_slot[one]))
    buffers.adj_index[frame.rows] = objects.next_index.take(indices)
    return ctx.own_slots(objects.next_slot.take(indices))


def _dispose_ip4(ctx: Context, frame: Frame, uniform: bool) -> Nexts:
    buffers = ctx.buffers
    errors = ip4_input.check(ctx, frame, buffers.load(frame, ip4_input.WORD4, DESTINATION_AT), True)
    # The word that remembers the label is also where a refusal is noted.
    ttl, exp = popped.ttl(buffers, frame.rows), popped.exp(buffers, frame.rows)
    nexts: int | NDArray[np.int32] = _leave(ctx, frame, Protocol.IP4, uniform)
    if errors is not None:
        nexts = ip4_input.refuse(ctx, frame, errors, nexts)
    if uniform:
        header = buffers.load(frame, ip4.HEADER).copy()
        header["ttl"], header["tos"] = ttl, exp << np.uint8(CLASS_SHIFT)
        header["checksum"] = 0
        header["checksum"] = checksums(word_sums(header))
        buffers.store(frame, ip4.HEADER, header)
    return nexts


def _dispose_ip6(ctx: Context, frame: Frame, uniform: bool) -> Nexts:
    buffers = ctx.buffers
    errors = ip6_input.check(ctx, frame)
    ttl, exp = popped.ttl(buffers, frame.rows), popped.exp(buffers, frame.rows)
    nexts: int | NDArray[np.int32] = _leave(ctx, frame, Protocol.IP6, uniform)
    if errors is not None:
        nexts = ip6_input.refuse(ctx, frame, errors, nexts)
    if uniform:
        buffers.store(frame, OCTET, ttl, HOP_LIMIT_AT)
        first = buffers.load(frame, HALF) & ~TRAFFIC_CLASS | exp.astype(np.uint16) << np.uint16(CLASS_SHIFT + 4)
        buffers.store(frame, HALF, first)
    return nexts


@node("ip4-mpls-label-disposition-pipe", sibling_of="ip4-input", errors=IP4_ERRORS, trace=format_disposition_trace)
def ip4_disposition_pipe(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 below a label that was a pipe: the packet keeps what its header says."""
    return _dispose_ip4(ctx, frame, False)


@node("ip4-mpls-label-disposition-uniform", sibling_of="ip4-input", errors=IP4_ERRORS, trace=format_disposition_trace)
def ip4_disposition_uniform(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 that takes over TTL and class of the label."""
    return _dispose_ip4(ctx, frame, True)


@node("ip6-mpls-label-disposition-pipe", sibling_of="ip6-input", errors=IP6_ERRORS, trace=format_disposition_trace)
def ip6_disposition_pipe(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 below a label that was a pipe."""
    return _dispose_ip6(ctx, frame, False)


@node("ip6-mpls-label-disposition-uniform", sibling_of="ip6-input", errors=IP6_ERRORS, trace=format_disposition_trace)
def ip6_disposition_uniform(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 that takes over hop limit and class of the label."""
    return _dispose_ip6(ctx, frame, True)
