"""ip4-full-reassembly and its kin: fragments become whole packets again (RFC 791, 815).

Counterpart of vnet/ip/reass/ip4_full_reass.c. Three nodes do the same for different neighbours: one for
other nodes, one for packets to us, one as a feature of what interfaces receive. Fragments are rare and
depend on each other, so they are handled one by one, but for pairs that are whole packets; what is whole
already just passes.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool, Indices
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    IP4_ERRORS,
    NONE,
    REASS_DUPLICATE_FRAGMENT,
    REASS_FRAGMENT_CHAIN_TOO_LONG,
    REASS_FRAGMENTS_RCVD,
    REASS_FRAGMENTS_REASSEMBLED,
    REASS_LIMIT_REACHED,
    REASS_MALFORMED_PACKET,
    REASS_SUCCESS,
    REASS_TIMEOUT,
)  # fmt: skip
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.reassembly.assembly import Action, Assembly, Piece
from vppsh.engine.reassembly.packet import KEPT, join, leave
from vppsh.engine.reassembly.pairs import can_join, find_pairs, join_pairs, most_at_once
from vppsh.engine.reassembly.table import Reassemblies
from vppsh.engine.reassembly.trace import ReassemblyTrace, format_reassembly_trace, note
from vppsh.engine.wire import ip4
from vppsh.engine.wire.checksum import checksum
from vppsh.registry import feature, node, process

INPUT, DROP = range(2)
NEXTS = ("ip4-input", "ip4-drop")
FEATURE = feature("ip4-unicast", "ip4-full-reassembly-feature", before=("ip4-lookup",))
KEY = ("src", "dst", "fragment_id", "protocol")
OFFSET_UNIT = 8
SHORTEST = 8
IP_BYTES = ip4.HEADER.itemsize
LONGEST = 0xFFFF - IP_BYTES
WORD, WORDS, ADDRESSES = np.dtype(">u2"), np.dtype(f"V{IP_BYTES}"), np.dtype("u8")
ADDRESSES_AT = 12
PROTOCOL_BITS, TABLE_SHIFT, VERSION_SHIFT = 8, 24, 8
PROTOCOL = 0xFF
LENGTH_WORD, FRAGMENT_WORD, CHECKSUM_WORD = 1, 3, 5
MINUS_ZERO = 0xFFFF


class Ip4Reassemblies(Reassemblies[Assembly]):
    """The IPv4 packets that are being put together: by table, addresses, identification and protocol."""

    kind = Assembly
    walk_node = "ip4-full-reassembly-expire-walk"


def _finish(ctx: Context, table: Reassemblies[Assembly], assembly: Assembly) -> int:
    """Make one packet of all fragments; its buffer."""
    first = assembly.pieces[0]
    header = bytearray(ctx.buffers.packet(first.index, first.header))
    header[2:4] = (first.header + assembly.data_length).to_bytes(2, "big")
    header[6:8] = bytes(2)
    header[10:12] = bytes(2)
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    index = join(ctx.buffers, bytes(header), assembly.pieces)
    note(ctx, assembly, Action.FINALIZE, first)
    ctx.count(REASS_SUCCESS)
    ctx.count(REASS_FRAGMENTS_REASSEMBLED, assembly.fragments)
    table.close(assembly)
    return index


def _take(ctx: Context, key: tuple[int, ...], piece: Piece, is_last: bool) -> tuple[int, int]:
    """Add one fragment to its packet; the buffer that goes on, if any, and why it is dropped, if it is."""
    table = ctx.get(Ip4Reassemblies)
    assembly = table.find(key)
    if assembly is not None and table.is_late(assembly):
        ctx.count(REASS_TIMEOUT)
        table.drop(assembly)
        assembly = None
    if assembly is None:
        assembly = table.begin(key)
        if assembly is None:
            return piece.index, REASS_LIMIT_REACHED
    assembly.last_heard = ctx.now
    if is_last:
        assembly.last_octet = piece.last
    used = assembly.insert(piece, partial(note, ctx, assembly), lambda other: table.free([other.index]))
    if assembly.is_complete:
        if not used:
            table.free([piece.index])
        return _finish(ctx, table, assembly), NONE
    if not used:
        return piece.index, REASS_DUPLICATE_FRAGMENT
    if assembly.fragments > table.limits.fragments:
        ctx.count(REASS_FRAGMENT_CHAIN_TOO_LONG)
        table.drop(assembly)
    return KEPT, NONE


def _write_whole(buffers: BufferPool, rows: Indices, words: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Make headers of first fragments, given as words, those of whole packets."""
    words[:, LENGTH_WORD], words[:, FRAGMENT_WORD], words[:, CHECKSUM_WORD] = lengths, 0, 0
    sums = np.add.reduce(words, axis=1)
    sums = (sums & MINUS_ZERO) + (sums >> 16)
    # Another time for the carry of the first one.
    sums += sums >> 16
    items, at = buffers.bytes_at(WORD), buffers.current_data[rows] + (rows.astype(np.int64) * STRIDE + HEADROOM)
    items[at + 2 * LENGTH_WORD] = lengths
    items[at + 2 * FRAGMENT_WORD] = 0
    items[at + 2 * CHECKSUM_WORD] = ~sums & MINUS_ZERO


