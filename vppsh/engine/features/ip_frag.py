"""ip4-frag and ip6-frag: packets that are too long for where they go are sent in pieces (RFC 791, 8200, 4.5).

Counterpart of vnet/ip/ip_frag.c. Whoever sends a packet here has noted the longest piece in the lower half
of the flow hash, and in its upper half the slot that the pieces go to. A piece lies in one buffer, so that it
is never longer than one. Headers are written for all pieces at once; only their payload is copied piece by
piece, which for runs of bytes is faster than gathering them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import DATA_SIZE, HEADROOM, STRIDE, BufferFlag, Indices
from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features.ip4.errors import FRAGMENTATION_NEEDED
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import checksums, word_sums
from vppsh.registry import error, info, node

NONE, SMALL_PACKET, FRAGMENT_SENT, CANT_FRAGMENT_HEADER, DONT_FRAGMENT_SET, MALFORMED, MEMORY, UNKNOWN = range(8)
ERRORS = (
    info("none", "packet fragmented"),
    error("small_packet", "packet smaller than MTU"),
    info("fragment_sent", "number of sent fragments"),
    error("cant_fragment_header", "can't fragment header"),
    error("dont_fragment_set", "can't fragment this packet"),
    error("malformed", "malformed packet"),
    error("memory", "could not allocate buffer"),
    error("unknown", "unknown error"),
)
PIECE_ALIGNMENT = 8
# What a piece takes over from its packet.
INHERITED = ("rx_sw_if_index", "tx_sw_if_index", "adj_index", "adj_index_rx", "current_data", "trace")


class FragmentIds:
    """The identification of the next packet that is taken to pieces, counted for both IP versions."""

    def __init__(self, engine: Engine) -> None:
        self.next = 0

    def take(self, n: int) -> NDArray[np.int64]:
        """The next `n` of them."""
        self.next += n
        return np.arange(self.next - n, self.next)


class FragTrace(Struct, frozen=True):
    """What was done to a packet: the longest piece allowed, its own length, into how many pieces, where they go."""

    mtu: int
    length: int
    fragments: int
    next: int


def format_frag_trace(view: Any, record: FragTrace) -> str:
    """`mtu: 600 pkt-size: 1308 fragments: 3 next: 0`."""
    return f"mtu: {record.mtu} pkt-size: {record.length} fragments: {record.fragments} next: {record.next}"


class Pieces(Struct, frozen=True):
    """The pieces of all packets of a frame, in order.

    packet    position in the frame of the packet that each belongs to
    offset    where its payload begins in that of the packet
    length    of its payload
    is_last   whether it ends the packet
    """

    packet: NDArray[np.intp]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    is_last: NDArray[np.bool_]


def split(lengths: NDArray[np.int64], longest: NDArray[np.int64]) -> Pieces:
    """Cut payloads of these lengths into pieces of at most `longest` bytes each."""
    counts = -(-lengths // np.maximum(longest, 1))
    packet = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(packet)) - np.repeat(np.cumsum(counts) - counts, counts)
    offset = number * longest[packet]
    left = lengths[packet] - offset
    return Pieces(packet, offset, np.minimum(left, longest[packet]), left <= longest[packet])


def _allocate(ctx: Context, frame: Frame, pieces: Pieces, errors: NDArray[np.intp]) -> tuple[Pieces, Indices]:
    """A buffer for every piece; packets for whose pieces there is no room any more fail."""
    buffers = ctx.buffers
    rows = buffers.allocate_indices(len(pieces.packet))
    if len(rows) < len(pieces.packet):
        complete = int(pieces.packet[len(rows)])
        errors[complete:] = np.where(errors[complete:] == NONE, MEMORY, errors[complete:])
        kept = pieces.packet < complete
        pieces = Pieces(pieces.packet[kept], pieces.offset[kept], pieces.length[kept], pieces.is_last[kept])
        buffers.release(rows[len(pieces.packet) :])
        rows = rows[: len(pieces.packet)]
    buffers.reset(rows)
    sources = frame.indices(buffers)[pieces.packet]
    for name in INHERITED:
        column = getattr(buffers, name)
        column[rows] = column[sources]
    buffers.l3_hdr_offset[rows] = buffers.current_data[rows]
    return pieces, rows


def _copy_payload(ctx: Context, frame: Frame, pieces: Pieces, rows: Indices, ahead: int, room: int) -> None:
    """Copy each piece's payload, which lies `ahead` bytes into its packet, to `room` bytes into its own buffer."""
    buffers = ctx.buffers
    sources = frame.indices(buffers)[pieces.packet]
    starts = buffers.current_data[sources] + (HEADROOM + ahead)
    chained = buffers.flags[sources] & BufferFlag.NEXT_PRESENT != 0
    whole, known = b"", -1
    columns = (rows, sources, starts, pieces.offset, pieces.length, chained)
    for to, source, start, offset, length, in_chain in zip(*(column.tolist() for column in columns), strict=True):
        if in_chain:
            if source != known:
                whole, known = buffers.packet(source), source
            data = np.frombuffer(whole, np.uint8, length, ahead + offset)
        else:
            data = buffers.data[source, start + offset : start + offset + length]
        at = start - ahead + room
        buffers.data[to, at : at + length] = data


