"""ah4-encrypt and ah6-encrypt: an authentication header over packets that a policy protects (RFC 4302).

Counterpart of vnet/ipsec/ah_encrypt.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec import errors
from vppsh.engine.features.ipsec.ah_layout import AhLayout, ip_fields, with_checksum, without_mutable, write_ip
from vppsh.engine.features.ipsec.by_sa import Slots, by_association
from vppsh.engine.features.ipsec.chains import linearize
from vppsh.engine.features.ipsec.errors import AH_ENCRYPT_ERRORS
from vppsh.engine.features.ipsec.outer import copied
from vppsh.engine.fib.forwarding import DpoSlots
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.crypto import Numbers
from vppsh.engine.ipsec.matrix import Lengths, PacketMatrix, put
from vppsh.engine.ipsec.sa import Sa, SaError, SaFlag, Sas
from vppsh.engine.uniform import common
from vppsh.engine.wire import ah, ip4, ip6, ip_protocol
from vppsh.registry import node

DROP, OUTPUT = range(2)
NESTED = {Protocol.IP4: ip_protocol.IP_IN_IP, Protocol.IP6: ip_protocol.IPV6}
CLASS_SHIFT = 20
LOW, UPPER = np.uint64(0xFFFFFFFF), np.uint64(32)


class AhEncryptTrace(Struct, frozen=True):
    """The association that a packet leaves by, and its number there."""

    sa: int
    spi: int
    number: int
    integrity: str


def format_ah_encrypt_trace(view: Any, record: AhEncryptTrace) -> str:
    """VPP's `ah: sa-index 0 spi 1001 (0x000003e9) seq 1 integrity sha1-96`."""
    return f"ah: sa-index {record.sa} spi {record.spi} (0x{record.spi:08x}) seq {record.number} integrity {record.integrity}"


def _by_one(ctx: Context, frame: Frame, index: int, family: Protocol) -> Slots:
    """All packets by one association; those for which it has no number left are dropped."""
    buffers = ctx.buffers
    sa = ctx.get(Sas).at(index)
    if sa is None or sa.hmac is None:
        buffers.error[frame.rows] = ctx.error_base + errors.AH_ENGINE_ERROR
        return DROP
    first = sa.sent + 1
    taken = sa.take_numbers(frame.n)
    for position, buffer_index in ctx.traced(frame):
        number = min(first + position, sa.max_number)
        ctx.trace(buffer_index, AhEncryptTrace(sa.index, sa.spi, number, str(sa.integrity)))
    if taken < frame.n:
        nexts = np.full(frame.n, DROP, np.int32)
        errors.refuse(ctx, frame.pick(buffers, np.arange(taken, frame.n)), sa, errors.AH_SEQ_CYCLED, SaError.SEQ_CYCLED)
        if taken:
            nexts[:taken] = _protect(ctx, frame.pick(buffers, np.arange(taken)), sa, first, family)
        frame.offset = None
        return nexts
    return _protect(ctx, frame, sa, first, family)


def _protect(ctx: Context, frame: Frame, sa: Sa, first: int, family: Protocol) -> Slots:
    """Packets that have a number each, from `first` on."""
    buffers, rows = ctx.buffers, frame.rows
    long = linearize(buffers, frame)
    ctx.get(Sas).counters.add(sa.index, frame.n, int(buffers.packet_length(rows).sum()))
    l2 = buffers.save_rewrite_length[rows]
    ahead = common(l2)
    if long is not None or (ahead is None and not sa.has(SaFlag.TUNNEL)):
        # Packets that are not alike: one by one, those that fit in one buffer.
        nexts = np.empty(frame.n, np.int32)
        for position in range(frame.n):
            part = frame.pick(buffers, np.array([position]))
            if long is not None and long[position]:
                errors.refuse(ctx, part, sa, errors.AH_ENGINE_ERROR, SaError.CRYPTO_ENGINE_ERROR)
                nexts[position] = DROP
            else:
                nexts[position] = _alike(ctx, part, sa, first + position, AhLayout.of(sa, family), int(l2[position]))
        frame.offset = None
        return nexts
    return _alike(ctx, frame, sa, first, AhLayout.of(sa, family), ahead or 0)


