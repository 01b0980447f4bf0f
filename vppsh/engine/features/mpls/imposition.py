"""mpls-label-imposition-*: labels are written in front of packets; the nodes differ by payload, mode and TTL.

Counterpart of vnet/dpo/mpls_label_dpo.c; TTL and class as RFC 3443 has them for pipes, and in uniform mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.rewrite import TTL_AT, decremented
from vppsh.engine.features.mpls import popped
from vppsh.engine.fib.labels import ENTRY_BYTES, LabelFlag, MplsLabels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame, side_by_side
from vppsh.engine.uniform import common
from vppsh.engine.wire import mpls
from vppsh.registry import NodeSpec, node

OCTET, HALF, WORD = np.dtype("u1"), np.dtype(">u2"), np.dtype("u4")
HOP_LIMIT_AT, TOS_AT = 7, 1
EXP_AT, ENTRY_TTL_AT = 2, 3
L3_VALID = np.uint32(BufferFlag.L3_HDR_OFFSET_VALID)
Octets = NDArray[np.uint8]


class ImpositionTrace(Struct, frozen=True):
    """The innermost of the stack entries that were pushed."""

    entry: int


def format_imposition_trace(view: Any, record: ImpositionTrace) -> str:
    """`mpls-header:[200:63:0:eos]`, two columns in."""
    return f"  mpls-header:{mpls.format_mpls_header(record.entry)}"


class Written(Struct, frozen=True):
    """TTL and class (in the place that it has in a stack entry's third byte) for the innermost label of each packet."""

    ttl: Octets
    exp_bits: Octets

    def pick(self, chosen: NDArray[np.bool_]) -> Written:
        """Those of the packets that a mask chooses."""
        return Written(self.ttl[chosen], self.exp_bits[chosen])


def _of_ip4(ctx: Context, frame: Frame, flags: int) -> Written | None:
    """Decrement the TTL, which nobody checks on the way into an LSP; what a uniform label takes over."""
    buffers = ctx.buffers
    if not flags & LabelFlag.NO_IP_TTL_DECREMENT:
        buffers.store(frame, WORD, decremented(buffers.load(frame, WORD, TTL_AT)), TTL_AT)
    if not flags & LabelFlag.UNIFORM:
        return None
    tos = buffers.load(frame, OCTET, TOS_AT)
    return Written(buffers.load(frame, OCTET, TTL_AT).copy(), tos >> np.uint8(5) << np.uint8(1))


def _of_ip6(ctx: Context, frame: Frame, flags: int) -> Written | None:
    buffers = ctx.buffers
    if not flags & LabelFlag.NO_IP_TTL_DECREMENT:
        buffers.store(frame, OCTET, buffers.load(frame, OCTET, HOP_LIMIT_AT) - np.uint8(1), HOP_LIMIT_AT)
    if not flags & LabelFlag.UNIFORM:
        return None
    # The traffic class follows the four bits of the version, its precedence bits first.
    precedence = (buffers.load(frame, HALF) >> 9 & 7).astype(np.uint8)
    return Written(buffers.load(frame, OCTET, HOP_LIMIT_AT).copy(), precedence << np.uint8(1))


IP = {Protocol.IP4: _of_ip4, Protocol.IP6: _of_ip6}


def _push_on_ip(ctx: Context, frame: Frame, protocol: Protocol, flags: int) -> None:
    buffers, rows = ctx.buffers, frame.rows
    buffers.l3_hdr_offset[rows] = buffers.current_data[rows]
    buffers.flags[rows] |= L3_VALID
    written = IP[protocol](ctx, frame, flags)
    popped.set_payload(buffers, rows, protocol)
    _paint(ctx, frame, written)


def _push_on_label(ctx: Context, frame: Frame, flags: int) -> None:
    """A label that takes the place of one just popped has its TTL less one, and its class; others what their mode says."""
    buffers = ctx.buffers
    swaps = popped.is_first(buffers, frame.rows)
    n_swaps = np.count_nonzero(swaps)
    if n_swaps == frame.n:
        _paint(ctx, frame, _swapped(ctx, frame))
    elif not n_swaps:
        _paint(ctx, frame, _copied(ctx, frame, flags))
    else:
        swapped, pushed = frame.pick(buffers, swaps), frame.pick(buffers, ~swaps)
        _paint(ctx, swapped, _swapped(ctx, swapped))
        _paint(ctx, pushed, _copied(ctx, pushed, flags))
        frame.offset = None
    popped.not_first(buffers, frame.rows)


def _swapped(ctx: Context, frame: Frame) -> Written:
    return Written(popped.ttl(ctx.buffers, frame.rows) - np.uint8(1), popped.exp(ctx.buffers, frame.rows) << np.uint8(1))


def _copied(ctx: Context, frame: Frame, flags: int) -> Written | None:
    if not flags & LabelFlag.UNIFORM:
        return None
    buffers = ctx.buffers
    return Written(buffers.load(frame, OCTET, ENTRY_TTL_AT).copy(), buffers.load(frame, OCTET, EXP_AT) & np.uint8(0xE))


def _paint(ctx: Context, frame: Frame, written: Written | None) -> None:
    """Write the stack entries of each packet's label object in front of it."""
    buffers, labels = ctx.buffers, ctx.get(MplsLabels)
    indices = labels.known(buffers.adj_index[frame.rows])
    sizes = labels.header_bytes.take(indices)
    size = common(sizes)
    if size is None:
        for each in np.unique(sizes).tolist():
            mine = sizes == each
            rows = frame.indices(buffers)[mine]
            part = Frame(side_by_side(rows), len(rows), offset=frame.offset)
            _paint(ctx, part, None if written is None else written.pick(mine))
        frame.offset = None
        return
    if not size:
        return
    one = common(indices)
    headers = labels.header_view(size)
    buffers.advance(frame, -size)
    buffers.store(frame, headers.dtype, headers[indices] if one is None else headers[one])
    if written is not None:
        last = size - ENTRY_BYTES
        buffers.store(frame, OCTET, written.ttl, last + ENTRY_TTL_AT)
        buffers.store(frame, OCTET, buffers.load(frame, OCTET, last + EXP_AT) | written.exp_bits, last + EXP_AT)


def _leave(ctx: Context, frame: Frame) -> Nexts:
    """On to what the label object is stacked on."""
    buffers, labels = ctx.buffers, ctx.get(MplsLabels)
    indices = labels.known(buffers.adj_index[frame.rows])
    for position, index in ctx.traced(frame):
        last = int(labels.header_bytes[indices[position]]) - ENTRY_BYTES
        ctx.trace(index, ImpositionTrace(int.from_bytes(buffers.peek(index, ENTRY_BYTES, max(last, 0)), "big")))
    one = common(indices)
    if one is not None:
        buffers.adj_index[frame.rows] = labels.next_index[one]
        return ctx.own_slots(int(labels.next_slot[one]))
    buffers.adj_index[frame.rows] = labels.next_index.take(indices)
    return ctx.own_slots(labels.next_slot.take(indices))


def _imposition(protocol: Protocol, suffix: str, flags: int = 0) -> NodeSpec:
    """A node that imposes labels on packets of a protocol."""

    def impose(ctx: Context, frame: Frame) -> Nexts:
        if protocol is Protocol.MPLS:
            _push_on_label(ctx, frame, flags)
        else:
            _push_on_ip(ctx, frame, protocol, flags)
        return _leave(ctx, frame)

    prefix = "" if protocol is Protocol.MPLS else f"{protocol.text}-"
    name = f"{prefix}mpls-label-imposition-{suffix}"
    return node(name, nexts=(f"{protocol.text}-drop",), trace=format_imposition_trace)(impose)


IMPOSITIONS = (
    *(_imposition(protocol, "pipe") for protocol in (*IP, Protocol.MPLS)),
    *(_imposition(protocol, "uniform", LabelFlag.UNIFORM) for protocol in (*IP, Protocol.MPLS)),
    *(_imposition(protocol, "pipe-no-ip-ttl-decr", LabelFlag.NO_IP_TTL_DECREMENT) for protocol in IP),
    *(_imposition(protocol, "uniform-no-ip-ttl-decr", LabelFlag.UNIFORM | LabelFlag.NO_IP_TTL_DECREMENT) for protocol in IP),
)
