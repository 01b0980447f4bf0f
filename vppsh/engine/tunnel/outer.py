"""Outer headers: the templates that midchains write, and the fixups that complete them for whole frames.

VPP counterpart: vnet/tunnel/tunnel_dp.h and the fixup functions of its tunnels. A fixup sets the outer length and
checksum, and copies what the tunnel's flags ask for from the inner header (RFC 2983, 6040, in VPP's simple form).
"""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.ip4 import flow_hash as ip4_flow_hash
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.tunnel.midchain import Data, Fixup
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip6
from vppsh.engine.wire.checksum import checksum, checksums, word_sums

IP4_BYTES, IP6_BYTES = ip4.HEADER.itemsize, ip6.HEADER.itemsize
BYTE = np.dtype("u1")
FIELD = np.dtype(">u2")
WORD = np.dtype(">u4")
LENGTH_AT, CHECKSUM_AT, TTL_AT, FLAGS_AT, TOS_AT = 2, 10, 8, 6, 1
IP6_LENGTH_AT, HOP_LIMIT_AT = 4, 7
DSCP_MASK, ECN_MASK = 0xFC, 0x03
LABEL_MASK = 0xFFFFF
CLASS_SHIFT, EXP_SHIFT, DSCP_SHIFT = 20, 9, 2
LOCALLY_ORIGINATED = np.uint32(BufferFlag.LOCALLY_ORIGINATED)
# Checksums are reckoned with in the order in which they lie in memory.
SUM = np.dtype("<u2")
BASE = 0xFFFF


class Inner(enum.Enum):
    """What is in the tunnel."""

    IP4 = "ip4"
    IP6 = "ip6"
    MPLS = "mpls"
    OTHER = "other"


def ip4_template(src: int, dst: int, protocol: int, *, ttl: int, tos: int = 0, dont_fragment: bool = False) -> bytes:
    """An outer IPv4 header whose length is still zero, with the checksum that goes with that."""
    header = bytearray(IP4_BYTES)
    header[0], header[TOS_AT], header[TTL_AT], header[9] = ip4.VERSION_AND_LENGTH_NO_OPTIONS, tos, ttl, protocol
    if dont_fragment:
        header[FLAGS_AT : FLAGS_AT + 2] = ip4.FLAG_DONT_FRAGMENT.to_bytes(2, "big")
    header[12:16], header[16:20] = src.to_bytes(4, "big"), dst.to_bytes(4, "big")
    header[CHECKSUM_AT:12] = checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header)


def ip6_template(src: int, dst: int, protocol: int, *, hop_limit: int, traffic_class: int = 0) -> bytes:
    """An outer IPv6 header whose payload length is still zero."""
    first = (ip6.VERSION << 28 | traffic_class << CLASS_SHIFT).to_bytes(4, "big")
    return first + bytes((0, 0, protocol, hop_limit)) + src.to_bytes(16, "big") + dst.to_bytes(16, "big")


def ip4_outer(inner: Inner, at: int = IP4_BYTES, *, less: int = 0) -> Fixup:
    """The fixup of an IPv4 header around what begins `at` bytes behind its start.

    less  bytes that the length leaves out, where VPP does so
    """

    def complete(ctx: Context, frame: Frame, flags: Data) -> None:
        lengths = ctx.buffers.packet_length(frame.rows) - less if less else ctx.buffers.packet_length(frame.rows)
        if inner is Inner.OTHER or not np.count_nonzero(flags):
            set_ip4_length(ctx, frame, lengths, one_template=isinstance(flags, int))
        else:
            _copy_to_ip4(ctx, frame, flags, lengths.astype(FIELD), inner, at)

    return complete


def ip6_outer(inner: Inner, at: int = IP6_BYTES) -> Fixup:
    """The fixup of an IPv6 header around what begins `at` bytes behind its start."""

    def complete(ctx: Context, frame: Frame, flags: Data) -> None:
        set_ip6_length(ctx, frame)
        if inner is not Inner.OTHER and np.count_nonzero(flags):
            _copy_to_ip6(ctx, frame, flags, inner, at)

    return complete


def locally_originated(fixup: Fixup) -> Fixup:
    """The same, for packets that may be fragmented on their way and keep their hop limit."""

    def complete(ctx: Context, frame: Frame, data: Data) -> None:
        ctx.buffers.flags[frame.rows] |= LOCALLY_ORIGINATED
        fixup(ctx, frame, data)

    return complete


def set_ip4_length(ctx: Context, frame: Frame, lengths: NDArray[np.int32], *, one_template: bool) -> None:
    """Write lengths over the template's zero, and change its checksum accordingly; `one_template` of all packets."""
    buffers = ctx.buffers
    templates = buffers.load(frame, SUM, CHECKSUM_AT)
    one = common(lengths) if one_template else None
    if one is not None:
        template, field = int(templates[0]), one >> 8 & 0xFF | (one & 0xFF) << 8
        buffers.store(frame, SUM, field, LENGTH_AT)
        buffers.store(frame, SUM, template - field + (BASE if template < field else 0), CHECKSUM_AT)
        return
    fields = lengths.astype(FIELD).view(SUM)
    # The template's sum is never negative zero, nor is what is left of it without the length.
    sums = templates.astype(np.int32) - fields
    sums += (sums < 0) * BASE
    buffers.store(frame, SUM, fields, LENGTH_AT)
    buffers.store(frame, SUM, sums, CHECKSUM_AT)


