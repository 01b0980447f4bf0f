"""ICMPv6 that leaves: answers to pings, and errors, read by scapy."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    HBHOptUnknown,
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrHopByHop,
    in6_chksum,
)
from scapy.packet import Packet, Raw

from tests.graphs import SIZES
from tests.packets import ip6_packet
from tests.routers import Router, number

US, NEIGHBOR, BEHIND = "2001:db8::1", "2001:db8::2", "2001:db8:1::2"
LINK_LOCAL = "fe80::fe:ff:fe00:0"
ICMP6 = 58


def read(data: bytes) -> IPv6:
    """A packet of ICMPv6 as scapy reads it; its checksum and length are right."""
    packet = IPv6(data)
    assert packet.plen == len(data) - 40
    assert in6_chksum(ICMP6, packet, data[40:]) == 0
    return packet


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_every_ping_is_answered(size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router = Router(ip6=True)
    sent = [
        IPv6(src=NEIGHBOR, dst=US, hlim=rng.randrange(1, 256), fl=rng.getrandbits(20))
        / ICMPv6EchoRequest(id=rng.getrandbits(16), seq=number, data=rng.randbytes(rng.choice((0, 1, 56, 57))))
        for number in range(size)
    ]
    answers = [read(data) for data in router.send("ip6-input", *(bytes(packet) for packet in sent), scattered=scattered)]
    assert len(answers) == size
    for request, answer in zip(sent, answers, strict=True):
        echo, reply = request[ICMPv6EchoRequest], answer[ICMPv6EchoReply]
        assert (answer.src, answer.dst, answer.hlim, answer.fl) == (US, NEIGHBOR, 64, request.fl)
        assert (reply.id, reply.seq, reply.data) == (echo.id, echo.seq, echo.data)
    assert router.count("ip6-icmp-input", "echo_replies_sent") == size


def test_a_ping_to_the_link_local_address_finds_its_way_back() -> None:
    router = Router(ip6=True)
    for source in (NEIGHBOR, "fe80::99"):
        if source != NEIGHBOR:
            router.add_neighbor(source, 0)
        (left,) = router.send("ip6-input", bytes(IPv6(src=source, dst=LINK_LOCAL) / ICMPv6EchoRequest(data=b"hello")))
        answer = read(left)
        assert (answer.src, answer.dst) == (LINK_LOCAL, source)


def udp(**fields: object) -> IPv6:
    """A datagram that comes from the neighbour."""
    return IPv6(**{"src": NEIGHBOR, "dst": BEHIND, **fields}) / UDP(sport=1, dport=2) / Raw(b"payload" * 3)


ERRORS: list[tuple[Packet, type, dict[str, object]]] = [
    (udp(hlim=1), ICMPv6TimeExceeded, {"code": 0}),
    (udp(hlim=0), ICMPv6TimeExceeded, {"code": 0}),
    (udp(dst=US), ICMPv6DestUnreach, {"code": 4}),
    (IPv6(src=NEIGHBOR, dst=BEHIND) / UDP() / Raw(bytes(3000)), ICMPv6PacketTooBig, {"mtu": 1500}),
    (
        IPv6(src=NEIGHBOR, dst=BEHIND) / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x9E, optdata=b"abcd")]) / UDP(),
        ICMPv6ParamProblem, {"code": 2, "ptr": 42},
    ),
]  # fmt: skip


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize(("offending", "kind", "fields"), ERRORS, ids=[each[1].__name__ for each in ERRORS])
def test_senders_are_told_what_was_wrong(offending: Packet, kind: type, fields: dict[str, object], scattered: bool) -> None:
    router = Router(ip6=True)
    router.engine.interfaces.set_mtu(router.interfaces[1], [1500, 0, 0, 0])
    data = bytes(offending)
    (left,) = router.send("ip6-input", data, scattered=scattered)
    message = read(left)
    assert (message.src, message.dst, message.hlim) == (US, NEIGHBOR, 255)
    assert {name: getattr(message[kind], name) for name in fields} == fields
    assert len(left) <= 1280
    # The packet as it came, but for a hop limit that was decremented.
    told = left[48:]
    assert told[:7] + told[8:] == (data[:7] + data[8:])[: len(told) - 1]


def test_a_sender_is_told_once_per_destination() -> None:
    router = Router(ip6=True)
    same = [ip6_packet(number(NEIGHBOR), number(BEHIND), hop_limit=1, payload=bytes((n,)) * 20) for n in range(5)]
    other = ip6_packet(number(NEIGHBOR), number("2001:db8:1::99"), hop_limit=0)
    assert len(router.send("ip6-input", *same, other)) == 2
    assert router.count("ip6-icmp-error", "drop") == 4
    assert router.count("ip6-icmp-error", "ttl_expire_sent") == 2
    router.clock.sleep(0.01)
    assert len(router.send("ip6-input", same[0])) == 1


def test_an_interface_without_an_address_tells_nobody() -> None:
    router = Router()
    from vppsh.engine.ip6_link import Ip6Links

    router.engine.get(Ip6Links).enable(router.interfaces[0])
    assert router.send("ip6-input", ip6_packet(number(NEIGHBOR), number(BEHIND), hop_limit=0)) == []
    assert router.count("ip6-icmp-error", "drop") == 1


def test_all_buffers_come_back() -> None:
    router = Router(ip6=True)
    free = router.engine.buffers.free
    router.send("ip6-input", *(bytes(packet) for packet, _, _ in ERRORS * 20))
    assert router.engine.buffers.free == free
