"""ip6-full-reassembly and its kin: fragments become whole packets again (RFC 8200, 4.5; RFC 5722, 6946, 7112).

Counterpart of vnet/ip/reass/ip6_full_reass.c. Fragments that overlap are refused, with all of their packet.
When a packet is not completed in time, the sender of its first fragment is told.
"""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from typing import Any

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.errors import (
    IP6_ERRORS,
    NONE,
    REASS_DUPLICATE_FRAGMENT,
    REASS_FRAGMENT_CHAIN_TOO_LONG,
    REASS_FRAGMENTS_RCVD,
    REASS_FRAGMENTS_REASSEMBLED,
    REASS_INVALID_FRAG_LEN,
    REASS_INVALID_FRAG_SIZE,
    REASS_LIMIT_REACHED,
    REASS_MISSING_UPPER,
    REASS_NO_FRAG_HDR,
    REASS_OVERLAPPING_FRAGMENT,
    REASS_SUCCESS,
    REASS_TIMEOUT,
)  # fmt: skip
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.reassembly.assembly import Action, Assembly, Piece
from vppsh.engine.reassembly.packet import KEPT, join, leave
from vppsh.engine.reassembly.table import Reassemblies
from vppsh.engine.reassembly.trace import ReassemblyTrace, format_reassembly_trace, note
from vppsh.engine.wire import ip6, ip6_extension, ip_protocol
from vppsh.registry import demux, feature, node, process

INPUT, DROP, ICMP_ERROR = range(3)
NEXTS = ("ip6-input", "ip6-drop", "ip6-icmp-error")
FEATURE = feature("ip6-unicast", "ip6-full-reassembly-feature", before=("ip6-lookup",))
FRAGMENTS = demux("ip6-local", ip_protocol.IPV6_FRAGMENTATION, "ip6-local-full-reassembly")

TIME_EXCEEDED = (3, 1)
ERRONEOUS_FIELD = (4, 0)
INCOMPLETE_CHAIN = (4, 3)
PAYLOAD_LENGTH_AT, PROTOCOL_AT, OFFSET_AT = 4, 6, 2
LONGEST = 0xFFFF
UNIT = 8


class Ip6Reassemblies(Reassemblies[Assembly]):
    """The IPv6 packets that are being put together: by table, addresses and identification."""

    kind = Assembly
    walk_node = "ip6-full-reassembly-expire-walk"


def _time_out(ctx: Context, table: Reassemblies[Assembly], assembly: Assembly) -> int | None:
    """Drop what is late; the first fragment, if it has come, about which its sender is told."""
    first = assembly.pieces[0] if assembly.pieces and not assembly.pieces[0].first else None
    if first is None:
        table.drop(assembly)
        return None
    note(ctx, assembly, Action.TIMEOUT, first)
    set_icmp_error(ctx.buffers, slice(first.index, first.index + 1), TIME_EXCEEDED)
    del assembly.pieces[0]
    table.drop(assembly)
    return first.index


def _insert(ctx: Context, assembly: Assembly, piece: Piece) -> int:
    """Add a fragment, unless it is there already or overlaps another."""
    place = 0
    for other in assembly.pieces:
        if piece.last < other.first:
            break
        if piece.first <= other.last:
            if (piece.first, piece.last) == (other.first, other.last):
                return REASS_DUPLICATE_FRAGMENT
            note(ctx, assembly, Action.REFUSE, piece)
            return REASS_OVERLAPPING_FRAGMENT
        place += 1
    assembly.pieces.insert(place, piece)
    # VPP counts the first one twice.
    assembly.fragments += 1 if assembly.fragments else 2
    note(ctx, assembly, Action.NEW, piece)
    return NONE


