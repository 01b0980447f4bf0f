"""IKEv2 messages: the header, and the encrypted payload around what is secret (RFC 7296, 3.1 and 3.14)."""

from __future__ import annotations

import hashlib
import struct

from msgspec import Struct
from msgspec.structs import replace

from vppsh.engine.ikev2.crypto import Sealer
from vppsh.engine.ikev2.names import VERSION, Flag, Kind
from vppsh.engine.ikev2.payloads import CRITICAL, Chain, CriticalPayloadError, MalformedError, Payloads, parse
from vppsh.engine.ikev2.payloads import HEADER as PAYLOAD_HEADER

HEADER = struct.Struct(">QQBBBBII")
SPIS = struct.Struct(">QQ")
NON_ESP_MARKER = bytes(4)
"""In front of messages to or from port 4500, where an SPI would be (RFC 3948)."""


class Header(Struct, frozen=True):
    """The header of a message; SPIs of the initiator and of the responder of the IKE SA."""

    ispi: int
    rspi: int
    exchange: int
    flags: int
    message_id: int
    next_payload: int = 0
    version: int = VERSION
    length: int = 0

    @classmethod
    def read(cls, data: bytes) -> Header | None:
        """The header in front of a message, None of one that is too short."""
        if len(data) < HEADER.size:
            return None
        ispi, rspi, next_payload, version, exchange, flags, message_id, length = HEADER.unpack_from(data)
        return cls(ispi, rspi, exchange, flags, message_id, next_payload, version, length)

    @property
    def is_response(self) -> bool:
        """Whether it answers a request."""
        return bool(self.flags & Flag.RESPONSE)

    @property
    def from_initiator(self) -> bool:
        """Whether the side that began the IKE SA has sent it."""
        return bool(self.flags & Flag.INITIATOR)

    def pack(self) -> bytes:
        """As it goes on the wire."""
        return HEADER.pack(self.ispi, self.rspi, self.next_payload, self.version, self.exchange, self.flags, self.message_id, self.length)


def plain_message(header: Header, chain: Chain) -> bytes:
    """A message that everybody can read."""
    return replace(header, next_payload=chain.first, length=HEADER.size + len(chain.data)).pack() + chain.data


def sealed_message(header: Header, chain: Chain, sealer: Sealer) -> bytes:
    """A message whose payloads only the peer can read."""
    length = PAYLOAD_HEADER.size + sealer.sealed_bytes(len(chain.data))
    head = replace(header, next_payload=Kind.SK, length=HEADER.size + length).pack() + PAYLOAD_HEADER.pack(chain.first, 0, length)
    return head + sealer.seal(head, chain.data)


def open_message(header: Header, data: bytes, sealer: Sealer) -> Payloads:
    """What is in a sealed message (MalformedError, CriticalPayloadError, ForgedError)."""
    at, kind = HEADER.size, header.next_payload
    while True:
        if len(data) - at < PAYLOAD_HEADER.size:
            raise MalformedError("last payload must be SK")
        following, flags, length = PAYLOAD_HEADER.unpack_from(data, at)
        if not PAYLOAD_HEADER.size <= length <= len(data) - at:
            raise MalformedError("payload: bad size")
        if kind == Kind.SK:
            break
        # Whoever stands before the encrypted payload is not authenticated: nothing of it counts.
        if flags & CRITICAL:
            raise CriticalPayloadError(kind)
        at, kind = at + length, following
    begin, end = at + PAYLOAD_HEADER.size, at + length
    if end != len(data):
        raise MalformedError("something behind the encrypted payload")
    return parse(following, sealer.open(data[:begin], data[begin:end]))


def nat_hash(ispi: int, rspi: int, address: bytes, port: int) -> bytes:
    """By what each side learns that an address was translated on the way (RFC 7296, 2.23)."""
    return hashlib.sha1(SPIS.pack(ispi, rspi) + address + port.to_bytes(2, "big"), usedforsecurity=False).digest()
