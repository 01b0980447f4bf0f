"""The headers that ESP goes behind in tunnel mode: IPv4 or IPv6 from the association's template, and UDP (RFC 4301, 5.1.2; 3948).

VPP counterpart: the middle of vnet/ipsec/esp_encrypt.c, vnet/tunnel/tunnel_dp.h.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.matrix import Columns, Lengths, Matrix
from vppsh.engine.ipsec.sa import Sa, SaFlag
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.engine.wire.checksum import update

DSCP_MASK, ECN_MASK = 0xFC, 0x03
TOS_SHIFT = 20
MINUS_ZERO = 0xFFFF


class Inner(Struct, frozen=True):
    """What outer headers may copy of inner ones, per packet: traffic class, and whether it must not be fragmented."""

    tos: NDArray[np.uint8]
    dont_fragment: NDArray[np.bool_]


def wants_inner(sa: Sa) -> bool:
    """Whether outer headers depend on inner ones."""
    return bool(sa.tunnel.config.flags & (TunnelFlag.ENCAP_COPY_DF | TunnelFlag.ENCAP_COPY_DSCP | TunnelFlag.ENCAP_COPY_ECN))


def outer_bytes(sa: Sa) -> int:
    """How long those headers are."""
    return len(sa.outer_header) + udp_bytes(sa)


def udp_bytes(sa: Sa) -> int:
    """How long the UDP header is, if there is one."""
    return udp.HEADER.itemsize if sa.has(SaFlag.UDP_ENCAP) else 0


def tunnel_headers(sa: Sa, esp_lengths: Columns, inner: Inner | None) -> Matrix:
    """The headers in front of ESP of these lengths, one a row; a single row when all are alike."""
    behind = np.atleast_1d(np.asarray(esp_lengths)) + udp_bytes(sa)
    if inner is not None:
        behind = np.broadcast_to(behind, len(inner.tos))
    ip = _ip6_headers(sa, behind, inner) if sa.has(SaFlag.TUNNEL_V6) else _ip4_headers(sa, behind, inner)
    return np.concatenate((ip, udp_headers(sa, behind)), axis=1) if udp_bytes(sa) else ip


def udp_headers(sa: Sa, lengths: Lengths) -> Matrix:
    """UDP headers of datagrams of these lengths, without checksum."""
    headers = np.zeros(len(lengths), udp.HEADER)
    headers["src_port"], headers["dst_port"], headers["length"] = sa.src_port, sa.dst_port, lengths & 0xFFFF
    return headers.view(np.uint8).reshape(len(lengths), -1)


def set_ip4_length(headers: NDArray[np.void], lengths: Lengths) -> None:
    """Put total lengths into IPv4 headers, and what they change into the checksums, as VPP works them out."""
    old, new = headers["length"].copy(), (lengths & 0xFFFF).astype(">u2")
    sums = update(headers["checksum"].copy(), (old, new))
    headers["length"], headers["checksum"] = new, np.where(sums == MINUS_ZERO, 0, sums)


def _ip4_headers(sa: Sa, behind: Lengths, inner: Inner | None) -> Matrix:
    headers = np.repeat(np.frombuffer(sa.outer_header, ip4.HEADER), len(behind))
    flags = sa.tunnel.config.flags
    if inner is not None:
        old = headers["version_and_length"].astype(">u2") << 8 | headers["tos"]
        tos = copied(headers["tos"], inner.tos, flags)
        new = headers["version_and_length"].astype(">u2") << 8 | tos
        fragment = headers["flags_and_offset"].copy()
        if flags & TunnelFlag.ENCAP_COPY_DF:
            headers["flags_and_offset"] |= np.where(inner.dont_fragment, ip4.FLAG_DONT_FRAGMENT, 0).astype(">u2")
        changed = headers["flags_and_offset"].copy()
        headers["tos"] = tos
        headers["checksum"] = update(headers["checksum"].copy(), (old.astype(">u2"), new.astype(">u2")), (fragment, changed))
    set_ip4_length(headers, behind + ip4.HEADER.itemsize)
    return headers.view(np.uint8).reshape(len(behind), -1)


def _ip6_headers(sa: Sa, behind: Lengths, inner: Inner | None) -> Matrix:
    headers = np.repeat(np.frombuffer(sa.outer_header, ip6.HEADER), len(behind))
    headers["payload_length"] = behind & 0xFFFF
    if inner is not None:
        first = headers["version_class_and_label"].astype(np.uint32)
        tos = copied((first >> TOS_SHIFT & 0xFF).astype(np.uint8), inner.tos, sa.tunnel.config.flags)
        headers["version_class_and_label"] = first & ~np.uint32(0xFF << TOS_SHIFT) | tos.astype(np.uint32) << TOS_SHIFT
    return headers.view(np.uint8).reshape(len(behind), -1)


def copied(outer: NDArray[np.uint8], inner: NDArray[np.uint8], flags: int) -> NDArray[np.uint8]:
    """Traffic classes with DSCP and ECN of the inner header, as far as flags ask for them."""
    mask = np.uint8((DSCP_MASK if flags & TunnelFlag.ENCAP_COPY_DSCP else 0) | (ECN_MASK if flags & TunnelFlag.ENCAP_COPY_ECN else 0))
    return (outer & ~mask) | (inner & mask)


def inner_of(data: NDArray[np.void], link: Protocol) -> Inner:
    """What outer headers may copy, from inner headers as loaded."""
    if link is Protocol.IP6:
        first = data["version_class_and_label"].astype(np.uint32)
        return Inner((first >> TOS_SHIFT & 0xFF).astype(np.uint8), np.zeros(len(data), np.bool_))
    return Inner(data["tos"], data["flags_and_offset"] & ip4.FLAG_DONT_FRAGMENT != 0)