def set_ip6_length(ctx: Context, frame: Frame) -> None:
    """Write the payload length of an outer IPv6 header."""
    ctx.buffers.store(frame, FIELD, (ctx.buffers.packet_length(frame.rows) - IP6_BYTES).astype(FIELD), IP6_LENGTH_AT)


def _wants(flags: Data, flag: int) -> bool | NDArray[np.bool_]:
    return flags & flag != 0 if isinstance(flags, np.ndarray) else bool(flags & flag)


def _any(flags: Data, wanted: int) -> bool:
    return bool(np.count_nonzero(np.bitwise_and(flags, wanted)))


def _class_of(ctx: Context, frame: Frame, inner: Inner, at: int) -> NDArray[np.integer]:
    """The traffic class of inner packets; of labels the class bits, as a DSCP."""
    buffers = ctx.buffers
    if inner is Inner.IP4:
        return buffers.load(frame, BYTE, at + TOS_AT)
    word = buffers.load(frame, WORD, at).astype(np.uint32)
    classes: NDArray[np.integer] = word >> CLASS_SHIFT & 0xFF if inner is Inner.IP6 else (word >> EXP_SHIFT & 7) << DSCP_SHIFT
    return classes


def _merged_class(ctx: Context, frame: Frame, flags: Data, outer: NDArray[np.integer], inner: Inner, at: int) -> NDArray[np.integer]:
    """Outer traffic classes with what the flags want copied."""
    copies = ((TunnelFlag.ENCAP_COPY_DSCP, DSCP_MASK), *(((TunnelFlag.ENCAP_COPY_ECN, ECN_MASK),) if inner is not Inner.MPLS else ()))
    if not any(_any(flags, flag) for flag, _ in copies):
        return outer
    classes = _class_of(ctx, frame, inner, at)
    for flag, mask in copies:
        outer = np.where(_wants(flags, flag), outer & (0xFF ^ mask) | classes & mask, outer)
    return outer


def _copy_to_ip4(ctx: Context, frame: Frame, flags: Data, lengths: NDArray[np.uint16], inner: Inner, at: int) -> None:
    """Length, copied fields and checksum of outer IPv4 headers."""
    buffers = ctx.buffers
    outer = buffers.load(frame, ip4.HEADER).copy()
    outer["length"] = lengths
    outer["tos"] = _merged_class(ctx, frame, flags, outer["tos"], inner, at)
    if inner is Inner.IP4 and _any(flags, TunnelFlag.ENCAP_COPY_DF):
        theirs = buffers.load(frame, FIELD, at + FLAGS_AT) & ip4.FLAG_DONT_FRAGMENT
        outer["flags_and_offset"] |= np.where(_wants(flags, TunnelFlag.ENCAP_COPY_DF), theirs, 0).astype(np.uint16)
    if inner in (Inner.IP4, Inner.IP6) and _any(flags, TunnelFlag.ENCAP_COPY_HOP_LIMIT):
        theirs = buffers.load(frame, BYTE, at + (TTL_AT if inner is Inner.IP4 else HOP_LIMIT_AT))
        outer["ttl"] = np.where(_wants(flags, TunnelFlag.ENCAP_COPY_HOP_LIMIT), theirs, outer["ttl"])
    outer["checksum"] = 0
    outer["checksum"] = checksums(word_sums(outer))
    buffers.store(frame, ip4.HEADER, outer)


def _copy_to_ip6(ctx: Context, frame: Frame, flags: Data, inner: Inner, at: int) -> None:
    """Copied fields of outer IPv6 headers."""
    buffers = ctx.buffers
    first: NDArray[np.integer] = buffers.load(frame, WORD).astype(np.uint32)
    merged = _merged_class(ctx, frame, flags, first >> CLASS_SHIFT & 0xFF, inner, at).astype(np.uint32)
    first = first & ~np.uint32(0xFF << CLASS_SHIFT) | merged << CLASS_SHIFT
    if _any(flags, TunnelFlag.ENCAP_COPY_FLOW_LABEL):
        labels = _flow_labels(ctx, frame, inner, at) & np.uint32(LABEL_MASK)
        wanted = _wants(flags, TunnelFlag.ENCAP_COPY_FLOW_LABEL)
        first = np.where(wanted, first & ~np.uint32(LABEL_MASK) | labels, first)
    buffers.store(frame, WORD, first)
    if inner in (Inner.IP4, Inner.IP6) and _any(flags, TunnelFlag.ENCAP_COPY_HOP_LIMIT):
        theirs = buffers.load(frame, BYTE, at + (TTL_AT if inner is Inner.IP4 else HOP_LIMIT_AT))
        ours = buffers.load(frame, BYTE, HOP_LIMIT_AT)
        buffers.store(frame, BYTE, np.where(_wants(flags, TunnelFlag.ENCAP_COPY_HOP_LIMIT), theirs, ours), HOP_LIMIT_AT)


def _flow_labels(ctx: Context, frame: Frame, inner: Inner, at: int) -> NDArray[np.uint32]:
    """The inner flow label, or else the flow hash of the inner packet."""
    buffers = ctx.buffers
    if inner is Inner.IP6:
        return buffers.load(frame, WORD, at).astype(np.uint32)
    known: NDArray[np.uint32] = buffers.flow_hash[frame.rows]
    if inner is Inner.MPLS:
        return known
    config = np.full(frame.n, FLOW_HASH_DEFAULT, np.uint16)
    return np.where(known != 0, known, ip4_flow_hash.flow_hash(ctx, frame, config, at))
