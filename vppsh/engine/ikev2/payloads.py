"""The payloads of IKEv2 messages, on the wire and as values (RFC 7296, 3.2 to 3.13).

`split` shows any chain of payloads; `parse` is the one gate to `Payloads`, which only holds what is well-formed: it raises MalformedError
for what VPP refuses a message for. VPP counterpart: plugins/ikev2/ikev2_payload.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.ikev2.names import Kind, Notice, ProtocolId, TsType
from vppsh.engine.ikev2.transforms import FIXED, KEY_LENGTH, Proposal, Transform

HEADER = struct.Struct(">BBH")
PROPOSAL = struct.Struct(">BxHBBBB")
TRANSFORM = struct.Struct(">BxHBxH")
ATTRIBUTE = struct.Struct(">HH")
SELECTOR = struct.Struct(">BBHHH")
SELECTORS = struct.Struct(">B3x")
GROUP = struct.Struct(">H2x")
METHOD = struct.Struct(">B3x")
NOTIFY = struct.Struct(">BBH")
CRITICAL = 0x80
MORE_PROPOSALS, MORE_TRANSFORMS = 2, 3
SHORTEST_NONCE, LONGEST_NONCE = 16, 256
SHA1_BYTES = 20
SPI_BYTES = {ProtocolId.AH: 4, ProtocolId.ESP: 4}
IKE_SPI_BYTES = 8


class MalformedError(Exception):
    """A message that is not what its fields say."""


class CriticalPayloadError(Exception):
    """A payload that vppsh does not know and whose sender insists on it."""

    def __init__(self, kind: int) -> None:
        super().__init__(f"critical payload {kind}")
        self.kind = kind


class RawPayload(Struct, frozen=True):
    """A payload as it lies in the message."""

    kind: int
    critical: bool
    body: bytes


class KeyExchange(Struct, frozen=True):
    """A public value of a group."""

    group: int
    data: bytes


class Identity(Struct, frozen=True):
    """Who somebody is; the type says what the bytes are."""

    type: int = 0
    data: bytes = b""


class Auth(Struct, frozen=True):
    """The proof of an identity."""

    method: int = 0
    data: bytes = b""


class Notify(Struct, frozen=True):
    """A notification: an error if it is less than 16384."""

    type: int
    data: bytes = b""
    protocol: int = 0
    spi: int = 0


class Delete(Struct, frozen=True):
    """Associations that the sender has given up, by the SPIs of what comes to him; none of IKE itself."""

    protocol: int
    spis: tuple[int, ...] = ()


class Selector(Struct, frozen=True):
    """Traffic: a range of addresses, of ports, and an IP protocol or 0 for all. `version` is that of IP."""

    version: int
    protocol: int
    start_port: int
    end_port: int
    start: int
    end: int


@dataclass
class Payloads:
    """What a message says.

    proposals  () also of a malformed SA payload, as VPP takes it; the same for selectors
    """

    proposals: tuple[Proposal, ...] = ()
    key_exchange: KeyExchange | None = None
    nonce: bytes = b""
    id_i: Identity | None = None
    id_r: Identity | None = None
    auth: Auth | None = None
    notifies: list[Notify] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    ts_i: tuple[Selector, ...] = ()
    ts_r: tuple[Selector, ...] = ()

    def notify(self, kind: Notice) -> Notify | None:
        """The first notification of a type."""
        return next((each for each in self.notifies if each.type == kind), None)


def split(first: int, data: bytes) -> Iterator[RawPayload]:
    """The payloads of a chain; what lies behind the last one is nobody's."""
    at, kind = 0, first
    while kind != Kind.NONE:
        if len(data) - at < HEADER.size:
            raise MalformedError("payload: packet too small")
        following, flags, length = HEADER.unpack_from(data, at)
        if not HEADER.size <= length <= len(data) - at:
            raise MalformedError("payload: bad size")
        yield RawPayload(kind, bool(flags & CRITICAL), data[at + HEADER.size : at + length])
        at, kind = at + length, following


def parse(first: int, data: bytes) -> Payloads:
    """What a chain of payloads says (MalformedError, CriticalPayloadError)."""
    found = Payloads()
    for raw in split(first, data):
        _take(found, raw)
    return found