def _finish(ctx: Context, table: Reassemblies[Assembly], assembly: Assembly) -> int:
    """Make one packet of all fragments, without a fragment header; its buffer."""
    first = assembly.pieces[0]
    before = bytearray(ctx.buffers.packet(first.index, first.header))
    at = first.header - ip6.FRAGMENT.itemsize
    in_front = [offset for protocol, offset in ip6_extension.chain(bytes(before)) if offset < at]
    before[in_front[-1] if in_front else PROTOCOL_AT] = before[at]
    header = before[:at]
    header[4:6] = (at - ip6.HEADER.itemsize + assembly.data_length).to_bytes(2, "big")
    index = join(ctx.buffers, bytes(header), assembly.pieces)
    note(ctx, assembly, Action.FINALIZE, first)
    ctx.count(REASS_SUCCESS)
    ctx.count(REASS_FRAGMENTS_REASSEMBLED, assembly.fragments)
    table.close(assembly)
    return index


def _take(ctx: Context, key: object, piece: Piece, is_last: bool) -> tuple[int, int]:
    """Add one fragment to its packet; the buffer that goes on, if any, and why it is dropped, if it is."""
    table = ctx.get(Ip6Reassemblies)
    assembly = table.find(key)
    if assembly is not None and table.is_late(assembly):
        ctx.count(REASS_TIMEOUT)
        late = _time_out(ctx, table, assembly)
        if late is not None:
            ctx.enqueue(ICMP_ERROR, np.array([late], np.int32), traced=True)
        assembly = None
    if assembly is None:
        assembly = table.begin(key)
        if assembly is None:
            return piece.index, REASS_LIMIT_REACHED
    assembly.last_heard = ctx.now
    if piece.last < piece.first:
        table.drop(assembly)
        return piece.index, REASS_INVALID_FRAG_LEN
    if is_last:
        assembly.last_octet = piece.last
    error = _insert(ctx, assembly, piece)
    if error == REASS_OVERLAPPING_FRAGMENT:
        table.drop(assembly)
        return piece.index, error
    if assembly.is_complete:
        if error != NONE:
            table.free([piece.index])
        return _finish(ctx, table, assembly), NONE
    if error != NONE:
        return piece.index, error
    if assembly.fragments > table.limits.fragments:
        ctx.count(REASS_FRAGMENT_CHAIN_TOO_LONG)
        table.drop(assembly)
    return KEPT, NONE


def _refuse(ctx: Context, index: int, error: int, message: tuple[int, int], pointer: int = 0) -> None:
    """Note why a fragment is not right, for the answer to its sender."""
    ctx.buffers.error[index] = ctx.error_base + error
    set_icmp_error(ctx.buffers, slice(index, index + 1), message, pointer)


def _fragment(ctx: Context, index: int, chain: list[tuple[int, int]], at: int) -> tuple[int, int, int]:
    """Check one fragment and add it to its packet: the buffer that goes on, its next, why it is dropped."""
    buffers = ctx.buffers
    packet = buffers.packet(index, at + ip6.FRAGMENT.itemsize)
    _, _, where, identification = np.frombuffer(packet, ip6.FRAGMENT, 1, at)[0].item()
    first, is_last = where & ~(UNIT - 1), not where & ip6.FRAGMENT_MORE
    length = int(buffers.packet_length(np.array([index]))[0]) - len(packet)
    if not first and chain[-1][0] in ip6_extension.EXTENSIONS:
        _refuse(ctx, index, REASS_MISSING_UPPER, INCOMPLETE_CHAIN)
        return index, ICMP_ERROR, NONE
    if not is_last and length % UNIT:
        _refuse(ctx, index, REASS_INVALID_FRAG_SIZE, ERRONEOUS_FIELD, PAYLOAD_LENGTH_AT)
        return index, ICMP_ERROR, NONE
    if first + length > LONGEST:
        _refuse(ctx, index, REASS_INVALID_FRAG_SIZE, ERRONEOUS_FIELD, at + OFFSET_AT)
        return index, ICMP_ERROR, NONE
    # A packet of one fragment only has nothing to do with others, even of the same identification (RFC 6946).
    key: object = object()
    if first or not is_last:
        chosen = int(buffers.tx_sw_if_index[index])
        table = chosen if chosen >= 0 else ctx.get(Fib).ip6.index_of_interface(int(buffers.rx_sw_if_index[index]))
        key = (table, int.from_bytes(packet[8:24], "big"), int.from_bytes(packet[24:40], "big"), identification)
    leaving, error = _take(ctx, key, Piece(index, len(packet), first, first + length - 1), is_last)
    return leaving, INPUT if error == NONE else DROP, error


