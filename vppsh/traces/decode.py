"""A packet's bytes as headers and fields, each with the place where it lies: for showing them beside a hex dump.

Unlike VPP's own texts, which the wire files make, every field is told, and nothing is judged: a header that is cut off ends with
its last whole field. Ethernet, VLAN, ARP, MPLS, IPv4, IPv6 and its extensions, ICMP, UDP, TCP, GRE, ESP, AH, and what VXLAN,
VXLAN-GPE and Geneve carry at their usual ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vppsh.engine.wire import ethertype, icmp4, icmp6, ip_protocol, mpls, tcp
from vppsh.engine.wire.text import format_ethernet_address, format_ip4_address, format_ip6_address
from vppsh.traces.pcapng import LINK_ETHERNET

Show = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or (without a name) the header that it belongs to; bytes from `start` up to `end`."""

    header: str
    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a header: where it begins in it, how long it is, and how it is shown."""

    name: str
    at: int
    length: int
    show: Show


def decode(data: bytes, link_type: int = LINK_ETHERNET) -> list[Part]:
    """All headers from the begin of some bytes on, and what is left behind them as payload."""
    parts: list[Part] = []
    kind = "ethernet" if link_type == LINK_ETHERNET else "ip6" if data[:1] and data[0] >> 4 == 6 else "ip4"
    at = 0
    while kind and at < len(data):
        fields, length, following = HEADERS[kind](data[at:])
        whole = [Part(kind, each.name, each.show(data[at + each.at : at + each.at + each.length]), at + each.at, at + each.at + each.length)
                 for each in fields if at + each.at + each.length <= len(data)]  # fmt: skip
        cut = " (cut off)" if at + length > len(data) else ""
        parts += [Part(kind, "", f"{NAMES.get(kind, kind)}{cut}", at, min(at + length, len(data))), *whole]
        kind, at = "" if cut else following, at + length
    if at < len(data):
        parts.append(Part("payload", "", f"payload, {len(data) - at} bytes", at, len(data)))
    return parts


Header = tuple[list[Field], int, str]
"""The fields of a header, its length, and which one follows; empty when that is not known."""


def _number(data: bytes) -> str:
    return str(int.from_bytes(data, "big"))


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _named(names: Mapping[int, str], digits: int = 0) -> Show:
    def show(data: bytes) -> str:
        number = int.from_bytes(data, "big")
        text = f"0x{number:0{digits}x}" if digits else str(number)
        return f"{text} {names[number]}" if number in names else text

    return show


def _at(data: bytes, at: int, length: int = 1) -> int:
    return int.from_bytes(data[at : at + length], "big")


_ETHERTYPE = _named(ethertype.NAMES, 4)
_PROTOCOL = _named(ip_protocol.PROTOCOL_NAMES)
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ethernet": "Ethernet", "vlan": "VLAN tag", "arp": "ARP", "mpls": "MPLS", "ip4": "IPv4", "ip6": "IPv6",
        "ip6-options": "IPv6 options", "ip6-fragment": "IPv6 fragment", "icmp4": "ICMP", "icmp6": "ICMPv6",
        "udp": "UDP", "tcp": "TCP", "gre": "GRE", "esp": "ESP", "ah": "AH", "vxlan": "VXLAN", "geneve": "Geneve",
    }
)  # fmt: skip
BEHIND_ETHERTYPE: Mapping[int, str] = MappingProxyType(
    {
        ethertype.IP4: "ip4", ethertype.IP6: "ip6", ethertype.ARP: "arp", ethertype.MPLS: "mpls", ethertype.VLAN: "vlan",
        ethertype.DOT1AD: "vlan", ethertype.VLAN_9100: "vlan", ethertype.VLAN_9200: "vlan", 0x6558: "ethernet",
    }
)  # fmt: skip
BEHIND_PROTOCOL: Mapping[int, str] = MappingProxyType(
    {
        ip_protocol.ICMP: "icmp4", ip_protocol.ICMP6: "icmp6", ip_protocol.TCP: "tcp", ip_protocol.UDP: "udp", ip_protocol.GRE: "gre",
        ip_protocol.IP_IN_IP: "ip4", ip_protocol.IPV6: "ip6", ip_protocol.IPSEC_ESP: "esp", ip_protocol.IPSEC_AH: "ah",
        ip_protocol.MPLS_IN_IP: "mpls", ip_protocol.IP6_HOP_BY_HOP_OPTIONS: "ip6-options",
        ip_protocol.IP6_DESTINATION_OPTIONS: "ip6-options", ip_protocol.IPV6_ROUTE: "ip6-options",
        ip_protocol.IPV6_FRAGMENTATION: "ip6-fragment",
    }
)  # fmt: skip
BEHIND_PORT: Mapping[int, str] = MappingProxyType({4789: "vxlan", 4790: "vxlan", 6081: "geneve"})
BEHIND_GPE: Mapping[int, str] = MappingProxyType({0: "ethernet", 1: "ip4", 2: "ip6", 3: "ethernet"})


def _ethernet(data: bytes) -> Header:
    fields = [Field("destination", 0, 6, format_ethernet_address), Field("source", 6, 6, format_ethernet_address)]
    return [*fields, Field("type", 12, 2, _ETHERTYPE)], 14, BEHIND_ETHERTYPE.get(_at(data, 12, 2), "")


def _vlan(data: bytes) -> Header:
    def tag(octets: bytes) -> str:
        number = int.from_bytes(octets, "big")
        return f"{number & 0xFFF} priority {number >> 13}"

    return [Field("id", 0, 2, tag), Field("type", 2, 2, _ETHERTYPE)], 4, BEHIND_ETHERTYPE.get(_at(data, 2, 2), "")


def _arp(data: bytes) -> Header:
    fields = [
        Field("opcode", 6, 2, _named(MappingProxyType({1: "request", 2: "reply"}))),
        Field("sender MAC", 8, 6, format_ethernet_address),
        Field("sender", 14, 4, format_ip4_address),
        Field("target MAC", 18, 6, format_ethernet_address),
        Field("target", 24, 4, format_ip4_address),
    ]
    return fields, 28, ""


def _mpls(data: bytes) -> Header:
    def entry(octets: bytes) -> str:
        number = int.from_bytes(octets, "big")
        return f"{mpls.format_mpls_unicast_label(mpls.label(number))} exp {mpls.exp(number)} ttl {mpls.ttl(number)}"

    last = mpls.end_of_stack(_at(data, 0, 4))
    inner = "" if len(data) < 5 else {4: "ip4", 6: "ip6"}.get(data[4] >> 4, "")
    return [Field("label", 0, 4, entry)], 4, inner if last else "mpls"


def _ip4(data: bytes) -> Header:
    def fragment(octets: bytes) -> str:
        number = int.from_bytes(octets, "big")
        flags = "".join(f" {name}" for bit, name in ((0x4000, "DF"), (0x2000, "MF")) if number & bit)
        return f"{8 * (number & 0x1FFF)}{flags}"

    length = max((data[0] & 15) * 4, 20)
    fields = [
        Field("version, size", 0, 1, lambda octets: f"{octets[0] >> 4}, {(octets[0] & 15) * 4} bytes"),
        Field("tos", 1, 1, _dscp),
        Field("total length", 2, 2, _number),
        Field("id", 4, 2, _hex),
        Field("offset, flags", 6, 2, fragment),
        Field("ttl", 8, 1, _number),
        Field("protocol", 9, 1, _PROTOCOL),
        Field("checksum", 10, 2, _hex),
        Field("source", 12, 4, format_ip4_address),
        Field("destination", 16, 4, format_ip4_address),
    ]
    if length > 20:
        fields.append(Field("options", 20, length - 20, bytes.hex))
    return fields, length, "" if _at(data, 6, 2) & 0x1FFF else BEHIND_PROTOCOL.get(_at(data, 9), "")


def _dscp(octets: bytes) -> str:
    return f"0x{octets[0]:02x} {ip_protocol.format_ip_dscp(octets[0] >> 2)} {ip_protocol.format_ip_ecn(octets[0])}"


def _ip6(data: bytes) -> Header:
    fields = [
        Field("class, flow label", 0, 4, lambda octets: f"0x{_at(octets, 0, 2) >> 4 & 0xFF:02x}, 0x{_at(octets, 1, 3) & 0xFFFFF:05x}"),
        Field("payload length", 4, 2, _number),
        Field("next header", 6, 1, _PROTOCOL),
        Field("hop limit", 7, 1, _number),
        Field("source", 8, 16, format_ip6_address),
        Field("destination", 24, 16, format_ip6_address),
    ]
    return fields, 40, BEHIND_PROTOCOL.get(_at(data, 6), "")


def _ip6_options(data: bytes) -> Header:
    length = 8 * (_at(data, 1) + 1)
    return (
        [Field("next header", 0, 1, _PROTOCOL), Field("options", 2, length - 2, bytes.hex)],
        length,
        BEHIND_PROTOCOL.get(_at(data, 0), ""),
    )


def _ip6_fragment(data: bytes) -> Header:
    def offset(octets: bytes) -> str:
        number = int.from_bytes(octets, "big")
        return f"{number & 0xFFF8}{' MF' if number & 1 else ''}"

    fields = [Field("next header", 0, 1, _PROTOCOL), Field("offset, flags", 2, 2, offset), Field("id", 4, 4, _hex)]
    return fields, 8, "" if _at(data, 2, 2) & 0xFFF8 else BEHIND_PROTOCOL.get(_at(data, 0), "")


def _icmp4(data: bytes) -> Header:
    fields = [Field("type", 0, 1, _named(icmp4.TYPE_NAMES)), Field("code", 1, 1, _number), Field("checksum", 2, 2, _hex)]
    if _at(data, 0) in (icmp4.ECHO_REQUEST, icmp4.ECHO_REPLY):
        fields += [Field("id", 4, 2, _number), Field("sequence", 6, 2, _number)]
    error = _at(data, 0) in (icmp4.DESTINATION_UNREACHABLE, icmp4.TIME_EXCEEDED, icmp4.PARAMETER_PROBLEM)
    return fields, 8, "ip4" if error else ""


def _icmp6(data: bytes) -> Header:
    fields = [Field("type", 0, 1, _named(icmp6.TYPE_NAMES)), Field("code", 1, 1, _number), Field("checksum", 2, 2, _hex)]
    kind = _at(data, 0)
    if kind in (icmp6.ECHO_REQUEST, icmp6.ECHO_REPLY):
        fields += [Field("id", 4, 2, _number), Field("sequence", 6, 2, _number)]
    if kind in (icmp6.NEIGHBOR_SOLICITATION, icmp6.NEIGHBOR_ADVERTISEMENT):
        return [*fields, Field("target", 8, 16, format_ip6_address)], 24, ""
    error = kind in (icmp6.DESTINATION_UNREACHABLE, icmp6.PACKET_TOO_BIG, icmp6.TIME_EXCEEDED, icmp6.PARAMETER_PROBLEM)
    return fields, 8, "ip6" if error else ""


def _udp(data: bytes) -> Header:
    fields = [Field("source port", 0, 2, _number), Field("destination port", 2, 2, _number), Field("length", 4, 2, _number)]
    return [*fields, Field("checksum", 6, 2, _hex)], 8, BEHIND_PORT.get(_at(data, 2, 2), "")


def _tcp(data: bytes) -> Header:
    length = max((_at(data, 12) >> 4) * 4, 20)
    fields = [
        Field("source port", 0, 2, _number),
        Field("destination port", 2, 2, _number),
        Field("sequence", 4, 4, _number),
        Field("acknowledged", 8, 4, _number),
        Field("header length", 12, 1, lambda octets: f"{(octets[0] >> 4) * 4} bytes"),
        Field("flags", 13, 1, lambda octets: tcp.format_tcp_flags(octets[0])),
        Field("window", 14, 2, _number),
        Field("checksum", 16, 2, _hex),
    ]
    if length > 20:
        fields.append(Field("options", 20, length - 20, bytes.hex))
    return fields, length, ""


def _gre(data: bytes) -> Header:
    flags = _at(data, 0, 2)
    fields, at = [Field("flags", 0, 2, _hex), Field("protocol", 2, 2, _ETHERTYPE)], 4
    for bit, name in ((0x8000, "checksum"), (0x2000, "key"), (0x1000, "sequence")):
        if flags & bit:
            fields.append(Field(name, at, 4, _hex if name == "checksum" else _number))
            at += 4
    return fields, at, BEHIND_ETHERTYPE.get(_at(data, 2, 2), "")


def _esp(data: bytes) -> Header:
    return [Field("SPI", 0, 4, _number), Field("sequence", 4, 4, _number)], 8, ""


def _ah(data: bytes) -> Header:
    length = 4 * (_at(data, 1) + 2)
    fields = [Field("next header", 0, 1, _PROTOCOL), Field("SPI", 4, 4, _number), Field("sequence", 8, 4, _number)]
    return [*fields, Field("integrity", 12, max(length - 12, 0), bytes.hex)], max(length, 12), BEHIND_PROTOCOL.get(_at(data, 0), "")


def _vxlan(data: bytes) -> Header:
    protocol = _at(data, 3) if _at(data, 0) & 4 else 0
    return [Field("flags", 0, 1, _hex), Field("VNI", 4, 3, _number)], 8, BEHIND_GPE.get(protocol, "")


def _geneve(data: bytes) -> Header:
    length = 8 + 4 * (_at(data, 0) & 0x3F)
    fields = [Field("protocol", 2, 2, _ETHERTYPE), Field("VNI", 4, 3, _number)]
    if length > 8:
        fields.append(Field("options", 8, length - 8, bytes.hex))
    return fields, length, BEHIND_ETHERTYPE.get(_at(data, 2, 2), "")


HEADERS: Mapping[str, Callable[[bytes], Header]] = MappingProxyType(
    {
        "ethernet": _ethernet, "vlan": _vlan, "arp": _arp, "mpls": _mpls, "ip4": _ip4, "ip6": _ip6, "ip6-options": _ip6_options,
        "ip6-fragment": _ip6_fragment, "icmp4": _icmp4, "icmp6": _icmp6, "udp": _udp, "tcp": _tcp, "gre": _gre, "esp": _esp, "ah": _ah,
        "vxlan": _vxlan, "geneve": _geneve,
    }
)  # fmt: skip


def hex_lines(data: bytes, per_line: int) -> Iterator[str]:
    """A hex dump: offset, bytes, and what of them is text."""
    for at in range(0, len(data), per_line):
        line = data[at : at + per_line]
        text = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in line)
        yield f"{at:04x}  {line.hex(' '):<{3 * per_line - 1}}  {text}"
