"""ip4-input, ip4-lookup and ip4-rewrite against plain Python, packet by packet."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.graphs import SIZES, call, fill, full_engine
from tests.packets import ip4_packet, odd_ip4_packet, ones_complement
from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.engine import Engine
from vppsh.engine.features.ip4.errors import IP4_ERRORS
from vppsh.engine.features.ip4.rewrite import decremented
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import ETHERNET, UP, DeviceClass, Interface

MAC = bytes.fromhex("02fe00000002")
NEIGHBOUR = bytes.fromhex("020000000102")


def interfaces(engine: Engine, *mtus: int) -> list[Interface]:
    """Interfaces that are up, without addresses but ready for IPv4."""
    device = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))
    made = []
    for number, mtu in enumerate(mtus):
        interface = engine.interfaces.add_hardware(f"if{number}", device, ETHERNET, mac=MAC, mtu=mtu, link_up=True)
        engine.interfaces.set_state(interface, UP)
        made.append(interface)
    return made


def input_twin(packet: bytes) -> str:
    """The name of ip4-input's error for a packet, as RFC 1812 and VPP have it; the last fault counts."""
    first, length, offset, ttl = packet[0], *struct.unpack(">xxH2xHB", packet[:9])
    header = 4 * (first & 15)
    error = "none"
    if first != 0x45:
        error = "version" if first >> 4 != 4 else "hdr_too_short" if header < 20 else "options"
    if error in ("none", "options") and ones_complement((packet + bytes(60))[:header]):
        error = "bad_checksum"
    if ttl == 0:
        error = "time_expired"
    if offset & 0x1FFF == 1:
        error = "fragment_offset_one"
    if length < 20:
        error = "too_short"
    if length > len(packet):
        error = "bad_length"
    return error


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_input_finds_the_fault_that_vpp_finds(size: int, scattered: bool) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    (interface,) = interfaces(engine, 9000)
    packets = [odd_ip4_packet(rng, [0x0A000102, 0x0A000103]) for _ in range(size)]
    # Behind a short packet lies what the last tenant left; VPP sums what a lying header length covers.
    frame = fill(engine, [packet.ljust(80, b"\0") for packet in packets], sw_if_index=interface.sw_if_index, scattered=scattered)
    rows = frame.indices(engine.buffers)
    engine.buffers.current_length[rows] = list(map(len, packets))
    nexts = call(engine, "ip4-input", frame)
    names = [spec.name for spec in IP4_ERRORS]
    base = engine.graph["ip4-input"].error_base
    node = engine.graph["ip4-input"]
    for packet, row, slot in zip(packets, rows.tolist(), nexts, strict=True):
        wanted = input_twin(packet)
        target = node.nexts[slot].name
        if wanted == "none":
            assert target not in ("error-drop", "ip4-options", "ip4-icmp-error")
            assert engine.buffers.error[row] == 0
        else:
            assert names[engine.buffers.error[row] - base] == wanted
            assert target == {"options": "ip4-options", "time_expired": "ip4-icmp-error"}.get(wanted, "error-drop")
    assert engine.interfaces.ip4.value[interface.sw_if_index] == size


