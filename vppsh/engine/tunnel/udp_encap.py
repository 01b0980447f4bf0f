"""Putting packets into tunnels over UDP, a frame at a time.

The headers of one tunnel differ from packet to packet only by lengths and the source port, which is the flow hash of what is
inside: it spreads a tunnel's flows over the ways there are (RFC 7348, section 5). Packets come from layer 2, or from a route.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.counters import count_each
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.l2.flow_hash import address_hash, flow_hash
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.fib.flow_hash import Words
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip6_l4_checksums
from vppsh.engine.tunnel.udp_tunnels import T, UdpTunnels
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.engine.wire.checksum import checksum

IP_BYTES = {Protocol.IP4: ip4.HEADER.itemsize, Protocol.IP6: ip6.HEADER.itemsize}
UDP_BYTES = udp.HEADER.itemsize
LENGTH_AT = {Protocol.IP4: 2, Protocol.IP6: 4}
CHECKSUM_AT = 10
UDP_LENGTH_AT, UDP_CHECKSUM_AT = 4, 6
FIELD = np.dtype(">u2")
# Ports are written as they lie in the hash; checksums are reckoned with in the order in which they lie in memory.
MEMORY = np.dtype("<u2")
BASE = 0xFFFF
L2_LENGTH_MASK = np.uint32(0xFF)
NO_TYPE = 0
CHAINED = np.uint32(BufferFlag.NEXT_PRESENT)
DROP = 0
ENCAPSULATED = 0

Some = int | NDArray[np.int32]
"""A number for all packets, or one for each."""


class Encapsulation(Struct, frozen=True):
    """How headers of one kind of tunnel are completed.

    ports   the source port is the flow hash; else it stays as it is written
    length  (place behind UDP's header, bytes of the payload of UDP that it leaves out) of a length of its own
    """

    ports: bool = True
    length: tuple[int, int] | None = None

    def lengths(self, protocol: Protocol) -> tuple[tuple[int, int], ...]:
        """Where lengths are, and how much of the whole packet they leave out."""
        ip_bytes = IP_BYTES[protocol]
        places = [(LENGTH_AT[protocol], 0 if protocol is Protocol.IP4 else ip_bytes), (ip_bytes + UDP_LENGTH_AT, ip_bytes)]
        if self.length is not None:
            at, less = self.length
            places.append((ip_bytes + UDP_BYTES + at, ip_bytes + UDP_BYTES + less))
        return tuple(places)


def encapsulate(ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], how: Encapsulation, protocol: Protocol) -> int | NDArray[np.int32]:
    """Put packets into the tunnels whose interfaces they leave by; the slots of what those lead to.

    Packets that are for no such tunnel, or have no room in front for the headers, are dropped.
    """
    buffers = ctx.buffers
    sent = buffers.tx_sw_if_index[frame.rows]
    one = common(sent)
    if one is not None:
        tunnel = tunnels.of_interface(one)
        if tunnel is not None and tunnel.protocol is protocol and _has_room(ctx, frame, len(tunnel.header)):
            return _into(ctx, frame, tunnels, how, protocol, tunnel.index, one)
    numbers = numbers_of(tunnels, sent)
    good = numbers != MISSING
    good &= tunnels.family[numbers] == int(protocol)
    good &= buffers.current_data[frame.rows] + HEADROOM >= tunnels.header_bytes[numbers]
    if np.count_nonzero(good) == frame.n:
        return _into(ctx, frame, tunnels, how, protocol, numbers, sent)
    buffers.error[frame.rows] = 0
    nexts = np.full(frame.n, ctx.engine.graph.next_by_name(ctx.node.name, "error-drop"), np.int32)
    if np.count_nonzero(good):
        nexts[good] = _into(ctx, frame.pick(buffers, good), tunnels, how, protocol, numbers[good], sent[good])
    frame.offset = None
    return nexts


def trace_tunnels(ctx: Context, frame: Frame, tunnels: UdpTunnels[T], record: Callable[[T], object]) -> None:
    """Let traced packets keep a record of the tunnel that they leave by."""
    for _, index in ctx.traced(frame):
        tunnel = tunnels.of_interface(int(ctx.buffers.tx_sw_if_index[index]))
        if tunnel is not None:
            ctx.trace(index, record(tunnel))


def numbers_of(tunnels: UdpTunnels[Any], sent: NDArray[np.int32]) -> NDArray[np.int32]:
    """The tunnels of interfaces, MISSING for what is none; a stream can bring packets that are for no interface at all."""
    inside = (sent >= 0) & (sent < len(tunnels.by_interface))
    return np.where(inside, tunnels.by_interface[np.where(inside, sent, 0)], np.int32(MISSING))


def _has_room(ctx: Context, frame: Frame, size: int) -> bool:
    lowest = frame.offset if frame.offset is not None else int(ctx.buffers.current_data[frame.rows].min())
    return lowest + HEADROOM >= size


def _into(
    ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], how: Encapsulation, protocol: Protocol, numbers: Some, sent: Some
) -> int | NDArray[np.int32]:
    """Encapsulate packets that are all for some tunnel; `sent` are the interfaces, one for all or one each, as are the numbers."""
    buffers, interfaces = ctx.buffers, ctx.engine.interfaces
    hashes = _hash(ctx, frame, sent) if how.ports else None
    _write(ctx, frame, tunnels, how, protocol, numbers, hashes)
    rows = frame.rows
    if hashes is not None:
        buffers.flow_hash[rows] = hashes
    buffers.adj_index[rows] = tunnels.next_index.take(numbers)
    lengths = buffers.packet_length(rows)
    ctx.count(ENCAPSULATED, frame.n)
    if isinstance(numbers, int) and isinstance(sent, int):
        interfaces.tx.add(sent, frame.n, int(np.add.reduce(lengths)))
        return int(tunnels.next_slot[numbers])
    count_each(interfaces.tx.packets, interfaces.tx.bytes, np.broadcast_to(sent, (frame.n,)), lengths)
    return tunnels.next_slot.take(numbers)


def _hash(ctx: Context, frame: Frame, sent: Some) -> Words:
    """The flow hashes of frames; of those that were routed here nobody noted how long their link-layer header is.

    In that place is what the look-up left, mostly zero, and then the ethertype is looked for right before the packet: that is where the
    packet's own was, unless an Ethernet header was written for the tunnel. Before that one there is nothing, which counts as zero.
    """
    buffers, rows = ctx.buffers, frame.rows
    bridged = ctx.get(L2Interfaces).output_features.take(sent) != 0
    if bridged.all():
        return flow_hash(ctx, frame, buffers.l2_len[rows])
    headed = np.broadcast_to(~bridged, (frame.n,)) & (buffers.save_rewrite_length[rows] > 0)
    lengths = np.where(bridged, buffers.l2_len[rows], (buffers.flow_hash[rows] & L2_LENGTH_MASK).astype(np.int32))
    n_headed = np.count_nonzero(headed)
    if n_headed == frame.n:
        return address_hash(ctx, frame, NO_TYPE)
    if not n_headed:
        return flow_hash(ctx, frame, lengths)
    hashes = np.empty(frame.n, np.uint32)
    hashes[headed] = address_hash(ctx, frame.pick(buffers, headed), NO_TYPE)
    hashes[~headed] = flow_hash(ctx, frame.pick(buffers, ~headed), lengths[~headed])
    return hashes


def _write(
    ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], how: Encapsulation, protocol: Protocol, numbers: Some,
    hashes: Words | None,
) -> None:  # fmt: skip
    """Write complete headers in front of packets."""
    buffers = ctx.buffers
    sizes = tunnels.header_bytes.take(numbers)
    size = int(sizes) if isinstance(numbers, int) else common(sizes)
    if size is None:
        assert not isinstance(numbers, int)
        for each in set(sizes.tolist()):
            mine = sizes == each
            part = frame.pick(buffers, mine)
            _write(ctx, part, tunnels, how, protocol, numbers[mine], hashes[mine] if hashes is not None else None)
        frame.offset = None
        return
    buffers.advance(frame, -size)
    lengths = buffers.packet_length(frame.rows)
    length = common(lengths) if isinstance(numbers, int) else None
    if length is not None:
        assert isinstance(numbers, int)
        template = _template(tunnels, how, protocol, numbers, length)
        buffers.store(frame, template.dtype, template)
    else:
        headers = np.broadcast_to(tunnels.headers.take(numbers, axis=0)[..., :size], (frame.n, size)).copy()
        _complete(headers, lengths, how, protocol)
        item = np.dtype((np.void, size))
        buffers.store(frame, item, headers.view(item)[:, 0])
    if hashes is not None:
        buffers.store(frame, MEMORY, hashes.astype(MEMORY), IP_BYTES[protocol])
    if protocol is Protocol.IP6:
        _checksum(ctx, frame)


def _template(tunnels: UdpTunnels[Any], how: Encapsulation, protocol: Protocol, number: int, length: int) -> NDArray[np.void]:
    """The headers of a tunnel's packets of one length; those of the last length are kept."""
    known = tunnels.templates.get(number)
    if known is not None and known[0] == length:
        return known[1]
    header = tunnels.headers[number : number + 1, : tunnels.header_bytes[number]].copy()
    _complete(header, np.array([length], np.int32), how, protocol)
    template: NDArray[np.void] = header.view(np.dtype((np.void, header.shape[1])))[0]
    tunnels.templates[number] = (length, template)
    return template


def _complete(headers: NDArray[np.uint8], lengths: NDArray[np.int32], how: Encapsulation, protocol: Protocol) -> None:
    """Write lengths, and for IPv4 the header checksum, into uint8 (n, size) headers whose lengths are zero."""
    for at, less in how.lengths(protocol):
        headers[:, at : at + 2] = (lengths - less).astype(FIELD)[:, None].view(np.uint8)
    if protocol is Protocol.IP4:
        # The template's sum is never negative zero, nor is what is left of it without the length.
        fields = headers[:, 2:4].copy().view(MEMORY)[:, 0]
        sums = headers[:, CHECKSUM_AT : CHECKSUM_AT + 2].copy().view(MEMORY)[:, 0].astype(np.int32) - fields
        sums += (sums < 0) * BASE
        headers[:, CHECKSUM_AT : CHECKSUM_AT + 2] = sums.astype(MEMORY)[:, None].view(np.uint8)


def _checksum(ctx: Context, frame: Frame) -> None:
    """Over IPv6 UDP has a checksum (RFC 8200, section 8.1)."""
    buffers = ctx.buffers
    at = IP_BYTES[Protocol.IP6] + UDP_CHECKSUM_AT
    buffers.store(frame, FIELD, udp.transmitted(ip6_l4_checksums(buffers, frame)), at)
    if np.bitwise_or.reduce(buffers.flags[frame.rows]) & CHAINED:
        for index in frame.indices(buffers)[buffers.flags[frame.rows] & CHAINED != 0].tolist():
            packet = bytearray(buffers.packet(index))
            packet[at : at + 2] = bytes(2)
            payload = bytes(packet[IP_BYTES[Protocol.IP6] :])
            field = checksum(payload, ip6.pseudo_header(bytes(packet), packet[6], len(payload))) or BASE
            start = HEADROOM + int(buffers.current_data[index]) + at
            buffers.data[index, start : start + 2] = np.frombuffer(field.to_bytes(2, "big"), np.uint8)
