"""LACPDUs and Marker PDUs, the slow protocols of link aggregation (IEEE 802.1AX, 6.4.2 and 6.5.3)."""

from __future__ import annotations

import enum
import struct

from msgspec import Struct
from msgspec.structs import replace

ETHERTYPE = 0x8809
MULTICAST = bytes.fromhex("0180c2000002")
LACP, MARKER = 1, 2
VERSION = 1
ACTOR, PARTNER, COLLECTOR = 1, 2, 3
INFORMATION_BYTES, COLLECTOR_BYTES, MARKER_BYTES = 20, 16, 16
PDU_BYTES = 110
MARKER_INFORMATION, MARKER_RESPONSE = 1, 2
INFORMATION = struct.Struct(">BBH6sHHHB3x")


class State(enum.IntFlag):
    """What a port says of itself."""

    ACTIVITY = 1 << 0
    TIMEOUT = 1 << 1
    AGGREGATION = 1 << 2
    SYNCHRONIZATION = 1 << 3
    COLLECTING = 1 << 4
    DISTRIBUTING = 1 << 5
    DEFAULTED = 1 << 6
    EXPIRED = 1 << 7


# VPP's names, its misspelling included.
STATE_NAMES = (
    "LACP_STATE_LACP_ACTIVITY", "LACP_STATE_LACP_TIMEOUT", "LACP_STATE_AGGREGATION", "LACP_STATE_SYNCHRONIZATION",
    "LACP_STATE_COLLECTIING", "LACP_STATE_DISTRIBUTING", "LACP_STATE_DEFAULTED", "LACP_STATE_EXPIRED",
)  # fmt: skip


class PortInfo(Struct, frozen=True):
    """One end of a link: whose it is, and the state that it is in."""

    system_priority: int
    system: bytes
    key: int
    port_priority: int
    port_number: int
    state: int = 0

    @property
    def identity(self) -> PortInfo:
        """All but the state."""
        return replace(self, state=0)

    def has(self, bits: State) -> bool:
        """Whether the state has any of these."""
        return bool(self.state & bits)

    def setting(self, bits: State) -> PortInfo:
        """The same with these bits."""
        return replace(self, state=self.state | bits)

    def clearing(self, bits: State) -> PortInfo:
        """The same without them."""
        return replace(self, state=self.state & ~bits & 0xFF)


class Pdu(Struct, frozen=True):
    """An LACPDU: what the sender says of itself, and of the other end."""

    actor: PortInfo
    partner: PortInfo

    def packed(self) -> bytes:
        """The bytes behind the Ethernet header."""
        parts = [bytes((LACP, VERSION))]
        for kind, info in ((ACTOR, self.actor), (PARTNER, self.partner)):
            fields = (info.system_priority, info.system, info.key, info.port_priority, info.port_number, info.state)
            parts.append(INFORMATION.pack(kind, INFORMATION_BYTES, *fields))
        parts.append(bytes((COLLECTOR, COLLECTOR_BYTES)))
        return b"".join(parts).ljust(PDU_BYTES, b"\0")


def read_info(data: bytes, at: int) -> PortInfo:
    """The information that a TLV at a place holds."""
    return PortInfo(*INFORMATION.unpack_from(data, at)[2:])


def read_pdu(data: bytes) -> Pdu | None:
    """An LACPDU of at least PDU_BYTES; None when the length of a part is wrong."""
    lengths = data[3], data[3 + INFORMATION_BYTES], data[3 + 2 * INFORMATION_BYTES], data[3 + 2 * INFORMATION_BYTES + COLLECTOR_BYTES]
    if lengths != (INFORMATION_BYTES, INFORMATION_BYTES, COLLECTOR_BYTES, 0):
        return None
    return Pdu(read_info(data, 2), read_info(data, 2 + INFORMATION_BYTES))


def marker_response(data: bytes) -> bytes | None:
    """The answer to a marker of at least PDU_BYTES; None when the length of a part is wrong."""
    if (data[3], data[3 + MARKER_BYTES]) != (MARKER_BYTES, 0):
        return None
    return (bytes((MARKER, VERSION, MARKER_RESPONSE)) + data[3 : 2 + MARKER_BYTES]).ljust(PDU_BYTES, b"\0")
