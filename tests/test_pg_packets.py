"""Packet data of streams: what is typed, what comes out, what is refused and how it is quoted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.packet import Raw

from vppsh.engine.pg.edit import EditKind
from vppsh.engine.pg.generator import ROOM, Generator, Sizes
from vppsh.engine.pg.headers.lookup import attempt, index
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft, Template
from vppsh.grammar.reader import Reader

MACS = "02:00:00:00:00:02 -> 02:fe:00:00:00:01"
ETHER = {"src": "02:00:00:00:00:02", "dst": "02:fe:00:00:00:01"}


def parse(node: str, data: str, size: int = 64) -> Template | str:
    """The template, or what an error quotes."""
    reader, draft = Reader(data), Draft(size, size)
    if attempt(index().node.get(node), reader, draft) or attempt(read_payload, reader, draft):
        return draft.template()
    return reader.quote()


def packets(node: str, data: str, n: int = 1, size: int = 64, sizes: Sizes | None = None, seed: int = 1) -> list[bytes]:
    template = parse(node, f" {data} ", size)
    assert isinstance(template, Template), template
    generator = Generator(template, sizes or Sizes(size, size), np.random.default_rng(seed))
    return take(generator, n)


def take(generator: Generator, n: int) -> list[bytes]:
    memory = np.full((n, generator.sizes.high + ROOM), 0xEE, np.uint8)
    lengths = np.broadcast_to(generator.fill(memory), n)
    return [memory[i, : lengths[i]].tobytes() for i in range(n)]


def counting(n: int) -> Raw:
    return Raw(bytes(i & 0xFF for i in range(n)))


@pytest.mark.parametrize(
    ("node", "data", "size", "wanted"),
    [
        (
            "ethernet-input",
            f"IP4: {MACS} UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1234 -> 4321 incrementing 22",
            64,
            Ether(**ETHER) / IP(src="10.0.0.2", dst="10.0.1.2", id=0) / UDP(sport=1234, dport=4321) / counting(22),
        ),
        (
            "ip4-input",
            "UDP: 10.0.0.2 -> 10.0.1.2 tos 184 ttl 7 fragment id 77 offset 0 df UDP: DNS -> 0x35 incrementing 300",
            328,
            IP(src="10.0.0.2", dst="10.0.1.2", id=77, tos=184, ttl=7, flags="DF") / UDP(sport=53, dport=53) / counting(300),
        ),
        (
            "ip4-input",
            "TCP: 1.2.3.4 -> 5.6.7.8 TCP: 40000 -> 80 SYN ACK window 8192 seqnum 1000 acknum 0xffffffff opt mss 1460 hex 0x616263",
            60,
            IP(src="1.2.3.4", dst="5.6.7.8", id=0)
            / TCP(sport=40000, dport=80, flags="SA", window=8192, seq=1000, ack=0xFFFFFFFF, options=[("MSS", 1460)])
            / Raw(b"abc".ljust(16, b"\0")),
        ),
        (
            "ip4-input",
            "ICMP: 10.0.0.2 -> 10.0.0.1 ICMP echo_request hex 0x00070001",
            61,
            IP(src="10.0.0.2", dst="10.0.0.1", id=0) / ICMP(id=7, seq=1) / Raw(bytes(33)),
        ),
        (
            "ip6-input",
            "ICMP6: 2001:db8::2 -> 2001:db8::1 hop-limit 5 traffic-class 32 ICMP echo_request hex 0x00070001",
            100,
            IPv6(src="2001:db8::2", dst="2001:db8::1", hlim=5, tc=32) / ICMPv6EchoRequest(id=7, seq=1) / Raw(bytes(52)),
        ),
        (
            "ethernet-input",
            f"ARP: {MACS} request: 02:00:00:00:00:02/10.0.0.2 -> 00:00:00:00:00:00/10.0.0.1",
            42,
            Ether(**ETHER) / ARP(op=1, hwsrc=ETHER["src"], psrc="10.0.0.2", hwdst="00:00:00:00:00:00", pdst="10.0.0.1"),
        ),
        (
            "ethernet-input",
            f"IP4: {MACS} vlan 20 priority 5 vlan 30 cfi 1 UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 22",
            72,
            Ether(**ETHER)
            / Dot1Q(vlan=20, prio=5)
            / Dot1Q(vlan=30, id=1)
            / IP(src="10.0.0.2", dst="10.0.1.2", id=0)
            / UDP(sport=1, dport=2)
            / counting(22),
        ),
        (
            "ip4-input",
            "GRE: 10.0.0.2 -> 10.0.1.2 ip4 UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 incrementing 8",
            60,
            IP(src="10.0.0.2", dst="10.0.1.2", id=0)
            / GRE()
            / IP(src="1.1.1.1", dst="2.2.2.2", id=0)
            / UDP(sport=1, dport=2)
            / Raw(bytes(range(8))),
        ),
    ],
    ids=["udp", "ip4 fields", "tcp", "icmp", "icmp6", "arp", "vlans", "gre"],
)
def test_packets_are_what_scapy_builds(node: str, data: str, size: int, wanted: Ether | IP | IPv6) -> None:
    assert packets(node, data, size=size)[0].hex() == bytes(wanted).hex()


def test_mpls_has_one_label_at_the_bottom_and_needs_nothing_behind_it() -> None:
    packet = packets("ethernet-input", f"MPLS: {MACS} MPLS: label 100 UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 18")[0]
    assert packet[12:18].hex() == "8847000641ff"
    assert bytes(IP(packet[18:])) == bytes(IP(src="10.0.0.2", dst="10.0.1.2", id=0) / UDP(sport=1, dport=2) / counting(18))
    assert isinstance(parse("mpls-input", " MPLS: label 7 "), Template)


def test_flags_and_flag_words_match_as_prefixes() -> None:
    packet = packets("ip4-input", "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 1 -> 2 SYNACK incrementing 24")[0]
    assert str(IP(packet)[TCP].flags) == "SA"


def test_a_vlan_range_is_shifted_by_four_bits() -> None:
    made = packets("ethernet-input", f"IP4: {MACS} vlan 9-12 UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 22", 5, 68)
    assert [Ether(packet)[Dot1Q].vlan for packet in made] == [144, 160, 176, 192, 144]


def test_an_ip6_address_range_leaves_the_address_empty() -> None:
    packet = packets("ip6-input", "UDP: 2001:db8::2 -> 2001:db8::5-2001:db8::9 UDP: 1 -> 2 incrementing 16")[0]
    assert IPv6(packet).dst == "::"
    assert IPv6(packet).src == "2001:db8::2"


def test_udp_over_ip6_and_tcp_behind_ethernet_get_the_checksums_that_vpp_gives_them() -> None:
    udp = packets("ip6-input", "UDP: 2001:db8::2 -> 2001:db8:1::2 UDP: 1000 -> 2000 incrementing 16")[0]
    # Bytes 12 to 20 and 9 of an IPv6 header are not what they are in an IPv4 header.
    assert checksum_is_right(udp[12:20] + bytes([0, udp[9], 0, 24]) + udp[40:])
    assert not checksum_is_right(udp[8:40] + bytes([0, 17, 0, 24]) + udp[40:])
    tcp = packets("ethernet-input", f"IP4: {MACS} TCP: 10.0.0.2 -> 10.0.1.2 TCP: 1 -> 2 SYN incrementing 20", size=74)[0]
    # The IP header says 60 bytes; TCP begins at byte 34 of the frame, so 26 of its 40 bytes are covered.
    assert checksum_is_right(tcp[26:34] + bytes([0, 6, 0, 26]) + tcp[34:60])


@pytest.mark.parametrize(
    ("node", "data", "quoted"),
    [
        ("ip4-input", "", ""),
        ("ip4-input", "garbage", " garbage"),
        ("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2", ""),
        ("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2", ""),
        ("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing", " UDP: 10.0.0.2 -> 10.0.1.2 UDP..."),
        ("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2 ttl 256 UDP: 1 -> 2 incrementing 3", " UDP: 10.0.0.2 -> 10.0.1.2 ttl..."),
        ("ip4-input", "253: 10.0.0.2 -> 10.0.1.2 hex 0x0102", " 253: 10.0.0.2 -> 10.0.1.2 hex..."),
        ("ip4-input", "hex 4500", " hex 4500"),
        ("ip4-input", "hex 0x450", " hex 0x450"),
        ("ip4-input", "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 70000 -> 2 incrementing 4", " TCP: 1.1.1.1 -> 2.2.2.2 TCP: ..."),
        ("ip6-input", "UDP: 10.0.0.1 -> 10.0.0.2 UDP: 1 -> 2 incrementing 4", " UDP: 10.0.0.1 -> 10.0.0.2 UDP..."),
        ("ethernet-input", f"IP4: {MACS} vlan 1 vlan 2 vlan 3 hex 0x00", " IP4: 02:00:00:00:00:02 -> 02:..."),
        ("ethernet-input", f"IP4: {MACS} vlan 4096 hex 0x00", " IP4: 02:00:00:00:00:02 -> 02:..."),
        ("ip4-drop", "UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 3", " UDP: 10.0.0.2 -> 10.0.1.2 UDP..."),
    ],
)
def test_what_is_refused_is_quoted_as_by_vpp(node: str, data: str, quoted: str) -> None:
    assert parse(node, f" {data} ") == quoted


def test_a_node_name_brings_its_headers_where_the_payload_is_expected() -> None:
    template = parse("ip4-drop", " ip4-input UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 hex 0x01 ")
    assert isinstance(template, Template)
    assert template.data[:2] == b"\x45\x00"


WORDS = st.sampled_from([
    "IP4:", "IP6:", "ARP:", "MPLS:", "label", "UDP:", "TCP:", "ICMP:", "ICMP", "GRE:", "ip4", "->", "-", "+", "/", ":", "10.0.0.1",
    "10.0.0.9", "2001:db8::1", "02:00:00:00:00:02", "1", "99999999999999999999", "-5", "0x", "0xff", "vlan", "priority", "ttl", "tos",
    "checksum", "length", "fragment id", "offset", "mf", "SYN", "opt", "mss", "sack", "nvalues", "timestamp", "winscale", "hex 0x", "00",
    "incrementing", "echo_request", "ip4-input", "ethernet-input", "request:", "version", "hop-limit", "header-length", "\\", "{", "}",
])  # fmt: skip


@given(node=st.sampled_from(sorted(index().node)), words=st.lists(WORDS, max_size=24), glue=st.sampled_from([" ", ""]))
def test_no_packet_data_raises(node: str, words: list[str], glue: str) -> None:
    template = parse(node, glue.join(words), 200)
    if isinstance(template, Template) and template.header_bytes <= 200:
        take(Generator(template, Sizes(200, 200), np.random.default_rng(1)), 3)


RANGE = st.tuples(st.integers(0, 0xFFFF), st.integers(1, 70000)).map(lambda r: (r[0], min(r[0] + r[1], 0xFFFF)))


@given(
    source=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 3000)),
    port=RANGE,
    ttl=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    parts=st.lists(st.sampled_from([1, 3, 4, 5, 255, 256, 257]), min_size=1, max_size=5),
    size=st.sampled_from([Sizes(60, 60), Sizes(60, 75, EditKind.INCREMENT)]),
)
def test_ranges_count_up_whatever_the_vectors_are(
    source: tuple[int, int], port: tuple[int, int], ttl: tuple[int, int], parts: list[int], size: Sizes
) -> None:
    low, high = source[0], min(source[0] + source[1], 2**32 - 1)
    ttl_low, ttl_high = ttl[0], ttl[0] + ttl[1]

    def address(value: int) -> str:
        return ".".join(str(octet) for octet in value.to_bytes(4, "big"))

    template = parse(
        "ip4-input",
        f" UDP: {address(low)}-{address(high)} -> 10.9.8.7 ttl {ttl_low}-{ttl_high} UDP: {port[0]}-{port[1]} -> 2000 incrementing 32 ",
        60,
    )
    assert isinstance(template, Template)
    generator = Generator(template, size, np.random.default_rng(1))
    made = [packet for n in parts for packet in take(generator, n)]
    assert len(made) == sum(parts)
    for number, packet in enumerate(made):
        assert int.from_bytes(packet[12:16], "big") == low + number % (high - low + 1)
        assert packet[8] == ttl_low + number % (ttl_high - ttl_low + 1)
        assert int.from_bytes(packet[20:22], "big") == port[0] + number % (port[1] - port[0] + 1)
        assert len(packet) == size.low + number % (size.high - size.low + 1)
        assert int.from_bytes(packet[24:26], "big") == len(packet) - 20
        assert checksum_is_right(packet[:20])
        assert checksum_is_right(packet[12:20] + bytes([0, 17]) + (len(packet) - 20).to_bytes(2, "big") + packet[20:])


def checksum_is_right(data: bytes) -> bool:
    """The scalar twin: words added up one by one."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
    return total % 0xFFFF == 0


