"""The bytes of a traced packet: those that the trace has, else headers made again from what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from vppsh.engine.wire.ethertype import NUMBERS
from vppsh.traces.headers import Header, ip_protocol_number
from vppsh.traces.model import Packet, Step
from vppsh.traces.pcapng import LINK_ETHERNET, LINK_RAW_IP

ICMP_TYPES = {
    "echo_reply": 0,
    "destination_unreachable": 3,
    "redirect": 5,
    "echo_request": 8,
    "time_exceeded": 11,
    "timestamp_request": 13,
}
ICMP6_TYPES = {
    "destination_unreachable": 1,
    "packet_too_big": 2,
    "time_exceeded": 3,
    "echo_request": 128,
    "echo_reply": 129,
    "router_solicitation": 133,
    "router_advertisement": 134,
    "neighbor_solicitation": 135,
    "neighbor_advertisement": 136,
}
OPCODES = {"request": 1, "reply": 2}
LONGEST = 65535
# Fewer bytes than an IPv4 header has are no packet.
SHORTEST = 20


@dataclass(frozen=True, slots=True)
class Bytes:
    """A packet's bytes.

    node     the node at which it had them
    length   how many there were, as far as its headers say
    rebuilt  whether they were made from printed headers: the payload is zeros then
    """

    data: bytes
    link_type: int
    node: str
    length: int
    rebuilt: bool


def packet_bytes(packet: Packet) -> Bytes | None:
    """The bytes of a packet as early on its way as there are any; None when its trace says nothing of its headers."""
    for step in packet.steps:
        if step.data:
            link = link_of(step.data)
            return Bytes(step.data, link, step.node, max(len(step.data), packet.length or 0), rebuilt=False)
    for step in packet.steps:
        data = step.fields.data
        if len(data) >= SHORTEST:
            return Bytes(data, link_of(data), step.node, max(len(data), _length(step, packet)), rebuilt=False)
    for step in packet.steps:
        headers = step.fields.headers
        if any(header.name in ("ethernet", "ip4", "ip6", "arp") for header in headers):
            try:
                data = rebuild(headers)
            except (ValueError, OverflowError):
                # Numbers and addresses that cannot be: the text is damaged here.
                continue
            if data:
                link = LINK_ETHERNET if headers[0].name == "ethernet" else LINK_RAW_IP
                return Bytes(data, link, step.node, len(data), rebuilt=True)
    return None


def step_bytes(packet: Packet, position: int) -> Bytes | None:
    """The packet's bytes as a step has them, without what lay in the buffer behind its end; None when the step has none."""
    step = packet.steps[position]
    if step.data:
        return Bytes(step.data, link_of(step.data), step.node, max(len(step.data), packet.length or 0), rebuilt=False)
    data, length = step.fields.data, _length(step, packet)
    if len(data) < SHORTEST:
        return None
    shown = data[:length] if length >= SHORTEST else data
    return Bytes(shown, link_of(data), step.node, max(len(shown), length), rebuilt=False)


