"""VPP's text for headers: by hand from its format functions, against scapy's packets, and over junk."""

from __future__ import annotations

import ipaddress
import textwrap

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether

from vppsh.engine.wire import arp, ethernet, ethertype, gre, icmp4, icmp6, ip4, ip6, ip_protocol, llc, mpls, tcp, udp, vlan
from vppsh.engine.wire.text import format_ethernet_address, format_hex_bytes, format_hexdump, format_ip6_address

FORMATS = (
    arp.format_ethernet_arp_header,
    ethernet.format_ethernet_header,
    ethernet.format_ethernet_header_with_length,
    gre.format_gre_header,
    icmp4.format_ip4_icmp_header,
    icmp6.format_icmp6_header,
    ip4.format_ip4_header,
    ip6.format_ip6_header,
    ip6.format_ip6_frag_hdr,
    llc.format_llc_header_with_length,
    mpls.format_mpls_unicast_header_net_byte_order,
    tcp.format_tcp_header,
    udp.format_udp_header,
)

SRC, DST = "02:00:00:00:00:02", "02:fe:00:00:00:01"


def text(block: str) -> str:
    """An expected text, written with the indentation of this file."""
    return textwrap.dedent(block)


def test_a_udp_packet_in_an_ethernet_frame() -> None:
    udp_header = UDP(sport=1000, dport=2000, chksum=0x7DBC)
    packet = Ether(src=SRC, dst=DST) / IP(src="10.0.0.2", dst="10.0.1.2", id=1, flags="DF", tos=0xB8) / udp_header / b"ab"
    assert ethernet.format_ethernet_header_with_length(bytes(packet), 2) == text("""\
        IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01
          UDP: 10.0.0.2 -> 10.0.1.2
            tos 0xb8, ttl 64, length 30, checksum 0x2513 dscp EF ecn NON_ECN
            fragment id 0x0001, flags DONT_FRAGMENT
          UDP: 1000 -> 2000
            length 10, checksum 0x7dbc""")
    assert ethernet.format_ethernet_header(bytes(packet), 2) == "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01"


def test_tags() -> None:
    frame = Ether(src=SRC, dst=DST)
    addresses = "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01"
    show = ethernet.format_ethernet_header
    assert show(bytes(frame / Dot1Q(vlan=7) / IP())) == f"{addresses} 802.1q vlan 7"
    assert show(bytes(frame / Dot1Q(vlan=7, prio=3, id=1) / IP())) == f"{addresses} 802.1q vlan 7 priority 3 cfi"
    assert show(bytes(frame / Dot1Q(vlan=20) / Dot1Q(vlan=30) / IP())) == f"{addresses} 802.1q vlan 20 802.1q vlan 30"
    # The inner tag is called by the outer one's kind.
    assert show(bytes(frame / Dot1AD(vlan=300) / Dot1Q(vlan=400) / IP())) == f"{addresses} 802.1ad vlan 300 802.1ad vlan 400"
    # A third tag is the payload's type.
    assert show(bytes(frame / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP())).startswith("VLAN: ")
    assert ethernet.format_ethernet_header_with_length(bytes(frame / Dot1Q(vlan=1) / IP())[:17]) == "ethernet header truncated"


def test_a_backbone_frame() -> None:
    tagged = bytes.fromhex("02fe00000001 020000000002 88a8 4005 88e7 00012345")
    assert ethernet.format_ethernet_header(tagged) == f"DOT1AH: {SRC} -> {DST} 802.1ad b-tag 4005 802.1ah i-tag 00012345"


def test_types_without_a_name_and_below_0x600() -> None:
    for number, shown in ((0x88B5, "0x88b5"), (0x0040, "0x0040"), (0x0600, "XNS_IDP"), (0x9000, "LOOPBACK")):
        frame = bytes(Ether(src=SRC, dst=DST))[:12] + number.to_bytes(2, "big") + b"payload"
        assert ethernet.format_ethernet_header_with_length(frame) == f"{shown}: {SRC} -> {DST}"


def test_what_an_ethernet_frame_goes_on_with() -> None:
    show = ethernet.format_ethernet_header_with_length
    frame = Ether(src=SRC, dst=DST)
    assert show(bytes(frame / MPLS(label=10, cos=5, s=1, ttl=64) / IP()), 2) == text(f"""\
        MPLS: {SRC} -> {DST}
          label 10 exp 5, s 1, ttl 64""")
    assert show(bytes(frame / ARP(op="who-has", hwsrc=SRC, psrc="10.0.0.2", pdst="10.0.0.1")), 2) == text(f"""\
        ARP: {SRC} -> {DST}
          request, type ethernet/IP4, address size 6/4
          {SRC}/10.0.0.2 -> 00:00:00:00:00:00/10.0.0.1""")
    logical_link = bytes(frame)[:12] + bytes.fromhex("8870 42 42 03 00")
    assert show(logical_link, 2).splitlines()[1] == "  LLC bpdu -> bpdu"
    assert llc.format_llc_header_with_length(bytes.fromhex("aa06 0012")) == "LLC ip4 -> snap, control 0x1200"


