"""Packet headers as VPP's traces print them: Ethernet, ARP, MPLS, IPv4, IPv6, UDP, TCP, ICMP, ESP.

VPP's counterparts: format_ethernet_header, format_ip4_header and their kin, which any node may use, so
that headers are understood in the text of nodes that nobody has heard of as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from vppsh.engine.wire.ip_protocol import PROTOCOL_NUMBERS

Value = str | int | bytes

# Numbers are as long as they can be: what is longer is no number of VPP's, and Python refuses to read very long ones.
ARROW = re.compile(r"(?:([^\s:]+(?: \d+)?): )?(\S+) -> (\S+)(.*)", re.ASCII)
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.ASCII)
IP6 = re.compile(r"[0-9a-f:.]+", re.ASCII)
TOS4 = re.compile(
    r"tos 0x([0-9a-f]{1,16}), ttl (\d{1,18}), length (\d{1,18}), checksum 0x([0-9a-f]{1,16})(?: \(should be 0x([0-9a-f]{1,16})\))?"
    r"(?: dscp (\S+) ecn (\S+))?",
    re.ASCII,
)
TOS6 = re.compile(r"tos 0x([0-9a-f]{1,16}), flow label 0x([0-9a-f]{1,16}), hop limit (\d{1,18}), payload length (\d{1,18})", re.ASCII)
FRAGMENT = re.compile(r"fragment id 0x([0-9a-f]{1,16})(?: offset (\d{1,18}))?(?:, flags (\w+))?", re.ASCII)
LENGTH = re.compile(r"length (\d{1,18}), checksum 0x([0-9a-f]{1,16})", re.ASCII)
SEQUENCE = re.compile(r"seq\. 0x([0-9a-f]{1,16}) ack 0x([0-9a-f]{1,16})", re.ASCII)
FLAGS = re.compile(r"flags 0x([0-9a-f]{1,16}) ?(.*?), tcp header: (\d{1,18}) bytes", re.ASCII)
WINDOW = re.compile(r"window (\d{1,18}), checksum 0x([0-9a-f]{1,16})", re.ASCII)
ICMP = re.compile(r"ICMP (.+?) checksum 0x([0-9a-f]{1,16})(?: id (\d{1,18}))?", re.ASCII)
LABEL = re.compile(r"label (\S+) exp (\d{1,18}), s (\d), ttl (\d{1,18})", re.ASCII)
VLAN = re.compile(r"(802\.1\S+) vlan (\d{1,18})(?: priority (\d))?", re.ASCII)
ESP = re.compile(r"ESP: spi (\d{1,18})(?: \(0x\w+\))?, seq (\d{1,18})", re.ASCII)
TARGET = re.compile(r"target address (\S+)", re.ASCII)
OPTIONS = re.compile(r"(?:mss \d+|window scale \d+|timestamp .*|sack permitted|sacks? .*)(?:, .*)?", re.ASCII)
FRAGMENT6 = re.compile(r"IPV6_FRAG_HDR: next_hdr: (\d{1,18}), rsv: \d+, frag_offset_and_more: (\d{1,18}), id: (\d{1,18})", re.ASCII)
PORTS = re.compile(r"UDP: src-port (\d{1,18}) dst-port (\d{1,18})(?: \((.*)\))?", re.ASCII)
GRE = re.compile(r"GRE (\S+)(.*)", re.ASCII)
TRANSPORTS = ("UDP", "TCP", "SCTP")


@dataclass(slots=True)
class Header:
    """One header.

    name         ethernet, arp, mpls, ip4, ip6, udp, tcp, icmp, esp
    source       address (MAC, IP) or port number; None where a header has none
    destination  the same
    values       what else is printed, by the names that VPP prints
    """

    name: str
    source: str | int | None = None
    destination: str | int | None = None
    values: dict[str, Value] = field(default_factory=dict)


class HeaderReader:
    """Takes lines of a step one by one; `headers` are those found so far, the outermost first."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[Header] = []

    def take(self, line: str) -> bool:
        """Read a line (without its indentation); False when it is not part of a header."""
        reader = READERS.get(line.split(" ", 1)[0])
        if reader is not None and reader(self, line):
            return True
        if " -> " in line:
            return self._arrow(line)
        return ", type " in line and self._arp(line)

    def _last(self, *names: str) -> Header | None:
        """The header read last, when it is one of these."""
        return self.headers[-1] if self.headers and self.headers[-1].name in names else None

    def _arrow(self, line: str) -> bool:
        match = ARROW.fullmatch(line)
        if match is None:
            return False
        kind, source, destination, rest = match.groups()
        if kind is None:
            return self._arp_addresses(source, destination)
        if kind in TRANSPORTS and _is_port(source) and _is_port(destination):
            self.headers.append(Header(kind.lower(), int(source), int(destination)))
        elif MAC.fullmatch(source):
            header = Header("ethernet", source, destination, {"type": kind})
            for position, tag in enumerate(VLAN.finditer(rest)):
                header.values["vlan" if position == 0 else "inner vlan"] = int(tag[2])
            self.headers.append(header)
        elif "." in source and source.replace(".", "").isdecimal():
            self.headers.append(Header("ip4", source, destination, {"protocol": kind}))
        elif ":" in source and IP6.fullmatch(source):
            self.headers.append(Header("ip6", source, destination, {"protocol": kind}))
        else:
            return False
        return True

    def _arp_addresses(self, source: str, destination: str) -> bool:
        header = self._last("arp")
        if header is None or "/" not in source or "/" not in destination:
            return False
        header.values["sender mac"], header.source = source.split("/", 1)
        header.values["target mac"], header.destination = destination.split("/", 1)
        return True

    def _arp(self, line: str) -> bool:
        """`request, type ethernet/IP4, address size 6/4`."""
        opcode, _, rest = line.partition(", type ")
        if " address size " not in rest or " " in opcode:
            return False
        self.headers.append(Header("arp", values={"opcode": opcode}))
        return True

    def _tos(self, line: str) -> bool:
        header = self._last("ip4", "ip6")
        if header is None:
            return False
        values = header.values
        if match := TOS4.fullmatch(line):
            tos, ttl, length, checksum, should, dscp, ecn = match.groups()
            values.update({"tos": int(tos, 16), "ttl": int(ttl), "length": int(length), "checksum": int(checksum, 16)})
            if should:
                values["right checksum"] = int(should, 16)
            if dscp:
                values.update({"dscp": dscp, "ecn": ecn})
            return True
        if match := TOS6.fullmatch(line):
            tos, label, limit, length = match.groups()
            values.update({"tos": int(tos, 16), "flow label": int(label, 16), "ttl": int(limit), "length": int(length)})
            return True
        return False

    def _version(self, line: str) -> bool:
        """`version 4, header length 24`: printed when they are unusual."""
        header = self._last("ip4", "ip6")
        if header is None:
            return False
        for part in line.split(", "):
            name, _, number = part.rpartition(" ")
            if not number.isdecimal() or len(number) > 9:
                return False
            header.values[name] = int(number)
        return True

    def _fragment(self, line: str) -> bool:
        header, match = self._last("ip4"), FRAGMENT.fullmatch(line)
        if header is None or match is None:
            return False
        header.values["id"] = int(match[1], 16)
        header.values["offset"] = int(match[2] or 0)
        if match[3]:
            header.values["flags"] = match[3]
        return True

    def _length(self, line: str) -> bool:
        header, match = self._last("udp"), LENGTH.fullmatch(line)
        if header is None or match is None:
            return False
        header.values.update({"length": int(match[1]), "checksum": int(match[2], 16)})
        return True

    def _sequence(self, line: str) -> bool:
        header, match = self._last("tcp"), SEQUENCE.fullmatch(line)
        if header is None or match is None:
            return False
        header.values.update({"seq": int(match[1], 16), "ack": int(match[2], 16)})
        return True

    def _flags(self, line: str) -> bool:
        header, match = self._last("tcp"), FLAGS.fullmatch(line)
        if header is None or match is None:
            return False
        header.values.update({"flags": int(match[1], 16), "flag names": match[2], "header length": int(match[3])})
        return True

    def _window(self, line: str) -> bool:
        header, match = self._last("tcp"), WINDOW.fullmatch(line)
        if header is None or match is None:
            return self._options(line)
        header.values.update({"window": int(match[1]), "checksum": int(match[2], 16)})
        return True

    def _options(self, line: str) -> bool:
        header = self._last("tcp")
        if header is None or (line != "options:" and OPTIONS.fullmatch(line) is None):
            return False
        if line != "options:":
            header.values["options"] = line
        return True

    def _udp(self, line: str) -> bool:
        """`UDP: src-port 1 dst-port 2 (no listener)`, what ip4-udp-lookup prints."""
        match = PORTS.fullmatch(line)
        if match is None:
            return False
        self.headers.append(Header("udp", int(match[1]), int(match[2]), {"note": match[3]} if match[3] else {}))
        return True

    def _fragment6(self, line: str) -> bool:
        header, match = self._last("ip6"), FRAGMENT6.fullmatch(line)
        if header is None or match is None:
            return False
        # VPP prints the field as it lies in memory.
        field_value = int.from_bytes(int(match[2]).to_bytes(2, "little"), "big")
        header.values.update(
            {"fragment protocol": int(match[1]), "offset": field_value & 0xFFF8, "more": field_value & 1, "id": int(match[3])}
        )
        return True

    def _gre(self, line: str) -> bool:
        match = GRE.fullmatch(line)
        if match is None:
            return False
        self.headers.append(Header("gre", values={"protocol": match[1]}))
        return True

    def _icmp(self, line: str) -> bool:
        match = ICMP.fullmatch(line)
        if match is None:
            return False
        values: dict[str, Value] = {"type": match[1], "checksum": int(match[2], 16)}
        if match[3]:
            values["id"] = int(match[3])
        self.headers.append(Header("icmp", values=values))
        return True

    def _target(self, line: str) -> bool:
        header, match = self._last("icmp"), TARGET.fullmatch(line)
        if header is None or match is None:
            return False
        header.values["target"] = match[1]
        return True

    def _label(self, line: str) -> bool:
        match = LABEL.fullmatch(line)
        if match is None:
            return False
        self.headers.append(Header("mpls", values={"label": match[1], "exp": int(match[2]), "s": int(match[3]), "ttl": int(match[4])}))
        return True

    def _esp(self, line: str) -> bool:
        match = ESP.fullmatch(line)
        if match is None:
            return False
        self.headers.append(Header("esp", values={"spi": int(match[1]), "seq": int(match[2])}))
        return True


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5


READERS: Mapping[str, Callable[[HeaderReader, str], bool]] = MappingProxyType(
    {
        "tos": HeaderReader._tos,
        "version": HeaderReader._version,
        "fragment": HeaderReader._fragment,
        "length": HeaderReader._length,
        "seq.": HeaderReader._sequence,
        "flags": HeaderReader._flags,
        "window": HeaderReader._window,
        "ICMP": HeaderReader._icmp,
        "target": HeaderReader._target,
        "label": HeaderReader._label,
        "ESP:": HeaderReader._esp,
        "options:": HeaderReader._options,
        "mss": HeaderReader._options,
        "timestamp": HeaderReader._options,
        "sack": HeaderReader._options,
        "UDP:": HeaderReader._udp,
        "IPV6_FRAG_HDR:": HeaderReader._fragment6,
        "GRE": HeaderReader._gre,
    }
)


def ip_protocol_number(name: str) -> int | None:
    """The number behind VPP's name of an IP protocol (`unknown 99` too); None when there is none."""
    if name.startswith("unknown "):
        return int(name[8:]) if name[8:].isdecimal() and len(name) <= 11 else None
    return PROTOCOL_NUMBERS.get(name)