def _reassemble(ctx: Context, frame: Frame, *, is_feature: bool) -> Nexts:
    """All three nodes: what leaves takes the place of what came."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    # Load.
    header = buffers.load(frame, ip6.HEADER)
    leaving = frame.indices(buffers).copy()
    chains = {}
    for position in np.flatnonzero(ip6_extension.IS_IN_CHAIN[header["protocol"]]).tolist():
        index = int(leaving[position])
        length = min(int(buffers.current_length[index]), ip6_extension.DEEPEST)
        chain = ip6_extension.chain(buffers.packet(index, length))
        at = [offset for protocol, offset in chain if protocol == ip_protocol.IPV6_FRAGMENTATION]
        if at and at[-1] + ip6.FRAGMENT.itemsize <= length:
            chains[position] = chain, at[-1]
    for position, index in ctx.traced(frame):
        if position not in chains:
            ctx.trace(index, ReassemblyTrace(Action.PASS))
    ctx.count(REASS_NO_FRAG_HDR, frame.n - len(chains))
    if not chains:
        return arcs.next(ctx, frame) if is_feature else DROP
    # Decide, act.
    ctx.count(REASS_FRAGMENTS_RCVD, len(chains))
    nexts = np.full(frame.n, DROP, np.int32)
    good = np.ones(frame.n, bool)
    for position, found in chains.items():
        index = int(leaving[position])
        leaving[position], nexts[position], error = _fragment(ctx, index, *found)
        if error != NONE:
            buffers.error[index] = ctx.error_base + error
            good[position] = False
    # Report.
    good = good[leaving != KEPT]
    nexts = leave(buffers, frame, leaving, nexts)
    if not frame.n:
        return None
    if is_feature and good.any():
        # As in VPP, what only its ICMP message would stop goes on, too.
        nexts[good] = arcs.next(ctx, frame.pick(buffers, good))
    return nexts


@node("ip6-full-reassembly", nexts=NEXTS, errors=IP6_ERRORS, trace=format_reassembly_trace)
def ip6_full_reassembly(ctx: Context, frame: Frame) -> Nexts:
    """Fragments that some node sends here; packets begin again at ip6-input."""
    return _reassemble(ctx, frame, is_feature=False)


@node("ip6-local-full-reassembly", nexts=NEXTS, errors=IP6_ERRORS, trace=format_reassembly_trace)
def ip6_local_full_reassembly(ctx: Context, frame: Frame) -> Nexts:
    """Fragments to us; packets begin again at ip6-input."""
    return _reassemble(ctx, frame, is_feature=False)


@node("ip6-full-reassembly-feature", nexts=NEXTS, errors=IP6_ERRORS, trace=format_reassembly_trace)
def ip6_full_reassembly_feature(ctx: Context, frame: Frame) -> Nexts:
    """Fragments received on an interface; packets go on where the fragments would have gone."""
    return _reassemble(ctx, frame, is_feature=True)


@process("ip6-full-reassembly-expire-walk", errors=IP6_ERRORS)
def ip6_full_reassembly_expire_walk(ctx: Context) -> Generator[float, Any]:
    """Drop what is not completed in time; sleeps while there is nothing to complete."""
    wait = inf
    while True:
        woken = yield wait
        table = ctx.get(Ip6Reassemblies)
        tell: list[int] = []
        for assembly in table.late() if not woken else ():
            ctx.count(REASS_TIMEOUT, assembly.fragments)
            first = _time_out(ctx, table, assembly)
            if first is not None:
                tell.insert(0, first)
        if tell:
            rows = np.array(tell, np.int32)
            ctx.engine.dispatcher.send(ctx.engine.graph["ip6-icmp-error"], Frame(rows, len(rows), traced=True))
        wait = table.wait
