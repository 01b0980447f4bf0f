"""What esp4-encrypt, esp6-encrypt and their tunnel siblings do: ESP around packets, in tunnel or transport mode (RFC 4303).

Counterpart of vnet/ipsec/esp_encrypt.c. A frame is handled by association; its packets are one matrix, from the ESP header to
the check value. Packets that are too long for one buffer are handled one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.ipsec import errors
from vppsh.engine.features.ipsec.by_sa import Slots, by_association
from vppsh.engine.features.ipsec.chains import linearize, rewrite, tail_fits
from vppsh.engine.features.ipsec.errors import ENCRYPT_SA_ERRORS
from vppsh.engine.features.ipsec.outer import Inner, inner_of, tunnel_headers, udp_bytes, wants_inner
from vppsh.engine.features.ipsec.payload import padded, seal
from vppsh.engine.features.ipsec.transport import Shape, shapes, transport_headers
from vppsh.engine.fib.forwarding import DpoSlots
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.crypto import Transform
from vppsh.engine.ipsec.matrix import Columns, Matrix, PacketMatrix, columns, largest, smallest, total
from vppsh.engine.ipsec.sa import Sa, SaFlag, Sas
from vppsh.engine.l4_checksum import ip6_l4_checksums
from vppsh.engine.wire import ip4, ip6, ip_protocol, udp
from vppsh.engine.wire.checksum import checksum

DROP_NODES = ("ip4-drop", "ip6-drop", "mpls-drop")
DROPS = {Protocol.IP4: 0, Protocol.IP6: 1, Protocol.MPLS: 2}
OUTPUT = 3
IN_TUNNEL = {Protocol.IP4: ip_protocol.IP_IN_IP, Protocol.IP6: ip_protocol.IPV6, Protocol.MPLS: ip_protocol.MPLS_IN_IP}
INNER = {Protocol.IP4: ip4.HEADER, Protocol.IP6: ip6.HEADER}
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)
NO_ITEMS: NDArray[np.void] = np.zeros(0, "V1")
NO_ITEMS.flags.writeable = False
LENGTH_VALID = np.uint32(BufferFlag.TOTAL_LENGTH_VALID)
CHECKSUM_AT = 6
CHECKSUM = np.dtype(">u2")


class EncryptTrace(Struct, frozen=True):
    """The association that a packet leaves by, and its number there; None: there was none."""

    sa: int = -1
    spi: int = 0xFFFFFFFF
    number: int = 0xFFFFFFFFFFFFFFFF
    cipher: str = "unknown(nil)"
    integrity: str = "unknown(nil)"
    udp_encap: bool = True


def format_encrypt_trace(view: Any, record: EncryptTrace) -> str:
    """VPP's `esp: sa-index 0 spi 1001 (0x000003e9) seq 1 crypto aes-gcm-128 integrity none`."""
    encap = " udp-encap-enabled" if record.udp_encap else ""
    return (
        f"esp: sa-index {record.sa} spi {record.spi} (0x{record.spi:08x}) seq {record.number} "
        f"crypto {record.cipher} integrity {record.integrity}{encap}"
    )


class Around(Struct, frozen=True):
    """How packets of one shape become ESP.

    at         where what is encrypted begins, behind current data
    front      what goes in front of ESP, one a row, or a single row
    following  the protocols of what is encrypted, or a single one
    """

    at: int
    front: Matrix
    following: NDArray[np.uint8]


class Job(Struct, frozen=True):
    """What the packets of a frame are encrypted for: the protocol that they are, by a tunnel's node or an output feature's."""

    link: Protocol
    by_tunnel: bool

    @property
    def drop(self) -> int:
        """The slot of packets that do not leave."""
        return DROPS[self.link]


def encrypt(ctx: Context, frame: Frame, indices: NDArray[np.int32], job: Job) -> Slots:
    """Encrypt packets, each by the association of an index, NOBODY for none."""
    ctx.count(errors.RX_PKTS, frame.n)
    return by_association(ctx, frame, indices, lambda ctx, part, index: _by_one(ctx, part, index, job))


def _by_one(ctx: Context, frame: Frame, index: int, job: Job) -> Slots:
    """All packets by one association; those for which it has no number left are dropped."""
    sa = ctx.get(Sas).at(index)
    if sa is None:
        ctx.buffers.error[frame.rows] = ctx.error_base + errors.NO_PROTECTION
        for _, buffer_index in ctx.traced(frame):
            ctx.trace(buffer_index, EncryptTrace())
        return job.drop
    if sa.encrypts_nothing:
        _trace(ctx, frame, sa, sa.sent, 0)
        errors.refuse(ctx, frame, sa, errors.NO_ENCRYPTION, ENCRYPT_SA_ERRORS[errors.NO_ENCRYPTION])
        return job.drop
    first = sa.sent + 1
    taken = sa.take_numbers(frame.n)
    if taken == frame.n:
        return _numbered(ctx, frame, sa, first, job)
    nexts = np.full(frame.n, job.drop, np.int32)
    late = frame.pick(ctx.buffers, np.arange(taken, frame.n))
    if taken:
        nexts[:taken] = _numbered(ctx, frame.pick(ctx.buffers, np.arange(taken)), sa, first, job)
    _trace(ctx, late, sa, sa.sent, 0)
    errors.refuse(ctx, late, sa, errors.SEQ_CYCLED, ENCRYPT_SA_ERRORS[errors.SEQ_CYCLED])
    frame.offset = None
    return nexts


