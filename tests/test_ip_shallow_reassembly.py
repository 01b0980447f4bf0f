"""Shallow reassembly: every fragment learns its packet's ports, whatever the order, and goes on unchanged."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import Router
from tests.test_ip_reassembly import DST6, SRC6, cuts, fragment4, fragment6, free_buffers
from tests.traffic import Traffic
from vppsh.engine.features.ip4.shallow_reassembly import Ip4ShallowReassemblies
from vppsh.engine.features.ip6.shallow_reassembly import Ip6ShallowReassemblies
from vppsh.engine.l4_fields import TRUNCATED, ip4_fields, ip6_fields
from vppsh.engine.reassembly.table import Limits

ARCS = {4: "ip4-unicast", 6: "ip6-unicast"}
PORTS = struct.pack(">HHHH", 1000, 2000, 0, 0)
MANY = Limits(fragments=1000, timeout=100, walk_interval=10_000)


def router(version: int, limits: Limits = MANY, *, extended: bool = False) -> Router:
    """One that looks at what comes in on if0."""
    made = Router(ip6=version == 6)
    for table in (made.engine.get(Ip4ShallowReassemblies), made.engine.get(Ip6ShallowReassemblies)):
        table.limits = limits
        table.extend(extended)
        table.extended *= extended
    made.engine.arcs.enable(ARCS[version], f"ip{version}-sv-reassembly-feature", made.interfaces[0].sw_if_index)
    return made


def forwarded(version: int, packet: bytes) -> bytes:
    """A packet after one hop, as far as it is compared."""
    return packet[20:] if version == 4 else packet[:7] + bytes((packet[7] - 1,)) + packet[8:]


@settings(max_examples=30)
@given(ranges=cuts(), extended=st.booleans())
@pytest.mark.parametrize("version", [4, 6])
def test_all_fragments_pass_once_the_first_is_there(version: int, ranges: list[tuple[int, int]], extended: bool) -> None:
    made = router(version, extended=extended)
    payload = PORTS + random.Random(len(ranges)).randbytes(max(last for _, last in ranges) - 7)
    make = fragment4 if version == 4 else fragment6
    length = len(payload)
    left: list[bytes] = []
    seen: list[tuple[int, int]] = []
    for each in ranges:
        left += made.send(f"ip{version}-input", make(payload, *each))
        seen.append(each)
        whole = any(first == 0 for first, _ in seen) and (not extended or any(last == length - 1 for _, last in seen))
        assert len(left) == (len(seen) if whole else 0)
    got = [packet[20:] if version == 4 else packet for packet in left]
    assert got == [forwarded(version, make(payload, *each)) for each in ranges]
    assert free_buffers(made) == 0


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", SIZES)
def test_whole_packets_and_fragments_in_one_frame(version: int, size: int) -> None:
    made = router(version)
    payload = PORTS + bytes(40)
    make = fragment4 if version == 4 else fragment6
    whole = ip4_packet(payload=payload) if version == 4 else ip6_packet(SRC6, DST6, payload=payload)
    rng = random.Random(size)
    sent, kinds = [], []
    for number in range(size):
        kinds.append(rng.choice(("whole", "first", "last")))
        ranges = {"first": (0, 23), "last": (24, 47)}.get(kinds[-1])
        sent.append(whole if ranges is None else make(payload, *ranges, identifier=number // 8))
    left = made.send(f"ip{version}-input", *sent)
    # What waits in vain are the last fragments of packets whose first one never comes.
    firsts = {number // 8 for number, kind in enumerate(kinds) if kind == "first"}
    passing = [number for number, kind in enumerate(kinds) if kind != "last" or number // 8 in firsts]
    assert sorted(packet[20 * (version == 4) + 7 * (version == 6) :] for packet in left) == sorted(
        forwarded(version, sent[number])[7 * (version == 6) :] for number in passing
    )
    assert free_buffers(made) == size - len(passing)


def test_ports_of_fragments_are_those_of_the_first() -> None:
    made = router(4)
    made.engine.graph.next_by_name("ip4-sv-reassembly", "ip4-drop")
    payload = PORTS + bytes(40)
    buffers, node = made.engine.buffers, made.engine.graph["ip4-sv-reassembly"]
    frame = made.frame(fragment4(payload, 24, 47), fragment4(payload, 0, 23))
    late, first = frame.indices(buffers).tolist()
    node.function(node.context, frame)
    for index, marks in ((late, 0b110), (first, 0b010)):
        assert buffers.l4_ports[index] == 1000 << 16 | 2000
        assert buffers.l4_first[index] == 17 | marks << 16


@pytest.mark.parametrize("version", [4, 6])
def test_limits(version: int) -> None:
    made = router(version, Limits(assemblies=2, fragments=3, timeout=100, walk_interval=10_000))
    node = f"ip{version}-sv-reassembly-feature"
    payload = PORTS + bytes(80)
    make = fragment4 if version == 4 else fragment6
    made.send(f"ip{version}-input", *(make(payload, at, at + 7) for at in (16, 32, 48)))
    assert free_buffers(made) == 3
    made.send(f"ip{version}-input", make(payload, 64, 71))
    assert made.count(node, "reass_fragment_chain_too_long") == 1
    assert free_buffers(made) == 0
    made.send(f"ip{version}-input", *(make(payload, 16, 23, identifier=number) for number in range(5)))
    assert free_buffers(made) == 2, "the oldest made way"
    made.clock.sleep(0.2)
    made.send(f"ip{version}-input", make(payload, 16, 23, identifier=4))
    assert free_buffers(made) == 2, "what was late is begun anew"
    made.engine.run_for(11.0)
    assert free_buffers(made) == 0


def test_faulty_fragments() -> None:
    made = router(4)
    assert made.send("ip4-input", ip4_packet(flags_and_offset=0x2000, payload=bytes(16), protocol=89)) == []
    assert made.count("ip4-sv-reassembly-feature", "reass_unsupp_ip_prot") == 1
    made.send("ip4-input", ip4_packet(flags_and_offset=0x2000, payload=bytes(4)))
    assert made.count("ip4-sv-reassembly-feature", "reass_malformed_packet") == 1
    assert free_buffers(made) == 0
    made = router(6)
    made.send("ip6-input", ip6_packet(SRC6, DST6, payload=bytes(4)))
    assert made.count("ip6-sv-reassembly-feature", "reass_unsupp_ip_proto") == 1
    made.send("ip6-input", ip6_packet(SRC6, DST6, protocol=44, payload=bytes((60, 0, 0, 1)) + bytes(16)))
    assert made.count("ip6-sv-reassembly-feature", "reass_missing_upper") == 1
    assert made.left, "the sender is told"


# Fields, against plain readings.


def fields4_twin(packet: bytes) -> tuple[int, int]:
    size, protocol, length = 4 * (packet[0] & 15), packet[9], int.from_bytes(packet[2:4], "big")
    body = packet[size:] + bytes(80)
    needed = {17: 8, 1: 4}.get(protocol, 0)
    if protocol == 6:
        needed = 4 * (body[12] >> 4) if body[12] >> 4 >= 5 else length
    if size + needed > length:
        return 0, protocol | TRUNCATED
    kind = {6: body[13], 1: body[0]}.get(protocol, 0)
    ports = 0
    if packet[0] == 0x45:
        if protocol in (6, 17):
            ports = int.from_bytes(body[:4], "big")
        elif protocol == 1 and body[0] in (0, 8):
            ports = int.from_bytes(body[4:6] * 2, "big")
        elif protocol == 1 and body[0] in (3, 4, 5, 6, 11, 12) and length >= 56:
            if body[17] in (6, 17):
                ports = int.from_bytes(body[30:32] + body[28:30], "big")
            elif body[17] == 1 and body[28] in (0, 8):
                ports = int.from_bytes(body[32:34] * 2, "big")
    return ports, protocol | kind << 8


@settings(max_examples=60)
@given(st.data())
def test_ip4_fields_of_every_kind_of_packet(data: st.DataObject) -> None:
    made = Router()
    packets = []
    for _ in range(data.draw(st.integers(1, 12))):
        body = bytearray(data.draw(st.binary(min_size=40, max_size=60)))
        body[0] = data.draw(st.sampled_from((0, 3, 8, 11, 13, body[0])))
        body[12] = data.draw(st.sampled_from((0x40, 0x50, 0x60)))
        body[17] = data.draw(st.sampled_from((1, 6, 17, 50)))
        body[28] = data.draw(st.sampled_from((0, 8, 3)))
        cut = data.draw(st.sampled_from((3, 7, 19, 35, 60)))
        options = data.draw(st.sampled_from((b"", bytes(4))))
        packets.append(ip4_packet(protocol=data.draw(st.sampled_from((1, 6, 17, 89))), payload=bytes(body[:cut]), options=options))
    frame = made.frame(*packets, scattered=True)
    ports, first = ip4_fields(made.engine.buffers, made.engine.buffers.addresses(frame))
    found = list(zip(ports.tolist(), first.tolist(), strict=True))
    assert found == [fields4_twin(packet) for packet in packets]


def test_ip6_fields() -> None:
    made = Router()
    tcp = struct.pack(">HHIIBBHHH", 5, 6, 0, 0, 0x50, 0x12, 0, 0, 0)
    quoted = ip6_packet(1, 2, payload=PORTS + bytes(16))
    hop_by_hop = bytes((17, 0)) + bytes(6)
    first_fragment, later = (bytes((17, 0)) + where.to_bytes(2, "big") + bytes(4) + PORTS for where in (1, 9))
    cases = [
        (ip6_packet(1, 2, payload=PORTS), (1000 << 16 | 2000, 17)),
        (ip6_packet(1, 2, payload=tcp, protocol=6), (5 << 16 | 6, 6 | 0x12 << 8)),
        (ip6_packet(1, 2, payload=tcp[:19], protocol=6), None),
        (ip6_packet(1, 2, payload=bytes((128, 0, 0, 0, 0, 7, 0, 1)), protocol=58), (7 << 16 | 7, 58 | 128 << 8)),
        (ip6_packet(1, 2, payload=bytes((135, 0, 0, 0, 0, 7, 0, 1)), protocol=58), (0, 58 | 135 << 8)),
        (ip6_packet(1, 2, payload=bytes((3, 0, 0, 0, 0, 0, 0, 0)) + quoted, protocol=58), (2000 << 16 | 1000, 58 | 3 << 8)),
        (ip6_packet(1, 2, payload=hop_by_hop + PORTS, protocol=0), (1000 << 16 | 2000, 17)),
        (ip6_packet(1, 2, payload=first_fragment, protocol=44), (1000 << 16 | 2000, 17)),
        (ip6_packet(1, 2, payload=later, protocol=44), None),
        (ip6_packet(1, 2, payload=b"", protocol=59), (0, 59)),
        (ip6_packet(1, 2, payload=b"abc"), None),
    ]
    frame = made.frame(*(packet for packet, _ in cases), scattered=True)
    buffers = made.engine.buffers
    lengths = buffers.current_length[frame.rows]
    ports, first, known = ip6_fields(buffers, buffers.addresses(frame), lengths)
    assert known.tolist() == [wanted is not None for _, wanted in cases]
    for position in np.flatnonzero(known).tolist():
        assert (int(ports[position]), int(first[position])) == cases[position][1]


# As typed.


def test_the_extended_mode_counts_who_asks_for_it() -> None:
    traffic = Traffic()
    table = traffic.engine.get(Ip4ShallowReassemblies)
    for line, wanted in (("on", 1), ("ip4 on", 2), ("ip6", 2), ("off", 1), ("ip4 off", 0)):
        assert traffic(f"set ip reassembly extended {line}") == ""
        assert table.extended == wanted
    assert traffic.engine.get(Ip6ShallowReassemblies).extended == 1
    assert traffic("set ip reassembly extended") == "set ip reassembly extended: Missing parameters"
    assert traffic("set ip reassembly extended ip5") == "set ip reassembly extended: Unknown input `'"


def test_what_waits_is_shown_and_traced() -> None:
    traffic = Traffic()
    fragment = "45000024000720024011431d0a0000020a000102" + "00" * 16
    stream = f"name g limit 1 size 36-36 interface pg0 node ip4-sv-reassembly data {{ hex 0x{fragment} }}"
    assert traffic(f"packet-generator new {{ {stream} }}") == ""
    traffic("trace add pg-input 1")
    traffic.send("g")
    lines = traffic("show ip4-sv-reassembly details").splitlines()
    assert lines[3] == "ID: 0, key: fib_index: 0, src: 10.0.0.2, dst: 10.0.1.2, frag_id: 7, proto: 17 trace_op_counter: 1"
    assert lines[4].startswith("  #000: bi: ")
    assert "Current IP4 reassemblies count: 1" in lines
    trace = traffic("show trace")
    # Addresses and identification as they lie in memory.
    assert f"[lookup, key: key {0x0200000A << 32} {0x0201000A | 0x0700 << 32 | 17 << 48} value 0]" in trace
    assert "reass id: 0, op id: 0 [cached]" in trace
