"""What a bundle holds of each node and of the cluster."""

from __future__ import annotations

# What calicovppctl asks for, and what it lacks. A VPP without a plugin refuses its lines; the manifest says so.
LINES = (
    "show version verbose", "show plugins", "show threads", "show memory verbose", "show physmem", "show buffers",
    "show hardware-interfaces", "show interface", "show interface address", "show interface rx-placement", "show mode",
    "show features verbose", "show runtime", "show errors", "show logging", "show tap", "show tun",
    "show ip table", "show ip6 table", "show ip fib", "show ip6 fib", "show ip mfib", "show ip6 mfib", "show adj",
    "show ip neighbors", "show ip neighbor-config", "show ip6 interface", "show arp proxy",
    "show ip punt redirect", "show ip6 punt redirect", "show punt",
    "show ipip tunnel", "show vxlan tunnel", "show ipsec all", "show ipsec protect", "show ikev2 profile", "show ikev2 sa details",
    "show wireguard interface", "show wireguard peer", "show sr localsids", "show sr policies", "show sr steering-policies",
    "show cnat client", "show cnat translation", "show cnat session verbose", "show cnat timestamp", "show cnat snat-policy",
    "show npol interfaces", "show npol policies verbose", "show npol rules", "show npol ipsets", "show acl-plugin acl",
    "show session verbose 2", "show app", "show bpf trace filter", "show trace filter function", "show pcap filter function",
    "pcap trace status", "pcap dispatch trace status", "show cli-sessions",
)  # fmt: skip
# Of each interface.
OF_AN_INTERFACE = "show interface {} features"
TRACES = "show trace max {}"
FILES = ("/etc/vpp/startup.conf", "/etc/vpp/startup.exec", "/proc/meminfo")

OPERATOR = "tigera-operator"