WriteHeaders = Callable[[Pieces, Indices], None]


@dataclass
class Cutting:
    """How the packets of a frame are taken to pieces.

    errors         of each packet; those without one are
    payload        bytes behind its IP header
    ahead, room    bytes in front of the payload, in a packet and in a piece
    write_headers  writes what goes there in the pieces
    family         flag of the IP version
    """

    errors: NDArray[np.intp]
    payload: NDArray[np.int64]
    ahead: int
    room: int
    write_headers: WriteHeaders
    family: BufferFlag

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Which packets are not taken to pieces."""
        return self.errors != NONE


def cut(ctx: Context, frame: Frame, cutting: Cutting, mtu: NDArray[np.int64]) -> tuple[Pieces, Indices]:
    """Make pieces of at most so many bytes each; their buffers. Packets that cannot be cut get an error."""
    buffers, errors, room = ctx.buffers, cutting.errors, cutting.room
    errors[(cutting.payload <= 0) & ~cutting.bad] = MALFORMED
    fits = STRIDE - HEADROOM - buffers.current_data[frame.rows]
    longest = (np.minimum(np.minimum(mtu, DATA_SIZE), fits) - room) // PIECE_ALIGNMENT * PIECE_ALIGNMENT
    errors[(longest <= 0) & ~cutting.bad] = CANT_FRAGMENT_HEADER
    pieces, new = _allocate(ctx, frame, split(np.where(cutting.bad, 0, cutting.payload), longest), errors)
    _copy_payload(ctx, frame, pieces, new, cutting.ahead, room)
    buffers.current_length[new] = pieces.length + room
    buffers.flags[new] = np.where(buffers.trace[new] >= 0, BufferFlag.IS_TRACED, 0) | (cutting.family | BufferFlag.L3_HDR_OFFSET_VALID)
    buffers.error[new] = ctx.error_base + NONE
    cutting.write_headers(pieces, new)
    return pieces, new


def _fragment(ctx: Context, frame: Frame, cutting: Cutting) -> None:
    """Take the packets without an error to pieces and send those; drop the others."""
    buffers, errors = ctx.buffers, cutting.errors
    rows = frame.indices(buffers)
    noted = buffers.flow_hash[rows]
    mtu, goes_to = (noted & 0xFFFF).astype(np.int64), (noted >> 16 & 0xFF).astype(np.int32)
    goes_to[goes_to >= len(ctx.node.nexts)] = DROP
    lengths = buffers.packet_length(frame.rows)
    pieces, new = cut(ctx, frame, cutting, mtu)
    # Report.
    counts = np.bincount(pieces.packet, minlength=frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, FragTrace(int(mtu[position]), int(lengths[position]), int(counts[position]), int(goes_to[position])))
    ctx.count(FRAGMENT_SENT, len(new))
    ctx.count(SMALL_PACKET, int(np.count_nonzero(counts == 1)))
    slots = goes_to[pieces.packet]
    for slot in dict.fromkeys(slots.tolist()):
        ctx.enqueue(slot, new[slots == slot], offset=frame.offset, rx=frame.rx, traced=frame.traced)
    bad = cutting.bad
    if bad.any():
        buffers.error[rows[bad]] = ctx.error_base + errors[bad]
        for error_index in errors[bad].tolist():
            ctx.count(error_index)
        refused = bad & (errors == DONT_FRAGMENT_SET)
        set_icmp_error(buffers, rows[refused], FRAGMENTATION_NEEDED, mtu[refused])
        ctx.enqueue_frame(ICMP_ERROR, frame.pick(buffers, refused))
        ctx.enqueue_frame(DROP, frame.pick(buffers, bad & ~refused))
    buffers.free_packets(frame.pick(buffers, ~bad))


def _repeat_labels(ctx: Context, frame: Frame, new: Frame, pieces: Pieces, size: int) -> None:
    """Write what lies in front of the IP headers of packets in front of those of their pieces, too."""
    if size:
        labels = np.dtype((np.void, size))
        ctx.buffers.store(new, labels, ctx.buffers.load(frame, labels)[pieces.packet])


def ip4_cutting(ctx: Context, frame: Frame, at: int = 0) -> Cutting:
    """Pieces of IPv4 packets `at` bytes into what is sent: each has a header with the packet's identification, or a new one."""
    buffers, size = ctx.buffers, ip4.HEADER.itemsize
    header = buffers.load(frame, ip4.HEADER, at).copy()
    payload = header["length"].astype(np.int64) - size
    flags = header["flags_and_offset"]
    errors = np.full(frame.n, NONE)
    errors[flags & ip4.FLAG_DONT_FRAGMENT != 0] = DONT_FRAGMENT_SET
    errors[payload > buffers.packet_length(frame.rows) - at - size] = MALFORMED
    whole = (ip4.is_fragment(flags) == 0) & (errors == NONE)
    header["fragment_id"][whole] = ctx.get(FragmentIds).take(int(whole.sum())) & 0xFFFF

    def write_headers(pieces: Pieces, rows: Indices) -> None:
        new = Frame(rows, len(rows), offset=frame.offset)
        _repeat_labels(ctx, frame, new, pieces, at)
        own = header[pieces.packet]
        before = own["flags_and_offset"]
        more = ~pieces.is_last | (before & ip4.FLAG_MORE_FRAGMENTS != 0)
        offset = (before & ip4.FRAGMENT_OFFSET_MASK) + pieces.offset // PIECE_ALIGNMENT
        own["flags_and_offset"] = offset | more * ip4.FLAG_MORE_FRAGMENTS
        own["length"] = pieces.length + size
        own["checksum"] = 0
        own["checksum"] = checksums(word_sums(own))
        buffers.store(new, ip4.HEADER, own, at)

    return Cutting(errors, payload, at + size, at + size, write_headers, BufferFlag.IS_IP4)


