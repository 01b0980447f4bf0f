"""wg4-output-tun, wg6-output-tun: packets that leave by a WireGuard interface are encrypted for the peer that their adjacency leads to.

Counterpart of plugins/wireguard/wireguard_output_tun.c; the paper's 5.4.6. Features of ip4-output and ip6-output on the interface:
the midchain has written the outer headers already, with room for that of the message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
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
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.engine.wire.ip4 import format_ip4_header
from vppsh.engine.wire.ip6 import format_ip6_header
from vppsh.engine.wire.wireguard import DATA, TAG_BYTES, MessageType
from vppsh.engine.wireguard.interfaces import Wireguard
from vppsh.engine.wireguard.peer import UDP_BYTES, Peer
from vppsh.engine.wireguard.send import Sender, completed
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
BY_HEADER = {size + UDP_BYTES + DATA.itemsize: protocol for protocol, size in IP_BYTES.items()}
"""The outer version, by how much the midchain wrote."""
FIELD = np.dtype(">u2")
LENGTH_AT, CHECKSUM_AT = 4, 6
LENGTH_VALID = np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
TRACE_INDENT = 20

FEATURES = (feature("ip4-output", "wg4-output-tun"), feature("ip6-output", "wg6-output-tun"))


class OutputTrace(Struct, frozen=True):
    """The peer of a packet, and the outer IP and UDP headers."""

    peer: int
    header: bytes
    is_ip4: bool


def format_output_trace(view: Any, record: OutputTrace) -> str:
    """VPP's text, down to the slip in its format."""
    show = format_ip4_header if record.is_ip4 else format_ip6_header
    return f"peer: {record.peer}\n  Encrypted packet: {show(record.header, TRACE_INDENT)}:$U"


class Job(Struct, frozen=True):
    """How packets are encrypted: the outer version, and the keys."""

    protocol: Protocol
    keypair: Keypair

    @property
    def udp_at(self) -> int:
        """Where UDP begins."""
        return IP_BYTES[self.protocol]

    @property
    def message_at(self) -> int:
        """Where the message begins."""
        return IP_BYTES[self.protocol] + UDP_BYTES

    def headers(self, numbers: NDArray[np.uint64]) -> NDArray[np.void]:
        """The headers of messages with numbers."""
        headers = np.empty(len(numbers), DATA)
        headers["type"], headers["receiver"], headers["counter"] = MessageType.DATA, self.keypair.remote, numbers
        return headers


def _by_peer(ctx: Context, frame: Frame, number: int) -> Slots:
    """The packets for one peer."""
    buffers = ctx.buffers
    peer: Peer | None = ctx.get(Wireguard).peers.get(number)
    if peer is None:
        buffers.error[frame.rows] = ctx.error_base + PEER
        return DROP
    begins = buffers.save_rewrite_length[frame.rows]
    begin = common(begins)
    protocol = None if begin is None else BY_HEADER.get(begin)
    if begin is None or protocol is None or int(buffers.current_length[frame.rows].min()) < begin:
        return _sort_out(ctx, frame, number, begins)
    keypair = peer.session.current
    if keypair is None:
        ctx.get(Sender).handshake(peer)
        buffers.error[frame.rows] = ctx.error_base + KEYPAIR
        return DROP
    timers = ctx.get(Timers)
    timers.authentic_sent(peer)
    timers.data_sent(peer)
    first, granted = keypair.take_counters(frame.n) if keypair.usable(ctx.now) else (0, 0)
    if granted < frame.n or keypair.wears_out(ctx.now):
        ctx.get(Sender).handshake(peer)
    if granted == frame.n:
        return _numbered(ctx, frame, Job(protocol, keypair), first)
    peer.established = False
    nexts = np.full(frame.n, DROP, np.int32)
    if granted:
        nexts[:granted] = _numbered(ctx, frame.pick(buffers, np.arange(granted)), Job(protocol, keypair), first)
    frame.offset = None
    return nexts


def _sort_out(ctx: Context, frame: Frame, number: int, begins: NDArray[np.int32]) -> Slots:
    """Packets with different headers, as the peer moved between two of them, or without: those a stream brought here."""
    nexts = np.full(frame.n, DROP, np.int32)
    whole = ctx.buffers.current_length[frame.rows] >= begins
    left = np.ones(frame.n, np.bool_)
    for begin in BY_HEADER:
        mine = whole & (begins == begin)
        if mine.any():
            left &= ~mine
            nexts[mine] = _by_peer(ctx, frame.pick(ctx.buffers, mine), number)
    ctx.buffers.error[frame.indices(ctx.buffers)[left]] = ctx.error_base + NO_BUFFERS
    frame.offset = None
    return nexts