@pytest.mark.parametrize("size", SIZES)
def test_rewrite_decrements_and_puts_the_header_in_front(size: int) -> None:
    engine = full_engine()
    _, out, narrow = interfaces(engine, 9000, 9000, 100)
    adjacencies = engine.get(Adjacencies)
    rng = random.Random(size)
    chosen = []
    for interface in (out, narrow):
        adjacency = adjacencies.neighbor(Protocol.IP4, Protocol.IP4, 0x0A000102, interface.sw_if_index)
        adjacencies.complete(adjacency, NEIGHBOUR)
        chosen.append((adjacency, interface))
    packets, adjacent = [], []
    for _ in range(size):
        flags = rng.choice((0, 0x4000))
        packets.append(ip4_packet(ttl=rng.choice((1, 2, 64)), flags_and_offset=flags, payload=rng.randbytes(rng.choice((20, 200)))))
        adjacent.append(rng.randrange(2))
    frame = fill(engine, packets)
    rows = frame.indices(engine.buffers).copy()
    engine.buffers.adj_index[rows] = [chosen[which][0].index for which in adjacent]
    nexts = call(engine, "ip4-rewrite", frame)
    node, buffers = engine.graph["ip4-rewrite"], engine.buffers
    for packet, row, which, slot in zip(packets, rows.tolist(), adjacent, nexts, strict=True):
        adjacency, interface = chosen[which]
        target, now = node.nexts[slot].name, buffers.packet(row)
        if len(packet) > interface.mtu[0]:
            stubborn = packet[6] & 0x40
            assert target == ("ip4-icmp-error" if stubborn else "ip4-frag")
            assert now == packet
            assert buffers.flow_hash[row] == (3 | 4 << 8 if stubborn else interface.mtu[0])
        elif packet[8] == 1:
            assert target == "ip4-icmp-error"
            assert (now[8], buffers.flow_hash[row], buffers.tx_sw_if_index[row]) == (0, 11, -1)
        else:
            assert target == f"{interface.name}-output"
            assert now[:14] == NEIGHBOUR + MAC + b"\x08\x00"
            assert now[22] == packet[8] - 1
            assert ones_complement(now[14:34]) == 0
            assert now[14:22] + now[23:24] + now[26:] == packet[:8] + packet[9:10] + packet[12:]
            assert buffers.tx_sw_if_index[row] == interface.sw_if_index


def test_every_checksum_survives_the_decrement() -> None:
    words = np.arange(1 << 16, dtype=np.uint32) << 16 | 17 << 8 | 64
    for old, new in zip(words.tolist(), decremented(words).tolist(), strict=True):
        before, after = old.to_bytes(4, "little"), new.to_bytes(4, "little")
        total = sum(struct.unpack(">HH", before)), sum(struct.unpack(">HH", after))
        assert total[0] % 0xFFFF == total[1] % 0xFFFF
        assert after[0] == 63


def test_lookup_finds_and_counts_the_longest_match() -> None:
    rng = random.Random(7)
    engine = full_engine()
    _, out = interfaces(engine, 9000, 9000)
    fib = engine.get(Fib)
    adjacencies = engine.get(Adjacencies)
    table = fib.ip4.mtrie
    prefixes: dict[tuple[int, int], int] = {(0, 0): 0}
    from vppsh.engine.fib.load_balance import LoadBalances, NextHop

    balances = engine.get(LoadBalances)
    for number in range(60):
        length = rng.choice((8, 15, 16, 17, 23, 24, 25, 32))
        network = rng.getrandbits(32) >> 24 << 24 | rng.getrandbits(8) << 16 | rng.getrandbits(16)
        network = network >> (32 - length) << (32 - length)
        adjacency = adjacencies.neighbor(Protocol.IP4, Protocol.IP4, number + 1, out.sw_if_index)
        row = balances.create(Protocol.IP4)
        balances.update(row, [NextHop(adjacency.dpo, 1)])
        if (network, length) not in prefixes:
            prefixes[network, length] = adjacency.index
            table.add(0, network, length, row)
    inside = [network | rng.getrandbits(32 - length) if length < 32 else network for network, length in prefixes if length]
    destinations = [rng.choice(inside) for _ in range(257)]
    frame = fill(engine, [ip4_packet(dst=destination) for destination in destinations], sw_if_index=0)
    rows = frame.indices(engine.buffers)
    before = balances.packets.copy()
    call(engine, "ip4-lookup", frame)
    for destination, row in zip(destinations, rows.tolist(), strict=True):
        length = max(length for network, length in prefixes if destination >> (32 - length) == network >> (32 - length))
        network = destination >> (32 - length) << (32 - length)
        assert engine.buffers.adj_index[row] == prefixes[network, length]
    assert (balances.packets - before).sum() == 257


def test_packets_keep_what_they_have_in_common() -> None:
    engine = full_engine()
    _, out = interfaces(engine, 9000, 9000)
    adjacencies = engine.get(Adjacencies)
    adjacency = adjacencies.neighbor(Protocol.IP4, Protocol.IP4, 0x0A000102, out.sw_if_index)
    adjacencies.complete(adjacency, NEIGHBOUR)
    frame: Frame = fill(engine, [ip4_packet()] * 5)
    engine.buffers.adj_index[frame.rows] = adjacency.index
    call(engine, "ip4-rewrite", frame)
    assert frame.offset == -14
    assert (engine.buffers.current_data[frame.rows] == -14).all()
