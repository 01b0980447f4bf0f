"""TCP MSS clamping: every SYN against a plain twin, and against scapy's checksums."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
from scapy.packet import Packet

from tests.graphs import SIZES, fill, full_engine
from vppsh.engine.engine import Engine
from vppsh.engine.features.mss_clamp import Clamp, Direction, MssClamps
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame

LIMIT = 1200
OPTIONS = (
    [("MSS", 1460)], [("MSS", 1460), ("SAckOK", b"")], [("NOP", None), ("NOP", None), ("MSS", 9000)], [("MSS", 536)],
    [("WScale", 7), ("NOP", None), ("MSS", 1201)], [("EOL", None)], [], [("Timestamp", (1, 2)), ("MSS", 4000)],
)  # fmt: skip


def clamping_engine() -> tuple[Engine, int]:
    """An engine whose local0 clamps both IP versions on the way in."""
    engine = full_engine()
    for protocol in (Protocol.IP4, Protocol.IP6):
        engine.get(MssClamps).set(protocol, 0, Clamp(Direction.RX, LIMIT))
    return engine, 0


def segment(rng: random.Random, version: int) -> Packet:
    """A TCP segment, mostly a SYN."""
    tcp = TCP(sport=rng.randrange(65536), dport=80, flags=rng.choice("SSSAF"), options=rng.choice(OPTIONS), seq=rng.getrandbits(32))
    if version == 4:
        return IP(src="10.0.0.2", dst="10.0.1.2", options=rng.choice(([], [b"\x01\x01\x01\x01"]))) / tcp
    below = IPv6(src="2001:db8::2", dst="2001:db8:1::2")
    return below / IPv6ExtHdrHopByHop() / tcp if rng.random() < 0.3 else below / tcp


def run(engine: Engine, node: str, frame: Frame) -> None:
    """Call a feature whose packets are on their way along its arc."""
    arc = engine.arcs[f"{node.split('-')[3]}-unicast"]
    engine.buffers.feature_pos[frame.rows] = arc.chain[0] + arc.on(0).index(node) + 1
    engine.graph[node].function(engine.graph[node].context, frame)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", SIZES)
def test_every_offer_is_lowered_and_nothing_else_changes(size: int, version: int) -> None:
    rng = random.Random(size)
    engine, _ = clamping_engine()
    packets = [segment(rng, version) for _ in range(size)]
    frame = fill(engine, map(bytes, packets), scattered=size % 2 == 1)
    rows = frame.indices(engine.buffers)
    run(engine, f"tcp-mss-clamping-ip{version}-in", frame)
    clamped = 0
    for packet, row in zip(packets, rows.tolist(), strict=True):
        wanted = type(packet)(bytes(packet))
        tcp = wanted[TCP]
        if "S" in tcp.flags:
            options = [(name, min(value, LIMIT) if name == "MSS" else value) for name, value in tcp.options]
            clamped += options != tcp.options
            tcp.options = options
            del tcp.chksum
        assert engine.buffers.packet(row) == bytes(wanted)
    assert sum(each.count for each in engine.errors.of_node(f"tcp-mss-clamping-ip{version}-in")) == clamped


@pytest.mark.parametrize("options", [b"\x02", b"\x02\x00\x05\xb4", b"\x08\xff\0\0", b"\x02\x03\x05\xb4", b"\x01\x01\x01\x02"])
def test_broken_options_are_left_alone(options: bytes) -> None:
    engine, _ = clamping_engine()
    packet = bytearray(bytes(IP(src="10.0.0.2", dst="10.0.1.2") / TCP(flags="S")) + options.ljust(4, b"\x01"))
    packet[32] = 6 << 4
    frame = fill(engine, [bytes(packet)])
    run(engine, "tcp-mss-clamping-ip4-in", frame)
    assert engine.buffers.packet(int(frame.indices(engine.buffers)[0])) == bytes(packet)


def test_at_an_odd_place_the_checksum_is_updated_as_vpp_does_it() -> None:
    """VPP takes the two bytes for one word of the sum wherever they lie, which is wrong here; so do we."""
    engine, _ = clamping_engine()
    before = bytes(IP(src="10.0.0.2", dst="10.0.1.2") / TCP(flags="S", options=[("NOP", None), ("MSS", 1460)]))
    frame = fill(engine, [before])
    run(engine, "tcp-mss-clamping-ip4-in", frame)
    after = engine.buffers.packet(int(frame.indices(engine.buffers)[0]))
    assert after[43:45] == LIMIT.to_bytes(2, "big")
    old, new = int.from_bytes(before[36:38], "big"), int.from_bytes(after[36:38], "big")
    assert (~new - ~old - (LIMIT - 1460)) % 0xFFFF == 0


def test_a_header_longer_than_the_segment_is_left_alone() -> None:
    engine, _ = clamping_engine()
    packet = bytearray(bytes(IP(src="10.0.0.2", dst="10.0.1.2") / TCP(flags="S", options=[("MSS", 1460)])))
    packet[32] = 15 << 4
    frame = fill(engine, [bytes(packet)])
    run(engine, "tcp-mss-clamping-ip4-in", frame)
    assert engine.buffers.packet(int(frame.indices(engine.buffers)[0])) == bytes(packet)


def test_directions_come_and_go() -> None:
    engine, local0 = clamping_engine()
    clamps = engine.get(MssClamps)
    clamps.set(Protocol.IP4, local0, Clamp(Direction.TX, 400))
    assert "tcp-mss-clamping-ip4-in" not in engine.arcs["ip4-unicast"].on(local0)
    assert "tcp-mss-clamping-ip4-out" in engine.arcs["ip4-output"].on(local0)
    clamps.set(Protocol.IP4, local0, Clamp())
    assert "tcp-mss-clamping-ip4-out" not in engine.arcs["ip4-output"].on(local0)
    assert clamps.interfaces() == [local0]