def test_arp_of_other_kinds() -> None:
    header = bytes.fromhex("0020 0800 0804 0009") + bytes(range(24))
    assert arp.format_ethernet_arp_header(header, 2) == text("""\
        inarp_reply, type infiniband/IP4, address size 8/4
          0001020304050607/08090a0b -> 0c0d0e0f10111213/14151617""")
    assert arp.format_ethernet_arp_header(bytes.fromhex("ffff 1234 0000 0100") + bytes(20)) == text("""\
        unknown 0x100, type unknown 0xffff/0x1234, address size 0/0
        / -> /""")
    # An address of more than 32 bytes is dumped in lines, from its own column.
    lines = arp.format_ethernet_arp_header(bytes.fromhex("0002 0800 2102 0001") + bytes(range(70)), 4).splitlines()
    assert lines[1] == "    00000000: " + bytes(range(32)).hex()
    assert lines[2].startswith("    00000020: 20/2122 -> 00000000: 2324")
    assert lines[3].startswith(" " * lines[2].index("00000000: 2324") + "00000020: 43/4445")


def test_ip4_options_and_unexpected_lengths() -> None:
    packet = bytes(IP(src="10.0.0.2", dst="10.0.1.2", options=[IPOption_Router_Alert()]) / ICMP(id=7))
    assert ip4.format_ip4_header(packet) == text("""\
        ICMP: 10.0.0.2 -> 10.0.1.2
          version 4, header length 24
          tos 0x00, ttl 64, length 32, checksum 0xd0d4 dscp CS0 ecn NON_ECN
          fragment id 0x0001
        ICMP echo_request checksum 0xf7f8 id 7""")
    # The options were not captured: they count as zeros for the checksum, and nothing follows.
    assert "(should be 0x" in ip4.format_ip4_header(packet[:20])
    assert len(ip4.format_ip4_header(packet[:24]).splitlines()) == 4
    wrong = bytes([0x55]) + bytes(IP(src="10.0.0.2", dst="10.0.1.2"))[1:]
    assert ip4.format_ip4_header(wrong).splitlines()[1] == "  version 5, header length 20"


def test_ip4_checksums() -> None:
    good = bytes(IP(src="10.0.0.2", dst="10.0.1.2", ttl=1))
    bad = good[:10] + b"\x12\x34" + good[12:]
    assert f"checksum 0x1234 (should be 0x{good[10:12].hex()}) dscp" in ip4.format_ip4_header(bad)
    assert "should be" not in ip4.format_ip4_header(good)
    assert "length 0, checksum 0x0000 (should be 0xffff) dscp CS0" in ip4.format_ip4_header(bytes(20))


def test_ip4_fragments() -> None:
    first = bytes(IP(dst="10.0.1.2", flags="MF", id=0xBEEF) / UDP(chksum=0xF37C))
    assert ip4.format_ip4_header(first).splitlines()[2:] == [
        "  fragment id 0xbeef, flags MORE_FRAGMENTS",
        "UDP: 53 -> 53",
        "  length 8, checksum 0xf37c",
    ]
    later = bytes(IP(dst="10.0.1.2", flags="MF+DF+evil", frag=72) / UDP())
    # No header to show behind an offset; the flags are run together.
    assert ip4.format_ip4_header(later).splitlines()[2:] == ["  fragment id 0x0001 offset 576, flags MORE_FRAGMENTSDONT_FRAGMENTCONGESTION"]


