"""Chains of IPv6 extension headers (RFC 8200, 4). VPP: ip6_ext_header_walk in vnet/ip/ip6_packet.h."""

from __future__ import annotations

import numpy as np

from vppsh.engine.wire import ip6, ip_protocol

# Headers that say themselves which one comes next, after how many units of eight bytes besides the first.
EXTENSIONS = frozenset((
    ip_protocol.IP6_HOP_BY_HOP_OPTIONS, ip_protocol.IPV6_ROUTE, ip_protocol.IP6_DESTINATION_OPTIONS, ip_protocol.MOBILITY,
    ip_protocol.HIP, ip_protocol.SHIM6,
))  # fmt: skip
IN_CHAIN = EXTENSIONS | {ip_protocol.IPV6_FRAGMENTATION, ip_protocol.IPSEC_AH}
LONGEST_CHAIN = 4
DEEPEST = 256
# What must be there of the first header behind the fixed one.
LEAST = {ip_protocol.ICMP6: 4, ip_protocol.UDP: 8, ip_protocol.TCP: 20}

IS_IN_CHAIN = np.isin(np.arange(256), list(IN_CHAIN))
IS_IN_CHAIN.flags.writeable = False


def _size(protocol: int, header: bytes) -> int:
    if protocol in EXTENSIONS:
        return (header[1] + 1) * 8 if len(header) > 1 else DEEPEST
    if protocol == ip_protocol.IPSEC_AH:
        return (header[1] + 2) * 4 if len(header) > 1 else DEEPEST
    return ip6.FRAGMENT.itemsize if protocol == ip_protocol.IPV6_FRAGMENTATION else LEAST.get(protocol, 0)


def chain(packet: bytes) -> list[tuple[int, int]]:
    """(protocol, offset) of the headers behind the fixed one, up to one that is not an extension; of a truncated packet, none.

    What lies behind the fragment header of any fragment but the first is named, but not looked into.
    """
    if len(packet) < ip6.HEADER.itemsize:
        return []
    end = min(len(packet), DEEPEST, ip6.HEADER.itemsize + int.from_bytes(packet[4:6], "big"))
    protocol, at = packet[6], ip6.HEADER.itemsize
    found: list[tuple[int, int]] = []
    if at + _size(protocol, packet[at:end]) > end:
        return found
    while True:
        found.append((protocol, at))
        size = _size(protocol, packet[at:end])
        if protocol not in IN_CHAIN or at + size > end or len(found) == LONGEST_CHAIN:
            return found
        behind_first = protocol == ip_protocol.IPV6_FRAGMENTATION and int.from_bytes(packet[at + 2 : at + 4], "big") >> 3 > 0
        protocol, at = packet[at], at + size
        if behind_first:
            return [*found, (protocol, at)]