def _numbered(ctx: Context, frame: Frame, sa: Sa, first: int, job: Job) -> Slots:
    """Packets that have a number each, from `first` on."""
    _trace(ctx, frame, sa, first, 1)
    long = linearize(ctx.buffers, frame)
    if sa.has(SaFlag.TUNNEL) and long is None:
        return _alike(ctx, frame, sa, first, job, None)
    keys = 0 if sa.has(SaFlag.TUNNEL) else shapes(ctx.buffers, frame, job.link, not job.by_tunnel)
    if long is None and isinstance(keys, int):
        return _alike(ctx, frame, sa, first, job, Shape.from_key(keys))
    keys, nexts = np.broadcast_to(keys, frame.n), np.empty(frame.n, np.int32)
    # Packets of different shapes, or of several buffers: numbers were given out in order, so they go one by one.
    for position in range(frame.n):
        part = frame.pick(ctx.buffers, np.array([position]))
        shape = None if sa.has(SaFlag.TUNNEL) else Shape.from_key(int(keys[position]))
        handle = _long if long is not None and long[position] else _alike
        nexts[position] = handle(ctx, part, sa, first + position, job, shape)
    frame.offset = None
    return nexts


def _alike(ctx: Context, frame: Frame, sa: Sa, first: int, job: Job, shape: Shape | None) -> Slots:
    """Packets of one shape, each in one buffer."""
    buffers, sas, transform, rows = ctx.buffers, ctx.get(Sas), sa.transform, frame.rows
    at = 0 if shape is None else shape.ip
    lengths = columns(buffers.current_length[rows]) - at
    if smallest(lengths) < 0:
        return _cut_off(ctx, frame, sa, first, job, shape)
    whole = padded(sa, lengths)
    icv = 0 if transform is None else transform.icv_bytes
    sas.counters.add(sa.index, frame.n, total(whole + icv, frame.n))
    tail = largest(whole - lengths) + icv
    if transform is None or not _has_room(ctx, frame, sa, transform, shape, tail):
        fault = errors.ENGINE_ERROR if transform is None else errors.NO_BUFFERS
        errors.refuse(ctx, frame, sa, fault, ENCRYPT_SA_ERRORS[fault])
        return job.drop
    around = _around(ctx, frame, sa, shape, whole + transform.ahead + icv, job)
    packets = PacketMatrix(buffers, frame, at - transform.ahead, transform.ahead + largest(whole) + icv)
    seal(sa, transform, packets.bytes, lengths, around.following, first)
    packets.store()
    buffers.advance(frame, at - transform.ahead - around.front.shape[1])
    buffers.current_length[rows] += np.asarray(whole - lengths + icv, np.int32)
    buffers.store(frame, np.dtype(f"V{around.front.shape[1]}"), around.front.view(f"V{around.front.shape[1]}")[:, 0])
    buffers.flags[rows] &= ~LENGTH_VALID
    if udp_bytes(sa) and _is_ip6(sa, job):
        _set_udp_checksum(ctx, frame, sa, shape)
    return _leave(ctx, frame, sa, job)


def _cut_off(ctx: Context, frame: Frame, sa: Sa, first: int, job: Job, shape: Shape | None) -> Slots:
    """Packets one by one, as some end within the headers that stay in front: those are refused."""
    if frame.n == 1:
        errors.refuse(ctx, frame, sa, errors.ENGINE_ERROR, ENCRYPT_SA_ERRORS[errors.ENGINE_ERROR])
        return job.drop
    nexts = np.empty(frame.n, np.int32)
    for position in range(frame.n):
        nexts[position] = _alike(ctx, frame.pick(ctx.buffers, np.array([position])), sa, first + position, job, shape)
    frame.offset = None
    return nexts


def _long(ctx: Context, frame: Frame, sa: Sa, first: int, job: Job, shape: Shape | None) -> Slots:
    """One packet in several buffers."""
    buffers, transform = ctx.buffers, sa.transform
    index, at = int(frame.indices(buffers)[0]), 0 if shape is None else shape.ip
    payload = np.frombuffer(buffers.packet(index)[at:], np.uint8)
    lengths = len(payload)
    whole = largest(padded(sa, lengths))
    icv = 0 if transform is None else transform.icv_bytes
    ctx.get(Sas).counters.add(sa.index, 1, whole + icv)
    fault = errors.ENGINE_ERROR
    if transform is not None:
        fault = errors.NO_BUFFERS
        esp: Matrix = np.zeros((1, transform.ahead + whole + icv), np.uint8)
        esp[0, transform.ahead : transform.ahead + len(payload)] = payload
        around = _around(ctx, frame, sa, shape, whole + transform.ahead + icv, job)
        seal(sa, transform, esp, lengths, around.following, first)
        data = around.front.tobytes() + esp.tobytes()
        if udp_bytes(sa) and _is_ip6(sa, job):
            data = _with_udp_checksum(data, 0 if shape is None else shape.l2, ip6.HEADER.itemsize if shape is None else shape.ip)
        start = int(buffers.current_data[index]) + at - transform.ahead - around.front.shape[1]
        if start >= -HEADROOM:
            buffers.current_data[index] = start
            if rewrite(buffers, index, data):
                frame.offset = start
                return _leave(ctx, frame, sa, job)
    errors.refuse(ctx, frame, sa, fault, ENCRYPT_SA_ERRORS[fault])
    return job.drop