def link_of(data: bytes) -> int:
    """The link type of some bytes: Ethernet, or IP alone, which is what nodes behind ethernet-input see."""
    if len(data) >= 20 and data[0] == 0x45 and int.from_bytes(data[2:4], "big") >= 20 and data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return LINK_RAW_IP
    if len(data) >= 40 and data[0] >> 4 == 6 and data[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return LINK_RAW_IP
    return LINK_ETHERNET


def _length(step: Step, packet: Packet) -> int:
    """The length of the frame that a step prints the begin of: that of its own IP header."""
    data = step.fields.data
    at = 0 if link_of(data) == LINK_RAW_IP else 14
    if len(data) >= at + 20 and data[at] >> 4 == 4:
        return at + int.from_bytes(data[at + 2 : at + 4], "big")
    if len(data) >= at + 40 and data[at] >> 4 == 6:
        return at + 40 + int.from_bytes(data[at + 4 : at + 6], "big")
    return packet.length or 0


def rebuild(headers: Sequence[Header]) -> bytes:
    """The packet that begins with these headers; what is not printed is zero."""
    if not headers:
        return b""
    header, rest = headers[0], headers[1:]
    make = MAKERS.get(header.name)
    return make(header, rest) if make else b""


def _value(header: Header, name: str, default: int = 0) -> int:
    value = header.values.get(name, default)
    return value if isinstance(value, int) else default


def _mac(text: object) -> bytes:
    return bytes.fromhex(str(text).replace(":", "")) if text else bytes(6)


def _address(text: object) -> bytes:
    return ip_address(str(text)).packed


def _ethernet(header: Header, rest: Sequence[Header]) -> bytes:
    kind = str(header.values.get("type", ""))
    number = NUMBERS.get(kind, int(kind, 16) if kind.startswith("0x") else 0)
    tags = b"".join(b"\x81\x00" + _value(header, name).to_bytes(2, "big") for name in ("vlan", "inner vlan") if name in header.values)
    return _mac(header.destination) + _mac(header.source) + tags + number.to_bytes(2, "big") + rebuild(rest)


def _arp(header: Header, rest: Sequence[Header]) -> bytes:
    opcode = OPCODES.get(str(header.values.get("opcode", "")), 0)
    sender = _mac(header.values.get("sender mac")) + (_address(header.source) if header.source else bytes(4))
    target = _mac(header.values.get("target mac")) + (_address(header.destination) if header.destination else bytes(4))
    return bytes.fromhex("000108000604") + opcode.to_bytes(2, "big") + sender + target


def _ip4(header: Header, rest: Sequence[Header]) -> bytes:
    size = max(_value(header, "header length", 20), 20)
    protocol = ip_protocol_number(str(header.values.get("protocol", "")))
    flags = str(header.values.get("flags", ""))
    fragment = _value(header, "offset") // 8 | (0x2000 if "MORE" in flags else 0) | (0x4000 if "DONT" in flags else 0)
    body = rebuild(rest)
    length = min(_value(header, "length", size + len(body)), LONGEST)
    head = bytes([(_value(header, "version", 4) & 15) << 4 | size // 4 & 15, _value(header, "tos")])
    head += length.to_bytes(2, "big") + _value(header, "id").to_bytes(2, "big") + fragment.to_bytes(2, "big")
    head += bytes([_value(header, "ttl"), protocol or 0]) + _value(header, "checksum").to_bytes(2, "big")
    head += _address(header.source) + _address(header.destination)
    return head.ljust(size, b"\0") + body[: max(length - size, 0)].ljust(max(length - size, 0), b"\0")


def _ip6(header: Header, rest: Sequence[Header]) -> bytes:
    protocol = ip_protocol_number(str(header.values.get("protocol", "")))
    body = _icmp6(rest[0]) if rest and rest[0].name == "icmp" else rebuild(rest)
    length = min(_value(header, "length", len(body)), LONGEST)
    first = 6 << 28 | _value(header, "tos") << 20 | _value(header, "flow label")
    head = first.to_bytes(4, "big") + length.to_bytes(2, "big") + bytes([59 if protocol is None else protocol, _value(header, "ttl")])
    return head + _address(header.source) + _address(header.destination) + body[:length].ljust(length, b"\0")


def _udp(header: Header, rest: Sequence[Header]) -> bytes:
    length = _value(header, "length", 8)
    return _ports(header) + length.to_bytes(2, "big") + _value(header, "checksum").to_bytes(2, "big") + rebuild(rest)


def _tcp(header: Header, rest: Sequence[Header]) -> bytes:
    size = max(_value(header, "header length", 20), 20)
    head = _ports(header) + _value(header, "seq").to_bytes(4, "big") + _value(header, "ack").to_bytes(4, "big")
    head += bytes([(size // 4 & 15) << 4, _value(header, "flags") & 0xFF]) + _value(header, "window").to_bytes(2, "big")
    return (head + _value(header, "checksum").to_bytes(2, "big")).ljust(size, b"\0") + rebuild(rest)


def _ports(header: Header) -> bytes:
    return b"".join((port if isinstance(port, int) else 0).to_bytes(2, "big") for port in (header.source, header.destination))


def _icmp(header: Header, rest: Sequence[Header]) -> bytes:
    name = str(header.values.get("type", "")).split(" ", 1)[0]
    kind = ICMP_TYPES.get(name, 0)
    return bytes([kind, 0]) + _value(header, "checksum").to_bytes(2, "big") + _value(header, "id").to_bytes(2, "big") + bytes(2)


def _icmp6(header: Header) -> bytes:
    name = str(header.values.get("type", "")).split(" ", 1)[0]
    target = header.values.get("target")
    rest = bytes(4) + (_address(target) if target else b"")
    return bytes([ICMP6_TYPES.get(name, 0), 0]) + _value(header, "checksum").to_bytes(2, "big") + rest


def _mpls(header: Header, rest: Sequence[Header]) -> bytes:
    label = str(header.values.get("label", "0"))
    entry = (int(label) if label.isdecimal() else 0) << 12 | _value(header, "exp") << 9 | _value(header, "s") << 8 | _value(header, "ttl")
    return entry.to_bytes(4, "big") + rebuild(rest)


def _esp(header: Header, rest: Sequence[Header]) -> bytes:
    return _value(header, "spi").to_bytes(4, "big") + _value(header, "seq").to_bytes(4, "big")


MAKERS = {"ethernet": _ethernet, "arp": _arp, "ip4": _ip4, "ip6": _ip6, "udp": _udp, "tcp": _tcp, "icmp": _icmp, "mpls": _mpls, "esp": _esp}
