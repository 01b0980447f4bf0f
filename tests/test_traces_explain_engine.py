"""Drops and punts that the engine makes: a few lines, a packet, and what is said of its trace.

Each case asks the engine for what decided too, so that the lines to look at are commands that it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_RS, IPv6, IPv6ExtHdrHopByHop
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet as Frame
from scapy.packet import Raw

from tests.traffic import Traffic
from vppsh.traces.explain import Explanation, explain
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import Outcome

DROPPED, PUNTED, REFUSED, HELD = Outcome.DROPPED, Outcome.PUNTED, Outcome.REFUSED, Outcome.HELD
OURS, THEIRS = "02:fe:00:00:00:01", "02:00:00:00:00:02"
PAYLOAD = Raw(bytes(range(32)))
KEY = "000102030405060708090a0b0c0d0e0f"
SALT = "01020304"


def ether(payload: Frame, destination: str = OURS, source: str = THEIRS) -> Frame:
    return Ether(dst=destination, src=source) / payload


def udp(destination: str = "10.0.1.2", source: str = "10.0.0.2", **header: Any) -> Frame:
    return ether(IP(src=source, dst=destination, **header) / UDP(sport=1000, dport=2000) / PAYLOAD)


def udp6(destination: str = "2001:db8:1::2", source: str = "2001:db8::2", **header: Any) -> Frame:
    return ether(IPv6(src=source, dst=destination, **header) / UDP(sport=1000, dport=2000) / PAYLOAD)


def outer(payload: Frame, **header: Any) -> Frame:
    """For us, from our neighbour."""
    return ether(IP(src="10.0.0.2", dst="10.0.0.1", **header) / payload)


def arp(source: str, destination: str, **header: Any) -> Frame:
    return Ether(dst="ff:ff:ff:ff:ff:ff", src=THEIRS) / ARP(op=1, hwsrc=THEIRS, psrc=source, pdst=destination, **header)


def esp(spi: int = 2001, key: str = KEY, number: int = 1) -> Frame:
    """An IPIP packet in transport mode, as the tunnel of `PROTECTED` takes it."""
    association = SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=bytes.fromhex(key + SALT), seq_num=number)
    inside = IP(src="10.2.0.5", dst="10.0.1.2") / UDP(sport=1, dport=2) / PAYLOAD
    return ether(association.encrypt(IP(src="10.0.0.2", dst="10.0.0.1", proto=4) / inside))


def bridged(source: str, destination: str) -> Frame:
    return Ether(dst=destination, src=source) / IP(src="10.9.0.1", dst="10.9.0.2") / UDP(sport=5, dport=6) / PAYLOAD


def station(number: int) -> str:
    return f"02:aa:00:00:00:{number:02x}"


IP6 = (
    "set interface ip address pg0 2001:db8::1/64", "set interface ip address pg1 2001:db8:1::1/64",
    "ip neighbor pg0 2001:db8::2 02:00:00:00:00:02", "ip neighbor pg1 2001:db8:1::2 02:00:00:00:01:02",
)  # fmt: skip
PROTECTED = (
    "create ipip tunnel src 10.0.0.1 dst 10.0.0.2", "set interface state ipip0 up", "set interface unnumbered ipip0 use pg0",
    f"ipsec sa add 10 spi 1001 esp crypto-alg aes-gcm-128 crypto-key {KEY} salt 0x{SALT}",
    f"ipsec sa add 20 spi 2001 esp crypto-alg aes-gcm-128 crypto-key {KEY} salt 0x{SALT} use-anti-replay inbound",
    "ipsec tunnel protect ipip0 sa-in 20 sa-out 10",
)  # fmt: skip
BRIDGE = (
    "create bridge-domain 9", "set interface l2 bridge pg0 9", "set interface l2 bridge pg1 9",
    f"l2fib add {station(1)} 9 pg1 static", f"l2fib add {station(2)} 9 pg0", f"l2fib add {station(3)} 9 filter",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is typed, what is sent (the last frame's trace counts), and what must be said of it.

    words    in the reason
    decided  the begin of what decided, with the packet's own values; empty when only the node tells
    seen     what of the packet the decision went by, as far as that is told
    """

    name: str
    frame: Callable[[], Frame | list[Frame]]
    outcome: Outcome
    node: str
    words: str
    decided: str = ""
    seen: str = ""
    lines: tuple[str, ...] = ()
    interface: str = "pg0"


