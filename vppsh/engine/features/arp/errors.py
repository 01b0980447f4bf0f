"""The error counters that the ARP nodes share in kind (vnet/arp/arp.api), and the arc that they lie on."""

from __future__ import annotations

from vppsh.registry import arc, error, feature, info

ARP_ERRORS = (
    info("replies_sent", "ARP replies sent"),
    error("disabled", "ARP Disabled"),
    error("l2_type_not_ethernet", "L2 type not ethernet"),
    error("l3_type_not_ip4", "L3 type not IP4"),
    error("l3_src_address_not_local", "IP4 source address not local to subnet"),
    error("l3_dst_address_not_local", "IP4 destination address not local to subnet"),
    error("l3_dst_address_unset", "IP4 destination address is unset"),
    error("l3_src_address_is_local", "IP4 source address matches local interface"),
    info("l3_src_address_learned", "ARP request IP4 source address learned"),
    info("replies_received", "ARP replies received"),
    error("opcode_not_request", "ARP opcode not request"),
    info("proxy_arp_replies_sent", "Proxy ARP replies sent"),
    error("l2_address_mismatch", "ARP hw addr does not match L2 frame src addr"),
    error("gratuitous_arp", "ARP probe or announcement dropped"),
    error("interface_no_table", "Interface is not mapped to an IP table"),
    error("interface_not_ip_enabled", "Interface is not IP enabled"),
    error("unnumbered_mismatch", "RX interface is unnumbered to different subnet"),
)
(
    REPLIES_SENT, DISABLED, L2_TYPE_NOT_ETHERNET, L3_TYPE_NOT_IP4, L3_SRC_ADDRESS_NOT_LOCAL, L3_DST_ADDRESS_NOT_LOCAL,
    L3_DST_ADDRESS_UNSET, L3_SRC_ADDRESS_IS_LOCAL, L3_SRC_ADDRESS_LEARNED, REPLIES_RECEIVED, OPCODE_NOT_REQUEST,
    PROXY_ARP_REPLIES_SENT, L2_ADDRESS_MISMATCH, GRATUITOUS_ARP, INTERFACE_NO_TABLE, INTERFACE_NOT_IP_ENABLED,
    UNNUMBERED_MISMATCH,
) = range(len(ARP_ERRORS))  # fmt: skip

ARP_ARC = arc("arp", "arp-input", end="error-drop")
FEATURES = (
    feature("arp", "arp-reply", before=("arp-disabled",)),
    feature("arp", "arp-proxy", after=("arp-reply",), before=("arp-disabled",)),
    feature("arp", "arp-disabled", before=("error-drop",)),
    feature("arp", "error-drop"),
)
