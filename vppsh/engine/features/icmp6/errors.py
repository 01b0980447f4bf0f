"""The error counters that the ICMPv6 and ND nodes share in kind (vnet/ip/ip.api)."""

from __future__ import annotations

from vppsh.registry import error, info

ICMP6_ERRORS = (
    info("none", "valid packets"),
    error("unknown_type", "unknown type"),
    error("invalid_code_for_type", "invalid code for type"),
    error("invalid_hop_limit_for_type", "hop_limit != 255"),
    error("length_too_small_for_type", "payload length too small for type"),
    error("options_with_odd_length", "total option length not multiple of 8 bytes"),
    error("option_with_zero_length", "option has zero length"),
    info("echo_replies_sent", "echo replies sent"),
    error("neighbor_solicitation_source_not_on_link", "neighbor solicitations from source not on link"),
    error("neighbor_solicitation_source_unknown", "neighbor solicitations for unknown targets"),
    info("neighbor_advertisements_tx", "neighbor advertisements sent"),
    info("neighbor_advertisements_rx", "neighbor advertisements received"),
    error("router_solicitation_source_not_on_link", "router solicitations from source not on link"),
    error("router_solicitation_unsupported_intf", "neighbor discovery unsupported interface"),
    error("router_solicitation_radv_not_config", "neighbor discovery not configured"),
    error("router_advertisement_source_not_link_local", "router advertisement source not link local"),
    info("router_advertisements_tx", "router advertisements sent"),
    info("router_advertisements_rx", "router advertisements received"),
    error("dst_lookup_miss", "icmp6 dst address lookup misses"),
    info("dest_unreach_sent", "destination unreachable response sent"),
    info("packet_too_big_sent", "packet too big response sent"),
    info("ttl_expire_sent", "hop limit exceeded response sent"),
    info("param_problem_sent", "parameter problem response sent"),
    error("drop", "error message dropped"),
    error("alloc_failure", "buffer allocation failure"),
)
(
    NONE, UNKNOWN_TYPE, INVALID_CODE_FOR_TYPE, INVALID_HOP_LIMIT_FOR_TYPE, LENGTH_TOO_SMALL_FOR_TYPE, OPTIONS_WITH_ODD_LENGTH,
    OPTION_WITH_ZERO_LENGTH, ECHO_REPLIES_SENT, NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK, NEIGHBOR_SOLICITATION_SOURCE_UNKNOWN,
    NEIGHBOR_ADVERTISEMENTS_TX, NEIGHBOR_ADVERTISEMENTS_RX, ROUTER_SOLICITATION_SOURCE_NOT_ON_LINK,
    ROUTER_SOLICITATION_UNSUPPORTED_INTF, ROUTER_SOLICITATION_RADV_NOT_CONFIG, ROUTER_ADVERTISEMENT_SOURCE_NOT_LINK_LOCAL,
    ROUTER_ADVERTISEMENTS_TX, ROUTER_ADVERTISEMENTS_RX, DST_LOOKUP_MISS, DEST_UNREACH_SENT, PACKET_TOO_BIG_SENT, TTL_EXPIRE_SENT,
    PARAM_PROBLEM_SENT, DROP, ALLOC_FAILURE,
) = range(len(ICMP6_ERRORS))  # fmt: skip
