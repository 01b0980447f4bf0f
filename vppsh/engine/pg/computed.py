"""Fields that a stream leaves open, lengths and checksums: what all header files share to compute them.

Counterpart of the edit functions in VPP's ip4_pg.c, udp_pg.c, tcp_pg.c and their kin. They run from the innermost
header outwards, over a whole vector of packets, and they keep VPP's habits, because checksums show in traces and
decide what is dropped: UDP and TCP take whatever lies below them for an IPv4 header, and TCP and ICMP cover as many
bytes as that header's length says counted from the start of the frame, which is too few behind an Ethernet header.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Packets = NDArray[np.uint8]
Lengths = NDArray[np.int64]

IP4_LENGTH_AT = 2
IP4_PROTOCOL_AT = 9
IP4_ADDRESSES_AT = 12


@dataclass(frozen=True, slots=True)
class Computation(ABC):
    """What a header has computed in every packet.

    edit_function  what VPP calls it
    never_zero     a checksum of zero is sent as ones
    at             where the header begins
    below          where the header below it begins
    """

    edit_function: ClassVar[str]
    never_zero: ClassVar[bool] = False
    at: int = 0
    below: int = 0

    def placed(self, at: int, below: int) -> Self:
        """The same for a header that begins at `at`."""
        return replace(self, at=at, below=below)

    @property
    def checksum_at(self) -> int | None:
        """Where it writes a checksum, if it does."""
        return None

    @property
    def decided_by(self) -> tuple[int, ...]:
        """The bytes that decide how many bytes its checksum covers."""
        return ()

    @abstractmethod
    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """Write the fields of packets, uint8 (n, at least the longest length), of `lengths` bytes each."""


# Words of packets.


def word_view(packets: Packets, at: int) -> NDArray[np.uint16]:
    """The big-endian 16 bits at byte `at` of each packet, as a view."""
    return packets[:, at : at + 2].view(">u2")[:, 0]


def load(packets: Packets, at: int) -> Lengths:
    """The 16 bits at byte `at` of each packet."""
    return word_view(packets, at).astype(np.int64)


def store(packets: Packets, at: int, values: Lengths | int) -> None:
    """Write 16 bits at byte `at` of each packet."""
    word_view(packets, at)[:] = values & 0xFFFF


def words(packets: Packets, at: int, n_bytes: int) -> Lengths:
    """The sum of the 16-bit words of an even number of bytes."""
    return packets[:, at : at + n_bytes].view(">u2").sum(axis=1, dtype=np.int64)


def covered_sum(packets: Packets, at: int, covered: Lengths) -> Lengths:
    """The sum of the 16-bit words of `covered` bytes from `at` on; an odd last byte counts as the upper half."""
    longest = int(covered.max(initial=0))
    if longest <= 0:
        return np.zeros(len(packets), np.int64)
    if int(covered.min()) == longest:
        total = words(packets, at, longest & ~1)
        return total + (packets[:, at + longest - 1].astype(np.int64) << 8) if longest & 1 else total
    part = np.where(np.arange(longest) < covered[:, None], packets[:, at : at + longest], 0)
    return (part[:, 0::2].sum(axis=1, dtype=np.int64) << 8) + part[:, 1::2].sum(axis=1, dtype=np.int64)


def inverted(total: Lengths) -> Lengths:
    """The ones' complement checksum of a sum of words (RFC 1071)."""
    while total.max(initial=0) > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(packets: Packets, ip_at: int, covered: Lengths) -> Lengths:
    """The sum of what VPP takes for the pseudo header: eight bytes of addresses, the protocol, the length."""
    return words(packets, ip_at + IP4_ADDRESSES_AT, 8) + packets[:, ip_at + IP4_PROTOCOL_AT] + covered


def said_length(packets: Packets, lengths: Lengths, ip_at: int, at: int) -> Lengths:
    """The bytes from `at` on that an IPv4 header's length tells, counted from the start of the frame; all when it is 0."""
    said = load(packets, ip_at + IP4_LENGTH_AT)
    return np.clip(np.where(said == 0, lengths, said) - at, 0, lengths - at)
