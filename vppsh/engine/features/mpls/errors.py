"""The error counters that mpls-input, mpls-lookup, mpls-output and their kin have in common (vnet/mpls/mpls.api)."""

from __future__ import annotations

from vppsh.registry import error, info

MPLS_ERRORS = (
    info("none", "no error"),
    error("unknown_protocol", "unknown protocol"),
    error("unsupported_version", "unsupported version"),
    info("pkts_decap", "MPLS input packets decapsulated"),
    info("pkts_encap", "MPLS output packets encapsulated"),
    info("pkts_need_frag", "MPLS output packets needs fragmentation"),
    error("no_label", "MPLS no label for fib/dst"),
    error("ttl_expired", "MPLS ttl expired"),
    error("s_not_set", "MPLS s-bit not set"),
    error("bad_label", "invalid FIB id in label"),
    error("not_ip4", "non-ip4 packets dropped"),
    error("disallowed_fib", "disallowed FIB id"),
    error("not_enabled", "MPLS not enabled"),
    error("drop", "MPLS DROP DPO"),
    error("punt", "MPLS PUNT DPO"),
)
PKTS_DECAP, PKTS_ENCAP, PKTS_NEED_FRAG, TTL_EXPIRED, NOT_ENABLED, DROPPED, PUNTED = 3, 4, 5, 7, 12, 13, 14
