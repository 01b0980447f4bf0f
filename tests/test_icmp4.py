"""ICMP over IPv4: what we answer and what we complain about, as scapy reads it."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.layers.inet import ICMP, IP, IPerror

from tests.graphs import SIZES, call
from tests.packets import ip4_packet, ones_complement
from tests.routers import Router, neighbor_mac, number
from vppsh.engine.features.icmp4.input import Icmp4Types
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ping import Ping, PingError

US = number("10.0.0.1")


def message(kind: int, body: bytes, code: int = 0) -> bytes:
    """An ICMP message with the right checksum."""
    total = ones_complement(struct.pack(">BBH", kind, code, 0) + body)
    return struct.pack(">BBH", kind, code, total) + body


def is_sound(packet: bytes) -> bool:
    """Whether both checksums are right."""
    return ones_complement(packet[:20]) == 0 and ones_complement(packet[20:]) == 0


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_every_echo_request_is_answered(size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router = Router()
    bodies = [struct.pack(">HH", rng.getrandbits(16), each) + rng.randbytes(rng.randrange(0, 300)) for each in range(size)]
    asked = [ip4_packet(number("10.0.0.2"), US, payload=message(8, body), protocol=1, ttl=rng.randrange(2, 255)) for body in bodies]
    replies = router.send("ip4-input", *asked, scattered=scattered)
    assert all(name == "if0" and data[:14] == neighbor_mac(0) + data[6:12] + b"\x08\x00" for name, data in router.left)
    assert all(map(is_sound, replies))
    parsed = [IP(reply) for reply in replies]
    assert {(reply.src, reply.dst, reply.ttl) for reply in parsed} == {("10.0.0.1", "10.0.0.2", 64)}
    assert [(reply[ICMP].type, reply[ICMP].code) for reply in parsed] == [(0, 0)] * size
    assert [data[24:] for data in replies] == bodies
    assert router.count("ip4-icmp-input", "echo_replies_sent") == size
    assert router.engine.buffers.free == router.engine.buffers.count


def test_an_echo_request_behind_options_is_answered_in_place() -> None:
    router = Router()
    frame = router.frame(ip4_packet(number("10.0.0.2"), US, payload=message(8, b"\0\1\0\2data"), protocol=1, options=b"\1\1\1\0"))
    row = int(frame.indices(router.engine.buffers)[0])
    call(router.engine, "ip4-icmp-echo-request", frame)
    reply = router.engine.buffers.packet(row)
    assert reply[24:] == message(0, b"\0\1\0\2data")
    assert ones_complement(reply[:24]) == 0


@pytest.mark.parametrize("size", SIZES)
def test_messages_go_to_the_node_of_their_type(size: int) -> None:
    rng = random.Random(size)
    router = Router()
    kinds = [rng.choice((0, 3, 8, 13, 255)) for _ in range(size)]
    packets = [ip4_packet(payload=message(kind, bytes(8)), protocol=1, options=bytes(4 * rng.randrange(3))) for kind in kinds]
    nexts = call(router.engine, "ip4-icmp-input", router.frame(*packets))
    node = router.engine.graph["ip4-icmp-input"]
    handled = {0: "ip4-icmp-echo-reply", 8: "ip4-icmp-echo-request"}
    assert [node.nexts[slot].name for slot in nexts] == [handled.get(kind, "ip4-punt") for kind in kinds]
    assert dict(router.engine.get(Icmp4Types).handlers()) == handled


# Errors.


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_senders_hear_that_the_ttl_ran_out(size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router = Router()
    packets = [ip4_packet(payload=rng.randbytes(rng.randrange(8, 900)), ttl=1) for _ in range(size)]
    # A sender is told once per run: so each packet gets one of its own.
    told = []
    for packet in packets[:: max(1, size // 5)]:
        told += router.send("ip4-input", packet, scattered=scattered)
        (data,) = told[-1:]
        assert is_sound(data)
        seen = IP(data)
        assert (seen.src, seen.dst, seen.ttl, len(data)) == ("10.0.0.1", "10.0.0.2", 255, min(576, len(packet) + 28))
        assert (seen[ICMP].type, seen[ICMP].code) == (11, 0)
        assert seen[IPerror].dst == "10.0.1.2"
        # The TTL of what is quoted has been counted down already.
        quoted = bytearray(data[28:])
        assert quoted[8] == 0
        assert quoted[20:] == packet[20 : 576 - 28]
    assert router.count("ip4-icmp-error", "ttl_expire_sent") == len(told)
    assert router.engine.buffers.free == router.engine.buffers.count


def test_a_sender_is_told_once_at_a_time() -> None:
    router = Router()
    flows = [ip4_packet(0x0A000002, 0x0A000100 + last, ttl=1) for last in (2, 3, 4)]
    router.add_neighbor("10.0.1.3", 1)
    router.add_neighbor("10.0.1.4", 1)
    told = router.send("ip4-input", *(flow for flow in flows for _ in range(20)))
    assert [IP(data)[IPerror].dst for data in told] == ["10.0.1.2", "10.0.1.3", "10.0.1.4"]
    assert router.count("ip4-icmp-error", "drop") == 57
    router.clock.sleep(1e-3)
    assert len(router.send("ip4-input", *flows)) == 3


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    router = Router()
    datagram = struct.pack(">HHHH", 9, 33434, 12, 0) + b"data"
    (data,) = router.send("ip4-input", ip4_packet(0x0A000002, US, payload=datagram))
    seen = IP(data)
    assert is_sound(data)
    assert (seen[ICMP].type, seen[ICMP].code, seen[IPerror].proto) == (3, 3, 17)
    assert data[48:] == datagram


def test_whoever_forbids_fragments_hears_what_would_fit() -> None:
    router = Router()
    router.engine.interfaces.set_mtu(router.interfaces[1], [600, 0, 0, 0])
    (data,) = router.send("ip4-input", ip4_packet(payload=bytes(1000), flags_and_offset=0x4000))
    seen = IP(data)[ICMP]
    assert is_sound(data)
    assert (seen.type, seen.code, seen.nexthopmtu) == (3, 4, 600)


def test_the_answer_comes_from_the_address_nearest_to_the_sender() -> None:
    router = Router()
    router.add_address("172.16.0.1", 16, 0)
    router.add_neighbor("172.16.0.9", 0)
    (data,) = router.send("ip4-input", ip4_packet(number("172.16.0.9"), 0x0A000102, ttl=1))
    assert IP(data).src == "172.16.0.1"


# Echo requests of our own.


@pytest.mark.parametrize(("address", "protocol"), [("10.0.1.2", Protocol.IP4), ("2001:db8:1::2", Protocol.IP6)])
def test_pings_and_their_replies(address: str, protocol: Protocol) -> None:
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

    router = Router(ip6=True)
    ping = router.engine.get(Ping)
    run = ping.start()
    source = ping.send(run, protocol, number(address), 5, size=100, sw_if_index=None, table_id=0, burst=3)
    router.settle()
    assert source == number("10.0.1.1" if protocol is Protocol.IP4 else "2001:db8:1::1")
    assert [name for name, _ in router.left] == ["if1"] * 3
    request = router.left[-1][1][14:]
    if protocol is Protocol.IP4:
        assert is_sound(request)
        asked = IP(request)[ICMP]
        reply = ip4_packet(number(address), source, payload=message(0, request[24:]), protocol=1, ttl=33)
    else:
        asked = IPv6(request)[ICMPv6EchoRequest]
        body = bytes((129, 0, 0, 0)) + request[44:]
        pseudo = request[24:40] + request[8:24] + struct.pack(">II", len(body), 58)
        body = body[:2] + struct.pack(">H", ones_complement(pseudo + body)) + body[4:]
        reply = request[:7] + bytes((33,)) + request[24:40] + request[8:24] + body
    assert (asked.id, asked.seq, len(request)) == (run.identifier, 5, {Protocol.IP4: 20, Protocol.IP6: 40}[protocol] + 8 + 8 + 100)
    router.clock.sleep(0.25)
    router.send(f"{protocol.text}-input", reply, link=1)
    (answer,) = run.replies
    assert (answer.source, answer.sequence, answer.ttl, answer.round_trip) == (number(address), 5, 33, pytest.approx(0.25))
    ping.stop(run)
    router.send(f"{protocol.text}-input", reply, link=1)
    assert len(run.replies) == 1


def test_pings_that_cannot_be_sent() -> None:
    router = Router()
    ping = router.engine.get(Ping)
    run = ping.start()
    for target, table, reason in (("192.0.2.1", 0, "no egress interface"), ("10.0.1.2", 7, "no FIB table for lookup")):
        with pytest.raises(PingError, match=reason):
            ping.send(run, Protocol.IP4, number(target), 1, size=60, sw_if_index=None, table_id=table, burst=1)
    buffers = router.engine.buffers
    held = buffers.allocate_indices(buffers.free)
    with pytest.raises(PingError, match="allocation"):
        ping.send(run, Protocol.IP4, number("10.0.1.2"), 1, size=60, sw_if_index=None, table_id=0, burst=1)
    buffers.release(held)
    assert len({ping.start().identifier for _ in range(50)}) == 50
    assert buffers.free == buffers.count