def ip6_cutting(ctx: Context, frame: Frame, at: int = 0) -> Cutting:
    """Pieces of IPv6 packets: the header, and a fragment header behind it; what is a fragment already is refused."""
    buffers, size = ctx.buffers, ip6.HEADER.itemsize
    header = buffers.load(frame, ip6.HEADER, at).copy()
    payload = header["payload_length"].astype(np.int64)
    errors = np.full(frame.n, NONE)
    errors[payload > buffers.packet_length(frame.rows) - at - size] = MALFORMED
    errors[header["protocol"] == ip_protocol.IPV6_FRAGMENTATION] = MALFORMED
    ids = np.zeros(frame.n, np.int64)
    ids[errors == NONE] = ctx.get(FragmentIds).take(int(np.count_nonzero(errors == NONE)))

    def write_headers(pieces: Pieces, rows: Indices) -> None:
        new = Frame(rows, len(rows), offset=frame.offset)
        _repeat_labels(ctx, frame, new, pieces, at)
        own, fragment = header[pieces.packet], np.zeros(new.n, ip6.FRAGMENT)
        fragment["next_header"] = own["protocol"]
        fragment["offset_and_more"] = pieces.offset | np.where(pieces.is_last, 0, ip6.FRAGMENT_MORE)
        fragment["id"] = ids[pieces.packet]
        own["protocol"] = ip_protocol.IPV6_FRAGMENTATION
        own["payload_length"] = pieces.length + ip6.FRAGMENT.itemsize
        buffers.store(new, ip6.HEADER, own, at)
        buffers.store(new, ip6.FRAGMENT, fragment, at + size)

    return Cutting(errors, payload, at + size, at + size + ip6.FRAGMENT.itemsize, write_headers, BufferFlag.IS_IP6)


IP4_NEXTS = ("ip4-rewrite", "ip4-midchain", "ip4-icmp-error", "ip4-drop")
IP6_NEXTS = ("ip6-rewrite", "ip6-midchain", "error-drop", "ip6-drop")
REWRITE, MIDCHAIN, ICMP_ERROR, DROP = range(4)


@node("ip4-frag", nexts=IP4_NEXTS, errors=ERRORS, trace=format_frag_trace)
def ip4_frag(ctx: Context, frame: Frame) -> None:
    """Send IPv4 packets in pieces."""
    _fragment(ctx, frame, ip4_cutting(ctx, frame))


@node("ip6-frag", nexts=IP6_NEXTS, errors=ERRORS, trace=format_frag_trace)
def ip6_frag(ctx: Context, frame: Frame) -> None:
    """Send IPv6 packets in pieces."""
    _fragment(ctx, frame, ip6_cutting(ctx, frame))
