"""The error counters of ip6-input, which other IPv6 nodes charge too, and the arcs of the path (vnet/ip/ip.api, ip6_forward.c)."""

from __future__ import annotations

from vppsh.registry import arc, error, feature, info

IP6_ERRORS = (
    info("none", "valid ip6 packets"),
    error("too_short", "ip6 length < 40 bytes"),
    error("bad_length", "ip6 length > l2 length"),
    error("version", "ip6 version != 6"),
    error("time_expired", "ip6 ttl <= 1"),
    error("mtu_exceeded", "ip6 MTU exceeded"),
    error("dst_lookup_miss", "ip6 destination lookup miss"),
    error("src_lookup_miss", "ip6 source lookup miss"),
    error("drop", "ip6 drop"),
    error("punt", "ip6 punt"),
    error("unknown_protocol", "unknown ip protocol"),
    error("udp_checksum", "bad udp checksum"),
    error("icmp_checksum", "bad icmp checksum"),
    error("udp_length", "inconsistent udp/ip lengths"),
    error("unknown_udp_port", "no listener for udp port"),
    error("spoofed_local_packets", "ip6 spoofed local-address packet drops"),
    error("inacl_table_miss", "input ACL table-miss drops"),
    error("inacl_session_deny", "input ACL session deny drops"),
    error("outacl_table_miss", "output ACL table-miss drops"),
    error("outacl_session_deny", "output ACL session deny drops"),
    error("rpf_failure", "Multicast RPF check failed"),
    error("reass_missing_upper", "missing-upper layer drops"),
    error("reass_duplicate_fragment", "duplicate fragments"),
    error("reass_overlapping_fragment", "overlapping fragments"),
    error("reass_limit_reached", "drops due to concurrent reassemblies limit"),
    error("reass_fragment_chain_too_long", "fragment chain too long (drop)"),
    error("reass_no_buf", "out of buffers (drop)"),
    error("reass_timeout", "fragments dropped due to reassembly timeout"),
    error("reass_internal_error", "drops due to internal reassembly error"),
    error("reass_invalid_frag_len", "invalid fragment length"),
    error("reass_to_custom_app", "send to custom drop app"),
    error("reass_no_frag_hdr", "no fragmentation header"),
    error("reass_invalid_frag_size", "drop due to invalid fragment size"),
    info("reass_success", "successful reassemblies"),
    info("reass_fragments_reassembled", "fragments reassembled"),
    info("reass_fragments_rcvd", "fragments received"),
    error("reass_unsupp_ip_proto", "unsupported ip protocol"),
)
(
    NONE, TOO_SHORT, BAD_LENGTH, VERSION, TIME_EXPIRED, MTU_EXCEEDED, DST_LOOKUP_MISS, SRC_LOOKUP_MISS, DROP, PUNT,
    UNKNOWN_PROTOCOL, UDP_CHECKSUM, ICMP_CHECKSUM, UDP_LENGTH, UNKNOWN_UDP_PORT, SPOOFED_LOCAL_PACKETS, INACL_TABLE_MISS,
    INACL_SESSION_DENY, OUTACL_TABLE_MISS, OUTACL_SESSION_DENY, RPF_FAILURE, REASS_MISSING_UPPER,
    REASS_DUPLICATE_FRAGMENT, REASS_OVERLAPPING_FRAGMENT, REASS_LIMIT_REACHED, REASS_FRAGMENT_CHAIN_TOO_LONG, REASS_NO_BUF,
    REASS_TIMEOUT, REASS_INTERNAL_ERROR, REASS_INVALID_FRAG_LEN, REASS_TO_CUSTOM_APP, REASS_NO_FRAG_HDR,
    REASS_INVALID_FRAG_SIZE, REASS_SUCCESS, REASS_FRAGMENTS_REASSEMBLED, REASS_FRAGMENTS_RCVD, REASS_UNSUPP_IP_PROTO,
) = range(len(IP6_ERRORS))  # fmt: skip

UNICAST_ARC = arc("ip6-unicast", "ip6-input", end="ip6-lookup")
MULTICAST_ARC = arc("ip6-multicast", "ip6-input", end="ip6-mfib-forward-lookup")
OUTPUT_ARC = arc("ip6-output", "ip6-rewrite", "ip6-midchain", end="interface-output")
ENDS = (
    feature("ip6-unicast", "ip6-lookup"),
    feature("ip6-multicast", "ip6-mfib-forward-lookup"),
    feature("ip6-output", "interface-output"),
)

HOP_LIMIT_EXCEEDED = (3, 0)
PACKET_TOO_BIG = (2, 0)
