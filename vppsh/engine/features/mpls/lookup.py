"""mpls-lookup: from the outermost label to a load-balance, from that to the object that handles the packet; pops the label.

Counterpart of vnet/mpls/mpls_lookup.c. mpls-load-balance, the choice of a bucket alone, serves what is stacked on
another load-balance; lookup-mpls-dst and lookup-mpls-dst-itf (vnet/dpo/lookup_dpo.c) look the next label up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.lookup_again import limit_lookups, tables_of_objects
from vppsh.engine.features.mpls import popped
from vppsh.engine.features.mpls.errors import MPLS_ERRORS, PKTS_DECAP
from vppsh.engine.features.mpls.flow_hash import flow_hash
from vppsh.engine.fib.dpo import Dpos
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ip_arrival import as_array
from vppsh.engine.uniform import common
from vppsh.engine.wire import mpls
from vppsh.registry import node

NEXTS = ("mpls-drop",)
DROP = 0
Found = NDArray[np.int32]
Entries = NDArray[np.uint32]


class LookupTrace(Struct, frozen=True):
    """What was looked up where, what was found, and the slot that the packet took (VPP's number)."""

    next_slot: int
    fib_index: int
    load_balance: int
    flow_hash: int
    entry: int


class BalanceTrace(Struct, frozen=True):
    """The load-balance, and the slot that the packet took."""

    next_slot: int
    load_balance: int
    flow_hash: int


def format_lookup_trace(view: Any, record: LookupTrace) -> str:
    """`MPLS: next [6], lookup fib index 0, LB index 25 hash 0x00000000 label 100 eos 1`."""
    return (
        f"MPLS: next [{record.next_slot}], lookup fib index {record.fib_index}, LB index {record.load_balance} "
        f"hash 0x{record.flow_hash:08x} label {mpls.label(record.entry)} eos {mpls.end_of_stack(record.entry)}"
    )


def format_load_balance_trace(view: Any, record: BalanceTrace) -> str:
    """`MPLS: next [6], LB index 25 hash 0x00000000`."""
    return f"MPLS: next [{record.next_slot}], LB index {record.load_balance} hash 0x{record.flow_hash:08x}"


def format_lookup_again_trace(view: Any, record: LookupTrace) -> str:
    """`fib-index:0 hdr:[200:64:0:eos] load-balance:28`, three columns in."""
    return f"   fib-index:{record.fib_index} hdr:{mpls.format_mpls_header(record.entry)} load-balance:{record.load_balance}"


def _slot(ctx: Context, nexts: int | NDArray[np.integer], position: int) -> int:
    """The slot that VPP's nodes have for the next of a packet."""
    target = ctx.node.nexts[nexts if isinstance(nexts, int) else int(nexts[position])]
    return ctx.get(Dpos).slot_of_node(Protocol.MPLS, target.name)


def _pop(ctx: Context, frame: Frame, fib_index: int | NDArray[np.int32]) -> tuple[Entries, Found, int | NDArray[np.int32]]:
    """Look the outermost label up and take it off: the stack entries, the load-balances, the nexts."""
    buffers = ctx.buffers
    entries: Entries = buffers.load(frame, mpls.HEADER)["entry"].astype(np.uint32)
    found = ctx.get(Fib).mpls.lookup(fib_index, mpls.label(entries) << 1 | mpls.end_of_stack(entries))
    nexts = choose(ctx, frame, found, Protocol.MPLS, buffers.packet_length(frame.rows), flow_hash)
    missing = buffers.current_length[frame.rows] < mpls.HEADER.itemsize
    if np.count_nonzero(missing):
        # VPP would pop what some earlier packet left in the buffer.
        nexts = as_array(nexts, frame.n)
        nexts[missing] = DROP
    popped.remember(buffers, frame.rows, entries)
    buffers.advance(frame, mpls.HEADER.itemsize)
    return entries, found, nexts


def _trace(ctx: Context, frame: Frame, fib_index: int | NDArray[np.int32], entries: Entries, found: Found, nexts: Nexts) -> None:
    for position, index in ctx.traced(frame):
        table = fib_index if isinstance(fib_index, int) else int(fib_index[position])
        hashed = int(ctx.buffers.flow_hash[index])
        assert nexts is not None
        record = LookupTrace(_slot(ctx, nexts, position), table, int(found[position]), hashed, int(entries[position]))
        ctx.trace(index, record)


@node("mpls-lookup", sibling_of="mpls-load-balance", errors=MPLS_ERRORS, trace=format_lookup_trace)
def mpls_lookup(ctx: Context, frame: Frame) -> Nexts:
    """Look labels up in the table of the receive interface."""
    buffers, tables = ctx.buffers, ctx.get(Fib).mpls
    buffers.flow_hash[frame.rows] = 0
    fib_index: int | NDArray[np.int32]
    if frame.rx is not None:
        fib_index = int(tables.fib_index_of[frame.rx])
    else:
        each = tables.fib_index_of[buffers.rx_sw_if_index[frame.rows]]
        one = common(each)
        fib_index = each if one is None else one
    entries, found, nexts = _pop(ctx, frame, fib_index)
    ctx.count(PKTS_DECAP, frame.n)
    if frame.traced:
        _trace(ctx, frame, fib_index, entries, found, nexts)
    return nexts


@node("mpls-load-balance", nexts=NEXTS, trace=format_load_balance_trace)
def mpls_load_balance(ctx: Context, frame: Frame) -> Nexts:
    """The packet comes with the index of a load-balance: choose a bucket of that."""
    buffers = ctx.buffers
    found = ctx.get(Fib).load_balances.known(buffers.adj_index[frame.rows])
    nexts = choose(ctx, frame, found, Protocol.MPLS, buffers.packet_length(frame.rows), flow_hash, via=True)
    for position, index in ctx.traced(frame):
        ctx.trace(index, BalanceTrace(_slot(ctx, nexts, position), int(found[position]), int(buffers.flow_hash[index])))
    return nexts


def _lookup_again(ctx: Context, frame: Frame) -> Nexts:
    fib_index = tables_of_objects(ctx, frame, ctx.get(Fib).mpls)
    entries, found, chosen = _pop(ctx, frame, fib_index)
    nexts = limit_lookups(ctx, frame, chosen)
    if frame.traced:
        _trace(ctx, frame, fib_index, entries, found, nexts)
    return nexts


@node("lookup-mpls-dst", sibling_of="mpls-load-balance", trace=format_lookup_again_trace)
def lookup_mpls_dst(ctx: Context, frame: Frame) -> Nexts:
    """Look the next label up in the table that a route names."""
    return _lookup_again(ctx, frame)


@node("lookup-mpls-dst-itf", sibling_of="mpls-load-balance", trace=format_lookup_again_trace)
def lookup_mpls_dst_itf(ctx: Context, frame: Frame) -> Nexts:
    """Look the next label up in the table of the receive interface."""
    return _lookup_again(ctx, frame)
