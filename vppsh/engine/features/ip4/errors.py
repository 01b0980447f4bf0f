"""The error counters of ip4-input, which other IPv4 nodes charge too, and the arcs of the path (vnet/ip/ip.api, ip4_forward.c)."""

from __future__ import annotations

from vppsh.registry import arc, error, feature, info

IP4_ERRORS = (
    info("none", "valid ip4 packets"),
    error("too_short", "ip4 length < 20 bytes"),
    error("bad_length", "ip4 length > l2 length"),
    error("bad_checksum", "bad ip4 checksum"),
    error("version", "ip4 version != 4"),
    info("options", "ip4 options present"),
    error("fragment_offset_one", "ip4 fragment offset == 1"),
    error("time_expired", "ip4 ttl <= 1"),
    error("hdr_too_short", "ip4 IHL < 5"),
    error("mtu_exceeded", "ip4 MTU exceeded and DF set"),
    error("dst_lookup_miss", "ip4 destination lookup miss"),
    error("src_lookup_miss", "ip4 source lookup miss"),
    error("drop", "ip4 drop"),
    error("punt", "ip4 punt"),
    error("same_interface", "ip4 egress interface same as ingress"),
    error("unknown_protocol", "unknown ip protocol"),
    error("tcp_checksum", "bad tcp checksum"),
    error("udp_checksum", "bad udp checksum"),
    error("udp_length", "inconsistent udp/ip lengths"),
    error("spoofed_local_packets", "ip4 spoofed local-address packet drops"),
    error("inacl_table_miss", "input ACL table-miss drops"),
    error("inacl_session_deny", "input ACL session deny drops"),
    error("outacl_table_miss", "output ACL table-miss drops"),
    error("outacl_session_deny", "output ACL session deny drops"),
    error("rpf_failure", "Multicast RPF check failed"),
    error("reass_duplicate_fragment", "duplicate/overlapping fragments"),
    error("reass_limit_reached", "drops due to concurrent reassemblies limit"),
    error("reass_fragment_chain_too_long", "fragment chain too long (drop)"),
    error("reass_no_buf", "out of buffers (drop)"),
    error("reass_malformed_packet", "malformed packets"),
    error("reass_internal_error", "drops due to internal reassembly error"),
    error("reass_timeout", "fragments dropped due to reassembly timeout"),
    error("reass_to_custom_app", "send to custom drop app"),
    info("reass_success", "successful reassemblies"),
    info("reass_fragments_reassembled", "fragments reassembled"),
    info("reass_fragments_rcvd", "fragments received"),
    error("reass_unsupp_ip_prot", "unsupported ip protocol"),
)
(
    NONE, TOO_SHORT, BAD_LENGTH, BAD_CHECKSUM, VERSION, OPTIONS, FRAGMENT_OFFSET_ONE, TIME_EXPIRED, HDR_TOO_SHORT,
    MTU_EXCEEDED, DST_LOOKUP_MISS, SRC_LOOKUP_MISS, DROP, PUNT, SAME_INTERFACE, UNKNOWN_PROTOCOL, TCP_CHECKSUM,
    UDP_CHECKSUM, UDP_LENGTH, SPOOFED_LOCAL_PACKETS, INACL_TABLE_MISS, INACL_SESSION_DENY, OUTACL_TABLE_MISS,
    OUTACL_SESSION_DENY, RPF_FAILURE, REASS_DUPLICATE_FRAGMENT, REASS_LIMIT_REACHED, REASS_FRAGMENT_CHAIN_TOO_LONG,
    REASS_NO_BUF, REASS_MALFORMED_PACKET, REASS_INTERNAL_ERROR, REASS_TIMEOUT, REASS_TO_CUSTOM_APP, REASS_SUCCESS,
    REASS_FRAGMENTS_REASSEMBLED, REASS_FRAGMENTS_RCVD, REASS_UNSUPP_IP_PROT,
) = range(len(IP4_ERRORS))  # fmt: skip

INPUTS = ("ip4-input", "ip4-input-no-checksum")
UNICAST_ARC = arc("ip4-unicast", *INPUTS, end="ip4-lookup")
MULTICAST_ARC = arc("ip4-multicast", *INPUTS, end="ip4-mfib-forward-lookup")
OUTPUT_ARC = arc("ip4-output", "ip4-rewrite", "ip4-midchain", end="interface-output")
ENDS = (
    feature("ip4-unicast", "ip4-lookup"),
    feature("ip4-multicast", "ip4-mfib-forward-lookup"),
    feature("ip4-output", "interface-output"),
)

TTL_EXCEEDED = (11, 0)
FRAGMENTATION_NEEDED = (3, 4)
