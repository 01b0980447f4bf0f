"""Filter expressions: the programs are libpcap's, and they decide what the expressions say."""

from __future__ import annotations

import operator
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from vppsh.engine.bpf.compiler import compile_filter
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.generate import LinkType
from vppsh.engine.bpf.parse import parse

# What libpcap 1.10.3 makes of these (tcpdump -d -y EN10MB -s 65535).
LISTINGS = {
    "arp": ["ldh [12]", "jeq #0x806 2 3", "ret #65535", "ret #0"],
    "src host 10.0.0.6": [
        "ldh [12]", "jeq #0x800 2 4", "ld [26]", "jeq #0xa000006 8 9", "jeq #0x806 6 5", "jeq #0x8035 6 9", "ld [28]",
        "jeq #0xa000006 8 9", "ret #65535", "ret #0",
    ],
    "udp": [
        "ldh [12]", "jeq #0x800 2 4", "ldb [23]", "jeq #0x11 10 11", "jeq #0x86dd 5 11", "ldb [20]", "jeq #0x11 10 7", "jeq #0x2c 8 11",
        "ldb [54]", "jeq #0x11 10 11", "ret #65535", "ret #0",
    ],
    "tcp dst port 80 and host 1.2.3.4": [
        "ldh [12]", "jeq #0x86dd 15 2", "jeq #0x800 3 15", "ldb [23]", "jeq #0x6 5 15", "ldh [20]", "jset #0x1fff 15 7",
        "ldxb 4*([14]&0xf)", "ldh [x + 16]", "jeq #0x50 10 15", "ld [26]", "jeq #0x1020304 14 12", "ld [30]", "jeq #0x1020304 14 15",
        "ret #65535", "ret #0",
    ],
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0": [
        "ldh [12]", "jeq #0x800 2 10", "ldb [23]", "jeq #0x6 4 10", "ldh [20]", "jset #0x1fff 10 6", "ldxb 4*([14]&0xf)",
        "ldb [x + 27]", "jset #0x3 9 10", "ret #65535", "ret #0",
    ],
    "vlan 100 and ip": [
        "ldh [12]", "jeq #0x8100 4 2", "jeq #0x88a8 4 3", "jeq #0x9100 4 10", "ldh [14]", "and #0xfff", "jeq #0x64 7 10", "ldh [16]",
        "jeq #0x800 9 10", "ret #65535", "ret #0",
    ],
    "len > 100": ["ld #pktlen", "jgt #0x64 2 3", "ret #65535", "ret #0"],
    "": ["ret #65535"],
}  # fmt: skip


@pytest.mark.parametrize("expression", list(LISTINGS))
def test_listings(expression: str) -> None:
    lines = []
    for number, line in enumerate(compile_filter(expression).listing().splitlines()):
        assert line.startswith(f"({number:03}) ")
        lines.append(" ".join(line[6:].replace("jt ", "").replace("jf ", "").split()))
    assert lines == LISTINGS[expression]


def test_a_line_is_set_as_bpf_image_sets_it() -> None:
    assert compile_filter("arp").listing().splitlines()[1] == "(001) jeq      #0x806           jt 2\tjf 3"


ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
PACKETS = {
    "udp": ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1000, dport=53) / Raw(b"x" * 20),
    "tcp": ETHER / IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=80, dport=2000, flags="SA"),
    "ping": ETHER / IP(src="192.168.1.1", dst="10.0.0.1") / ICMP(type=8),
    "arp": ETHER / ARP(psrc="10.0.0.1", pdst="10.0.0.2"),
    "udp6": ETHER / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=53, dport=1000),
    "tagged": ETHER / Dot1Q(vlan=5) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2),
    "broadcast": Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="10.0.0.9", pdst="10.0.0.1"),
    "options": ETHER / IP(src="10.0.0.1", dst="10.0.0.2", options=b"\1\1\1\1") / UDP(sport=1000, dport=53),
    "fragment": ETHER / IP(src="10.0.0.1", dst="10.0.0.2", frag=10, proto=17) / Raw(b"\x03\xe8\x00\x35" + b"y" * 20),
}  # fmt: skip
ACCEPTED = {
    "udp": {"udp", "udp6", "options", "fragment"},
    "ip": {"udp", "tcp", "ping", "options", "fragment"},
    "host 10.0.0.1": {"udp", "tcp", "ping", "arp", "broadcast", "options", "fragment"},
    "src host 10.0.0.1": {"udp", "arp", "options", "fragment"},
    "src and dst net 10.0.0.0/8": {"udp", "tcp", "arp", "broadcast", "options", "fragment"},
    "ip net 192.168": {"ping"},
    "net 192.168.0.0 mask 255.255.0.0": {"ping"},
    "port 53": {"udp", "udp6", "options"},
    "udp src port 1000 and dst port 53": {"udp", "options"},
    "portrange 2000-2010": {"tcp"},
    "tcp portrange 79-81 or icmp": {"tcp", "ping"},
    "not arp and not ip": {"udp6", "tagged"},
    "arp or (udp and not src port 1000)": {"arp", "broadcast", "udp6", "fragment"},
    "ip6 host 2001:db8::1": {"udp6"},
    "dst net 2001:db8::/32": {"udp6"},
    "ether dst 02:00:00:00:00:02 and arp": {"arp"},
    "ether src 0200.0000.0001 and arp": {"arp"},
    "broadcast": {"broadcast"},
    "ether multicast": {"broadcast"},
    "ether proto \\arp": {"arp", "broadcast"},
    "ip proto 17": {"udp", "options", "fragment"},
    "vlan": {"tagged"},
    "vlan 5 and udp port 2": {"tagged"},
    "vlan 6": set(),
    "tcp[13] & 0x12 = 0x12": {"tcp"},
    "tcp[tcpflags] == tcp-syn|tcp-ack": {"tcp"},
    "icmp[icmptype] = icmp-echo": {"ping"},
    "udp[2:2] = 53 and ip[8] >= 64": {"udp", "options"},
    "ip[6:2] & 0x1fff != 0": {"fragment"},
    "ip[0] & 0xf > 5": {"options"},
    "ip[2:2] = len - 14": {"udp", "tcp", "ping", "options", "fragment"},
    "less 42": {"ping", "arp", "broadcast"},
    "1 + 2 * 3 = 7 and arp": {"arp", "broadcast"},
    "host (10.0.0.9 or 192.168.1.1)": {"broadcast", "ping"},
    "port 80 or 53 and not udp": {"tcp"},
    "src 10.0.0.2": {"tcp"},
    "": set(PACKETS),
}  # fmt: skip