def _take(found: Payloads, raw: RawPayload) -> None:
    body = raw.body
    match raw.kind:
        case Kind.SA:
            found.proposals = parse_proposals(body)
        case Kind.KE:
            found.key_exchange = KeyExchange(*_head(GROUP, body))
        case Kind.NONCE:
            if not SHORTEST_NONCE <= len(body) <= LONGEST_NONCE:
                raise MalformedError("nonce: bad size")
            found.nonce = body
        case Kind.IDI:
            found.id_i = Identity(*_head(METHOD, body))
        case Kind.IDR:
            found.id_r = Identity(*_head(METHOD, body))
        case Kind.AUTH:
            found.auth = Auth(*_head(METHOD, body))
        case Kind.NOTIFY:
            found.notifies.append(_parse_notify(body))
        case Kind.DELETE:
            found.deletes.append(_parse_delete(body))
        case Kind.TSI:
            found.ts_i = _parse_selectors(body)
        case Kind.TSR:
            found.ts_r = _parse_selectors(body)
        case Kind.VENDOR:
            return
        case _:
            if raw.critical:
                raise CriticalPayloadError(raw.kind)


def _head(layout: struct.Struct, body: bytes) -> tuple[int, bytes]:
    """A number and what comes behind its reserved bytes."""
    if len(body) < layout.size:
        raise MalformedError("payload: too small for its type")
    (number,) = layout.unpack_from(body)
    return number, body[layout.size :]


def parse_proposals(body: bytes) -> tuple[Proposal, ...]:
    """The proposals of an SA payload, () when they do not fit into it."""
    try:
        return tuple(_proposals(body))
    except (MalformedError, struct.error):
        return ()


def _proposals(body: bytes) -> Iterator[Proposal]:
    at, more = 0, MORE_PROPOSALS
    while more == MORE_PROPOSALS:
        more, length, number, protocol, spi_bytes, n_transforms = PROPOSAL.unpack_from(body, at)
        if (protocol == ProtocolId.IKE and spi_bytes not in (0, IKE_SPI_BYTES)) or SPI_BYTES.get(protocol, spi_bytes) != spi_bytes:
            raise MalformedError("proposal: bad SPI size")
        begin, end = at + PROPOSAL.size + spi_bytes, at + length
        if not begin <= end <= len(body):
            raise MalformedError("proposal: bad size")
        spi = int.from_bytes(body[at + PROPOSAL.size : begin], "big")
        yield Proposal(number, protocol, spi, tuple(_transforms(body[begin:end], n_transforms)))
        at = end
    if more or at != len(body):
        raise MalformedError("proposal: not the last one")


def _transforms(data: bytes, count: int) -> Iterator[Transform]:
    at = 0
    for _ in range(count):
        _, length, kind, number = TRANSFORM.unpack_from(data, at)
        if length < TRANSFORM.size or at + length > len(data):
            raise MalformedError("transform: bad size")
        attributes = data[at + TRANSFORM.size : at + length]
        key_bits = 0
        if len(attributes) == ATTRIBUTE.size:
            what, value = ATTRIBUTE.unpack(attributes)
            if what == FIXED | KEY_LENGTH:
                key_bits, attributes = value, b""
        yield Transform(kind, number, key_bits, attributes)
        at += length


def _parse_notify(body: bytes) -> Notify:
    if len(body) < NOTIFY.size:
        raise MalformedError("notify: too small")
    protocol, spi_bytes, kind = NOTIFY.unpack_from(body)
    data = body[NOTIFY.size + spi_bytes :]
    if spi_bytes not in (0, 4, IKE_SPI_BYTES) or NOTIFY.size + spi_bytes > len(body):
        raise MalformedError("notify: bad SPI size")
    if kind in (Notice.NAT_DETECTION_SOURCE_IP, Notice.NAT_DETECTION_DESTINATION_IP) and len(data) != SHA1_BYTES:
        raise MalformedError("notify: no hash")
    return Notify(kind, data, protocol, int.from_bytes(body[NOTIFY.size : NOTIFY.size + spi_bytes], "big"))


def _parse_delete(body: bytes) -> Delete:
    if len(body) < NOTIFY.size:
        raise MalformedError("delete: too small")
    protocol, spi_bytes, count = NOTIFY.unpack_from(body)
    if protocol == ProtocolId.IKE:
        return Delete(protocol)
    if spi_bytes != 4 or NOTIFY.size + 4 * count > len(body):
        raise MalformedError("delete: bad size")
    return Delete(protocol, struct.unpack_from(f">{count}I", body, NOTIFY.size))


def _parse_selectors(body: bytes) -> tuple[Selector, ...]:
    try:
        return tuple(_selectors(body))
    except (MalformedError, struct.error):
        return ()


