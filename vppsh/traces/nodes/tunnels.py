"""Tunnels: IPIP, GRE, VXLAN, Geneve, GTP-U, WireGuard, 6RD, segment routing."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role

IPIP = NodeFormat(
    ("ipip4-input", "ipip6-input"), ("IPIP: tunnel {tunnel:int} len {length:int} src {source:ip} dst {destination:ip}",), Role.DECAPSULATE
)
GRE_LINES = ("GRE: tunnel {tunnel:int} len {length:int} src {source:ip} dst {destination:ip}",)
GRE = NodeFormat(("gre4-input", "gre6-input"), GRE_LINES, Role.DECAPSULATE)
GRE_ENCAP = NodeFormat(("gre-teb-encap", "gre-erspan-encap"), GRE_LINES, Role.ENCAPSULATE)

VXLAN = NodeFormat(
    ("vxlan4-input", "vxlan6-input", "vxlan4-flow-input"),
    (
        "VXLAN decap from {tunnel} vni {vni:int} next {next:int} error {error_number:int}",
        "VXLAN decap error - tunnel for vni {vni:int} does not exist",
    ),
    Role.DECAPSULATE,
)
VXLAN_ENCAP = NodeFormat(("vxlan4-encap", "vxlan6-encap"), ("VXLAN encap to {tunnel} vni {vni:int}",), Role.ENCAPSULATE)
VXLAN_GPE = NodeFormat(
    ("vxlan4-gpe-input", "vxlan6-gpe-input"), ("VXLAN-GPE: tunnel {tunnel:int} next {next:int} error {error_number:int}",), Role.DECAPSULATE
)
VXLAN_GPE_ENCAP = NodeFormat(("vxlan-gpe-encap",), ("VXLAN-GPE-ENCAP: tunnel {tunnel:int}",), Role.ENCAPSULATE)

GENEVE = NodeFormat(
    ("geneve4-input", "geneve6-input"),
    (
        "GENEVE decap from {tunnel} vni {vni:int} next {next:int} error {error_number:int}",
        "GENEVE decap error - tunnel for vni {vni:int} does not exist",
    ),
    Role.DECAPSULATE,
)
GENEVE_ENCAP = NodeFormat(("geneve4-encap", "geneve6-encap"), ("GENEVE encap to {tunnel} vni {vni:int}",), Role.ENCAPSULATE)

GTPU = NodeFormat(
    ("gtpu4-input", "gtpu6-input"),
    (
        "GTPU decap from {tunnel} teid {teid:int}, next {next:int} error {error_number:int}{:text}",
        "GTPU decap from {tunnel} forwarding {forwarding} teid {teid:int}, next {next:int} error {error_number:int}{:text}",
        "GTPU decap error - tunnel for teid {teid:int} does not exist{:text}",
    ),
    Role.DECAPSULATE,
)
GTPU_ENCAP = NodeFormat(("gtpu4-encap", "gtpu6-encap"), ("GTPU encap to {tunnel} tteid {teid:int}{:text}",), Role.ENCAPSULATE)

WIREGUARD = NodeFormat(
    ("wg4-input", "wg6-input"),
    ("Wireguard input:", "Type: {type:text}", "Peer: {peer:int}", "Length: {length:int}", "Keepalive: {keepalive}"),
    Role.DECAPSULATE,
)
WIREGUARD_ENCAP = NodeFormat(
    ("wg4-output-tun", "wg6-output-tun"), ("peer: {peer:int}", "Encrypted packet: {encrypted:text}"), Role.ENCAPSULATE
)

SR_LOCAL = NodeFormat(
    ("sr-localsid", "sr-localsid-d", "sr-localsid-un*"),
    (
        "SR-LOCALSID:",
        "SR-LOCALSID: {:text}",
        "Localsid: {localsid:ip}",
        "Behavior: {behavior:text}",
        "Segments left: {segments_left:int}",
        "SID list: [in ietf order]",
        "-> {segment:ip}",
    ),
    Role.DECAPSULATE,
)
SR_REWRITE = NodeFormat(
    ("sr-pl-rewrite-*",), ("SR-policy-rewrite: src {source:ip} dst {destination:ip}", "SR-policy-rewrite:"), Role.ENCAPSULATE
)
