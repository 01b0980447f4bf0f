"""The error counters that the ICMP nodes share in kind (vnet/ip/ip.api)."""

from __future__ import annotations

from vppsh.registry import error, info

ICMP4_ERRORS = (
    info("none", "valid packets"),
    error("unknown_type", "unknown type"),
    error("invalid_code_for_type", "invalid code for type"),
    error("invalid_hop_limit_for_type", "hop_limit != 255"),
    error("length_too_small_for_type", "payload length too small for type"),
    error("options_with_odd_length", "total option length not multiple of 8 bytes"),
    error("option_with_zero_length", "option has zero length"),
    info("echo_replies_sent", "echo replies sent"),
    error("dst_lookup_miss", "icmp6 dst address lookup misses"),
    info("dest_unreach_sent", "destination unreachable response sent"),
    info("ttl_expire_sent", "hop limit exceeded response sent"),
    info("param_problem_sent", "parameter problem response sent"),
    error("drop", "error message dropped"),
)
(
    NONE, UNKNOWN_TYPE, INVALID_CODE_FOR_TYPE, INVALID_HOP_LIMIT_FOR_TYPE, LENGTH_TOO_SMALL_FOR_TYPE, OPTIONS_WITH_ODD_LENGTH,
    OPTION_WITH_ZERO_LENGTH, ECHO_REPLIES_SENT, DST_LOOKUP_MISS, DEST_UNREACH_SENT, TTL_EXPIRE_SENT, PARAM_PROBLEM_SENT, DROP,
) = range(len(ICMP4_ERRORS))  # fmt: skip
