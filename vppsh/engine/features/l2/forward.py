"""l2-fwd: sends each packet to the port on which its destination was heard (vnet/l2/l2_fwd.c).

What is for a BVI is routed. What is for an address that is not known, or was learned before a flush, goes on
to be flooded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import WORD8, refresh_hints
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.addresses_trace import AddressesTrace, addresses_of
from vppsh.engine.features.l2.bvi_input import Fault, to_bvi
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.l2.input import of_port
from vppsh.engine.features.l2.l2fib import (
    BYTE,
    FLAGS_SHIFT,
    MAC_SHIFT,
    MISSING,
    NO_INTERFACE,
    SEQUENCE_SHIFT,
    EntryFlag,
    L2Fib,
    Words,
    format_flags,
)
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.registry import error, node

L2_OUTPUT, DROP = range(2)
FORWARDED, MISSES, HITS, BVI_BAD_MAC, BVI_ETHERTYPE, FILTER_DROP, REFLECT_DROP, STALE_DROP = range(8)
ERRORS = tuple(
    error(text, text)
    for text in (
        "L2 forward packets", "L2 forward misses", "L2 forward hits", "BVI L3 MAC mismatch", "BVI packet with unhandled ethertype",
        "Filter Mac Drop", "Reflection Drop", "Stale entry Drop",
    )
)  # fmt: skip
FLOODS = np.uint32(features.UU_FLOOD | features.UU_FWD)
NOT_FWD = np.uint32(features.ALL_BITS & ~features.FWD)
BD_SEQUENCE = np.uint32(0xFF00)
LAST_INTERFACE = np.uint64(NO_INTERFACE)


class ForwardTrace(Struct, frozen=True):
    """The packet, and the entry of its destination."""

    packet: AddressesTrace
    entry: int


def format_forward_trace(view: Any, record: ForwardTrace) -> str:
    """`l2-fwd:   sw_if_index 1 dst ... src ... bd_index 1 result [0x1000000000001, 1] none`."""
    sw_if_index = record.entry & NO_INTERFACE
    shown = -1 if sw_if_index == NO_INTERFACE else sw_if_index
    flags = format_flags(record.entry >> FLAGS_SHIFT & BYTE)
    return f"l2-fwd:   {record.packet} result [0x{record.entry:x}, {shown}] {flags}"


@node("l2-fwd", nexts=("l2-output", "error-drop"), errors=ERRORS, trace=format_forward_trace)
def l2_fwd(ctx: Context, frame: Frame) -> Nexts:
    """To the port of the destination, to the BVI, or on to the floods."""
    buffers, rows = ctx.buffers, frame.rows
    # Load.
    keys = buffers.load(frame, WORD8) << np.uint64(MAC_SHIFT) | of_port(buffers, frame, buffers.l2_bd_index)
    entries = ctx.get(L2Fib).find(keys)
    for position, index in ctx.traced(frame):
        ctx.trace(index, ForwardTrace(addresses_of(ctx, index), int(entries[position])))
    # Decide: first whether there is anything out of the ordinary.
    ports = (entries & LAST_INTERFACE).astype(np.uint32).view(np.int32)
    flags = entries >> np.uint64(FLAGS_SHIFT) & np.uint64(BYTE)
    sequences = entries >> np.uint64(SEQUENCE_SHIFT)
    if not flags.any():
        stale = _expected(ctx, frame, ports) != sequences
        received = buffers.rx_sw_if_index[rows] if frame.rx is None else frame.rx
        if not (stale | (ports == received)).any():
            buffers.tx_sw_if_index[rows] = ports
            return L2_OUTPUT
    else:
        learned = flags & np.uint64(EntryFlag.AGE_NOT) == 0
        stale = learned & (_expected(ctx, frame, np.where(learned, ports, 0).astype(np.int32)) != sequences)
    return _each(ctx, frame, entries, stale, ports)


def _expected(ctx: Context, frame: Frame, ports: NDArray[np.int32]) -> NDArray[np.uint32]:
    """The sequence numbers that an entry of those ports has when it was learned after the last flush."""
    own = of_port(ctx.buffers, frame, ctx.buffers.l2_fib_sequence) & BD_SEQUENCE
    expected: NDArray[np.uint32] = ctx.get(L2Interfaces).sequence[ports] | own
    return expected


def _each(ctx: Context, frame: Frame, entries: Words, stale: NDArray[np.bool_], ports: NDArray[np.int32]) -> NDArray[np.int32]:
    """When not all packets simply go to a port."""
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    flags = (entries >> np.uint64(FLAGS_SHIFT)).astype(np.uint32) & BYTE
    missing = entries == MISSING
    unknown = missing | stale
    reflected = ~unknown & (ports == buffers.rx_sw_if_index[rows])
    filtered = ~unknown & ~reflected & (flags & EntryFlag.FILTER != 0)
    routed = ~unknown & ~reflected & ~filtered & (flags & EntryFlag.BVI != 0)
    nexts = np.full(frame.n, L2_OUTPUT, np.int32)
    buffers.tx_sw_if_index[rows[~missing]] = ports[~missing]
    nexts[reflected | filtered] = DROP
    buffers.error[rows[reflected]] = ctx.error_base + REFLECT_DROP
    buffers.error[rows[filtered]] = ctx.error_base + FILTER_DROP
    if routed.any():
        _route(ctx, rows, np.flatnonzero(routed), ports, nexts)
        refresh_hints(buffers, frame)
    if unknown.any():
        bits = buffers.l2_features[rows]
        flooded = unknown & (bits & FLOODS != 0)
        bits = bits[flooded] & NOT_FWD
        buffers.l2_features[rows[flooded]] = bits
        nexts[flooded] = ctx.get(NextFeatures).after(ctx, bits)
        dropped = unknown & ~flooded
        nexts[dropped] = DROP
        buffers.error[rows[dropped]] = ctx.error_base + np.where(missing[dropped], MISSES, STALE_DROP)
    return nexts


def _route(ctx: Context, rows: NDArray[np.int32], positions: NDArray[np.intp], ports: NDArray[np.int32], nexts: NDArray[np.int32]) -> None:
    """Hand packets to the BVIs that they are for."""
    for bvi in set(ports[positions].tolist()):
        chosen = positions[ports[positions] == bvi]
        slots, faults = to_bvi(ctx, rows[chosen], bvi)
        bad = faults != Fault.NONE
        nexts[chosen] = np.where(bad, DROP, slots)
        errors = np.where(faults == Fault.BAD_MAC, BVI_BAD_MAC, BVI_ETHERTYPE)
        ctx.buffers.error[rows[chosen[bad]]] = ctx.error_base + errors[bad]