def _selectors(body: bytes) -> Iterator[Selector]:
    (count,) = SELECTORS.unpack_from(body)
    at = SELECTORS.size
    for _ in range(count):
        kind, protocol, length, start_port, end_port = SELECTOR.unpack_from(body, at)
        n_bytes = {TsType.IP4_RANGE: 4, TsType.IP6_RANGE: 16}.get(kind, 0)
        if not n_bytes or length != SELECTOR.size + 2 * n_bytes or at + length > len(body):
            raise MalformedError("traffic selector: bad size")
        middle = at + SELECTOR.size + n_bytes
        start, end = int.from_bytes(body[middle - n_bytes : middle], "big"), int.from_bytes(body[middle : middle + n_bytes], "big")
        yield Selector(4 if n_bytes == 4 else 6, protocol, start_port, end_port, start, end)
        at += length


# The other way.


class Chain(Struct, frozen=True):
    """Payloads one behind the other, and what the first one is."""

    first: int
    data: bytes


def build(*payloads: tuple[Kind, bytes]) -> Chain:
    """Put payloads, given by their kinds and bodies, one behind the other."""
    kinds = [kind for kind, _ in payloads] + [Kind.NONE]
    data = b"".join(
        HEADER.pack(following, 0, HEADER.size + len(body)) + body for (_, body), following in zip(payloads, kinds[1:], strict=True)
    )
    return Chain(kinds[0], data)


def sa_body(proposals: Iterable[Proposal], ike_spi: bool = False) -> tuple[Kind, bytes]:
    """An SA payload; SPIs of IKE are in it when the exchange makes a new one of an old one."""
    listed = list(proposals)
    data = b""
    for position, proposal in enumerate(listed):
        spi_bytes = SPI_BYTES.get(ProtocolId(proposal.protocol), IKE_SPI_BYTES if ike_spi else 0)
        transforms = b"".join(
            _transform(each, last=number == len(proposal.transforms)) for number, each in enumerate(proposal.transforms, 1)
        )
        more = MORE_PROPOSALS if position + 1 < len(listed) else 0
        length = PROPOSAL.size + spi_bytes + len(transforms)
        head = PROPOSAL.pack(more, length, proposal.number, proposal.protocol, spi_bytes, len(proposal.transforms))
        data += head + (proposal.spi.to_bytes(spi_bytes, "big") if spi_bytes else b"") + transforms
    return Kind.SA, data


def _transform(transform: Transform, *, last: bool) -> bytes:
    attributes = ATTRIBUTE.pack(FIXED | KEY_LENGTH, transform.key_bits) if transform.key_bits else b""
    length = TRANSFORM.size + len(attributes)
    return TRANSFORM.pack(0 if last else MORE_TRANSFORMS, length, transform.type, transform.id) + attributes


def ke_body(group: int, data: bytes) -> tuple[Kind, bytes]:
    """A key exchange payload."""
    return Kind.KE, GROUP.pack(group) + data


def id_body(kind: Kind, identity: Identity) -> tuple[Kind, bytes]:
    """An identification payload, of the initiator or the responder."""
    return kind, METHOD.pack(identity.type) + identity.data


def auth_body(auth: Auth) -> tuple[Kind, bytes]:
    """An authentication payload."""
    return Kind.AUTH, METHOD.pack(auth.method) + auth.data


def notify_body(notify: Notify) -> tuple[Kind, bytes]:
    """A notify payload."""
    spi = notify.spi.to_bytes(4, "big") if notify.spi else b""
    return Kind.NOTIFY, NOTIFY.pack(notify.protocol, len(spi), notify.type) + spi + notify.data


def delete_body(delete: Delete) -> tuple[Kind, bytes]:
    """A delete payload."""
    return Kind.DELETE, NOTIFY.pack(delete.protocol, 4 if delete.spis else 0, len(delete.spis)) + struct.pack(
        f">{len(delete.spis)}I", *delete.spis
    )


def ts_body(kind: Kind, selectors: Iterable[Selector]) -> tuple[Kind, bytes]:
    """A traffic selector payload, of the initiator or the responder."""
    listed = list(selectors)
    data = SELECTORS.pack(len(listed))
    for each in listed:
        n_bytes, ts_type = (4, TsType.IP4_RANGE) if each.version == 4 else (16, TsType.IP6_RANGE)
        data += SELECTOR.pack(ts_type, each.protocol, SELECTOR.size + 2 * n_bytes, each.start_port, each.end_port)
        data += each.start.to_bytes(n_bytes, "big") + each.end.to_bytes(n_bytes, "big")
    return kind, data
