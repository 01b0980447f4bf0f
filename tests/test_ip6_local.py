"""Packets for us over IPv6: what ip6-receive, ip6-icmp-input and the options nodes make of each, one packet at a time."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES, call
from tests.packets import ip6_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.features.ip6.hop_by_hop import options_of
from vppsh.engine.features.ip6.local import LocalProtocols

HOP_BY_HOP, UDP, ICMP6, OSPF = 0, 17, 58, 89
US = number("2001:db8:0::1")
SOURCES = {"neighbour": "2001:db8::2", "link": "fe80::77", "nobody": "2001:db8:ffff::1"}


def summed(src: int, dst: int, protocol: int, payload: bytes, at: int) -> bytes:
    """The payload with its checksum filled in."""
    payload = payload[:at] + b"\0\0" + payload[at + 2 :]
    pseudo = src.to_bytes(16, "big") + dst.to_bytes(16, "big") + struct.pack(">II", len(payload), protocol)
    return payload[:at] + struct.pack(">H", ones_complement(pseudo + payload)) + payload[at + 2 :]


def packet_to_us(rng: random.Random) -> tuple[bytes, dict[str, object]]:
    """A packet, and what is special about it."""
    protocol = rng.choice((UDP, UDP, ICMP6, OSPF, HOP_BY_HOP))
    who = rng.choice(("neighbour", "neighbour", "link", "nobody"))
    src = number(SOURCES[who])
    about: dict[str, object] = {"protocol": protocol, "who": who, "wrong": False, "long": False, "cut": False, "next": 0}
    data = rng.randbytes(rng.choice((0, 1, 30, 31)))
    if protocol == UDP:
        about["long"] = rng.random() < 0.1
        payload = struct.pack(">HHHH", 1, 2, 8 + len(data) + 60 * bool(about["long"]), 0) + data
        payload = summed(src, US, UDP, payload, 6)
        if rng.random() < 0.1:
            payload = payload[:6] + b"\0\0" + payload[8:]
            about["unsummed"] = True
    elif protocol == ICMP6:
        payload = summed(src, US, ICMP6, bytes((128, 0, 0, 0)) + bytes(4) + data, 2)
    else:
        about["next"] = rng.choice((ICMP6, UDP))
        payload = bytes((int(str(about["next"])), 0)) + bytes(6) + data
    if protocol in (UDP, ICMP6) and not about.get("unsummed") and rng.random() < 0.2:
        payload = payload[:-1] + bytes((payload[-1] ^ 0x5A,))
        about["wrong"] = True
    packet = ip6_packet(src, US, payload=payload, protocol=protocol)
    if protocol in (OSPF, HOP_BY_HOP) and len(data) > 2 and rng.random() < 0.3:
        packet = packet[:-2]
        about["cut"] = True
    return packet, about


def local_twin(about: dict[str, object]) -> tuple[str, str]:
    """The next node and the error."""
    if about["wrong"]:
        return "ip6-drop", "udp_checksum" if about["protocol"] == UDP else "icmp_checksum"
    if about["long"]:
        return "ip6-drop", "udp_length"
    if about["cut"] and about["next"] == ICMP6:
        return "ip6-drop", "bad_length"
    if about["who"] == "nobody" and about["protocol"] != ICMP6:
        return "ip6-drop", "src_lookup_miss"
    nodes = {UDP: "ip6-udp-lookup", ICMP6: "ip6-icmp-input", HOP_BY_HOP: "ip6-local-hop-by-hop"}
    return nodes.get(int(str(about["protocol"])), "ip6-punt"), "unknown_protocol"


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_each_packet_to_us_is_judged_on_its_own(size: int, scattered: bool) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    router = Router(ip6=True)
    packets, about = zip(*(packet_to_us(rng) for _ in range(size)), strict=True)
    frame = router.frame(*packets, scattered=scattered)
    buffers = router.engine.buffers
    rows = frame.indices(buffers).copy()
    call(router.engine, "ip6-lookup", frame)
    nexts = call(router.engine, "ip6-receive", frame)
    node = router.engine.graph["ip6-receive"]
    for row, slot, facts in zip(rows.tolist(), nexts, about, strict=True):
        owner, spec = router.engine.errors.spec(int(buffers.error[row]))
        assert (owner, node.nexts[slot].name, spec.name) == ("ip6-input", *local_twin(facts)), facts


def test_a_protocol_goes_to_whom_it_is_registered_for() -> None:
    router = Router(ip6=True)
    protocols = router.engine.get(LocalProtocols)
    packet = ip6_packet(number("2001:db8::2"), US, protocol=OSPF)
    for register, name in ((False, "ip6-punt"), (True, "ip6-drop")):
        if register:
            protocols.register(OSPF, name)
        frame = router.frame(packet)
        call(router.engine, "ip6-lookup", frame)
        (slot,) = call(router.engine, "ip6-receive", frame)
        assert router.engine.graph["ip6-receive"].nexts[slot].name == name


# Types of message.


def icmp6_twin(kind: int, code: int, hop_limit: int, length: int) -> tuple[str, str]:
    """The next node and the error of a message; of several faults the last one that VPP looks for."""
    nodes = {128: "ip6-icmp-echo-request", 129: "ip6-icmp-echo-reply", 133: "icmp6-router-solicitation", 134: "icmp6-router-advertisement",
             135: "icmp6-neighbor-solicitation", 136: "icmp6-neighbor-advertisement"}  # fmt: skip
    error = "none" if kind in nodes else "unknown_type"
    if code > {1: 6, 3: 1, 4: 3, 138: 1, 139: 2, 140: 2}.get(kind, 0):
        error = "invalid_code_for_type"
    if 133 <= kind <= 137 and hop_limit != 255:
        error = "invalid_hop_limit_for_type"
    if length < {133: 8, 134: 16, 135: 24, 136: 24, 137: 40}.get(kind, 4):
        error = "length_too_small_for_type"
    return (nodes[kind] if error == "none" else "ip6-punt"), error


@pytest.mark.parametrize("size", SIZES)
def test_messages_go_to_the_node_of_their_type(size: int) -> None:
    rng = random.Random(size)
    router = Router(ip6=True)
    packets, expected = [], []
    for _ in range(size):
        kind, code = rng.choice((1, 3, 4, 128, 128, 129, 133, 134, 135, 136, 137, 200)), rng.choice((0, 0, 0, 1, 4, 9))
        hop_limit, length = rng.choice((255, 255, 64)), rng.choice((4, 8, 16, 24, 40, 60))
        packets.append(ip6_packet(1, US, payload=bytes((kind, code)) + bytes(length - 2), protocol=ICMP6, hop_limit=hop_limit))
        expected.append(icmp6_twin(kind, code, hop_limit, length))
    frame = router.frame(*packets)
    rows = frame.indices(router.engine.buffers).copy()
    nexts = call(router.engine, "ip6-icmp-input", frame)
    node = router.engine.graph["ip6-icmp-input"]
    seen = [
        (node.nexts[slot].name, router.engine.errors.spec(int(router.engine.buffers.error[row]))[1].name)
        for row, slot in zip(rows.tolist(), nexts, strict=True)
    ]
    assert seen == expected


# Hop-by-hop options.

options = st.lists(st.one_of(st.just(b"\0"), st.tuples(st.integers(1, 255), st.binary(max_size=9)).map(
    lambda each: bytes((each[0], len(each[1]))) + each[1])), max_size=6)  # fmt: skip


def scan_twin(known: list[bytes], to_group: bool) -> tuple[str, int]:
    """What is done with a packet, and which byte of it the sender is told of."""
    at = 42
    for option in known:
        kind = option[0]
        if kind > 1:
            if kind >> 6 == 0:
                return "ip6-rewrite", 0
            if kind >> 6 == 1 or (kind >> 6 == 3 and to_group):
                return "ip6-drop", 0
            return "ip6-icmp-error", at
        at += len(option)
    return "ip6-rewrite", 0


@given(known=options, longer=st.booleans())
@settings(max_examples=60, deadline=None)
def test_unknown_options_ask_for_what_is_done(known: list[bytes], longer: bool) -> None:
    router = Router(ip6=True)
    data = b"".join(known)
    padding = -(2 + len(data)) % 8
    header = bytes((59, (2 + len(data) + padding) // 8 - 1)) + data + bytes(padding)
    packet = ip6_packet(number("2001:db8::2"), number("2001:db8:1::2"), payload=header + b"x" * 8, protocol=HOP_BY_HOP)
    if longer:
        packet = packet[:4] + struct.pack(">H", len(header) - 1) + packet[6:]
    frame = router.frame(packet)
    node = router.engine.graph["ip6-lookup"]
    (slot,) = call(router.engine, "ip6-lookup", frame)
    assert node.nexts[slot].name == "ip6-hop-by-hop"
    (slot,) = call(router.engine, "ip6-hop-by-hop", frame)
    target, at = ("ip6-drop", 0) if longer else scan_twin(known, to_group=False)
    assert node.nexts[slot].name == target
    index = int(frame.indices(router.engine.buffers)[0])
    if at:
        assert int(router.engine.buffers.fib_index[index]) == at


@given(st.binary(min_size=2, max_size=80))
def test_any_header_has_an_end(data: bytes) -> None:
    seen = list(options_of(data))
    assert all(at < len(data) and data[at] == kind != 0 for at, kind in seen)
    assert [at for at, _ in seen] == sorted({at for at, _ in seen})


def test_packets_without_options_are_not_looked_into() -> None:
    router = Router(ip6=True)
    frame = router.frame(*(ip6_packet(number("2001:db8::2"), number("2001:db8:1::2"), protocol=protocol) for protocol in (17, 0, 60)))
    names = [router.engine.graph["ip6-lookup"].nexts[slot].name for slot in call(router.engine, "ip6-lookup", frame)]
    assert names == ["ip6-rewrite", "ip6-hop-by-hop", "ip6-rewrite"]


def test_options_are_taken_out_of_datagrams_for_us() -> None:
    router = Router(ip6=True)
    datagram = struct.pack(">HHHH", 1000, 9, 12, 0) + b"abcd"
    for units in (0, 1, 3):
        header = bytes((UDP, units)) + bytes(6 + 8 * units)
        frame = router.frame(ip6_packet(1, US, payload=header + datagram, protocol=HOP_BY_HOP))
        (slot,) = call(router.engine, "ip6-local-hop-by-hop", frame)
        assert router.engine.graph["ip6-local-hop-by-hop"].nexts[slot].name == "udp-ping-local"
        (slot,) = call(router.engine, "udp-ping-local", frame)
        assert router.engine.graph["udp-ping-local"].nexts[slot].name == "ip6-udp-lookup"
        index = int(frame.indices(router.engine.buffers)[0])
        assert router.engine.buffers.packet(index) == ip6_packet(1, US, payload=datagram)


def test_probes_are_answered() -> None:
    router = Router(ip6=True)
    probe = bytes.fromhex("0000dead0000beef 01 01") + bytes(26)
    payload = bytes((UDP, 0)) + bytes(6) + struct.pack(">HHHH", 1000, 2000, 8 + len(probe), 7) + probe
    source = number("2001:db8::2")
    (left,) = router.send("ip6-local-hop-by-hop", ip6_packet(source, US, payload=payload, protocol=HOP_BY_HOP))
    answer = struct.pack(">HHHH", 2000, 1000, 8 + len(probe), 0) + probe[:9] + b"\2" + probe[10:]
    assert left[8:40] == US.to_bytes(16, "big") + source.to_bytes(16, "big")
    assert left[48:] == answer
