"""What is left of a packet when ESP is taken off: what its footer says comes next, without padding (RFC 4303, 2.4 to 2.7).

Counterpart of esp_decrypt_post_crypto in vnet/ipsec/esp_decrypt.c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.features.ipsec.chains import rewrite
from vppsh.engine.features.ipsec.errors import DecryptError
from vppsh.engine.features.ipsec.outer import MINUS_ZERO, set_ip4_length
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.crypto import Transform
from vppsh.engine.ipsec.matrix import Columns, Lengths, Matrix, items
from vppsh.engine.ipsec.sa import Sa
from vppsh.engine.uniform import common
from vppsh.engine.wire import esp, ethernet, ethertype, ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import update

DROP, IP4_INPUT, IP6_INPUT, MPLS_INPUT, L2_INPUT = range(5)
UNKNOWN = -1
FOOTER_BYTES = esp.FOOTER.itemsize
GRE_BYTES = 4
TRANSPARENT_ETHERNET = 0x6558
NEXT_OF_ETHERTYPE = {TRANSPARENT_ETHERNET: L2_INPUT, ethertype.IP4: IP4_INPUT, ethertype.IP6: IP6_INPUT}
UNCHECKED = np.uint32(~(BufferFlag.L4_CHECKSUM_COMPUTED | BufferFlag.L4_CHECKSUM_CORRECT) & 0xFFFFFFFF)
IP4_LENGTH_AT, IP6_LENGTH_AT = 2, 4
IP6_PROTOCOL_AT, IP4_WORD_AT = 6, 8
WORD = np.dtype(">u2")


class Decrypted(Struct, frozen=True):
    """Packets that are authentic: bytes from the ESP header on, lengths, which lie in several buffers (None: none)."""

    frame: Frame
    bytes: Matrix
    lengths: Columns
    long: NDArray[np.bool_] | None


@dataclass
class Inside:
    """What was found in packets: their next, their fault (0: none), how much to take off in front, how much then to keep.

    One row each, or a single one for all.
    """

    nexts: NDArray[np.int32]
    faults: NDArray[np.int64]
    strip: NDArray[np.int64]
    keep: NDArray[np.int64]

    def for_all(self, n: int) -> Inside:
        """The same for `n` packets."""
        return Inside(self.nexts.repeat(n), self.faults.repeat(n), self.strip.repeat(n), self.keep.repeat(n))


def _table() -> NDArray[np.int32]:
    nexts = np.full(256, UNKNOWN, np.int32)
    nexts[[ip_protocol.IP_IN_IP, ip_protocol.IPV6, ip_protocol.MPLS_IN_IP]] = IP4_INPUT, IP6_INPUT, MPLS_INPUT
    nexts.flags.writeable = False
    return nexts


NEXT_OF_PROTOCOL = _table()


def look_inside(packets: Decrypted, sa: Sa, transform: Transform, *, by_tunnel: bool, transport: bool) -> tuple[Inside, NDArray[np.uint8]]:
    """What packets carry, and the protocol that each says it is; behind an IP header of their own in transport mode.

    A single row, not to be changed, if all say the same.
    """
    data, n = packets.bytes, packets.frame.n
    said = _what_all_say(data, packets.lengths, transform)
    if said is None:
        return _look(data, np.broadcast_to(packets.lengths, n), transform, by_tunnel, transport)
    # Mostly the packets before have said so, too.
    key = (packets.lengths, said, by_tunnel, transport)
    if sa.inside is None or sa.inside[0] != key:
        sa.inside = key, _look(data[:1], np.array([packets.lengths]), transform, by_tunnel, transport)
    found: tuple[Inside, NDArray[np.uint8]] = sa.inside[1]
    return found


def _what_all_say(data: Matrix, lengths: Columns, transform: Transform) -> tuple[int | None, ...] | None:
    """What is looked at in packets, if it is the same in all; None if it is not."""
    if not isinstance(lengths, int):
        return None
    end = lengths - transform.icv_bytes
    length_at = IP6_LENGTH_AT if data[0, end - 1] == ip_protocol.IPV6 else IP4_LENGTH_AT
    words = tuple(common(items(data, at, WORD)) for at in (end - FOOTER_BYTES, transform.ahead + length_at) if at + 2 <= data.shape[1])
    return None if None in words else words


def _look(data: Matrix, lengths: Lengths, transform: Transform, by_tunnel: bool, transport: bool) -> tuple[Inside, NDArray[np.uint8]]:
    footer = lengths - transform.icv_bytes - FOOTER_BYTES
    pads, following = _column(data, footer).astype(np.int64), _column(data, footer + 1)
    room = lengths - transform.ahead
    keep = room - pads - FOOTER_BYTES - transform.icv_bytes
    n = len(lengths)
    inside = Inside(np.full(n, DROP, np.int32), np.zeros(n, np.int64), np.full(n, transform.ahead), keep)
    if not transport:
        inside.nexts[:] = NEXT_OF_PROTOCOL[following]
        _look_at_ip(data, transform.ahead, inside)
        if by_tunnel:
            _look_at_gre(data, transform.ahead, following, inside)
        unknown = inside.nexts == UNKNOWN
        inside.faults[unknown] = DecryptError.UNSUP_PAYLOAD
        inside.strip[unknown], inside.keep[unknown] = 0, lengths[unknown]
    short = inside.keep < 0
    inside.faults[short], inside.keep[short] = DecryptError.NO_TAIL_SPACE, room[short]
    inside.nexts[inside.faults != 0] = DROP
    return inside, following


def take_off(buffers: BufferPool, packets: Decrypted, inside: Inside) -> None:
    """Leave of packets what was found in them."""
    frame = packets.frame
    rows, strip, keep = frame.rows, inside.strip, inside.keep
    one = common(strip)
    if one is not None:
        buffers.advance(frame, one)
    else:
        buffers.current_data[rows] += strip.astype(np.int32)
        frame.offset = None
    if packets.long is None:
        buffers.current_length[rows] = keep
    else:
        indices, strip, keep = frame.indices(buffers), np.broadcast_to(strip, frame.n), np.broadcast_to(keep, frame.n)
        buffers.current_length[indices[~packets.long]] = keep[~packets.long]
        for position in np.flatnonzero(packets.long).tolist():
            begin, end = int(strip[position]), int(strip[position] + keep[position])
            rewrite(buffers, int(indices[position]), packets.bytes[position, begin:end].tobytes())
    buffers.flags[rows] &= UNCHECKED
    layer2 = inside.nexts == L2_INPUT
    if layer2.any():
        chosen = frame.indices(buffers)[np.broadcast_to(layer2, frame.n)]
        buffers.l2_hdr_offset[chosen] = buffers.current_data[chosen]
        buffers.l3_hdr_offset[chosen] = buffers.current_data[chosen] + ethernet.HEADER.itemsize


def restore_ip(buffers: BufferPool, frame: Frame, protocols: NDArray[np.uint8], *, is_ip6: bool) -> None:
    """Put the IP header of packets in transport mode in front of what they carried; it still lies where it came in.

    A UDP header behind it is taken off too.
    """
    starts = buffers.l3_hdr_offset[frame.rows] - buffers.current_data[frame.rows]
    begin = common(starts)
    first = buffers.bytes_at(np.dtype("u1"))[buffers.addresses(frame) + starts]
    # A stream can bring headers that ip4-input would have refused.
    size = ip6.HEADER.itemsize if is_ip6 else common(np.maximum(ip4.header_bytes(first), ip4.HEADER.itemsize))
    if begin is None or size is None:
        for position in range(frame.n):
            part = frame.pick(buffers, np.array([position]))
            restore_ip(buffers, part, protocols[position : position + 1], is_ip6=is_ip6)
        frame.offset = None
        return
    header = buffers.load(frame, np.dtype(f"V{size}"), begin).view(np.uint8).reshape(frame.n, size).copy()
    lengths = buffers.packet_length(frame.rows).astype(np.int64)
    if is_ip6:
        header[:, IP6_LENGTH_AT : IP6_LENGTH_AT + 2] = (lengths & 0xFFFF).astype(WORD).view(np.uint8).reshape(-1, 2)
        header[:, IP6_PROTOCOL_AT] = protocols
    else:
        fields = header[:, : ip4.HEADER.itemsize].copy().view(ip4.HEADER)[:, 0]
        before = header[:, IP4_WORD_AT : IP4_WORD_AT + 2].copy().view(WORD)[:, 0]
        fields["protocol"] = protocols
        after = (fields["ttl"].astype(np.int64) << 8 | fields["protocol"]).astype(WORD)
        sums = update(fields["checksum"].copy(), (before, after))
        fields["checksum"] = np.where(sums == MINUS_ZERO, 0, sums)
        set_ip4_length(fields, lengths + size)
        header[:, : ip4.HEADER.itemsize] = fields.view(np.uint8).reshape(frame.n, -1)
    buffers.advance(frame, -size)
    buffers.store(frame, np.dtype(f"V{size}"), header.view(f"V{size}")[:, 0])


def _look_at_ip(data: Matrix, ahead: int, inside: Inside) -> None:
    """As much as the inner header says is kept: what lies between it and the padding is there to hide how long it is."""
    for slot, at, more in ((IP4_INPUT, IP4_LENGTH_AT, 0), (IP6_INPUT, IP6_LENGTH_AT, ip6.HEADER.itemsize)):
        mine = inside.nexts == slot
        if not mine.any():
            continue
        said = _word(data, ahead + at)[mine].astype(np.int64) + more
        fits = said <= inside.keep[mine]
        inside.keep[mine] = np.where(fits, said, -1)


def _look_at_gre(data: Matrix, ahead: int, following: NDArray[np.uint8], inside: Inside) -> None:
    """A protected GRE tunnel has its header inside; only the protocol of it is looked at."""
    mine = following == ip_protocol.GRE
    if not mine.any():
        return
    kinds = _word(data, ahead + 2)[mine]
    nexts = np.full(len(kinds), UNKNOWN, np.int32)
    for kind, slot in NEXT_OF_ETHERTYPE.items():
        nexts[kinds == kind] = slot
    inside.nexts[mine] = nexts
    inside.strip[mine] += GRE_BYTES
    inside.keep[mine] -= GRE_BYTES


def _column(data: Matrix, at: Lengths) -> NDArray[np.uint8]:
    """One byte of each row."""
    one = common(at)
    found: NDArray[np.uint8] = data[:, one] if one is not None else data[np.arange(len(data)), at]
    return found


def _word(data: Matrix, at: int) -> NDArray[np.uint16]:
    """Two bytes of each row; zero where rows are shorter."""
    if data.shape[1] < at + 2:
        return np.zeros(len(data), np.uint16)
    found: NDArray[np.uint16] = data[:, at : at + 2].copy().view(WORD)[:, 0].astype(np.uint16)
    return found
