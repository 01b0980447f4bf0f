"""Recorded and marked priorities against plain Python, and what becomes of them when interfaces and maps go."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.features.qos.record import VALID
from vppsh.engine.features.qos.state import EgressMaps, QosMarks, QosRecords, QosStores, Source
from vppsh.engine.wire import ethertype
from vppsh.engine.wire.checksum import checksum

REWRITE = bytes(range(14))


def ip4_header(rng: random.Random, tos: int | None = None) -> bytes:
    """A header with options now and then, and a checksum that is right."""
    words = rng.choice((5, 5, 6, 15))
    header = bytearray(rng.randbytes(words * 4))
    header[0] = 0x40 | words
    if tos is not None:
        header[1] = tos
    header[10:12] = bytes(2)
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return bytes(header)


def ip6_header(rng: random.Random) -> bytes:
    return struct.pack(">I", 0x60000000 | rng.randrange(1 << 28)) + rng.randbytes(36)


def labels(rng: random.Random) -> bytes:
    """One to four labels, the last one marked."""
    count = rng.randrange(1, 5)
    stack = [bytearray(rng.randbytes(4)) for _ in range(count)]
    for place, entry in enumerate(stack):
        entry[2] = entry[2] & 0xFE | (place == count - 1)
    return b"".join(stack)


def make(kind: str, rng: random.Random) -> bytes:
    packet = {"ip4": ip4_header, "ip6": ip6_header, "mpls": labels}[kind](rng)
    return packet + rng.randbytes(20)


def priority(kind: str, packet: bytes) -> int:
    """What a packet carries, by the book."""
    if kind == "ip4":
        return packet[1]
    if kind == "ip6":
        return struct.unpack_from(">I", packet)[0] >> 20 & 0xFF
    return packet[2] >> 1 & 7


@pytest.mark.parametrize("kind", ["ip4", "ip6", "mpls"])
@pytest.mark.parametrize("size", SIZES)
def test_records(size: int, kind: str) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 1)
    tagged = rng.random() < 0.5
    engine.get(QosRecords).set(ports[0], Source.VLAN if tagged else Source.MPLS if kind == "mpls" else Source.IP, on=True)
    packets = [make(kind, rng) for _ in range(size)]
    frame = fill(engine, packets, sw_if_index=ports[0].sw_if_index, scattered=rng.random() < 0.5)
    buffers = engine.buffers
    tags = [rng.randbytes(4) for _ in packets]
    for index, tag in zip(frame.indices(buffers).tolist(), tags, strict=True):
        start = 130 + int(buffers.current_data[index])
        buffers.data[index, start - 4 : start] = np.frombuffer(tag, np.uint8)
    engine.arcs.start(engine.arcs["mpls-input" if kind == "mpls" else f"{kind}-unicast"], engine.graph[f"{kind}-input"].context, frame,
                      ports[0].sw_if_index, 0)  # fmt: skip
    call(engine, f"vlan-{kind}-qos-record" if tagged else f"{kind}-qos-record", frame)
    for index, packet, tag in zip(frame.indices(buffers).tolist(), packets, tags, strict=True):
        assert buffers.qos_bits[index] == (tag[0] >> 4 if tagged else priority(kind, packet))
        assert buffers.qos_source[index] == (Source.VLAN if tagged else Source.MPLS if kind == "mpls" else Source.IP)
        assert buffers.flags[index] & VALID


@pytest.mark.parametrize("size", SIZES)
def test_bridged_packets(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 1)
    engine.get(QosRecords).set(ports[0], Source.IP, on=True)
    types = {"ip4": ethertype.IP4, "ip6": ethertype.IP6, "mpls": ethertype.MPLS}
    kinds = [rng.choice(("ip4", "ip6", "mpls", "arp")) for _ in range(size)]
    packets = []
    lengths = []
    for kind in kinds:
        tag = rng.choice((b"", bytes.fromhex("81000007")))
        inner = rng.randbytes(28) if kind == "arp" else make(kind, rng)
        packets.append(bytes(12) + tag + types.get(kind, ethertype.ARP).to_bytes(2, "big") + inner)
        lengths.append(14 + len(tag))
    frame = fill(engine, packets, sw_if_index=ports[0].sw_if_index, scattered=rng.random() < 0.5)
    buffers = engine.buffers
    rows = frame.indices(buffers)
    buffers.l2_len[rows] = lengths
    buffers.l2_features[rows] = features.QOS_RECORD | features.LEARN
    call(engine, "l2-ip-qos-record", frame)
    assert (buffers.l2_features[rows] == features.LEARN).all()
    for index, kind, packet, length in zip(rows.tolist(), kinds, packets, lengths, strict=True):
        assert bool(buffers.flags[index] & VALID) == (kind != "arp")
        if kind != "arp":
            assert buffers.qos_bits[index] == priority(kind, packet[length:])
            assert buffers.qos_source[index] == Source.VLAN


def expected(kind: str, output: Source, packet: bytes, value: int) -> bytes:
    """A packet behind its new Ethernet header, marked."""
    data = bytearray(packet)
    at = len(REWRITE)
    if output is Source.VLAN:
        data[at] = data[at] & 0x0F | (value & 0x0F) << 4
    elif output is Source.MPLS:
        while True:
            data[at + 2] = data[at + 2] & 0xF1 | (value & 7) << 1
            if data[at + 2] & 1:
                break
            at += 4
    elif kind == "ip6":
        word = struct.unpack_from(">I", data, at)[0]
        struct.pack_into(">I", data, at, word & 0xF00FFFFF | value << 20)
    else:
        words = data[at] & 0x0F
        data[at + 1] = value
        data[at + 10 : at + 12] = bytes(2)
        data[at + 10 : at + 12] = checksum(bytes(data[at : at + words * 4])).to_bytes(2, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "output"),
    [("ip4", Source.IP), ("ip6", Source.IP), ("mpls", Source.MPLS), ("ip4", Source.VLAN), ("ip6", Source.VLAN), ("mpls", Source.VLAN)],
)
@pytest.mark.parametrize("size", SIZES)
def test_marks(size: int, kind: str, output: Source) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 3)
    maps, marks, buffers = engine.get(EgressMaps), engine.get(QosMarks), engine.buffers
    for number, port in enumerate(ports[:2]):
        for source in Source:
            maps.get(number)[source] = [rng.randrange(256) for _ in range(256)]
        assert marks.enable(port, output, number)
    packets = [REWRITE + make(kind, rng) for _ in range(size)]
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows = frame.indices(buffers)
    numbers = [rng.randrange(2) for _ in range(size)]
    recorded = [(rng.choice(list(Source)), rng.randrange(256), rng.random() < 0.8) for _ in range(size)]
    buffers.tx_sw_if_index[rows] = [ports[number].sw_if_index for number in numbers]
    buffers.save_rewrite_length[rows] = len(REWRITE)
    buffers.qos_source[rows] = [source for source, _, _ in recorded]
    buffers.qos_bits[rows] = [bits for _, bits, _ in recorded]
    buffers.flags[rows[[used for _, _, used in recorded]]] |= VALID
    node = f"vlan-{kind}-qos-mark" if output is Source.VLAN else f"{kind}-qos-mark"
    engine.arcs.start(engine.arcs[f"{kind}-output"], engine.graph["ip4-rewrite"].context, frame, buffers.tx_sw_if_index[rows], 0)
    call(engine, node, frame)
    for index, packet, number, (source, bits, used) in zip(rows.tolist(), packets, numbers, recorded, strict=True):
        value = int(maps.outputs[maps.indices[number]][source, bits])
        assert buffers.packet(index) == (expected(kind, output, packet, value) if used else packet)


def test_labels_without_an_end() -> None:
    engine = full_engine()
    _, ports = bridge(engine, 1)
    buffers = engine.buffers
    engine.get(EgressMaps).get(7)[Source.EXT, 0] = 7
    assert engine.get(QosMarks).enable(ports[0], Source.MPLS, 7)
    frame = fill(engine, [bytes(64)] * 2)
    rows = frame.indices(buffers)
    buffers.data[rows] = 0
    buffers.tx_sw_if_index[rows] = ports[0].sw_if_index
    buffers.flags[rows] |= VALID
    engine.arcs.start(engine.arcs["mpls-output"], engine.graph["mpls-output"].context, frame, ports[0].sw_if_index, 0)
    call(engine, "mpls-qos-mark", frame)
    assert set(buffers.packet(int(rows[0]))[2::4]) == {0x0E}
    assert not buffers.data[int(rows[-1]) + 1].any()


def test_times_are_counted() -> None:
    engine = full_engine()
    _, (port,) = bridge(engine, 1)
    records, stores = engine.get(QosRecords), engine.get(QosStores)
    index = port.sw_if_index

    def enabled() -> list[str]:
        return [name for name in engine.arcs["ip4-unicast"].on(index) if "qos" in name]

    for _ in range(2):
        records.set(port, Source.IP, on=True)
        stores.set(port, 300, on=True)
    assert enabled() == ["ip4-qos-store", "ip4-qos-record"]
    assert stores.values == {index: 300 % 256}
    assert engine.get(L2Interfaces).features_in_force(port) & features.QOS_RECORD
    for expected_nodes in (["ip4-qos-store", "ip4-qos-record"], [], []):
        records.set(port, Source.IP, on=False)
        stores.set(port, 0, on=False)
        assert enabled() == expected_nodes
    assert not records.times
    assert not stores.values


def test_interfaces_and_maps_that_go() -> None:
    engine = full_engine()
    _, (port, _) = bridge(engine, 2)
    records, stores, marks, maps = (engine.get(kind) for kind in (QosRecords, QosStores, QosMarks, EgressMaps))
    for source in Source:
        records.set(port, source, on=True)
        records.set(port, source, on=True)
        assert not marks.enable(port, source, 5)
    stores.set(port, 9, on=True)
    maps.get(5)[Source.IP, 1] = 2
    for source in Source:
        assert marks.enable(port, source, 5)
    maps.delete(5)
    assert maps.outputs[0, Source.IP, 1] == 2
    assert maps.get(6)[Source.IP, 1] == 0
    maps.get(7)
    assert maps.indices == {6: 0, 7: 1}
    engine.interfaces.delete(port)
    assert not records.times
    assert not stores.values
    assert not marks.maps
