"""Labelled packets longer than the link: pieces that fit, with all labels, and the packet again at the other end."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, defragment

from tests.lsr import EOS, Lsr, entry, payloads, unstack
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number

DST = number("192.168.1.9")


def narrow(mtu: int, *labels: int) -> Lsr:
    """A router that pushes labels on its way out of a link with a small MTU."""
    router = Lsr(ip6=True)
    router.engine.interfaces.set_mtu(router.interfaces[1], [9000, 0, 0, mtu])
    router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1, *labels))
    router.add_route("2001:db8:9::/48", router.path("2001:db8:1::2", 1, *labels))
    return router


@settings(max_examples=40)
@given(size=st.integers(1, 4000), mtu=st.integers(120, 1500), labels=st.lists(st.integers(16, 99), min_size=1, max_size=4))
def test_pieces_fit_and_are_the_packet_again(size: int, mtu: int, labels: list[int]) -> None:
    router = narrow(mtu, *labels)
    payload = random.Random(size).randbytes(size)
    left = router.send("ip4-input", ip4_packet(dst=DST, payload=payload, identifier=5))
    assert all(len(packet) <= mtu for packet in left)
    assert all([label for label, _, _ in unstack(packet)[0]] == labels for packet in left)
    (whole,) = defragment([IP(packet) for packet in payloads(left)])
    assert bytes(whole.payload) == payload
    assert whole.ttl == 63
    assert router.engine.buffers.free == router.engine.buffers.count


def test_who_forbids_fragments_hears_what_would_fit() -> None:
    router = narrow(600, 33, 34)
    (answer,) = router.send("ip4-input", ip4_packet(dst=DST, payload=bytes(1000), flags_and_offset=0x4000))
    told = IP(answer)[ICMP]
    assert (told.type, told.code, told.nexthopmtu) == (3, 4, 592)
    assert told.payload.ttl == 63
    assert router.count("mpls-frag", "dont_fragment_set") == 1
    assert router.count("mpls-output", "pkts_need_frag") == 1
    assert router.count("mpls-output", "bad_label") == 1


def test_ip6_of_others_is_not_cut() -> None:
    router = narrow(1400, 33)
    packet = ip6_packet(number("2001:db8::2"), number("2001:db8:9::9"), payload=bytes(1500))
    (answer,) = router.send("ip6-input", packet)
    assert answer[40] == 2
    assert int.from_bytes(answer[44:48], "big") == 1396


def test_what_is_not_ip_below_swapped_labels_is_dropped() -> None:
    router = narrow(600, 33)
    router.add_label(100, EOS, router.path("10.0.1.2", 1, 200))
    assert router.send("mpls-input", entry(100) + bytes(1000)) == []
    assert router.count("mpls-input", "drop") == 1
    assert router.engine.buffers.free == router.engine.buffers.count
