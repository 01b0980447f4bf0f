"""Ethernet input, ARP, bonds, mirrors."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role

INPUT = NodeFormat(
    ("ethernet-input", "ethernet-input-not-l2", "ethernet-input-type"),
    ("frame: flags {frame_flags:hex}, hw-if-index {hw_if_index:int}, sw-if-index {sw_if_index:int}", "frame: flags {frame_flags:hex}"),
)

ARP = NodeFormat(("arp-reply", "arp-proxy", "arp-term-l2bd"), role=Role.ANSWER)

ARPING = NodeFormat(
    ("arping-input", "arping6-input"),
    (
        "sw-if-index: {sw_if_index:int}, opcode: {opcode}, from {sender:mac} ({sender_address:ip})",
        "sw-if-index: {sw_if_index:int}, type: {type:int}, from {sender:mac} ({sender_address:ip})",
    ),
)
BOND = NodeFormat(("bond-input",), ("src {source:mac}, dst {destination:mac}, {member} -> {bond}",))

SPAN = NodeFormat(("span-input", "span-output", "span-l2-input", "span-l2-output"), ("SPAN: mirrored {interface} -> {mirror}",), Role.COPY)

TRACE_FILTERING = NodeFormat(("trace-filtering", "pcap-filtering"), ("Packet traced from interface {interface} added",))

L3_XCONNECT = NodeFormat(("l3xc-input-ip4", "l3xc-input-ip6"), ("l3xc-index:{xconnect:int} lb-index:{load_balance:int}",))

L2_PATCH = NodeFormat(("l2-patch",), ("L2_PATCH: rx {rx:int} tx {tx:int}",))

ADL = NodeFormat(("adl-input", "ip4-adl-allowlist", "ip6-adl-allowlist"), ("{:word} sw_if_index {sw_if_index:int}, next index {next:int}",))

POLICER = NodeFormat(
    ("policer-input", "policer-output", "ip4-policer-classify", "ip6-policer-classify", "l2-policer-classify"),
    ("VNET_POLICER: sw_if_index {sw_if_index:int} policer_index {policer:int} next {next:int}",),
)

DISCOVERY = NodeFormat(("lldp-input", "lacp-input", "cdp-input"), role=Role.DELIVER)