def test_ip6() -> None:
    packet = bytes(IPv6(src="2001:db8::2", dst="ff02::1:ff00:1", tc=3, fl=0x12345, hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1", cksum=0x4BB6))
    assert ip6.format_ip6_header(packet, 2) == text("""\
        ICMP6: 2001:db8::2 -> ff02::1:ff00:1
            tos 0x03, flow label 0x12345, hop limit 255, payload length 24
          ICMP neighbor_solicitation checksum 0x4bb6
            target address 2001:db8::1""")
    assert ip6.format_ip6_header(b"\x40" + packet[1:40]).splitlines()[1] == "  version 4"
    echo = bytes(IPv6() / ICMPv6EchoRequest(id=9, cksum=0x0A))
    assert ip6.format_ip6_header(echo).splitlines()[2] == "ICMP echo_request checksum 0xa"
    # Too little captured for a target.
    advertisement = bytes(ICMPv6ND_NA(tgt="2001:db8::1", cksum=1))
    assert icmp6.format_icmp6_header(advertisement[:23]) == "ICMP neighbor_advertisement checksum 0x1"


def test_ip6_fragments_show_their_offset_byte_swapped() -> None:
    packet = bytes(IPv6(dst="2001:db8::1") / IPv6ExtHdrFragment(nh=58, offset=31, m=0, id=119))
    assert ip6.format_ip6_header(packet).splitlines()[2] == "IPV6_FRAG_HDR: next_hdr: 58, rsv: 0, frag_offset_and_more: 63488, id: 119"
    assert ip6.format_ip6_frag_hdr(packet[40:47]) == "ipv6 frag header truncated"


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (ICMP(type=8, id=7, chksum=0xBEEF), "ICMP echo_request checksum 0xbeef id 7"),
        (ICMP(type=3, code=4, chksum=1), "ICMP destination_unreachable fragmentation_needed_and_dont_fragment_set checksum 0x1"),
        (ICMP(type=3, code=77, chksum=1), "ICMP destination_unreachable checksum 0x1"),
        (ICMP(type=11, code=0, chksum=0), "ICMP time_exceeded ttl_exceeded_in_transit checksum 0x0"),
        (ICMP(type=200, code=1, chksum=0x10), "ICMP unknown 0xc8 checksum 0x10"),
    ],
)
def test_icmp(header: ICMP, shown: str) -> None:
    assert icmp4.format_ip4_icmp_header(bytes(header)) == shown


def test_an_echo_needs_seven_captured_bytes_to_show_its_identifier() -> None:
    header = bytes(ICMP(id=7, chksum=1))
    assert [icmp4.format_ip4_icmp_header(header[:length]) for length in (3, 6, 7)] == [
        "ICMP header truncated",
        "ICMP echo_request checksum 0x1",
        "ICMP echo_request checksum 0x1 id 7",
    ]


def test_tcp() -> None:
    header = TCP(sport=40000, dport=443, seq=1, ack=2, flags="SA", window=4096, chksum=0x4D83)
    assert (
        tcp.format_tcp_header(bytes(header), 2)
        == text("""\
        TCP: 40000 -> 443
            seq. 0x00000001 ack 0x00000002
            flags 0x12 SYN ACK, tcp header: 20 bytes
            window 4096, checksum 0x4d83""")
        + "\n    "
    )