def _alike(ctx: Context, frame: Frame, sa: Sa, first: int, layout: AhLayout, l2: int) -> Slots:
    """Packets in one buffer each, with link layer headers of one length."""
    buffers, tunnel = ctx.buffers, sa.has(SaFlag.TUNNEL)
    grows = layout.ah + (layout.ip if tunnel else 0)
    if int(buffers.current_data[frame.rows].min()) - grows - l2 < -HEADROOM:
        errors.refuse(ctx, frame, sa, errors.AH_ENGINE_ERROR, SaError.CRYPTO_ENGINE_ERROR)
        return DROP
    link_headers = None if tunnel else PacketMatrix(buffers, frame, -l2, l2).bytes.copy()
    lengths = buffers.current_length[frame.rows].astype(np.int64) + grows
    # A stream can bring what is shorter than an IP header.
    packets = PacketMatrix(buffers, frame, -grows, max(int(lengths.max()), grows + layout.ip))
    old = ip_fields(packets.bytes[:, grows:], layout.family)
    fields, protocols = _outer(sa, old, lengths, layout) if tunnel else _same(old, lengths, layout)
    _cover(sa, packets.bytes, lengths, fields, protocols, first, layout)
    packets.store()
    buffers.advance(frame, -grows)
    if link_headers is not None:
        buffers.advance(frame, -l2)
        if l2:
            buffers.store(frame, np.dtype(f"V{l2}"), link_headers.view(f"V{l2}")[:, 0])
        return OUTPUT
    dpo = sa.tunnel.dpo
    if dpo is None or sa.tunnel.config.family is not layout.family:
        return DROP
    buffers.adj_index[frame.rows] = dpo.index
    return ctx.get(DpoSlots).one(ctx, dpo.type, dpo.protocol)


def _cover(
    sa: Sa, packets: NDArray[np.uint8], lengths: Lengths, fields: NDArray[np.void], protocols: NDArray[np.uint8], first: int,
    layout: AhLayout,
) -> None:  # fmt: skip
    """Write IP headers, authentication headers and check values."""
    assert sa.hmac is not None
    n = len(packets)
    numbers = np.arange(n, dtype=np.uint64) + np.uint64(first)
    header = np.zeros(n, ah.HEADER)
    header["next_header"], header["length"], header["spi"], header["sequence"] = protocols, layout.words, sa.spi, numbers & LOW
    write_ip(packets, without_mutable(fields, layout.family))
    packets[:, layout.ip : layout.icv_at] = header.view(np.uint8).reshape(n, -1)
    packets[:, layout.icv_at : layout.ip + layout.ah] = 0
    high: Numbers | None = (numbers >> UPPER).astype(np.uint32) if sa.extended else None
    put(packets, layout.icv_at, layout.icv, sa.hmac.values(packets, lengths, high))
    write_ip(packets, fields)


def _same(old: NDArray[np.void], lengths: Lengths, layout: AhLayout) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
    """Transport mode: the packet's own header, which says now that AH follows; and what followed before."""
    fields, protocols = old.copy(), old["protocol"].copy()
    fields["protocol"] = ip_protocol.IPSEC_AH
    if layout.family is Protocol.IP6:
        fields["payload_length"] = (lengths - layout.ip) & 0xFFFF
        return fields, protocols
    fields["version_and_length"], fields["fragment_id"], fields["flags_and_offset"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS, 0, 0
    fields["length"] = lengths & 0xFFFF
    return with_checksum(fields), protocols


def _outer(sa: Sa, old: NDArray[np.void], lengths: Lengths, layout: AhLayout) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
    """Tunnel mode: a new header, which takes hop limit and more from the inner one; and what the inner one is."""
    config = sa.tunnel.config
    fields = np.zeros(len(old), old.dtype)
    protocols = np.full(len(old), NESTED[layout.family], np.uint8)
    fields["protocol"] = ip_protocol.IPSEC_AH
    if layout.family is Protocol.IP6:
        inner = old["version_class_and_label"].astype(np.uint32)
        tos = copied((inner >> CLASS_SHIFT & 3 | config.dscp << 2).astype(np.uint8), (inner >> CLASS_SHIFT).astype(np.uint8), config.flags)
        fields["version_class_and_label"] = inner & ~np.uint32(0xFF << CLASS_SHIFT) | tos.astype(np.uint32) << CLASS_SHIFT
        fields["payload_length"], fields["hop_limit"] = (lengths - layout.ip) & 0xFFFF, old["hop_limit"]
        fields["src"], fields["dst"] = ip6.to_halves(config.src), ip6.to_halves(config.dst)
        return fields, protocols
    zero = np.zeros(len(old), np.uint8)
    fields["version_and_length"], fields["ttl"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS, old["ttl"]
    fields["tos"] = config.dscp << 2 if config.dscp else copied(zero, old["tos"], config.flags)
    fields["length"], fields["src"], fields["dst"] = lengths & 0xFFFF, config.src & 0xFFFFFFFF, config.dst & 0xFFFFFFFF
    return with_checksum(fields), protocols


def _encrypt(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    ctx.count(errors.AH_RX_PKTS, frame.n)
    return by_association(ctx, frame, ctx.buffers.sad_index[frame.rows], lambda ctx, part, index: _by_one(ctx, part, index, family))


@node("ah4-encrypt", nexts=("ip4-drop", "interface-output"), errors=AH_ENCRYPT_ERRORS, trace=format_ah_encrypt_trace)
def ah4_encrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets."""
    return _encrypt(ctx, frame, Protocol.IP4)


@node("ah6-encrypt", nexts=("ip6-drop", "interface-output"), errors=AH_ENCRYPT_ERRORS, trace=format_ah_encrypt_trace)
def ah6_encrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets."""
    return _encrypt(ctx, frame, Protocol.IP6)