def _around(ctx: Context, frame: Frame, sa: Sa, shape: Shape | None, esp_lengths: Columns, job: Job) -> Around:
    """What goes around the packets; mostly that is what went around the ones before, too."""
    buffers = ctx.buffers
    inner, old = None, NO_ITEMS
    if shape is not None:
        old = buffers.load(frame, np.dtype(f"V{shape.l2 + shape.ip}"), -shape.l2)
    elif wants_inner(sa) and job.link in INNER:
        inner = inner_of(buffers.load(frame, INNER[job.link]), job.link)
    # With packets of one length that have the same headers, one packet says it all.
    if inner is not None or not isinstance(esp_lengths, int) or old.tobytes() != old[:1].tobytes() * len(old):
        return _make_around(sa, shape, esp_lengths, job, old, inner)
    key = (job.link, shape, esp_lengths, old[:1].tobytes())
    if sa.around is None or sa.around[0] != key:
        sa.around = key, _make_around(sa, shape, esp_lengths, job, old[:1], None)
    found: Around = sa.around[1]
    return found


def _make_around(sa: Sa, shape: Shape | None, esp_lengths: Columns, job: Job, old: NDArray[np.void], inner: Inner | None) -> Around:
    if shape is not None:
        return Around(shape.ip, *transport_headers(job.link, sa, shape, old, esp_lengths))
    return Around(0, tunnel_headers(sa, esp_lengths, inner), np.full(1, IN_TUNNEL[job.link], np.uint8))


def _has_room(ctx: Context, frame: Frame, sa: Sa, transform: Transform, shape: Shape | None, tail: int) -> bool:
    """Whether the new headers fit in front of every packet, and padding and check value behind it."""
    buffers = ctx.buffers
    grows = transform.ahead + udp_bytes(sa) + (len(sa.outer_header) if shape is None else shape.l2)
    return int(buffers.current_data[frame.rows].min()) - grows >= -HEADROOM and tail_fits(buffers, frame, tail)


def _leave(ctx: Context, frame: Frame, sa: Sa, job: Job) -> Slots:
    """To the interface of the packets, or to where the far end of the association's tunnel is."""
    if not sa.has(SaFlag.TUNNEL):
        return OUTPUT
    ctx.buffers.flags[frame.rows] |= OURS
    if job.by_tunnel:
        return OUTPUT
    dpo = sa.tunnel.dpo
    if dpo is None:
        return job.drop
    ctx.buffers.adj_index[frame.rows] = dpo.index
    return ctx.get(DpoSlots).one(ctx, dpo.type, dpo.protocol)


def _is_ip6(sa: Sa, job: Job) -> bool:
    return sa.has(SaFlag.TUNNEL_V6) if sa.has(SaFlag.TUNNEL) else job.link is Protocol.IP6


def _set_udp_checksum(ctx: Context, frame: Frame, sa: Sa, shape: Shape | None) -> None:
    """UDP over IPv6 has a checksum (RFC 6935, 5); VPP leaves it to the interface that sends the packet."""
    buffers = ctx.buffers
    if shape is None:
        sums = ip6_l4_checksums(buffers, frame)
        buffers.store(frame, CHECKSUM, udp.transmitted(sums), ip6.HEADER.itemsize + CHECKSUM_AT)
        return
    for index in frame.indices(buffers).tolist():
        data = _with_udp_checksum(buffers.packet(index), shape.l2, shape.ip)
        start = HEADROOM + int(buffers.current_data[index])
        buffers.data[index, start : start + len(data)] = np.frombuffer(data, np.uint8)


def _with_udp_checksum(data: bytes, l2: int, ip_bytes: int) -> bytes:
    """A packet over IPv6 with the checksum of its UDP header, which comes behind `l2` and `ip_bytes` bytes."""
    at = l2 + ip_bytes
    value = checksum(data[at:], ip6.pseudo_header(data[l2:], ip_protocol.UDP, len(data) - at)) or 0xFFFF
    return data[: at + CHECKSUM_AT] + value.to_bytes(2, "big") + data[at + CHECKSUM_AT + 2 :]


def _trace(ctx: Context, frame: Frame, sa: Sa, number: int, step: int) -> None:
    for position, index in ctx.traced(frame):
        encap = sa.has(SaFlag.UDP_ENCAP)
        ctx.trace(index, EncryptTrace(sa.index, sa.spi, number + position * step, str(sa.cipher), str(sa.integrity), encap))