@pytest.mark.parametrize("expression", list(ACCEPTED))
@pytest.mark.parametrize("optimized", [True, False])
def test_what_is_accepted(expression: str, optimized: bool) -> None:
    program = compile_filter(expression, optimized=optimized)
    assert {name for name, packet in PACKETS.items() if program.accepts(bytes(packet))} == ACCEPTED[expression]


@dataclass
class Headers:
    """What a packet is made of, for the scalar twin."""

    ether: Packet

    @property
    def ip(self) -> Packet | None:
        return self.ether.payload if isinstance(self.ether.payload, IP) else None


def address(headers: Headers, which: str) -> set[str]:
    payload = headers.ether.payload
    if isinstance(payload, ARP):
        return {payload.psrc if which == "src" else payload.pdst}
    return {payload.src if which == "src" else payload.dst} if isinstance(payload, IP) else set()


def ports(headers: Headers) -> dict[str, int]:
    """The ports that a test of ports may look at."""
    layer = headers.ether.payload
    first = not isinstance(layer, IP) or layer.frag == 0
    if protocol(headers) not in PROTOCOLS.values() or not first:
        return {}
    source, destination = struct.unpack(">HH", bytes(layer.payload)[:4])
    return {"src": source, "dst": destination}


def protocol(headers: Headers) -> int | None:
    layer = headers.ether.payload
    return layer.proto if isinstance(layer, IP) else layer.nh if isinstance(layer, IPv6) else None


Predicate = Callable[[Headers], bool]
TYPES = {"ip": 0x800, "ip6": 0x86DD, "arp": 0x806}
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "!=": operator.ne}
primitives = st.one_of(
    st.sampled_from(sorted(TYPES)).map(lambda name: (name, lambda h, name=name: h.ether.type == TYPES[name])),
    st.sampled_from(sorted(PROTOCOLS)).map(lambda name: (name, lambda h, name=name: protocol(h) == PROTOCOLS[name])),
    st.tuples(st.sampled_from(["src", "dst"]), st.integers(1, 3)).map(
        lambda drawn: (f"{drawn[0]} host 10.0.0.{drawn[1]}", lambda h: f"10.0.0.{drawn[1]}" in address(h, drawn[0]))
    ),
    st.integers(1, 3).map(lambda n: (f"host 10.0.0.{n}", lambda h: f"10.0.0.{n}" in address(h, "src") | address(h, "dst"))),
    st.tuples(st.sampled_from(["src", "dst"]), st.integers(1, 4)).map(
        lambda drawn: (f"{drawn[0]} port {drawn[1]}", lambda h: ports(h).get(drawn[0]) == drawn[1])
    ),
    st.tuples(st.integers(1, 4), st.integers(1, 4)).map(
        lambda drawn: (
            f"portrange {drawn[0]}-{drawn[1]}",
            lambda h: any(min(drawn) <= port <= max(drawn) for port in ports(h).values()),
        )
    ),
    st.tuples(st.sampled_from(sorted(COMPARISONS)), st.integers(60, 66)).map(
        lambda drawn: (f"ip[8] {drawn[0]} {drawn[1]}", lambda h: h.ip is not None and COMPARISONS[drawn[0]](h.ip.ttl, drawn[1]))
    ),
)


def joined(pair: tuple[tuple[str, Predicate], tuple[str, Predicate], str]) -> tuple[str, Predicate]:
    (left, left_holds), (right, right_holds), word = pair
    if word == "and":
        return f"({left}) and ({right})", lambda h: left_holds(h) and right_holds(h)
    return f"({left}) or ({right})", lambda h: left_holds(h) or right_holds(h)