def test_random_values_stay_in_their_range_and_differ() -> None:
    made = packets("ip4-input", "UDP: 10.0.0.2 -> 10.0.0.100+10.0.0.120 UDP: 1+65535 -> 2 incrementing 32", 2000, 60)
    assert {packet[19] for packet in made} == set(range(100, 121))
    assert len({packet[20:22] for packet in made}) > 1500
    assert all(checksum_is_right(packet[:20]) for packet in made)


def test_a_range_from_high_to_low_stays_at_its_first_value() -> None:
    made = packets("ip4-input", "UDP: 10.0.0.9-10.0.0.2 -> 10.0.0.1 UDP: 1 -> 2 incrementing 32", 3, 60)
    assert {packet[12:16] for packet in made} == {bytes([10, 0, 0, 9])}


def test_bit_fields_that_change_move_as_vpp_moves_them() -> None:
    # The header length's own four bits stay empty: its values land in the version.
    made = packets("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2 header-length 5-6 UDP: 1 -> 2 incrementing 32", 2, 60)
    assert [packet[0] for packet in made] == [0x50, 0x60]
    made = packets("ip4-input", "UDP: 10.0.0.2 -> 10.0.1.2 fragment id 1 offset 8-24 UDP: 1 -> 2 incrementing 32", 3, 60)
    assert [int.from_bytes(packet[6:8], "big") for packet in made] == [1 << 3, 2 << 3, 3 << 3]


