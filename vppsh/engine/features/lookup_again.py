"""lookup-ip4-dst and its kin: look a packet up again, in the table that a route names.

VPP counterpart: vnet/dpo/lookup_dpo.c. A packet is looked up four times at most: routes that lead from table
to table in a circle drop it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.flow_hash import flow_hash as flow_hash4
from vppsh.engine.features.ip6.flow_hash import flow_hash as flow_hash6
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import choose
from vppsh.engine.fib.special import Lookups
from vppsh.engine.fib.tables import FibTables
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.registry import column, node

DROP = 0
MAX_LOOKUPS = 4
WORD = np.dtype("u4")
HALF = np.dtype("u8")
IP4_SRC_AT, IP4_DST_AT = 12, 16
IP6_SRC_AT, IP6_DST_AT = 8, 24

LOOP_COUNTER = column("loop_counter", "i4")


class LookupTrace(Struct, frozen=True):
    """What was looked up where, and what was found."""

    fib_index: int
    address: str
    load_balance: int


def format_lookup_again_trace(view: Any, record: LookupTrace) -> str:
    """The lookup, as VPP prints it."""
    return f"   fib-index:{record.fib_index} addr:{record.address} load-balance:{record.load_balance}"


def tables_of_objects(ctx: Context, frame: Frame, tables: FibTables) -> int | NDArray[np.int32]:
    """The table that the lookup object of each packet names: its own, or that of the receive interface."""
    buffers = ctx.buffers
    lookups = ctx.get(Lookups)
    named = lookups.fib_index[lookups.known(buffers.adj_index[frame.rows])]
    if np.count_nonzero(named < 0):
        named = np.where(named < 0, tables.fib_index_of[buffers.rx_sw_if_index[frame.rows]], named)
    one = common(named)
    return named if one is None else one


def _tables(ctx: Context, frame: Frame, tables: FibTables) -> int | NDArray[np.int32]:
    """The same; the packet is in that table from now on."""
    named = tables_of_objects(ctx, frame, tables)
    ctx.buffers.tx_sw_if_index[frame.rows] = named
    ctx.buffers.flow_hash[frame.rows] = 0
    return named


def limit_lookups(ctx: Context, frame: Frame, nexts: Nexts) -> Nexts:
    """Count the lookups of each packet; those that have had too many are dropped."""
    buffers, rows = ctx.buffers, frame.rows
    counted = buffers.flags[rows] & np.uint32(BufferFlag.LOOP_COUNTER_VALID) != 0
    counts = np.where(counted, buffers.loop_counter[rows], 0) + 1
    buffers.loop_counter[rows] = counts
    buffers.flags[rows] |= np.uint32(BufferFlag.LOOP_COUNTER_VALID)
    if counts.max(initial=0) <= MAX_LOOKUPS:
        return nexts
    return np.where(counts > MAX_LOOKUPS, DROP, np.broadcast_to(np.asarray(nexts), (frame.n,))).astype(np.int32)


def _trace(ctx: Context, frame: Frame, found: NDArray[np.int32], addresses: NDArray[np.generic], protocol: Protocol) -> None:
    for position, index in ctx.traced(frame):
        halves = addresses[position]
        value = int(halves) if protocol is Protocol.IP4 else int(halves[0]) << 64 | int(halves[1])
        ctx.trace(index, LookupTrace(int(ctx.buffers.tx_sw_if_index[index]), format_address(protocol, value), int(found[position])))


def _lookup_ip4(ctx: Context, frame: Frame, at: int) -> Nexts:
    buffers, tables = ctx.buffers, ctx.get(Fib).ip4
    addresses = buffers.load(frame, WORD, at).byteswap()
    found = tables.lookup(_tables(ctx, frame, tables), addresses)
    nexts = choose(ctx, frame, found, Protocol.IP4, buffers.packet_length(frame.rows), flow_hash4)
    _trace(ctx, frame, found, addresses, Protocol.IP4)
    return limit_lookups(ctx, frame, nexts)


def _lookup_ip6(ctx: Context, frame: Frame, at: int) -> Nexts:
    buffers, tables = ctx.buffers, ctx.get(Fib).ip6
    addresses = np.empty((frame.n, 2), np.uint64)
    addresses[:, 0] = buffers.load(frame, HALF, at).byteswap()
    addresses[:, 1] = buffers.load(frame, HALF, at + 8).byteswap()
    found = tables.lookup6(_tables(ctx, frame, tables), addresses)
    nexts = choose(ctx, frame, found, Protocol.IP6, buffers.packet_length(frame.rows), flow_hash6)
    _trace(ctx, frame, found, addresses, Protocol.IP6)
    return limit_lookups(ctx, frame, nexts)


@node("lookup-ip4-dst", sibling_of="ip4-lookup", trace=format_lookup_again_trace)
def lookup_ip4_dst(ctx: Context, frame: Frame) -> Nexts:
    """Look the destination up in another IPv4 table."""
    return _lookup_ip4(ctx, frame, IP4_DST_AT)


@node("lookup-ip4-dst-itf", sibling_of="ip4-lookup", trace=format_lookup_again_trace)
def lookup_ip4_dst_itf(ctx: Context, frame: Frame) -> Nexts:
    """Look the destination up in the IPv4 table of the receive interface: what an explicit null label asks for."""
    return _lookup_ip4(ctx, frame, IP4_DST_AT)


@node("lookup-ip4-src", sibling_of="ip4-lookup", trace=format_lookup_again_trace)
def lookup_ip4_src(ctx: Context, frame: Frame) -> Nexts:
    """Look the source up in another IPv4 table."""
    return _lookup_ip4(ctx, frame, IP4_SRC_AT)


@node("lookup-ip6-dst", sibling_of="ip6-lookup", trace=format_lookup_again_trace)
def lookup_ip6_dst(ctx: Context, frame: Frame) -> Nexts:
    """Look the destination up in another IPv6 table."""
    return _lookup_ip6(ctx, frame, IP6_DST_AT)


@node("lookup-ip6-dst-itf", sibling_of="ip6-lookup", trace=format_lookup_again_trace)
def lookup_ip6_dst_itf(ctx: Context, frame: Frame) -> Nexts:
    """Look the destination up in the IPv6 table of the receive interface."""
    return _lookup_ip6(ctx, frame, IP6_DST_AT)


@node("lookup-ip6-src", sibling_of="ip6-lookup", trace=format_lookup_again_trace)
def lookup_ip6_src(ctx: Context, frame: Frame) -> Nexts:
    """Look the source up in another IPv6 table."""
    return _lookup_ip6(ctx, frame, IP6_SRC_AT)
