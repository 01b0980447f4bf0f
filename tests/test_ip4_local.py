"""Packets for us: what ip4-local, ip4-options and the UDP and ICMP demultiplexers make of each, one packet at a time."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.graphs import SIZES, call
from tests.packets import ip4_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.udp_ports import UdpPorts

TCP, UDP, ICMP, OSPF = 6, 17, 1, 89
US = number("10.0.0.1")
SOURCES = {"neighbour": "10.0.0.2", "us": "10.0.1.1", "nobody": "192.0.2.1", "zero": "0.0.0.0"}


def l4_checksum(src: int, dst: int, protocol: int, payload: bytes, at: int) -> bytes:
    """The payload with its checksum filled in."""
    payload = payload[:at] + b"\0\0" + payload[at + 2 :]
    total = ones_complement(struct.pack(">IIBBH", src, dst, 0, protocol, len(payload)) + payload)
    return payload[:at] + struct.pack(">H", total) + payload[at + 2 :]


def packet_to_us(rng: random.Random, sender: str = "") -> tuple[bytes, dict[str, object]]:
    """A packet, and what is special about it."""
    protocol = rng.choice((TCP, UDP, UDP, ICMP, OSPF))
    who = sender or rng.choice(("neighbour", "neighbour", "neighbour", "us", "nobody"))
    src = number(SOURCES[who])
    data = rng.randbytes(rng.choice((0, 1, 30, 31)))
    about: dict[str, object] = {"protocol": protocol, "who": who, "wrong": False, "long": False, "fragment": rng.random() < 0.1}
    if protocol == UDP:
        length = 8 + len(data)
        about["long"] = rng.random() < 0.1
        if about["long"]:
            length += 60
        payload = l4_checksum(src, US, UDP, struct.pack(">HHHH", 1, 2, length, 0) + data, 6)
        if rng.random() < 0.1:
            payload = payload[:6] + b"\0\0" + payload[8:]
            about["unsummed"] = True
    elif protocol == TCP:
        payload = l4_checksum(src, US, TCP, struct.pack(">HHIIBBHHH", 1, 2, 3, 4, 0x50, 2, 99, 0, 0) + data, 16)
    else:
        payload = bytes((8, 0, 0xF7, 0xFF)) + bytes(4) + data
    if protocol in (TCP, UDP) and not about.get("unsummed") and rng.random() < 0.2:
        payload = payload[:-1] + bytes((payload[-1] ^ 0x5A,))
        about["wrong"] = True
    options = bytes((1, 1, 1, 0)) if rng.random() < 0.2 else b""
    # VPP looks for the mark of a datagram without checksum where it is without options.
    about["wrong"] = about["wrong"] or bool(options and about.get("unsummed"))
    flags = 0x2000 if about["fragment"] else 0
    return ip4_packet(src, US, payload=payload, protocol=protocol, options=options, flags_and_offset=flags), about


def local_twin(about: dict[str, object]) -> tuple[str, str]:
    """The next node and the error."""
    if about["fragment"]:
        return "ip4-local-full-reassembly", "unknown_protocol"
    if about["wrong"] or about["long"]:
        return "ip4-drop", "udp_checksum" if about["protocol"] == UDP else "tcp_checksum"
    if about["who"] == "us":
        return "ip4-drop", "spoofed_local_packets"
    if about["who"] == "nobody":
        return "ip4-drop", "src_lookup_miss"
    nodes = {UDP: "ip4-udp-lookup", ICMP: "ip4-icmp-input"}
    return nodes.get(int(str(about["protocol"])), "ip4-punt"), "unknown_protocol"


def judge(size: int, scattered: bool, sender: str = "") -> None:
    """Let ip4-receive have packets of several senders, or of one, and compare what becomes of each with the twin."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    router = Router()
    packets, about = zip(*(packet_to_us(rng, sender) for _ in range(size)), strict=True)
    frame = router.frame(*packets, scattered=scattered)
    rows = frame.indices(router.engine.buffers).copy()
    call(router.engine, "ip4-lookup", frame)
    nexts = call(router.engine, "ip4-receive", frame)
    node = router.engine.graph["ip4-receive"]
    for row, slot, facts in zip(rows.tolist(), nexts, about, strict=True):
        seen = (node.nexts[slot].name, router.error_name(int(router.engine.buffers.error[row])))
        assert seen == local_twin(facts), facts


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_each_packet_to_us_is_judged_on_its_own(size: int, scattered: bool) -> None:
    judge(size, scattered)


@pytest.mark.parametrize("sender", ["neighbour", "us", "nobody"])
def test_packets_of_one_sender_are_judged_alike(sender: str) -> None:
    judge(200, False, sender)


def test_what_was_translated_on_its_way_is_not_checked_again() -> None:
    router = Router()
    bad = l4_checksum(number("192.0.2.1"), US, UDP, struct.pack(">HHHH", 1, 2, 12, 0) + b"abcd", 6)[:-1] + b"e"
    frame = router.frame(ip4_packet(number("192.0.2.1"), US, payload=bad))
    router.engine.buffers.flags[frame.rows] |= np.uint32(BufferFlag.IS_NATED)
    (slot,) = call(router.engine, "ip4-receive", frame)
    assert router.engine.graph["ip4-receive"].nexts[slot].name == "ip4-udp-lookup"


