"""Internet control message protocol (RFC 792, 950, 1812). VPP: vnet/ip/icmp46_packet.h, icmp4.c."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.layers import Carrier, Layer

HEADER = np.dtype([("type", "u1"), ("code", "u1"), ("checksum", ">u2")])
ECHO = np.dtype([*HEADER.descr, ("id", ">u2"), ("sequence", ">u2")])

ECHO_REPLY = 0
DESTINATION_UNREACHABLE = 3
ECHO_REQUEST = 8
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12

TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "echo_reply",
        3: "destination_unreachable",
        4: "source_quench",
        5: "redirect",
        6: "alternate_host_address",
        8: "echo_request",
        9: "router_advertisement",
        10: "router_solicitation",
        11: "time_exceeded",
        12: "parameter_problem",
        13: "timestamp_request",
        14: "timestamp_reply",
        15: "information_request",
        16: "information_reply",
        17: "address_mask_request",
        18: "address_mask_reply",
        30: "traceroute",
        31: "datagram_conversion_error",
        32: "mobile_host_redirect",
        33: "ip6_where_are_you",
        34: "ip6_i_am_here",
        35: "mobile_registration_request",
        36: "mobile_registration_reply",
        37: "domain_name_request",
        38: "domain_name_reply",
        39: "skip",
        40: "photuris",
    }
)
CODE_NAMES: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (3, 0): "destination_unreachable_net",
        (3, 1): "destination_unreachable_host",
        (3, 2): "protocol_unreachable",
        (3, 3): "port_unreachable",
        (3, 4): "fragmentation_needed_and_dont_fragment_set",
        (3, 5): "source_route_failed",
        (3, 6): "destination_network_unknown",
        (3, 7): "destination_host_unknown",
        (3, 8): "source_host_isolated",
        (3, 9): "network_administratively_prohibited",
        (3, 10): "host_administratively_prohibited",
        (3, 11): "network_unreachable_for_type_of_service",
        (3, 12): "host_unreachable_for_type_of_service",
        (3, 13): "communication_administratively_prohibited",
        (3, 14): "host_precedence_violation",
        (3, 15): "precedence_cutoff_in_effect",
        (5, 0): "network_redirect",
        (5, 1): "host_redirect",
        (5, 2): "type_of_service_and_network_redirect",
        (5, 3): "type_of_service_and_host_redirect",
        (9, 0): "normal_router_advertisement",
        (9, 16): "does_not_route_common_traffic",
        (11, 0): "ttl_exceeded_in_transit",
        (11, 1): "fragment_reassembly_time_exceeded",
        (12, 0): "pointer_indicates_error",
        (12, 1): "missing_required_option",
        (12, 2): "bad_length",
    }
)


def format_ip4_icmp_type_and_code(kind: int, code: int) -> str:
    """Names of the type and, when VPP has one, of the code."""
    if kind not in TYPE_NAMES:
        return f"unknown 0x{kind:x}"
    name = CODE_NAMES.get((kind, code))
    return f"{TYPE_NAMES[kind]} {name}" if name else TYPE_NAMES[kind]


def format_ip4_icmp_header(data: bytes, indent: int = 0) -> str:
    """Type, code and checksum, and the identifier of an echo."""
    if len(data) < HEADER.itemsize:
        return "ICMP header truncated"
    text = f"ICMP {format_ip4_icmp_type_and_code(data[0], data[1])} checksum 0x{int.from_bytes(data[2:4], 'big'):x}"
    # VPP wants one byte more than the identifier to be captured.
    if data[0] in (ECHO_REQUEST, ECHO_REPLY) and len(data) > HEADER.itemsize + 2:
        text += f" id {int.from_bytes(data[4:6], 'big')}"
    return text


LAYERS = (Layer(Carrier.IP_PROTOCOL, ip_protocol.ICMP, format_ip4_icmp_header),)
