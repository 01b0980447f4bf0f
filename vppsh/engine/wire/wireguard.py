"""WireGuard messages ("WireGuard: Next Generation Kernel Network Tunnel", 5.4). VPP: plugins/wireguard/wireguard_messages.h.

Numbers are little-endian. The handshake messages end in two MACs, which cover all that lies before them (5.4.4).
"""

from __future__ import annotations

import enum
import struct

import numpy as np
from msgspec import Struct

TAG_BYTES = 16
MAC_BYTES = 16


class MessageType(enum.IntEnum):
    """The first word of a message."""

    INITIATION = 1
    RESPONSE = 2
    COOKIE = 3
    DATA = 4


NAMES = {
    0: "Invalid",
    MessageType.INITIATION: "Handshake initiation",
    MessageType.RESPONSE: "Handshake response",
    MessageType.COOKIE: "Handshake cookie",
    MessageType.DATA: "Data",
}
"""As VPP's traces call them."""

DATA = np.dtype([("type", "<u4"), ("receiver", "<u4"), ("counter", "<u8")])
"""What lies before the encrypted packet."""

_INITIATION = struct.Struct("<II32s48s28s")
_RESPONSE = struct.Struct("<III32s16s")
_COOKIE = struct.Struct("<II24s32s")
MACS_BYTES = 2 * MAC_BYTES
INITIATION_BYTES = _INITIATION.size + MACS_BYTES
RESPONSE_BYTES = _RESPONSE.size + MACS_BYTES
COOKIE_BYTES = _COOKIE.size


class Initiation(Struct, frozen=True):
    """The first message: who speaks (encrypted) and when; `pack` leaves the MACs to be appended."""

    sender: int
    ephemeral: bytes
    static: bytes
    timestamp: bytes

    def pack(self) -> bytes:
        """The bytes before the MACs."""
        return _INITIATION.pack(MessageType.INITIATION, self.sender, self.ephemeral, self.static, self.timestamp)

    @classmethod
    def unpack(cls, data: bytes) -> Initiation:
        """What a message of at least INITIATION_BYTES says."""
        return cls(*_INITIATION.unpack_from(data)[1:])


class Response(Struct, frozen=True):
    """The answer to an initiation."""

    sender: int
    receiver: int
    ephemeral: bytes
    empty: bytes

    def pack(self) -> bytes:
        """The bytes before the MACs."""
        return _RESPONSE.pack(MessageType.RESPONSE, self.sender, self.receiver, self.ephemeral, self.empty)

    @classmethod
    def unpack(cls, data: bytes) -> Response:
        """What a message of at least RESPONSE_BYTES says."""
        return cls(*_RESPONSE.unpack_from(data)[1:])


class CookieReply(Struct, frozen=True):
    """What a peer under load answers instead (5.4.7)."""

    receiver: int
    nonce: bytes
    cookie: bytes

    def pack(self) -> bytes:
        """All of it."""
        return _COOKIE.pack(MessageType.COOKIE, self.receiver, self.nonce, self.cookie)

    @classmethod
    def unpack(cls, data: bytes) -> CookieReply:
        """What a message of at least COOKIE_BYTES says."""
        return cls(*_COOKIE.unpack_from(data)[1:])


def format_wg_message_type(number: int) -> str:
    """The name of a message's type."""
    return NAMES.get(number, "unknown")