def test_a_protocol_goes_to_whom_it_is_registered_for() -> None:
    from vppsh.engine.features.ip4.local import LocalProtocols

    router = Router()
    protocols = router.engine.get(LocalProtocols)
    packet = ip4_packet(number("10.0.0.2"), US, protocol=OSPF)
    assert OSPF not in dict(protocols.handlers())
    for name, register in (("ip4-punt", False), ("ip4-drop", True)):
        if register:
            protocols.register(OSPF, name)
        frame = router.frame(packet)
        call(router.engine, "ip4-lookup", frame)
        (slot,) = call(router.engine, "ip4-receive", frame)
        assert router.engine.graph["ip4-receive"].nexts[slot].name == name
    assert dict(protocols.handlers())[OSPF] == "ip4-drop"
    protocols.unregister(OSPF)
    assert OSPF not in dict(protocols.handlers())


@pytest.mark.parametrize(
    ("options", "protocol", "node"),
    [
        (b"\x94\x04\0\0", 2, "ip4-local"),
        (b"\x14\x04\0\0", 2, "ip4-local"),
        (b"\x94\x04\0\0", UDP, "ip4-punt"),
        (b"\x94\x06\0\0\0\0\0\0", 2, "ip4-punt"),
        (b"\x01\x01\x01\x00", 2, "ip4-punt"),
    ],
)
def test_options_are_for_the_host_unless_igmp_alerts_routers(options: bytes, protocol: int, node: str) -> None:
    router = Router()
    frame = router.frame(ip4_packet(options=options, protocol=protocol), ip4_packet(options=b"\1\1\1\1"))
    slots = call(router.engine, "ip4-options", frame)
    assert [router.engine.graph["ip4-options"].nexts[slot].name for slot in slots] == [node, "ip4-punt"]
    if node == "ip4-local":
        assert router.engine.buffers.fib_index[frame.rows][0] == router.engine.get(Fib).ip4.index_of_interface(1)


# UDP ports.


def udp_twin(packet: bytes, listening: set[int], punt: bool) -> tuple[str, str, int]:
    """The next node, the error, and how many bytes are taken from the front."""
    ahead = 4 * (packet[0] & 15)
    datagram = packet[ahead:]
    if len(datagram) < 8:
        return "ip4-drop", "length_error", 0
    port, length = struct.unpack(">xxHH", datagram[:6])
    if length > len(datagram):
        return "ip4-drop", "length_error", ahead
    if port in listening:
        return "ip4-udp-punt", "none", ahead + 8
    return ("ip4-punt", "punt", 0) if punt else ("ip4-icmp-error", "no_listener", 0)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("punt", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_datagrams_go_to_who_listens(size: int, punt: bool, scattered: bool) -> None:
    rng = random.Random(size)
    router = Router()
    ports = router.engine.get(UdpPorts)
    listening = {500, 7777}
    for port in listening:
        ports.register(Protocol.IP4, port, "ip4-udp-punt")
    ports.punt_unknown[Protocol.IP4] = punt
    packets = []
    for _ in range(size):
        data = rng.randbytes(rng.choice((0, 9)))
        length = 8 + len(data) + rng.choice((0, 0, 0, -1, 1))
        payload = struct.pack(">HHHH", 1, rng.choice((500, 7777, 9, 0)), length, 0) + data
        options = bytes((1, 1, 1, 0)) if rng.random() < 0.3 else b""
        packets.append(ip4_packet(payload=payload[: rng.choice((7, 100, 100, 100))], options=options))
    frame = router.frame(*packets, scattered=scattered)
    buffers, node = router.engine.buffers, router.engine.graph["ip4-udp-lookup"]
    rows = frame.indices(buffers).copy()
    nexts = call(router.engine, "ip4-udp-lookup", frame)
    for packet, row, slot in zip(packets, rows.tolist(), nexts, strict=True):
        target, error, taken = udp_twin(packet, listening, punt)
        assert node.nexts[slot].name == target
        assert router.engine.errors.spec(int(buffers.error[row]))[1].name == error
        assert buffers.packet(row) == packet[taken:]


def test_the_host_gets_datagrams_with_their_headers() -> None:
    router = Router()
    router.engine.get(UdpPorts).register(Protocol.IP4, 500, "ip4-udp-punt")
    packet = ip4_packet(payload=struct.pack(">HHHH", 1, 500, 8, 0))
    frame = router.frame(packet)
    call(router.engine, "ip4-udp-lookup", frame)
    (slot,) = call(router.engine, "ip4-udp-punt", frame)
    assert router.engine.graph["ip4-udp-punt"].nexts[slot].name == "ip4-punt"
    assert router.engine.buffers.packet(int(frame.indices(router.engine.buffers)[0])) == packet


def test_ports_are_taken_and_given_back() -> None:
    router = Router()
    ports = router.engine.get(UdpPorts)
    assert not ports.is_bound(Protocol.IP4, 4000)
    ports.register(Protocol.IP4, 4000, "ip4-udp-punt")
    assert ports.is_bound(Protocol.IP4, 4000)
    assert not ports.is_bound(Protocol.IP6, 4000)
    ports.unregister(Protocol.IP4, 4000)
    assert not ports.is_bound(Protocol.IP4, 4000)