@given(low=st.integers(0, 2**48 - 1), span=st.integers(1, 300))
def test_mac_ranges_count_in_all_six_bytes(low: int, span: int) -> None:
    high = min(low + span, 2**48 - 1)
    text = [":".join(f"{octet:02x}" for octet in value.to_bytes(6, "big")) for value in (low, high)]
    made = packets("ethernet-input", f"0x88b5: {text[0]}-{text[1]} -> 02:fe:00:00:00:01 hex 0x01", 5)
    assert [int.from_bytes(packet[6:12], "big") for packet in made] == [low + number % (high - low + 1) for number in range(5)]
    assert all(packet[12:15] == b"\x88\xb5\x01" for packet in made)


def test_tcp_options_are_padded_and_counted() -> None:
    data = "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 1 -> 2 opt timestamp 100 200 opt winscale 7 opt sackperm hex 0x00"
    packet = IP(packets("ip4-input", data, size=80)[0])
    assert packet[TCP].dataofs == 9
    assert packet[TCP].options == [("Timestamp", (100, 200)), ("WScale", 7), ("SAckOK", b""), ("NOP", None)]
    blocks = "TCP: 1.1.1.1 -> 2.2.2.2 TCP: 1 -> 2 opt sack nvalues 2 1 2 3 4 hex 0x00"
    assert IP(packets("ip4-input", blocks, size=80)[0])[TCP].options == [("SAck", (1, 2, 3, 4)), ("NOP", None), ("NOP", None)]