CASES = [
    Case("ttl", lambda: udp(ttl=1), REFUSED, "ip4-rewrite", "time to live ran out", "the route of 10.0.1.2", "time to live 1, to 10.0.1.2"),
    Case("ttl6", lambda: udp6(hlim=1), REFUSED, "ip6-rewrite", "hop limit ran out", "the route of 2001:db8:1::2", "time to live 1", IP6),
    Case("no route", lambda: udp("192.0.2.1"), DROPPED, "ip4-lookup", "no route", "the route of 192.0.2.1 in FIB index 0"),
    Case("no route6", lambda: udp6("2001:db8:f::1"), DROPPED, "ip6-lookup", "no route", "the route of 2001:db8:f::1", lines=IP6),
    Case(
        "route of a table",
        lambda: udp("192.0.2.1"),
        DROPPED,
        "ip4-lookup",
        "no route",
        "the route of 192.0.2.1 in FIB index 1",
        lines=(
            "set interface ip address del pg0 10.0.0.1/24",
            "ip table add 7",
            "set interface ip table pg0 7",
            "set interface ip address pg0 10.0.0.1/24",
        ),
    ),
    Case(
        "drop route",
        lambda: udp("20.0.0.1"),
        DROPPED,
        "ip4-lookup",
        "says drop",
        "the route of 20.0.0.1",
        lines=("ip route add 20.0.0.0/24 via drop",),
    ),
    Case(
        "unreachable",
        lambda: udp("20.0.0.1"),
        REFUSED,
        "ip4-null",
        "refuses it",
        "the route of 20.0.0.1",
        lines=("ip route add 20.0.0.0/24 via null-send-unreach",),
    ),
    Case(
        "prohibited",
        lambda: udp("20.0.0.1"),
        REFUSED,
        "ip4-null",
        "refuses it",
        "the route of 20.0.0.1",
        lines=("ip route add 20.0.0.0/24 via null-send-prohibit",),
    ),
    Case(
        "punt route",
        lambda: udp("20.0.0.1"),
        PUNTED,
        "ip4-lookup",
        "says punt",
        "the route of 20.0.0.1",
        lines=("ip route add 20.0.0.0/24 via punt",),
    ),
    Case("glean", lambda: udp("10.0.1.9"), DROPPED, "ip4-glean", "an ARP request sent", "adjacency ", "destination 10.0.1.9"),
    Case(
        "no neighbour",
        lambda: udp("20.0.0.1"),
        DROPPED,
        "ip4-arp",
        "an ARP request sent",
        "adjacency ",
        "destination 20.0.0.1",
        ("ip route add 20.0.0.0/24 via 10.0.1.9 pg1",),
    ),
    Case("glean6", lambda: udp6("2001:db8:1::9"), DROPPED, "ip6-glean", "a neighbour solicitation sent", "adjacency ", lines=IP6),
    Case(
        "no neighbour6",
        lambda: udp6("2001:db8:f::1"),
        DROPPED,
        "ip6-discover-neighbor",
        "a neighbour solicitation sent",
        "adjacency ",
        lines=(*IP6, "ip route add 2001:db8:f::/48 via 2001:db8:1::9 pg1"),
    ),
    Case(
        "wrong MAC",
        lambda: ether(udp()[IP], "02:fe:00:00:00:99"),
        PUNTED,
        "ethernet-input",
        "another MAC address",
        "the MAC address of pg0",
        "frame for 02:fe:00:00:00:99",
    ),
    Case(
        "MTU",
        lambda: udp(flags="DF", id=1) / Raw(bytes(600)),
        REFUSED,
        "ip4-rewrite",
        "longer than the MTU",
        "adjacency ",
        "660 bytes of IP, MTU 500",
        ("set interface mtu packet 500 pg1",),
    ),
    Case(
        "MTU6",
        lambda: udp6() / Raw(bytes(1400)),
        REFUSED,
        "ip6-rewrite",
        "longer than the MTU",
        "adjacency ",
        "1480 bytes of IP, MTU 1300",
        (*IP6, "set interface mtu packet 1300 pg1"),
    ),
    Case(
        "strict uRPF",
        lambda: udp(source="172.16.1.1"),
        DROPPED,
        "ip4-rx-urpf-strict",
        "reverse path check",
        "the route back to 172.16.1.1",
        "source 172.16.1.1, by pg0",
        ("set urpf ip4 rx strict pg0", "ip route add 172.16.0.0/16 via 10.0.1.2 pg1"),
    ),
    Case(
        "loose uRPF",
        lambda: udp(source="99.9.9.9"),
        DROPPED,
        "ip4-rx-urpf-loose",
        "reverse path check",
        "the route back to 99.9.9.9",
        "source 99.9.9.9, by pg0",
        ("set urpf ip4 rx loose pg0",),
    ),
    Case(
        "uRPF6",
        lambda: udp6(source="2001:db8:b::5"),
        DROPPED,
        "ip6-rx-urpf-loose",
        "reverse path check",
        "the route back to 2001:db8:b::5",
        "source 2001:db8:b::5, by pg0",
        (*IP6, "set urpf ip6 rx loose pg0"),
    ),
    Case(
        "classifier",
        lambda: udp(source="10.0.0.66"),
        DROPPED,
        "ip4-inacl",
        "a session of the input classifier table denies",
        "classifier table 0",
        lines=(
            "classify table acl-miss-next permit mask l3 ip4 src buckets 16",
            "classify session acl-hit-next deny table-index 0 match l3 ip4 src 10.0.0.66",
            "set interface input acl intfc pg0 ip4-table 0",
        ),
    ),
    Case(
        "port range",
        udp,
        DROPPED,
        "ip4-source-and-port-range-check-rx",
        "may not send to this port",
        "the ports that 10.0.0.2 may use",
        "destination port 2000, from 10.0.0.2",
        (
            "ip table add 9",
            "set ip source-and-port-range-check vrf 9 10.0.0.0/24 port 53",
            "set interface ip source-and-port-range-check pg0 udp-out-vrf 9 tcp-out-vrf 9",
        ),
    ),
    Case(
        "header checksum",
        lambda: udp(chksum=0x1234),
        DROPPED,
        "ip4-input",
        "checksum of the IPv4 header",
        "",
        "header checksum 0x1234, right",
    ),
    Case("version", lambda: udp(version=5), DROPPED, "ip4-input", "does not begin with 4"),
    Case("header length", lambda: udp(ihl=4), DROPPED, "ip4-input", "shorter than a header can be"),
    Case("cut off", lambda: udp(len=900), DROPPED, "ip4-input", "longer than what came"),
    Case("version6", lambda: udp6(version=4), DROPPED, "ip6-input", "does not begin with 6", lines=IP6),
    Case(
        "unknown VLAN",
        lambda: ether(Dot1Q(vlan=11) / udp()[IP]),
        DROPPED,
        "ethernet-input",
        "no sub-interface",
        "the sub-interfaces of pg0",
        "VLAN 11, by pg0",
    ),
    Case(
        "sub-interface down",
        lambda: ether(Dot1Q(vlan=10) / udp()[IP]),
        DROPPED,
        "ethernet-input",
        "is down",
        "the sub-interfaces of pg0",
        "VLAN 10",
        ("create sub-interfaces pg0 10",),
    ),
    Case("EtherType", lambda: Ether(dst=OURS, src=THEIRS, type=0x88B5) / PAYLOAD, PUNTED, "ethernet-input", "EtherType that nothing"),
    Case(
        "no IPv4",
        udp,
        DROPPED,
        "ip4-not-enabled",
        "has no address",
        "the addresses of pg0",
        "received by pg0",
        ("set interface ip address del pg0 10.0.0.1/24",),
    ),
    Case("no IPv6", udp6, DROPPED, "ip6-not-enabled", "has no address", "the addresses of pg0"),
    Case(
        "no listener",
        lambda: outer(UDP(sport=5, dport=9) / PAYLOAD),
        REFUSED,
        "ip4-udp-lookup",
        "a UDP port that nobody listens at",
        "UDP port 9",
        "UDP to port 9 of 10.0.0.1",
    ),
    Case(
        "UDP checksum", lambda: outer(UDP(sport=5, dport=9, chksum=0x4321) / PAYLOAD), DROPPED, "ip4-receive", "UDP checksum does not hold"
    ),
    Case(
        "TCP to us",
        lambda: outer(TCP(sport=5, dport=22)),
        PUNTED,
        "ip4-receive",
        "nobody here handles this IP protocol",
        "the handlers of IP protocols",
        "IP protocol TCP, to 10.0.0.1",
    ),
    Case(
        "no ESP here",
        lambda: outer(ESP(spi=7, seq=1) / PAYLOAD),
        DROPPED,
        "ipsec4-tun-input",
        "no protected tunnel",
        "no tunnel: none is protected",
        "SPI 7, from 10.0.0.2",
        PROTECTED,
    ),
    Case(
        "options", lambda: udp(options=[IPOption_Router_Alert()]), PUNTED, "ip4-options", "has options", "who is registered for IP options"
    ),
    Case(
        "spoofed",
        lambda: udp("10.0.0.1", "10.0.0.1"),
        DROPPED,
        "ip4-receive",
        "one of our own addresses as its source",
        "the route of 10.0.0.1",
        "source 10.0.0.1",
    ),
    Case("no way back", lambda: udp("10.0.0.1", "172.16.9.9"), DROPPED, "ip4-receive", "no way back", "the route back to 172.16.9.9"),
    Case(
        "multicast",
        lambda: udp("239.1.1.1"),
        DROPPED,
        "ip4-mfib-forward-rpf",
        "not accepted from",
        "the multicast route of 239.1.1.1",
        "group 239.1.1.1, by pg0",
    ),
    Case(
        "fragment",
        lambda: udp(flags="MF", id=77),
        HELD,
        "ip4-full-reassembly-feature",
        "waits for the others",
        "the fragments that wait",
        "fragment of 10.0.0.2 -> 10.0.1.2, id 77",
        ("set interface reassembly pg0 ip4",),
    ),
    Case("ICMP type", lambda: outer(ICMP(type=13)), PUNTED, "ip4-icmp-input", "that nobody handles", "ICMP type timestamp_request"),
    Case(
        "no IPIP tunnel",
        lambda: outer(IP(src="10.5.0.1", dst="10.0.1.2") / UDP() / PAYLOAD),
        DROPPED,
        "ipip4-input",
        "that no tunnel has",
        "no IPIP tunnel between 10.0.0.1 and 10.0.0.2",
        lines=("create ipip tunnel src 10.0.0.1 dst 10.0.0.9",),
    ),
    Case(
        "no GRE tunnel",
        lambda: outer(GRE() / IP(src="10.5.0.1", dst="10.0.1.2") / UDP()),
        DROPPED,
        "gre4-input",
        "that no tunnel has",
        "no GRE tunnel between 10.0.0.1 and 10.0.0.2",
        lines=("create gre tunnel src 10.0.0.1 dst 10.0.0.9",),
    ),
    Case(
        "no VNI",
        lambda: outer(UDP(sport=4789, dport=4789) / VXLAN(vni=14, flags=8) / bridged(station(7), station(8))),
        DROPPED,
        "vxlan4-input",
        "this network identifier",
        "no VXLAN tunnel between 10.0.0.1 and 10.0.0.2 with VNI 14",
        "VNI 14",
        ("create vxlan tunnel src 10.0.0.1 dst 10.0.0.2 vni 13",),
    ),
    Case(
        "no Geneve VNI",
        lambda: outer(UDP(sport=6081, dport=6081) / Raw(bytes.fromhex("0000655800000e00")) / bridged(station(7), station(8))),
        DROPPED,
        "geneve4-input",
        "this network identifier",
        "no Geneve tunnel between 10.0.0.1 and 10.0.0.2 with VNI 14",
        "VNI 14",
        ("create geneve tunnel local 10.0.0.1 remote 10.0.0.2 vni 13",),
    ),
    Case(
        "no WireGuard keys",
        lambda: udp("10.7.0.1"),
        DROPPED,
        "wg4-output-tun",
        "no session keys",
        "the peers of the WireGuard interface",
        lines=(
            "wireguard create listen-port 51820 private-key HyYtNDtCSVBXXmVsc3qBiI+WnaSrsrnAx87V3OPq8fg= src 10.0.1.1",
            "set interface ip address wg0 10.9.0.1/24",
            (
                "wireguard peer add wg0 public-key V+U/7B2yLhcIrcj6dteUYQTZpeC+YvqqG+h+d++vWyI="
                " endpoint 10.0.1.2 allowed-ip 10.7.0.0/16 allowed-ip 10.9.0.2/32"
                " dst-port 51820"
            ),
            "ip route add 10.7.0.0/16 via 10.9.0.2 wg0",
            "set interface state wg0 up",
        ),
    ),
    Case(
        "wrong key",
        lambda: esp(key=KEY[::-1]),
        DROPPED,
        "esp4-decrypt-tun",
        "could not be decrypted",
        "SA 1, SPI 2001",
        "SPI 2001, sequence number 1",
        PROTECTED,
    ),
    Case(
        "replayed",
        lambda: [esp(number=5), esp(number=5)],
        DROPPED,
        "ipsec4-tun-input",
        "sequence number",
        "SA 1, SPI 2001",
        "SPI 2001, sequence number 5",
        PROTECTED,
    ),
    Case(
        "tunnel's far end",
        lambda: udp("10.2.0.5"),
        DROPPED,
        "ip4-midchain",
        "far end cannot be reached",
        "adjacency ",
        "dpo-drop",
        (
            "create ipip tunnel src 10.0.1.1 dst 198.51.100.9",
            "set interface state ipip0 up",
            "set interface unnumbered ipip0 use pg1",
            "ip route add 10.2.0.0/16 via ipip0",
            "ip route add 198.51.100.9/32 via drop",
        ),
    ),
    Case(
        "discarded",
        udp,
        DROPPED,
        "ipsec4-output-feature",
        "policy database discards",
        "policy ",
        lines=(
            "ipsec spd add 1",
            "set interface ipsec spd pg1 1",
            "ipsec policy add spd 1 outbound priority 20 action discard protocol 17",
        ),
    ),
    Case(
        "label",
        lambda: Ether(dst=OURS, src=THEIRS, type=0x8847) / MPLS(label=999, s=1, ttl=64) / udp()[IP],
        DROPPED,
        "mpls-lookup",
        "the label leads to a drop",
        "the entry of label 999",
        "label 999",
        ("mpls table add 0", "set interface mpls pg0 enable"),
    ),
    Case(
        "no MPLS",
        lambda: Ether(dst=OURS, src=THEIRS, type=0x8847) / MPLS(label=999, s=1, ttl=64) / udp()[IP],
        DROPPED,
        "mpls-not-enabled",
        "an interface without MPLS",
        "MPLS at pg0",
    ),
    Case(
        "split horizon",
        lambda: [bridged(station(2), station(9)), bridged(station(9), station(2))][0],
        DROPPED,
        "l2-output",
        "same split horizon group",
        "the port ",
        lines=(
            "create bridge-domain 9",
            "set interface l2 bridge pg0 9 1",
            "set interface l2 bridge pg1 9 1",
            f"l2fib add {station(9)} 9 pg1",
        ),
    ),
    Case(
        "filtered destination",
        lambda: bridged(station(2), station(3)),
        DROPPED,
        "l2-fwd",
        "destination's address is filtered",
        "bridge domain",
        f"frame {station(2)} -> {station(3)}",
        BRIDGE,
    ),
    Case(
        "filtered source",
        lambda: bridged(station(3), station(1)),
        DROPPED,
        "l2-learn",
        "station's address is filtered",
        "bridge domain",
        lines=BRIDGE,
    ),
    Case(
        "static station elsewhere",
        lambda: bridged(station(1), station(2)),
        DROPPED,
        "l2-learn",
        "static entry came in by another port",
        "bridge domain",
        lines=BRIDGE,
    ),
    Case(
        "back where it came from",
        lambda: bridged(station(2), station(2)),
        DROPPED,
        "l2-fwd",
        "at the port that the frame came from",
        "bridge domain",
        lines=BRIDGE,
    ),
    Case(
        "unknown station",
        lambda: bridged(station(7), station(8)),
        DROPPED,
        "l2-fwd",
        "unknown destination",
        "bridge domain",
        lines=("create bridge-domain 9 uu-flood 0", "set interface l2 bridge pg0 9", "set interface l2 bridge pg1 9"),
    ),
    Case(
        "forwarding off",
        lambda: bridged(station(7), "ff:ff:ff:ff:ff:ff"),
        DROPPED,
        "l2-learn",
        "forwarding is off",
        "bridge domain",
        lines=("create bridge-domain 9 flood 0", "set interface l2 bridge pg0 9", "set interface l2 bridge pg1 9"),
    ),
    Case(
        "port down",
        lambda: bridged(station(2), station(1)),
        DROPPED,
        "pg1-output",
        "administratively down",
        "interface pg1",
        lines=(*BRIDGE, "set interface state pg1 down"),
    ),
    Case(
        "tags",
        lambda: bridged(station(2), station(1)),
        DROPPED,
        "l2-output",
        "tags to be taken off are not on the frame",
        "the port ",
        lines=(*BRIDGE, "set interface l2 tag-rewrite pg1 push dot1q 300"),
    ),
    Case(
        "ARP of another net",
        lambda: arp("172.16.0.9", "10.0.0.1"),
        DROPPED,
        "arp-reply",
        "not in the interface's subnet",
        "the addresses and neighbours of pg0",
        f"ARP request from 172.16.0.9 ({THEIRS}) for 10.0.0.1",
    ),
    Case("our address", lambda: arp("10.0.0.1", "10.0.0.1"), DROPPED, "arp-reply", "somebody else uses our address", "the addresses"),
    Case(
        "forged ARP",
        lambda: Ether(dst="ff:ff:ff:ff:ff:ff", src=THEIRS) / ARP(op=1, hwsrc=station(9), psrc="10.0.0.3", pdst="10.0.0.1"),
        DROPPED,
        "arp-reply",
        "is not that of the frame",
        "the addresses",
    ),
    Case(
        "ARP without address",
        lambda: arp("10.0.0.2", "10.0.0.1"),
        DROPPED,
        "arp-disabled",
        "no IPv4 address",
        "the addresses",
        lines=("set interface ip address del pg0 10.0.0.1/24",),
    ),
    Case(
        "router solicitation",
        lambda: Ether(dst="33:33:00:00:00:02", src=THEIRS) / IPv6(src="fe80::2", dst="ff02::2", hlim=255) / ICMPv6ND_RS(),
        DROPPED,
        "ip6-not-enabled",
        "has no address",
        "the addresses of pg0",
    ),
    Case(
        "routed solicitation",
        lambda: ether(IPv6(src="2001:db8::2", dst="2001:db8::1", hlim=64) / ICMPv6ND_NS(tgt="2001:db8::1")),
        PUNTED,
        "ip6-icmp-input",
        "must come from the link",
        "ICMP type neighbor_solicitation",
        lines=IP6,
    ),
    Case(
        "not our address",
        lambda: ether(IPv6(src="2001:db8::2", dst="2001:db8::1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::77")),
        DROPPED,
        "icmp6-neighbor-solicitation",
        "not ours",
        "IPv6 at pg0",
        lines=IP6,
    ),
    Case(
        "hop by hop",
        lambda: ether(IPv6(src="2001:db8::2", dst="2001:db8::1") / IPv6ExtHdrHopByHop(nh=200) / PAYLOAD),
        DROPPED,
        "ip6-local-hop-by-hop",
        "hop-by-hop options, of a protocol that nobody handles",
        lines=IP6,
    ),
    Case(
        "ICMPv6 checksum",
        lambda: ether(IPv6(src="2001:db8::2", dst="2001:db8::1") / ICMPv6EchoRequest(cksum=0x1234)),
        DROPPED,
        "ip6-receive",
        "ICMPv6 checksum does not hold",
        lines=IP6,
    ),
    Case(
        "punted port",
        lambda: outer(UDP(sport=5, dport=1234) / PAYLOAD),
        PUNTED,
        "ip4-udp-lookup",
        "punting of UDP is on",
        "UDP port 1234",
        lines=("set punt udp ipv4 all",),
    ),
]


