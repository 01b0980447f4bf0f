"""Labels looked up, pushed, swapped and popped: every packet against plain Python, and read by scapy."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from operator import itemgetter

import pytest
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from tests.graphs import SIZES
from tests.lsr import EOS, NEOS, Lsr, entry, stack, unstack
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number
from vppsh.engine.fib.types import Label, Protocol

DST, DST6 = number("192.168.1.9"), number("2001:db8:9::9")
SRC6 = number("2001:db8::2")
SWAP, PUSH_TWO, POP_TO_NEXT_HOP, POP_AND_ROUTE, POP_AND_LOOK, NOBODYS = 100, 101, 102, 103, 104, 999
ALL = (SWAP, PUSH_TWO, POP_TO_NEXT_HOP, POP_AND_ROUTE, POP_AND_LOOK, NOBODYS)


@dataclass(frozen=True)
class Wanted:
    """What plain Python says a router makes of a packet."""

    labels: tuple[tuple[int, int, int], ...]
    ttl: int


def lsr() -> Lsr:
    router = Lsr(ip6=True)
    router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1))
    for eos in (NEOS, EOS):
        router.add_label(SWAP, eos, router.path("10.0.1.2", 1, 200))
        router.add_label(PUSH_TWO, eos, router.path("10.0.1.2", 1, 300, 301))
    router.add_label(POP_TO_NEXT_HOP, EOS, router.path("10.0.1.2", 1))
    router.add_label(POP_AND_ROUTE, EOS, router.lookup_in(Protocol.IP4))
    router.add_label(POP_AND_LOOK, NEOS, router.lookup_in(Protocol.MPLS))
    return router


def scalar(labels: list[tuple[int, int, int]], ttl: int) -> Wanted | None:
    """One packet through the router above; None when it does not leave."""
    label, label_ttl, exp = labels[0]
    below = tuple(labels[1:])
    if not label_ttl:
        return None
    if label == SWAP:
        return Wanted(((200, label_ttl - 1, exp), *below), ttl)
    if label == PUSH_TWO:
        return Wanted(((300, 64, 0), (301, label_ttl - 1, exp), *below), ttl)
    if not below and label in (POP_TO_NEXT_HOP, POP_AND_ROUTE):
        return Wanted((), ttl - 1) if ttl > 1 else None
    return scalar(list(below), ttl) if below and label == POP_AND_LOOK else None


def seen(packet: bytes) -> tuple[int, int, Wanted]:
    """A packet that left: its destination, its identifier, and what became of it."""
    labels, below = ([], packet) if packet[0] == 0x45 else unstack(packet)
    assert below[0] == 0x45
    destination: int = struct.unpack_from(">I", below, 16)[0]
    identifier: int = struct.unpack_from(">H", below, 4)[0]
    return destination, identifier, Wanted(tuple(labels), below[8])


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_random_stacks(size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router = lsr()
    packets, wanted = [], []
    for number_of_packet in range(size):
        labels = [(rng.choice(ALL), rng.choice((0, 1, 2, 64, 255)), rng.randrange(8)) for _ in range(rng.randint(1, 3))]
        # Swapping a TTL of 0 wraps round in VPP; only mpls-input keeps such labels out.
        labels = [labels[0], *((label, max(ttl, 1), exp) for label, ttl, exp in labels[1:])]
        ttl = rng.choice((1, 2, 64))
        packets.append(stack(labels) + ip4_packet(dst=DST, ttl=ttl, identifier=number_of_packet))
        expected = scalar(labels, ttl)
        if expected is not None:
            wanted.append((number_of_packet, expected))
    left = [seen(packet) for packet in router.send("mpls-input", *packets, scattered=scattered)]
    # What goes elsewhere are ICMP errors.
    got = [(identifier, became) for destination, identifier, became in left if destination == DST]
    assert sorted(got, key=itemgetter(0)) == wanted
    assert router.count("mpls-input", "pkts_decap") == size
    assert router.engine.buffers.free == router.engine.buffers.count


@pytest.mark.parametrize("size", SIZES)
def test_ip_routes_push(size: int) -> None:
    rng = random.Random(size)
    router = Lsr(ip6=True)
    router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1, 33))
    router.add_route("192.168.2.0/24", router.path("10.0.1.2", 1, 33, 34, 35))
    router.add_route("2001:db8:9::/48", router.path("2001:db8:1::2", 1, 66))
    stacks = {1: [33], 2: [33, 34, 35], 9: [66]}
    packets = []
    for _ in range(size):
        network = rng.choice((1, 2, 9))
        ttl = rng.choice((2, 64, 255))
        if network == 9:
            packets.append((network, ttl, ip6_packet(SRC6, DST6, hop_limit=ttl)))
        else:
            packets.append((network, ttl, ip4_packet(dst=number(f"192.168.{network}.9"), ttl=ttl)))
    left = router.send("ip4-input", *(data for network, _, data in packets if network != 9), scattered=True)
    left += router.send("ip6-input", *(data for network, _, data in packets if network == 9))
    got = []
    for data in left:
        parsed = MPLS(data)
        labels = []
        while isinstance(parsed, MPLS):
            assert (parsed.ttl, parsed.cos) == (64, 0)
            labels.append(parsed.label)
            bottom, parsed = parsed.s, parsed.payload
        assert bottom == 1
        ip = (IPv6 if data[4 * len(labels)] >> 4 == 6 else IP)(data[4 * len(labels) :])
        if isinstance(ip, IP):
            checksum = ip.chksum
            del ip.chksum
            assert IP(bytes(ip)).chksum == checksum
        got.append((tuple(labels), ip.ttl if isinstance(ip, IP) else ip.hlim))
    assert sorted(got) == sorted((tuple(stacks[network]), ttl - 1) for network, ttl, _ in packets)
    assert router.count("mpls-output", "pkts_encap") == size


@pytest.mark.parametrize(("tos", "ttl"), [(0, 64), (0xB8, 2), (0x20, 255)])
def test_uniform_labels_say_what_the_packet_says(tos: int, ttl: int) -> None:
    router = Lsr(ip6=True)
    uniform = Label(33, ttl=9, exp=0, uniform=True)
    router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1, 32, uniform))
    router.add_route("2001:db8:9::/48", router.path("2001:db8:1::2", 1, 32, uniform))
    (four,) = router.send("ip4-input", ip4_packet(dst=DST, ttl=ttl, tos=tos))
    (six,) = router.send("ip6-input", ip6_packet(SRC6, DST6, hop_limit=ttl, label=tos << 20))
    for packet in (four, six):
        assert unstack(packet)[0] == [(32, 64, 0), (33, ttl - 1, tos >> 5)]


@pytest.mark.parametrize(("exp", "ttl"), [(0, 64), (5, 2), (7, 255)])
def test_the_packet_says_what_a_uniform_label_said(exp: int, ttl: int) -> None:
    router = Lsr(ip6=True)
    pop = Label(3, uniform=True)
    router.add_label(50, EOS, router.path("10.0.1.2", 1, pop))
    router.add_label(60, EOS, router.path("2001:db8:1::2", 1, pop))
    (four,) = router.send("mpls-input", entry(50, ttl, exp) + ip4_packet(dst=DST, ttl=7, tos=1))
    (six,) = router.send("mpls-input", entry(60, ttl, exp) + ip6_packet(SRC6, DST6, hop_limit=7, label=0x0AB12345))
    parsed = IP(four)
    checksum = parsed.chksum
    del parsed.chksum
    assert IP(bytes(parsed)).chksum == checksum
    assert (parsed.ttl, parsed.tos) == (ttl - 1, exp << 5)
    assert (IPv6(six).hlim, IPv6(six).tc, IPv6(six).fl) == (ttl - 1, exp << 5, 0x12345)


def test_labels_with_ttl_and_class_of_their_own() -> None:
    router = Lsr()
    router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1, Label(40, ttl=3, exp=6), Label(41, ttl=200, exp=1)))
    (packet,) = router.send("ip4-input", ip4_packet(dst=DST))
    assert unstack(packet)[0] == [(40, 3, 6), (41, 200, 1)]


def test_explicit_null_is_looked_up_where_it_came_in() -> None:
    router = lsr()
    router.add_route("2001:db8:9::/48", router.path("2001:db8:1::2", 1))
    (four,) = router.send("mpls-input", entry(0) + ip4_packet(dst=DST, ttl=9))
    (six,) = router.send("mpls-input", entry(2) + ip6_packet(SRC6, DST6, hop_limit=9))
    (swapped,) = router.send("mpls-input", stack([(0, 64, 0), (SWAP, 64, 0)]) + ip4_packet(dst=DST))
    assert (IP(four).ttl, IPv6(six).hlim) == (8, 8)
    assert unstack(swapped)[0] == [(200, 63, 0)]


def test_router_alert_is_punted() -> None:
    router = Lsr()
    assert router.send("mpls-input", entry(1) + ip4_packet(dst=DST)) == []
    assert router.count("mpls-input", "punt") == 1


def test_a_broken_header_below_the_last_label_is_refused() -> None:
    router = lsr()
    assert router.send("mpls-input", entry(POP_TO_NEXT_HOP) + ip4_packet(dst=DST, checksum=1)) == []
    assert router.send("mpls-input", entry(POP_TO_NEXT_HOP) + ip4_packet(dst=DST, version=6)) == []
    assert router.count("ip4-mpls-label-disposition-pipe", "bad_checksum") == 1
    assert router.count("ip4-mpls-label-disposition-pipe", "version") == 1


def test_looking_labels_up_again_has_an_end() -> None:
    router = lsr()
    deep = [(POP_AND_LOOK, 64, 0)] * 4 + [(SWAP, 64, 0)]
    (left,) = router.send("mpls-input", stack(deep) + ip4_packet(dst=DST))
    assert unstack(left)[0] == [(200, 63, 0)]
    assert router.send("mpls-input", stack([(POP_AND_LOOK, 64, 0)] * 2 + deep) + ip4_packet(dst=DST)) == []
    assert router.count("mpls-input", "drop") == 1


def test_an_unknown_neighbour_is_asked_for() -> None:
    router = Lsr()
    router.add_label(70, EOS, router.path("10.0.1.77", 1, 71))
    router.left.clear()
    router.send("mpls-input", entry(70) + ip4_packet(dst=DST))
    requests = [data for _, data in router.left if data[12:14] == b"\x08\x06"]
    assert requests
    assert all(data[38:42] == number("10.0.1.77").to_bytes(4, "big") for data in requests)
    router.add_neighbor("10.0.1.77", 1)
    (packet,) = router.send("mpls-input", entry(70) + ip4_packet(dst=DST))
    assert unstack(packet)[0] == [(71, 63, 0)]