def _join_pairs(ctx: Context, frame: Frame, header: np.ndarray, leaving: Indices, fragment: NDArray[np.bool_]) -> None:
    """Join the untraced pairs of fragments that are whole packets; they leave, and count as fragments no more."""
    buffers, table = ctx.buffers, ctx.get(Ip4Reassemblies)
    # Load.
    words = buffers.load(frame, WORDS).copy().view(WORD).reshape(frame.n, -1).astype(np.int64)
    length, where = words[:, 1] - IP_BYTES, words[:, 3]
    first, is_last = (where & ip4.FRAGMENT_OFFSET_MASK) * OFFSET_UNIT, where & ip4.FLAG_MORE_FRAGMENTS == 0
    chosen = buffers.tx_sw_if_index[leaving]
    tables = np.where(chosen >= 0, chosen, ctx.get(Fib).ip4.fib_index_of[buffers.rx_sw_if_index[leaving]])
    # Addresses; table, identification and protocol.
    keys = [buffers.load(frame, ADDRESSES, ADDRESSES_AT), tables << TABLE_SHIFT | words[:, 2] << PROTOCOL_BITS | words[:, 4] & PROTOCOL]
    if not fragment.all():
        # What is whole is no fragment of anything.
        keys.append(np.where(fragment, 0, 1 + np.arange(frame.n)))
    # Decide.
    heads, tails = find_pairs(keys, first, length, is_last)
    if not len(heads):
        return
    simple = fragment & (words[:, 0] >> VERSION_SHIFT == ip4.VERSION_AND_LENGTH_NO_OPTIONS) & (buffers.trace[leaving] < 0)
    simple &= (length >= np.where(is_last, 1, SHORTEST)) & (first + length <= LONGEST)
    kept, added = IP_BYTES + length[heads], length[tails]
    joined = simple[heads] & simple[tails] & can_join(buffers, leaving[heads], leaving[tails], kept + added)
    if len(table):
        of_each = zip(tables[heads].tolist(), *(header[name][heads].tolist() for name in KEY), strict=True)
        joined &= np.array([table.find(key) is None for key in of_each], bool)
    if np.count_nonzero(joined) < len(heads):
        heads, tails, kept, added = heads[joined], tails[joined], kept[joined], added[joined]
    n_pairs = len(heads)
    later, earlier = np.maximum(heads, tails), np.minimum(heads, tails)
    # Each other fragment may begin a packet: only if there is room for all of them does it not matter that pairs go first.
    room = table.limits.assemblies - len(table) - (int(np.count_nonzero(fragment)) - 2 * n_pairs)
    if not n_pairs or (n_pairs > room and most_at_once(earlier, later, frame.n) > room):
        return
    # Act.
    join_pairs(buffers, leaving[heads], leaving[tails], kept, IP_BYTES, added)
    _write_whole(buffers, leaving[heads], words[heads], kept + added)
    # A packet leaves when its second fragment comes.
    leaving[later] = leaving[heads]
    leaving[earlier] = KEPT
    fragment[heads] = fragment[tails] = False
    table.count_begun(n_pairs)
    # Report.
    ctx.count(REASS_SUCCESS, n_pairs)
    ctx.count(REASS_FRAGMENTS_REASSEMBLED, 2 * n_pairs)


