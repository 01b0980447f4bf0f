"""Internet group management protocol (RFC 1112, 2236, 3376). VPP: vnet/ip/igmp_packet.h."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HEADER_BYTES = 4
CHECKSUM = slice(2, 4)

TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0x11: "membership_query",
        0x12: "membership_report_v1",
        0x13: "dvmrp",
        0x14: "pim_v1",
        0x15: "cisco_trace",
        0x16: "membership_report_v2",
        0x17: "leave_group_v2",
        0x1E: "traceroute_response",
        0x1F: "traceroute_request",
        0x22: "membership_report_v3",
        0x30: "router_advertisement",
        0x31: "router_solicitation",
    }
)


def format_igmp_header(data: bytes, indent: int = 0) -> str:
    """`  membership_query: code 100, checksum 0xee9b`."""
    if len(data) < HEADER_BYTES:
        return "IGMP header truncated"
    name = TYPE_NAMES.get(data[0], f"unknown:{data[0]}")
    return f"{' ' * (indent + 2)}{name}: code {data[1]}, checksum 0x{int.from_bytes(data[CHECKSUM], 'big'):04x}"