expressions = st.recursive(
    primitives,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda h: not one[1](h))),
        st.tuples(inner, inner, st.sampled_from(["and", "or"])).map(joined),
    ),
    max_leaves=8,
)


def some_packet(rng: random.Random) -> Packet:
    addresses = {"src": f"10.0.0.{rng.randint(1, 4)}", "dst": f"10.0.0.{rng.randint(1, 4)}"}
    transport = rng.choice((UDP, TCP))(sport=rng.randint(1, 5), dport=rng.randint(1, 5))
    kind = rng.randrange(5)
    if kind == 0:
        return ETHER / ARP(psrc=addresses["src"], pdst=addresses["dst"])
    if kind == 1:
        return ETHER / IPv6(src="2001:db8::1", dst="2001:db8::2") / transport
    if kind == 2:
        return ETHER / IP(**addresses, frag=rng.randint(1, 9), proto=rng.choice((6, 17, 132, 47))) / Raw(rng.randbytes(24))
    options = rng.choice((b"", b"\1" * 4, b"\1" * 40))
    return ETHER / IP(**addresses, ttl=rng.randint(60, 66), options=options) / transport / Raw(rng.randbytes(rng.randint(0, 9)))


@given(expressions, st.integers(0, 2**32))
def test_programs_decide_what_the_expression_says(drawn: tuple[str, Predicate], seed: int) -> None:
    """The scalar twin reads each packet with scapy; the program with and without the optimizer agrees with it."""
    text, holds = drawn
    rng = random.Random(seed)
    plain = compile_filter(text, optimized=False)
    try:
        optimized = compile_filter(text)
    except BpfError:  # it accepts nothing at all, as the optimizer found out
        optimized = None
    for _ in range(30):
        data = bytes(some_packet(rng))
        wanted = holds(Headers(Ether(data)))
        assert plain.accepts(data) is wanted, (text, data.hex())
        assert (optimized is not None and optimized.accepts(data)) is wanted, (text, data.hex())


WORDS = st.sampled_from((
    "and", "or", "not", "(", ")", "!", "&&", "||", "host", "net", "port", "portrange", "proto", "src", "dst", "ip", "ip6", "arp", "tcp",
    "udp", "icmp", "ether", "vlan", "mpls", "broadcast", "multicast", "less", "greater", "byte", "len", "[", "]", ":", "=", "==", "!=",
    "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "0", "1", "5", "80", "0x800", "010", "08", "4294967296",
    "10.0.0.1", "10.0.0.0/8", "10.1", "mask", "255.0.0.0", "::1", "2001:db8::/32", "02:00:00:00:00:01", "1-2", "http", "foo", "tcp-syn",
    "icmptype", "geneve", "\\tcp", "$", "é", "1.2.3.4.5", "::", "1:2:3:4:5:6:7:8", "gateway",
))  # fmt: skip


@given(st.lists(WORDS, max_size=14), st.sampled_from(list(LinkType)), st.booleans(), st.binary(max_size=80))
def test_nonsense_is_refused_and_nothing_else_happens(words: list[str], link: LinkType, optimized: bool, packet: bytes) -> None:
    try:
        program = compile_filter(" ".join(words), link, optimized=optimized)
    except BpfError:
        return
    assert program.run(packet) in (0, 65535)


@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        parse(text)
    except BpfError:
        return


@pytest.mark.parametrize("text", ["not a filter", "10.0.0.1", "tcp and", "(tcp", "ip[0:3] = 1", "5 / 0 = 1", "host 300.1.1.1", "port 70000",
                                  "vlan 5000", "net 10.0.0.1/8", "tcp host 10.0.0.1", "ether host 10.0.0.1", "1 << 32 = 1", "ip broadcast",
                                  "vlan and mpls and vlan"])  # fmt: skip
def test_what_libpcap_refuses_is_refused(text: str) -> None:
    with pytest.raises(BpfError) as raised:
        compile_filter(text)
    assert not raised.value.ours


@pytest.mark.parametrize("text", ["geneve", "host example.net", "stp or tcp", "(" * 200 + "tcp" + ")" * 200])
def test_what_only_vppsh_refuses_says_so(text: str) -> None:
    with pytest.raises(BpfError) as raised:
        compile_filter(text)
    assert raised.value.ours


def test_a_long_chain_of_ports_is_compiled() -> None:
    """Jumps longer than 255 instructions go by way of a jump of their own."""
    chain = " or ".join(f"udp[0:2] = {port}" for port in range(1, 2000, 3))
    program = compile_filter(chain, optimized=False)
    for port, wanted in ((1, True), (2, False), (1999, True), (1000, True), (1001, False)):
        assert program.accepts(bytes(ETHER / IP() / UDP(sport=port))) is wanted


def test_raw_packets_begin_with_the_ip_header() -> None:
    program = compile_filter("udp port 53", LinkType.RAW)
    assert program.accepts(bytes(IP() / UDP(dport=53)))
    assert not program.accepts(bytes(IP() / TCP(dport=53)))
    assert program.accepts(bytes(IPv6() / UDP(dport=53)))
