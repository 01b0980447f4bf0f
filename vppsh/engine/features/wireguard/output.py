"""wg4-output-tun, wg6-output-tun: packets that leave by a WireGuard interface are encrypted for the peer that their adjacency leads to.

Counterpart of plugins/wireguard/wireguard_output_tun.c; the paper's 5.4.6. Features of ip4-output and ip6-output on the interface:
the midchain has written the outer headers already, with room for that of the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec.by_sa import Slots, by_association
from vppsh.engine.features.ipsec.chains import linearize, rewrite, tail_fits
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.matrix import PacketMatrix, columns, largest
from vppsh.engine.l4_checksum import ip6_l4_checksums
from vppsh.engine.tunnel.outer import set_ip4_length, set_ip6_length
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.engine.wire.checksum import checksum
from vppsh.engine.wire.ip4 import format_ip4_header
from vppsh.engine.wire.ip6 import format_ip6_header
from vppsh.engine.wire.ip_protocol import UDP
from vppsh.engine.wire.wireguard import DATA, TAG_BYTES, MessageType
from vppsh.engine.wireguard.interfaces import Wireguard
from vppsh.engine.wireguard.peer import UDP_BYTES, Peer
from vppsh.engine.wireguard.send import Sender
from vppsh.engine.wireguard.session import Keypair
from vppsh.engine.wireguard.timers import Timers
from vppsh.registry import error, feature, node

DROP, OUTPUT = range(2)
NEXTS = ("error-drop", "adj-midchain-tx")
ERRORS = (
    error("none", "No error"),
    error("peer", "Peer error"),
    error("keypair", "Keypair error"),
    error("no_buffers", "No buffers"),
    error("crypto_engine_error", "crypto engine error (packet dropped)"),
)
PEER, KEYPAIR, NO_BUFFERS = 1, 2, 3
IP_BYTES = {Protocol.IP4: ip4.HEADER.itemsize, Protocol.IP6: ip6.HEADER.itemsize}
FIELD = np.dtype(">u2")
LENGTH_AT, CHECKSUM_AT = 4, 6
LENGTH_VALID = np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
TRACE_INDENT = 20

FEATURES = (feature("ip4-output", "wg4-output-tun"), feature("ip6-output", "wg6-output-tun"))


@dataclass(frozen=True, slots=True)
class OutputTrace:
    """The peer of a packet, and the outer IP and UDP headers."""

    peer: int
    header: bytes
    is_ip4: bool


def format_output_trace(view: Any, record: OutputTrace) -> str:
    """VPP's text, down to the slip in its format."""
    show = format_ip4_header if record.is_ip4 else format_ip6_header
    return f"peer: {record.peer}\n  Encrypted packet: {show(record.header, TRACE_INDENT)}:$U"


def _by_peer(ctx: Context, frame: Frame, number: int) -> Slots:
    """The packets for one peer."""
    buffers = ctx.buffers
    peer: Peer | None = ctx.get(Wireguard).peers.get(number)
    if peer is None:
        buffers.error[frame.rows] = ctx.error_base + PEER
        return DROP
    keypair = peer.session.current
    if keypair is None:
        ctx.get(Sender).handshake(peer)
        buffers.error[frame.rows] = ctx.error_base + KEYPAIR
        return DROP
    timers = ctx.get(Timers)
    timers.authentic_sent(peer)
    timers.data_sent(peer)
    first, granted = keypair.take_counters(frame.n) if keypair.usable(ctx.now) else (0, 0)
    if granted < frame.n:
        ctx.get(Sender).handshake(peer)
        peer.established = False
        if not granted:
            return DROP
    elif keypair.wears_out(ctx.now):
        ctx.get(Sender).handshake(peer)
    if granted == frame.n:
        return _numbered(ctx, frame, peer, keypair, first)
    nexts = np.full(frame.n, DROP, np.int32)
    nexts[:granted] = _numbered(ctx, frame.pick(buffers, np.arange(granted)), peer, keypair, first)
    frame.offset = None
    return nexts


def _numbered(ctx: Context, frame: Frame, peer: Peer, keypair: Keypair, first: int) -> Slots:
    """Packets that have a number each, from `first` on."""
    buffers = ctx.buffers
    numbers = np.arange(first, first + frame.n, dtype=np.uint64)
    long = linearize(buffers, frame)
    if long is None and tail_fits(buffers, frame, TAG_BYTES):
        _seal(ctx, frame, peer, keypair, numbers)
        return OUTPUT
    nexts = np.empty(frame.n, np.int32)
    for position in range(frame.n):
        part = frame.pick(buffers, np.array([position]))
        mine = numbers[position : position + 1]
        if (long is None or not long[position]) and tail_fits(buffers, part, TAG_BYTES):
            _seal(ctx, part, peer, keypair, mine)
            nexts[position] = OUTPUT
        else:
            nexts[position] = _seal_long(ctx, part, peer, keypair, int(mine[0]))
    frame.offset = None
    return nexts


