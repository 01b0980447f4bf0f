"""Packets of neighbour discovery as bytes, one at a time: they are rare."""

from __future__ import annotations

from vppsh.engine.wire import icmp6, ip6, ip_protocol
from vppsh.engine.wire.checksum import checksum

HOP_LIMIT = 255
ALL_NODES = 0xFF02 << 112 | 1
ALL_ROUTERS = 0xFF02 << 112 | 2
MLDV2_ROUTERS = 0xFF02 << 112 | 0x16
SOLICITED_NODE = 0xFF02 << 112 | 0x1FF000000
CHECKSUM_AT = 2


def solicited_node(address: int) -> int:
    """The group of those who may have an address (RFC 4291, 2.7.1)."""
    return SOLICITED_NODE | address & 0xFFFFFF


def group_mac(group: int) -> bytes:
    """The MAC address of a group (RFC 2464, 7)."""
    return b"\x33\x33" + (group & 0xFFFFFFFF).to_bytes(4, "big")


def neighbor_message(kind: int, flags: int, target: int, option: int, mac: bytes) -> bytes:
    """A neighbour solicitation or advertisement with one option, its checksum still zero."""
    head = bytes((kind, 0, 0, 0)) + flags.to_bytes(4, "big") + target.to_bytes(16, "big")
    return head + bytes((option, 1)) + mac


def dad_solicitation(target: int) -> bytes:
    """A solicitation of an address that we want to use, from nobody and without options (RFC 4862, 5.4.2).

    As in VPP there are bytes behind it, where an option would be, that the packet's length does not count.
    """
    message = bytes((icmp6.NEIGHBOR_SOLICITATION, *bytes(7))) + target.to_bytes(16, "big")
    return ip6_packet(0, solicited_node(target), HOP_LIMIT, message) + bytes(8)


def ip6_packet(source: int, destination: int, hop_limit: int, message: bytes, extension: bytes = b"") -> bytes:
    """An IPv6 packet with an ICMPv6 message, whose checksum is filled in; `extension` is a whole extension header."""
    first = ip_protocol.ICMP6 if not extension else ip_protocol.IP6_HOP_BY_HOP_OPTIONS
    length = len(extension) + len(message)
    header = (ip6.VERSION << 28).to_bytes(4, "big") + length.to_bytes(2, "big") + bytes((first, hop_limit))
    header += source.to_bytes(16, "big") + destination.to_bytes(16, "big")
    total = checksum(message, ip6.pseudo_header(header, ip_protocol.ICMP6, len(message)))
    return header + extension + message[:CHECKSUM_AT] + total.to_bytes(2, "big") + message[CHECKSUM_AT + 2 :]