PATCHED = (
    "UDP: 10.0.0.2 -> 10.0.0.0-10.200.0.0 tos 0-200 UDP: 1 -> 2 incrementing 32",
    "UDP: 10.0.0.2-10.0.255.255 -> 10.0.0.1 UDP: 1-65535 -> 7 hex 0x0102",
    "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 1 -> 2 ip4-input UDP: 3.3.3.3 -> 4.0.0.0-4.100.0.0 UDP: 5-60000 -> 6 incrementing 9",
    "GRE: 1.1.1.0-1.100.1.1 -> 2.2.2.2 ip4 TCP: 3.3.3.3 -> 4.4.4.4 TCP: 1-65535 -> 80 SYN seqnum 0-99999999 incrementing 10",
    "ICMP: 10.0.0.2-10.90.0.2 -> 10.0.0.1 ttl 0-255 ICMP echo_request incrementing 36",
    "TCP: 1.1.1.1 -> 2.2.2.2 length 40-50 TCP: 0-65535 -> 80 hex 0x01",
    "UDP: 1.1.1.1 -> 2.2.2.2 UDP: 0-65535 -> 80 length 10-40 hex 0x010203",
    "UDP: 1.1.1.1 -> 2.2.2.2 header-length 5-9 UDP: 0-65535 -> 80 checksum 1-3 hex 0x010203",
)


@pytest.mark.parametrize("data", PATCHED)
@pytest.mark.parametrize("size", [88, 89])
def test_patched_packets_are_the_ones_that_are_computed_in_full(data: str, size: int) -> None:
    template = parse("ip4-input", f" {data} ", size)
    assert isinstance(template, Template)
    # Of packets whose lengths change, nothing is patched; every other one of these has the length of the patched ones.
    patched = Generator(template, Sizes(size, size), np.random.default_rng(1))
    full = Generator(template, Sizes(size, size + 1, EditKind.INCREMENT), np.random.default_rng(1))
    for n in (1, 7, 256, 5000):
        wanted = take(full, n)
        made = take(patched, n)
        assert [made[i].hex() for i in range(n) if len(wanted[i]) == size] == [wanted[i].hex() for i in range(n) if len(wanted[i]) == size]


def test_no_udp_checksum_is_zero() -> None:
    made = packets("ip4-input", "UDP: 10.0.0.2 -> 10.0.0.1 ttl 1-3 UDP: 0-65535 -> 2 incrementing 32", 1 << 16, 60)
    checksums = {packet[26:28] for packet in made}
    assert b"\0\0" not in checksums
    assert b"\xff\xff" in checksums