def _reassemble(ctx: Context, frame: Frame, *, is_feature: bool) -> Nexts:
    """All three nodes: what leaves takes the place of what came."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    header = buffers.load(frame, ip4.HEADER)
    fragment = ip4.is_fragment(header["flags_and_offset"]) != 0
    for position, index in ctx.traced(frame):
        if not fragment[position]:
            ctx.trace(index, ReassemblyTrace(Action.PASS))
    if not fragment.any():
        return arcs.next(ctx, frame) if is_feature else INPUT
    # Load.
    leaving = frame.indices(buffers).copy()
    received = ctx.get(Fib).ip4.index_of_interface
    nexts = np.full(frame.n, INPUT, np.int32)
    ctx.count(REASS_FRAGMENTS_RCVD, int(np.count_nonzero(fragment)))
    # Decide, act.
    if frame.n > 1:
        _join_pairs(ctx, frame, header, leaving, fragment)
    for position in np.flatnonzero(fragment).tolist():
        index = int(leaving[position])
        _, _, total, number, where, _, protocol, _, source, destination = header[position].item()
        size = ip4.header_bytes(header["version_and_length"][position].item())
        first, length = (where & ip4.FRAGMENT_OFFSET_MASK) * OFFSET_UNIT, total - size
        is_last = not where & ip4.FLAG_MORE_FRAGMENTS
        error = REASS_MALFORMED_PACKET
        if length > 0 and first + length <= LONGEST and (is_last or length >= SHORTEST):
            chosen = int(buffers.tx_sw_if_index[index])
            fib_index = chosen if chosen >= 0 else received(int(buffers.rx_sw_if_index[index]))
            key = (fib_index, source, destination, number, protocol)
            leaving[position], error = _take(ctx, key, Piece(index, size, first, first + length - 1), is_last)
        if error != NONE:
            buffers.error[index] = ctx.error_base + error
            nexts[position] = DROP
    # Report.
    nexts = leave(buffers, frame, leaving, nexts)
    if not frame.n:
        return None
    good = nexts == INPUT
    n_good = np.count_nonzero(good)
    if n_good == frame.n:
        return arcs.next(ctx, frame) if is_feature else INPUT
    if is_feature and n_good:
        nexts[good] = arcs.next(ctx, frame.pick(buffers, good))
    return nexts


@node("ip4-full-reassembly", nexts=NEXTS, errors=IP4_ERRORS, trace=format_reassembly_trace)
def ip4_full_reassembly(ctx: Context, frame: Frame) -> Nexts:
    """Fragments that some node sends here; packets begin again at ip4-input."""
    return _reassemble(ctx, frame, is_feature=False)


@node("ip4-local-full-reassembly", nexts=NEXTS, errors=IP4_ERRORS, trace=format_reassembly_trace)
def ip4_local_full_reassembly(ctx: Context, frame: Frame) -> Nexts:
    """Fragments to us; packets begin again at ip4-input."""
    return _reassemble(ctx, frame, is_feature=False)


@node("ip4-full-reassembly-feature", nexts=NEXTS, errors=IP4_ERRORS, trace=format_reassembly_trace)
def ip4_full_reassembly_feature(ctx: Context, frame: Frame) -> Nexts:
    """Fragments received on an interface; packets go on where the fragments would have gone."""
    return _reassemble(ctx, frame, is_feature=True)


@process("ip4-full-reassembly-expire-walk", errors=IP4_ERRORS)
def ip4_full_reassembly_expire_walk(ctx: Context) -> Generator[float, Any]:
    """Drop what is not completed in time; sleeps while there is nothing to complete."""
    wait = inf
    while True:
        woken = yield wait
        table = ctx.get(Ip4Reassemblies)
        for assembly in table.late() if not woken else ():
            ctx.count(REASS_TIMEOUT)
            table.drop(assembly)
        wait = table.wait