def _numbered(ctx: Context, frame: Frame, job: Job, first: int) -> Slots:
    """Packets that have a number each, from `first` on."""
    buffers = ctx.buffers
    numbers = np.arange(first, first + frame.n, dtype=np.uint64)
    long = linearize(buffers, frame)
    if long is None and tail_fits(buffers, frame, TAG_BYTES):
        _seal(ctx, frame, job, numbers)
        return OUTPUT
    nexts = np.empty(frame.n, np.int32)
    for position in range(frame.n):
        part = frame.pick(buffers, np.array([position]))
        mine = numbers[position : position + 1]
        if (long is None or not long[position]) and tail_fits(buffers, part, TAG_BYTES):
            _seal(ctx, part, job, mine)
            nexts[position] = OUTPUT
        else:
            nexts[position] = _seal_long(ctx, part, job, mine)
    frame.offset = None
    return nexts


def _seal(ctx: Context, frame: Frame, job: Job, numbers: NDArray[np.uint64]) -> None:
    """Packets in one buffer each: encrypt them, complete their headers."""
    buffers, begin = ctx.buffers, job.message_at + DATA.itemsize
    lengths = columns(buffers.current_length[frame.rows] - begin)
    packets = PacketMatrix(buffers, frame, begin, largest(lengths) + TAG_BYTES)
    job.keypair.send.seal(packets.bytes, lengths, numbers)
    packets.store()
    buffers.current_length[frame.rows] += TAG_BYTES
    buffers.flags[frame.rows] &= ~LENGTH_VALID
    buffers.store(frame, DATA, job.headers(numbers), job.message_at)
    whole = buffers.current_length[frame.rows]
    buffers.store(frame, FIELD, (whole - job.udp_at).astype(FIELD), job.udp_at + LENGTH_AT)
    if job.protocol is Protocol.IP4:
        set_ip4_length(ctx, frame, whole, one_template=True)
    else:
        set_ip6_length(ctx, frame)
        buffers.store(frame, FIELD, udp.transmitted(ip6_l4_checksums(buffers, frame)), job.udp_at + CHECKSUM_AT)


def _seal_long(ctx: Context, frame: Frame, job: Job, numbers: NDArray[np.uint64]) -> int:
    """One packet that needs several buffers."""
    buffers, at = ctx.buffers, job.message_at
    index = int(frame.indices(buffers)[0])
    data = buffers.packet(index)
    sealed = job.keypair.send.seal_one(int(numbers[0]), data[at + DATA.itemsize :])
    if rewrite(buffers, index, completed(job.protocol, data[:at] + job.headers(numbers).tobytes() + sealed)):
        return OUTPUT
    buffers.error[index] = ctx.error_base + NO_BUFFERS
    return DROP


def _trace(ctx: Context, frame: Frame, peers: NDArray[np.int32]) -> None:
    """As in VPP a packet without keys shows the outer header of the packet before it in the vector, or zeros."""
    buffers, wireguard, last = ctx.buffers, ctx.get(Wireguard), -1
    for index, number in zip(frame.indices(buffers).tolist(), peers.tolist()):
        peer: Peer | None = wireguard.peers.get(number)
        keyed = peer is not None and peer.session.current is not None
        if keyed:
            last = index
        if buffers.trace[index] < 0:
            continue
        protocol = BY_HEADER.get(int(buffers.save_rewrite_length[index]), Protocol.IP4) if keyed else Protocol.IP4
        at = IP_BYTES[protocol] + CHECKSUM_AT
        # The checksum of UDP over IPv6 is written later.
        header = buffers.peek(last, at) if last >= 0 else bytes(at)
        ctx.trace(index, OutputTrace(number, header + bytes(UDP_BYTES - CHECKSUM_AT), protocol is Protocol.IP4))


def _output(ctx: Context, frame: Frame) -> Nexts:
    # Load.
    peers = ctx.get(Wireguard).peers_of(ctx.buffers.adj_index[frame.rows])
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
