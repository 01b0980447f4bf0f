"""Headers and fields in the bytes of a packet, compared with what scapy makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrFragment
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

from vppsh.traces.decode import decode, hex_lines
from vppsh.traces.pcapng import LINK_ETHERNET, LINK_RAW_IP

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
PACKETS = [
    (Ether(**MACS) / Dot1Q(vlan=7, prio=3) / IP(src="10.0.0.1", dst="10.0.0.2", ttl=9) / UDP(sport=4, dport=5) / Raw(b"abc"),
     ["ethernet", "vlan", "ip4", "udp", "payload"]),
    (Ether(**MACS) / IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=80, dport=81, flags="SA", options=[("MSS", 1400)]),
     ["ethernet", "ip6", "tcp"]),
    (Ether(**MACS) / ARP(op=2, psrc="10.0.0.1", pdst="10.0.0.2"), ["ethernet", "arp"]),
    (IP() / ICMP(type=8, id=3, seq=4), ["ip4", "icmp4"]),
    (IP() / ICMP(type=11) / IP(src="1.2.3.4") / UDP(), ["ip4", "icmp4", "ip4", "udp"]),
    (IP() / UDP(dport=4789) / VXLAN(vni=42) / Ether(**MACS) / IP() / UDP(dport=9), ["ip4", "udp", "vxlan", "ethernet", "ip4", "udp"]),
    (IP() / GRE(key_present=1, key=77) / IP() / UDP(dport=9), ["ip4", "gre", "ip4", "udp"]),
    (Ether(**MACS) / MPLS(label=34, s=0) / MPLS(label=35, s=1) / IP() / UDP(dport=9), ["ethernet", "mpls", "mpls", "ip4", "udp"]),
    (IPv6() / IPv6ExtHdrFragment(nh=17, offset=0, m=1) / UDP(dport=9), ["ip6", "ip6-fragment", "udp"]),
    (IPv6() / ICMPv6ND_NS(tgt="2001:db8::9"), ["ip6", "icmp6"]),
    (IPv6() / ICMPv6EchoRequest(id=1, seq=2), ["ip6", "icmp6"]),
    (IP() / ESP(spi=5, seq=6, data=b"x" * 24), ["ip4", "esp", "payload"]),
    (IP() / AH(spi=5, seq=6, icv=b"y" * 12, nh=17, payloadlen=4) / UDP(dport=9), ["ip4", "ah", "udp"]),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "headers"), PACKETS, ids=[packet.summary() for packet, _ in PACKETS])
def test_headers_follow_each_other_without_a_gap(packet: Scapy, headers: list[str]) -> None:
    data = bytes(packet)
    parts = decode(data, LINK_ETHERNET if isinstance(packet, Ether) else LINK_RAW_IP)
    whole = [part for part in parts if not part.name]
    assert [part.header for part in whole] == headers
    assert [part.start for part in whole] == [0, *(part.end for part in whole[:-1])]
    assert whole[-1].end == len(data)


def test_fields_are_those_that_scapy_wrote_and_lie_where_they_are_told() -> None:
    packet = Ether(**MACS) / IP(src="10.0.0.1", dst="10.0.0.2", ttl=9, id=7, flags="DF") / TCP(sport=80, dport=81, flags="SA", window=5)
    data = bytes(packet)
    values = {(part.header, part.name): part for part in decode(data)}
    assert values["ip4", "ttl"].value == "9"
    assert values["ip4", "offset, flags"].value == "0 DF"
    assert values["ip4", "id"].value == "0x0007"
    assert values["ip4", "protocol"].value == "6 TCP"
    assert values["tcp", "flags"].value == "0x12 SYN ACK"
    assert values["tcp", "window"].value == "5"
    destination = values["ip4", "destination"]
    assert (destination.value, data[destination.start : destination.end]) == ("10.0.0.2", bytes([10, 0, 0, 2]))


def test_a_header_that_is_cut_off_ends_with_its_last_whole_field() -> None:
    data = bytes(Ether(**MACS) / IP(ttl=9))[: 14 + 11]
    parts = decode(data)
    assert [part.value for part in parts if not part.name] == ["Ethernet", "IPv4 (cut off)"]
    assert parts[-1].name == "protocol"


@given(st.binary(max_size=160), st.sampled_from([LINK_ETHERNET, LINK_RAW_IP]))
def test_no_bytes_are_too_odd(data: bytes, link_type: int) -> None:
    for part in decode(data, link_type):
        assert 0 <= part.start <= part.end <= len(data)


def test_a_dump_has_offsets_bytes_and_text() -> None:
    assert list(hex_lines(b"GET / HTTP/1.0\r\nA", 16)) == [
        "0000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 30 0d 0a  GET / HTTP/1.0..",
        "0010  41                                               A",
    ]