def explained(case: Case) -> Explanation:
    """The last frame's explanation, what decided looked up in the engine."""
    traffic = Traffic()
    assert traffic("ip neighbor pg0 10.0.0.2 02:00:00:00:00:02") == ""
    for line in case.lines:
        answer = traffic.session.execute(line)
        assert not answer.failed, f"{line}: {answer.text}"
    made = case.frame()
    for number, frame in enumerate(made if isinstance(made, list) else [made]):
        data = bytes(frame)
        assert traffic("clear trace") == ""
        assert traffic("trace add pg-input 1") == ""
        stream = f"name s{number} limit 1 size {len(data)}-{len(data)} interface {case.interface} node ethernet-input"
        assert traffic(f"packet-generator new {{ {stream} data {{ hex 0x{data.hex()} }} }}") == ""
        traffic.send(f"s{number}")
    [packet] = packets_of(traffic("show trace") + "\n")

    def ask(line: str) -> str:
        answer = traffic.session.execute(line)
        assert not answer.failed, f"{line}: {answer.text}"
        return answer.text

    return explain(packet, ask)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_an_end_that_the_engine_made_is_explained(case: Case) -> None:
    found = explained(case)
    assert (found.verdict.outcome, found.node) == (case.outcome, case.node), found
    assert case.words in found.why
    assert found.decided.startswith(case.decided)
    assert bool(found.decided) == bool(case.decided), found.decided
    assert case.seen in found.seen
    assert "{" not in " ".join((found.why, found.seen, found.decided, found.show, *found.check))


def test_what_decided_is_shown() -> None:
    by_name = {case.name: case for case in CASES}
    route = explained(by_name["route of a table"])
    assert route.show == "show ip fib index 1 192.0.2.1"
    assert "0.0.0.0/0" in route.shown
    assert "dpo-drop" in route.shown
    assert "`show ip fib index 1 192.0.2.1`" in route.check
    association = explained(by_name["wrong key"])
    assert association.show == "show ipsec sa 1"
    assert "spi 2001" in association.shown
