"""ESP in transport mode: behind the IP header, which says so and how long it is now (RFC 4303, 3.1.1).

Counterpart of the transport parts of vnet/ipsec/esp_encrypt.c.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.features.ipsec.outer import set_ip4_length, udp_bytes, udp_headers
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.matrix import Columns, Lengths, Matrix, columns
from vppsh.engine.ipsec.sa import Sa
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import update

OCTET = np.dtype("u1")
WORD_AT, WORD = 8, np.dtype(">u2")
IP4_PROTOCOL_AT, IP6_PROTOCOL_AT = 9, 6
# What stays in front of ESP (RFC 4303, 3.1.1); destination options are encrypted.
PRECEDING = frozenset((ip_protocol.IP6_HOP_BY_HOP_OPTIONS, ip_protocol.IPV6_ROUTE, ip_protocol.IPV6_FRAGMENTATION))
EXTENSION_UNIT = 8
PLACE, FIELD = 1 << 32, 1 << 16


class Shape(Struct, frozen=True):
    """Where things lie in packets that are alike in this: link layer and IP header lengths, the byte that names what follows."""

    l2: int
    ip: int
    protocol_at: int

    @classmethod
    def from_key(cls, key: int) -> Shape:
        """From a packet's number out of `shapes`."""
        return cls(key >> 32, key >> 16 & 0xFFFF, key & 0xFFFF)


def shapes(buffers: BufferPool, frame: Frame, link: Protocol, keeps_l2: bool) -> Columns:
    """The shape of each packet, as a number, or of all; current data is the IP header."""
    l2 = columns(buffers.save_rewrite_length[frame.rows]) if keeps_l2 else 0
    if link is Protocol.IP4:
        # A stream can bring headers that ip4-input would have refused.
        sizes = np.maximum(ip4.header_bytes(buffers.load(frame, OCTET)), ip4.HEADER.itemsize)
        return l2 * PLACE + columns(sizes) * FIELD + IP4_PROTOCOL_AT
    found: Lengths = np.broadcast_to(l2, frame.n) * PLACE + ip6.HEADER.itemsize * FIELD + IP6_PROTOCOL_AT
    following = buffers.load(frame, OCTET, IP6_PROTOCOL_AT)
    indices = frame.indices(buffers)
    for position in np.flatnonzero(np.isin(following, list(PRECEDING))).tolist():
        length, at = _behind_extensions(buffers.packet(int(indices[position])))
        found[position] = found[position] // PLACE * PLACE + length * FIELD + at
    return columns(found)


def _behind_extensions(data: bytes) -> tuple[int, int]:
    """How long the headers are that stay in front, and where the number of what follows them is; as far as the packet goes."""
    length, at = ip6.HEADER.itemsize, IP6_PROTOCOL_AT
    while at < len(data) and data[at] in PRECEDING and length + EXTENSION_UNIT <= len(data):
        size = EXTENSION_UNIT if data[at] == ip_protocol.IPV6_FRAGMENTATION else (data[length + 1] + 1) * EXTENSION_UNIT
        if length + size > len(data):
            break
        length, at = length + size, length
    return length, at


def transport_headers(
    link: Protocol, sa: Sa, shape: Shape, old: NDArray[np.void], esp_lengths: Columns
) -> tuple[Matrix, NDArray[np.uint8]]:
    """What goes in front of ESP of these lengths instead of old headers, and the protocols of what is encrypted: both one a row."""
    n = len(old)
    front = old.copy().view(np.uint8).reshape(n, -1)
    header = front[:, shape.l2 :]
    following = header[:, shape.protocol_at].copy()
    behind = np.broadcast_to(np.asarray(esp_lengths) + udp_bytes(sa), n)
    if link is Protocol.IP4:
        fields = header[:, : ip4.HEADER.itemsize].copy().view(ip4.HEADER)[:, 0]
        before = header[:, WORD_AT : WORD_AT + 2].copy().view(WORD)[:, 0]
        fields["protocol"] = sa.outer_protocol
        after = fields["ttl"].astype(WORD) << 8 | fields["protocol"]
        fields["checksum"] = update(fields["checksum"].copy(), (before, after.astype(WORD)))
        set_ip4_length(fields, behind + shape.ip)
        header[:, : ip4.HEADER.itemsize] = fields.view(np.uint8).reshape(n, -1)
    else:
        header[:, shape.protocol_at] = sa.outer_protocol
        lengths = ((behind + shape.ip - ip6.HEADER.itemsize) & 0xFFFF).astype(WORD)
        header[:, 4:6] = lengths.view(np.uint8).reshape(-1, 2)
    if udp_bytes(sa):
        front = np.concatenate((front, udp_headers(sa, behind)), axis=1)
    return front, following
