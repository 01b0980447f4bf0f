"""Internet control message protocol for IPv6 and neighbour discovery (RFC 4443, 4861, 3810).

VPP: vnet/ip/icmp46_packet.h, icmp6.c. An echo's identifier is not shown, unlike in IPv4.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import format_ip6_address

HEADER = np.dtype([("type", "u1"), ("code", "u1"), ("checksum", ">u2")])
ECHO = np.dtype([*HEADER.descr, ("id", ">u2"), ("sequence", ">u2")])
NEIGHBOR = np.dtype([*HEADER.descr, ("flags", ">u4"), ("target", ">u8", (2,))])

DESTINATION_UNREACHABLE = 1
PACKET_TOO_BIG = 2
TIME_EXCEEDED = 3
PARAMETER_PROBLEM = 4
ECHO_REQUEST = 128
ECHO_REPLY = 129
ROUTER_SOLICITATION = 133
ROUTER_ADVERTISEMENT = 134
NEIGHBOR_SOLICITATION = 135
NEIGHBOR_ADVERTISEMENT = 136
REDIRECT = 137
MULTICAST_LISTENER_REPORT_V2 = 143

# Flags of a neighbour advertisement, and the options of neighbour discovery (RFC 4861, 4.4, 4.6).
FLAG_ROUTER, FLAG_SOLICITED, FLAG_OVERRIDE = 1 << 31, 1 << 30, 1 << 29
SOURCE_LINK_LAYER_ADDRESS, TARGET_LINK_LAYER_ADDRESS, PREFIX_INFORMATION, MTU = 1, 2, 3, 5
ROUTER_SOLICITATION_BYTES = 8

NEIGHBOR_DISCOVERY_LENGTHS: Mapping[int, int] = MappingProxyType(
    {
        ROUTER_SOLICITATION: 8,
        ROUTER_ADVERTISEMENT: 16,
        NEIGHBOR_SOLICITATION: 24,
        NEIGHBOR_ADVERTISEMENT: 24,
        REDIRECT: 40,
    }
)
"""The messages that must not have been forwarded (RFC 4861), with the length of each without options."""

TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "destination_unreachable",
        2: "packet_too_big",
        3: "time_exceeded",
        4: "parameter_problem",
        128: "echo_request",
        129: "echo_reply",
        130: "multicast_listener_request",
        131: "multicast_listener_report",
        132: "multicast_listener_done",
        133: "router_solicitation",
        134: "router_advertisement",
        135: "neighbor_solicitation",
        136: "neighbor_advertisement",
        137: "redirect",
        138: "router_renumbering",
        139: "node_information_request",
        140: "node_information_response",
        141: "inverse_neighbor_solicitation",
        142: "inverse_neighbor_advertisement",
        143: "multicast_listener_report_v2",
        144: "home_agent_address_discovery_request",
        145: "home_agent_address_discovery_reply",
        146: "mobile_prefix_solicitation",
        147: "mobile_prefix_advertisement",
        148: "certification_path_solicitation",
        149: "certification_path_advertisement",
        151: "multicast_router_advertisement",
        152: "multicast_router_solicitation",
        153: "multicast_router_termination",
        154: "fmipv6_messages",
    }
)
CODE_NAMES: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (1, 0): "no_route_to_destination",
        (1, 1): "destination_administratively_prohibited",
        (1, 2): "beyond_scope_of_source_address",
        (1, 3): "address_unreachable",
        (1, 4): "port_unreachable",
        (1, 5): "source_address_failed_policy",
        (1, 6): "reject_route_to_destination",
        (3, 0): "ttl_exceeded_in_transit",
        (3, 1): "fragment_reassembly_time_exceeded",
        (4, 0): "erroneous_header_field",
        (4, 1): "unrecognized_next_header",
        (4, 2): "unrecognized_option",
        (4, 3): "first_fragment_has_incomplete_header_chain",
        (138, 0): "command",
        (138, 1): "result",
        (139, 0): "data_contains_ip6_address",
        (139, 1): "data_contains_name",
        (139, 2): "data_contains_ip4_address",
        (140, 0): "success",
        (140, 1): "failed",
        (140, 2): "unknown_request",
    }
)


def format_ip6_icmp_type_and_code(kind: int, code: int) -> str:
    """Names of the type and, when VPP has one, of the code."""
    if kind not in TYPE_NAMES:
        return f"unknown 0x{kind:x}"
    name = CODE_NAMES.get((kind, code))
    return f"{TYPE_NAMES[kind]} {name}" if name else TYPE_NAMES[kind]


def format_icmp6_header(data: bytes, indent: int = 0) -> str:
    """Type, code and checksum, and the target of a neighbour solicitation or advertisement."""
    if len(data) < HEADER.itemsize:
        return "ICMP header truncated"
    text = f"ICMP {format_ip6_icmp_type_and_code(data[0], data[1])} checksum 0x{int.from_bytes(data[2:4], 'big'):x}"
    if data[0] in (NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT) and len(data) >= NEIGHBOR.itemsize:
        # Four spaces whatever the indentation is: VPP writes them into the format.
        text += f"\n    target address {format_ip6_address(data[8:24])}"
    return text


LAYERS = (Layer(Carrier.IP_PROTOCOL, ip_protocol.ICMP6, format_icmp6_header),)