def options(raw: bytes, flags: str = "S") -> list[str]:
    """The lines about the options of a segment."""
    raw = raw.ljust((len(raw) + 3) // 4 * 4, b"\0")
    header = bytes(TCP(flags=flags, dataofs=5 + len(raw) // 4)) + raw
    return tcp.format_tcp_header(header).split("\n")[4:]


def test_tcp_options() -> None:
    mss, scale, permitted, stamp = b"\x02\x04\x05\xb4", b"\x03\x03\x07", b"\x04\x02", b"\x08\x0a\0\0\0\x64\0\0\0\xc8"
    assert options(mss) == ["  options:", "    mss 1460"]
    assert options(permitted + b"\x01" + mss) == ["  options:", "    mss 1460, sack permitted"]
    assert options(mss + scale + permitted) == ["  options:", "    mss 1460, window scale 7, sack permitted"]
    assert options(b"\x03\x03\xff\x01") == ["  options:", "    window scale 14"]
    assert options(stamp) == ["  options:", "    timestamp 100, echo/reflected timestamp"]
    assert options(b"\0" + mss) == ["  "]
    # Options of other segments are walked and not shown.
    assert options(mss + stamp, "A") == ["  "]
    for broken in (b"\x02\x01\0\0", b"\x01\x01\x01\x02", b"\x02\x08\x05\xb4", b"\xfe\x00\x01\x01"):
        assert options(broken, "A") == ["  options: parsing failed"]
    assert tcp.format_tcp_header(bytes(TCP(options=[("MSS", 1460)]))[:23]).split("\n")[4:] == ["  options: truncated"]
    # A header length below the least there is: no options, no complaint.
    assert tcp.format_tcp_header(bytes(TCP(dataofs=3))).split("\n")[4:] == ["  "]


def test_gre_and_ip_in_ip_show_no_more_than_vpp_does() -> None:
    inner = IP(src="1.1.1.1", dst="2.2.2.2") / UDP()
    assert ip4.format_ip4_header(bytes(IP(dst="10.0.1.2") / GRE() / inner)).splitlines()[3:] == ["GRE ip4"]
    assert ip4.format_ip4_header(bytes(IP(dst="10.0.1.2", proto=4) / inner)).splitlines()[3:] == []
    assert gre.format_gre_header(b"\0\0\x88\x48") == "GRE 0x8848"


def test_mpls_stack_entries() -> None:
    assert mpls.format_mpls_header(34 << 12 | 0x140) == "[34:64:0:eos]"
    assert mpls.format_mpls_header(3 << 12 | 5 << 9 | 1) == "[implicit-null:1:5:neos]"


def test_names() -> None:
    assert [ip_protocol.format_ip_protocol(n) for n in (6, 61, 94, 255)] == ["TCP", "unknown 61", "IPIP", "RESERVED"]
    assert [ip_protocol.format_ip_dscp(n) for n in (0, 46, 50, 56, 1)] == ["CS0", "EF", "CS7", "unknown", "unknown"]
    assert [ip_protocol.format_ip_ecn(n) for n in range(4)] == ["NON_ECN", "ECT_0", "ECT_1", "CE"]
    assert ethertype.NUMBERS["IP6"] == 0x86DD
    assert ip_protocol.PROTOCOL_NUMBERS["IPSEC_ESP"] == 50
    assert vlan.format_ethernet_vlan_tci(0xFFFF) == "4095 priority 7 cfi"


def test_hex_bytes() -> None:
    assert format_hex_bytes(b"") == ""
    assert format_hex_bytes(bytes(range(32))) == bytes(range(32)).hex()
    assert format_hex_bytes(bytes(range(33)), 2) == f"00000000: {bytes(range(32)).hex()}\n  00000020: 20"
    assert format_hexdump(b"", 4) == ""
    assert format_hexdump(b"GET / HTTP/1.1\r\n\xff", 2) == (
        f"00000: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a [GET / HTTP/1.1..]\n  00010: ff {'   ' * 15}[.]"
    )


@given(st.lists(st.sampled_from([0, 0, 1, 0xDB8, 0xFFFF]), min_size=8, max_size=8))
def test_ip6_addresses(groups: list[int]) -> None:
    address = b"".join(group.to_bytes(2, "big") for group in groups)
    expected = ipaddress.IPv6Address(address)
    # Python may write an IPv4-mapped address with a dotted quad; otherwise RFC 5952 asks for what VPP prints.
    assume(expected.ipv4_mapped is None)
    assert format_ip6_address(address) == str(expected)


def test_a_mac_address() -> None:
    assert format_ethernet_address(bytes.fromhex("02feaabbcc01")) == "02:fe:aa:bb:cc:01"


@pytest.mark.parametrize(
    ("show", "least", "says"),
    [
        (ethernet.format_ethernet_header_with_length, 14, "ethernet header truncated"),
        (arp.format_ethernet_arp_header, 28, "ARP header truncated"),
        (ip4.format_ip4_header, 20, "IP header truncated"),
        (ip6.format_ip6_header, 40, "IP header truncated"),
        (udp.format_udp_header, 8, "UDP header truncated"),
        (tcp.format_tcp_header, 20, "TCP header truncated"),
        (icmp4.format_ip4_icmp_header, 4, "ICMP header truncated"),
        (icmp6.format_icmp6_header, 4, "ICMP header truncated"),
        (llc.format_llc_header_with_length, 3, "llc header truncated"),
    ],
)
def test_a_short_capture_is_told(show, least: int, says: str) -> None:  # type: ignore[no-untyped-def]
    whole = b"\x45" + bytes([0, 3]) + bytes(60)
    assert {show(whole[:length]) for length in range(least)} == {says}
    assert show(whole[:least]) != says


JUNK = st.binary(max_size=130)
TYPES = st.sampled_from([0x0800, 0x0806, 0x8100, 0x86DD, 0x8847, 0x8870, 0x88A8, 0x88E7])
FRAMES = st.builds(lambda head, kind, rest: head.ljust(12, b"\1")[:12] + kind.to_bytes(2, "big") + rest, JUNK, TYPES, JUNK)
PACKETS = st.builds(
    lambda junk, first, protocol: bytes([first]) + junk.ljust(60, b"\2")[:5] + bytes([protocol, 64, 64, protocol]) + junk,
    JUNK,
    st.sampled_from([0x45, 0x46, 0x44, 0x4F, 0x60, 0x00]),
    st.sampled_from([0, 1, 6, 17, 44, 47, 58]),
)


@given(JUNK | FRAMES | PACKETS, st.integers(0, 9))
def test_junk_gets_a_text_that_keeps_to_its_indentation(data: bytes, indent: int) -> None:
    for show in FORMATS:
        first, *lines = show(data, indent).split("\n")
        assert first == first.lstrip()
        assert all(line.startswith(" " * min(indent, 4)) for line in lines)


@given(PACKETS, st.integers(0, 9))
def test_indentation_only_moves_a_text(data: bytes, indent: int) -> None:
    for show in (ip4.format_ip4_header, tcp.format_tcp_header, udp.format_udp_header):
        assert show(data, indent) == show(data, 0).replace("\n", "\n" + " " * indent).replace(
            "\n" + " " * indent + "    target", "\n    target"
        )
