"""Fragmentation: the pieces fit, carry the right headers, and are the packet again in somebody else's hands."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, defragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, defragment6

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.features.ip_frag import split

SRC6, DST6 = number("2001:db8::2"), number("2001:db8:1::2")


def cut(router: Router, version: int, packets: list[bytes], mtu: int) -> dict[str, list[bytes]]:
    """What the node makes of packets, by the next node that it is for."""
    node, buffers = router.engine.graph[f"ip{version}-frag"], router.engine.buffers
    frame = router.frame(*packets)
    buffers.flow_hash[frame.rows] = mtu
    node.function(node.context, frame)
    made = {}
    for target in node.nexts:
        if target.pending is not None:
            made[target.name] = [buffers.packet(index) for index in target.pending.indices(buffers).tolist()]
    return made


@given(
    lengths=st.lists(st.integers(0, 5000), min_size=1, max_size=6),
    longest=st.lists(st.integers(1, 200).map(lambda units: 8 * units), min_size=6, max_size=6),
)
def test_split_covers_every_payload_in_order(lengths: list[int], longest: list[int]) -> None:
    pieces = split(np.array(lengths, np.int64), np.array(longest[: len(lengths)], np.int64))
    for packet, length in enumerate(lengths):
        mine = pieces.packet == packet
        offsets, sizes = pieces.offset[mine].tolist(), pieces.length[mine].tolist()
        assert [octet for at, size in zip(offsets, sizes, strict=True) for octet in range(at, at + size)] == list(range(length))
        assert all(size == longest[packet] for size in sizes[:-1])
        assert all(0 < size <= longest[packet] for size in sizes)
        assert pieces.is_last[mine].tolist() == [False] * (len(sizes) - 1) + [True] * bool(sizes)


@settings(max_examples=40)
@given(size=st.integers(1, 6000), mtu=st.integers(68, 2000), offset=st.sampled_from((0, 100)), more=st.booleans())
def test_ip4_pieces_are_the_packet_again(size: int, mtu: int, offset: int, more: bool) -> None:
    payload = random.Random(size).randbytes(size - size % 8 if more else size)
    router = Router()
    packet = ip4_packet(payload=payload, flags_and_offset=0x2000 * more | offset, identifier=77, tos=0x28)
    pieces = cut(router, 4, [packet], mtu).get("ip4-rewrite", [])
    parsed = [IP(piece) for piece in pieces]
    whole = not (offset or more)
    for piece, seen in zip(pieces, parsed, strict=True):
        assert len(piece) == seen.len <= mtu
        assert ones_complement(piece[:20]) == 0
        assert (seen.src, seen.dst, seen.ttl, seen.tos, seen.proto) == ("10.0.0.2", "10.0.1.2", 64, 0x28, 17)
        assert seen.id == parsed[0].id
        assert whole or seen.id == 77
    assert [bool(seen.flags.MF) for seen in parsed] == [True] * (len(parsed) - 1) + [more] * bool(parsed)
    assert b"".join(piece[20:] for piece in pieces) == payload
    assert all(seen.frag == offset + sum(len(before.payload) for before in parsed[:at]) // 8 for at, seen in enumerate(parsed))
    if whole and len(parsed) > 1:
        (again,) = defragment(parsed)
        assert bytes(again.payload) == payload


@settings(max_examples=40)
@given(size=st.integers(1, 6000), mtu=st.integers(100, 2000))
def test_ip6_pieces_are_the_packet_again(size: int, mtu: int) -> None:
    payload = random.Random(size).randbytes(size)
    pieces = cut(Router(), 6, [ip6_packet(SRC6, DST6, payload=payload, protocol=59)], mtu)["ip6-rewrite"]
    parsed = [IPv6(piece) for piece in pieces]
    for piece, seen in zip(pieces, parsed, strict=True):
        assert len(piece) == seen.plen + 40 <= mtu
        assert seen[IPv6ExtHdrFragment].nh == 59
    assert bytes(defragment6(parsed).payload) == payload


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_frame_of_packets(size: int) -> None:
    rng = random.Random(size)
    packets = [ip4_packet(payload=rng.randbytes(rng.randrange(1, 1400)), identifier=each) for each in range(size)]
    router = Router()
    router.engine.interfaces.set_mtu(router.interfaces[1], [500, 0, 0, 0])
    left = router.send("ip4-input", *packets)
    assert all(len(packet) <= 500 for packet in left)

    expected = []
    for packet in packets:
        payload = packet[20:]
        expected.append([payload[at : at + 480] for at in range(0, len(payload), 480)])
    assert sorted(packet[20:] for packet in left) == sorted(piece for pieces in expected for piece in pieces)
    assert router.engine.buffers.free == router.engine.buffers.count


def test_what_cannot_be_cut() -> None:
    router = Router()
    stubborn = ip4_packet(payload=bytes(600), flags_and_offset=0x4000)
    lying = ip4_packet(payload=bytes(600), length=900)
    made = cut(router, 4, [stubborn, lying, ip4_packet(payload=bytes(600))], 500)
    assert made["ip4-icmp-error"] == [stubborn]
    assert made["ip4-drop"] == [lying]
    assert len(made["ip4-rewrite"]) == 2
    names = ("dont_fragment_set", "malformed", "fragment_sent")
    assert [router.count("ip4-frag", name) for name in names] == [1, 1, 2]
    router = Router()
    made = cut(router, 4, [ip4_packet(payload=bytes(600))], 27)
    assert list(made) == ["ip4-drop"]
    assert router.count("ip4-frag", "cant_fragment_header") == 1


def test_a_fragment_of_ip6_is_not_cut_again() -> None:
    router = Router()
    packet = ip6_packet(SRC6, DST6, payload=bytes(900), protocol=44)
    assert cut(router, 6, [packet], 500) == {"ip6-drop": [packet]}


def test_without_buffers_no_packet_is_cut_half() -> None:
    router = Router()
    buffers = router.engine.buffers
    held = buffers.allocate_indices(buffers.free - 6)
    packets = [ip4_packet(payload=bytes(900)), ip4_packet(payload=bytes(1300)), ip4_packet(payload=bytes(900))]
    made = cut(router, 4, packets, 500)
    assert len(made["ip4-rewrite"]) == 2
    assert made["ip4-drop"] == packets[1:]
    assert router.count("ip4-frag", "memory") == 2
    buffers.release(held)