def _seal(ctx: Context, frame: Frame, peer: Peer, keypair: Keypair, numbers: NDArray[np.uint64]) -> None:
    """Packets in one buffer each: encrypt them, complete their headers."""
    buffers, protocol = ctx.buffers, peer.far.protocol
    at = IP_BYTES[protocol] + UDP_BYTES
    begin = at + DATA.itemsize
    lengths = columns(buffers.current_length[frame.rows] - begin)
    packets = PacketMatrix(buffers, frame, begin, largest(lengths) + TAG_BYTES)
    keypair.send.seal(packets.bytes, lengths, numbers)
    packets.store()
    buffers.current_length[frame.rows] += TAG_BYTES
    buffers.flags[frame.rows] &= ~LENGTH_VALID
    buffers.store(frame, DATA, _headers(keypair, numbers), at)
    whole = buffers.current_length[frame.rows]
    buffers.store(frame, FIELD, (whole - IP_BYTES[protocol]).astype(FIELD), IP_BYTES[protocol] + LENGTH_AT)
    if protocol is Protocol.IP4:
        set_ip4_length(ctx, frame, whole, one_template=True)
    else:
        set_ip6_length(ctx, frame)
        buffers.store(frame, FIELD, udp.transmitted(ip6_l4_checksums(buffers, frame)), IP_BYTES[protocol] + CHECKSUM_AT)


def _seal_long(ctx: Context, frame: Frame, peer: Peer, keypair: Keypair, number: int) -> int:
    """One packet that needs several buffers."""
    buffers, protocol = ctx.buffers, peer.far.protocol
    index, ip_bytes = int(frame.indices(buffers)[0]), IP_BYTES[protocol]
    at = ip_bytes + UDP_BYTES
    data = bytearray(buffers.packet(index))
    message = _headers(keypair, np.array([number], np.uint64)).tobytes()
    data[at:] = message + keypair.send.seal_one(number, bytes(data[at + DATA.itemsize :]))
    length = len(data) - ip_bytes
    data[ip_bytes + LENGTH_AT : ip_bytes + CHECKSUM_AT] = length.to_bytes(2, "big")
    if protocol is Protocol.IP4:
        data[2:4], data[10:12] = len(data).to_bytes(2, "big"), bytes(2)
        data[10:12] = checksum(bytes(data[:ip_bytes])).to_bytes(2, "big")
    else:
        data[4:6] = length.to_bytes(2, "big")
        value = checksum(bytes(data[ip_bytes:]), ip6.pseudo_header(bytes(data), UDP, length)) or 0xFFFF
        data[ip_bytes + CHECKSUM_AT : at] = value.to_bytes(2, "big")
    if rewrite(buffers, index, bytes(data)):
        return OUTPUT
    buffers.error[index] = ctx.error_base + NO_BUFFERS
    return DROP


def _headers(keypair: Keypair, numbers: NDArray[np.uint64]) -> NDArray[np.void]:
    """The headers of data messages."""
    headers = np.empty(len(numbers), DATA)
    headers["type"], headers["receiver"], headers["counter"] = MessageType.DATA, keypair.remote, numbers
    return headers


def _trace(ctx: Context, frame: Frame, peers: NDArray[np.int32]) -> None:
    """As in VPP a packet without keys shows the outer header of the packet before it in the vector, or zeros."""
    wireguard, indices, last, is_ip4 = ctx.get(Wireguard), frame.indices(ctx.buffers), -1, True
    for position, (index, number) in enumerate(zip(indices.tolist(), peers.tolist())):
        peer: Peer | None = wireguard.peers.get(number)
        keyed = peer is not None and peer.session.current is not None
        if keyed:
            last = index
        if ctx.buffers.trace[index] < 0:
            continue
        is_ip4 = not keyed or peer is None or peer.far.protocol is Protocol.IP4
        size = IP_BYTES[Protocol.IP6] + UDP_BYTES
        header = ctx.buffers.peek(last, size) if last >= 0 else bytes(size)
        if is_ip4:
            header = header[: IP_BYTES[Protocol.IP4] + UDP_BYTES]
        else:
            header = header[: IP_BYTES[Protocol.IP6] + CHECKSUM_AT] + bytes(2)
        ctx.trace(index, OutputTrace(int(peers[position]), header, is_ip4))


def _output(ctx: Context, frame: Frame) -> Nexts:
    # Load.
    wireguard, adjacencies = ctx.get(Wireguard), ctx.buffers.adj_index[frame.rows]
    # A stream can bring packets here that no lookup gave an adjacency to.
    peers = wireguard.peer_of.take(adjacencies, mode="clip")
    # Decide, act.
    nexts = by_association(ctx, frame, peers, _by_peer)
    # Report.
    if frame.traced:
        _trace(ctx, frame, peers)
    return nexts


@node("wg4-output-tun", nexts=NEXTS, errors=ERRORS, trace=format_output_trace)
def wg4_output_tun(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets into a tunnel."""
    return _output(ctx, frame)


@node("wg6-output-tun", nexts=NEXTS, errors=ERRORS, trace=format_output_trace)
def wg6_output_tun(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets into a tunnel."""
    return _output(ctx, frame)
