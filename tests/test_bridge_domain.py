"""Bridge domains against a bridge in plain Python: learning, forwarding, floods; ageing and flushes; BVIs; ARP termination."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bridges import Bridge, Station, bridge, random_frame
from tests.graphs import SIZES, call, fill, full_engine
from tests.traffic import CATALOG
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.bridge_domains import BridgeDomains
from vppsh.engine.features.l2.bvi import Bvis
from vppsh.engine.features.l2.l2fib import MISSING, EntryFlag, L2Fib, make_entry, make_key
from vppsh.engine.features.l2.modes import L2Interfaces, PortType
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN
from vppsh.errors import CommandError
from vppsh.session import Session


def counted(engine: Engine, node: str) -> dict[str, int]:
    """The counters of a node that are not zero."""
    owner = engine.graph[node]
    values = engine.errors.counts[owner.error_base : owner.error_base + len(owner.spec.errors)]
    return {spec.text: int(value) for spec, value in zip(owner.spec.errors, values, strict=True) if value}


def through(engine: Engine, name: str, frame: Frame) -> dict[str, Frame]:
    """Let a node handle a frame; what it leaves for each next node."""
    node = engine.graph[name]
    nexts = node.function(node.context, frame)
    if nexts is not None:
        slots = np.broadcast_to(np.asarray(nexts), (frame.n,))
        for slot in dict.fromkeys(slots.tolist()):
            engine.dispatcher.put(node, slot, frame.pick(engine.buffers, slots == slot))
    left: dict[str, Frame] = {}
    waiting = engine.dispatcher._waiting
    while waiting:
        target, part = waiting.popleft()
        target.pending = None
        if target.name in left:
            left[target.name].join(part, engine.buffers)
        else:
            left[target.name] = part
    return left


def switch(engine: Engine, packets: list[tuple[int, bytes]]) -> tuple[list[bool], Counter[tuple[int, bytes]]]:
    """A frame through l2-input, l2-learn, l2-fwd and l2-flood and l2-output: what passed l2-learn, and what left where."""
    buffers = engine.buffers
    frame = fill(engine, [packet for _, packet in packets])
    rows = frame.indices(buffers)
    buffers.rx_sw_if_index[rows] = [port for port, _ in packets]
    buffers.l2_len[rows] = 14
    frame.rx = None
    learned = through(engine, "l2-input", frame)["l2-learn"]
    order = learned.indices(buffers).tolist()
    assert order == rows.tolist()
    after = through(engine, "l2-learn", learned)
    dropped = set(after["error-drop"].indices(buffers).tolist()) if "error-drop" in after else set()
    to_output: list[Frame] = []
    floods = [after["l2-flood"]] if "l2-flood" in after else []
    if "l2-fwd" in after:
        forwarded = through(engine, "l2-fwd", after["l2-fwd"])
        to_output += [forwarded["l2-output"]] if "l2-output" in forwarded else []
        floods += [forwarded["l2-flood"]] if "l2-flood" in forwarded else []
    for flood in floods:
        to_output += [part for name, part in through(engine, "l2-flood", flood).items() if name == "l2-output"]
    left: Counter[tuple[int, bytes]] = Counter()
    for part in to_output:
        slots = call(engine, "l2-output", part)
        for slot, row in zip(slots, part.indices(buffers).tolist(), strict=True):
            name = engine.graph["l2-output"].nexts[slot].name
            if name != "error-drop":
                sent_to = int(buffers.tx_sw_if_index[row])
                assert name == engine.interfaces[sent_to].name + "-output"
                left[sent_to, buffers.packet(row)] += 1
    return [row not in dropped for row in rows.tolist()], left


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("groups", [(), (1, 1, 0, 2)])
def test_switching(size: int, groups: tuple[int, ...]) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    domain, made = bridge(engine, 4, groups=groups)
    ports = [port.sw_if_index for port in made]
    twin = Bridge(ports, dict(zip(ports, groups, strict=False)))
    fixed = bytes([2, 0, 0, 0, 0, 3])
    engine.get(L2Fib).update({make_key(fixed, domain.index): make_entry(ports[2], EntryFlag.STATIC | EntryFlag.AGE_NOT)})
    twin.stations[fixed] = Station(ports[2], provisioned=True, static=True)
    for _ in range(3):
        packets = random_frame(rng, ports, rng.choice((2, 10, 300)), size)
        passed, left = switch(engine, packets)
        assert passed == twin.learn(packets)
        wanted: Counter[tuple[int, bytes]] = Counter()
        for went_on, (port, packet) in zip(passed, packets, strict=True):
            if went_on:
                wanted.update((out, packet) for out in twin.forward(port, packet))
        assert left == wanted
        known = {entry.mac: entry.sw_if_index for entry in engine.get(L2Fib).entries()}
        assert known == {mac: station.port for mac, station in twin.stations.items()}
        assert domain.learn_count == engine.get(BridgeDomains).learn_count == twin.learned


def test_domains_do_not_meet() -> None:
    engine = full_engine()
    _, first = bridge(engine, 2, 1)
    _, second = bridge(engine, 2, 2)
    source, other = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")
    learned = [(first[0].sw_if_index, other + source + bytes(50)), (second[1].sw_if_index, other + source + bytes(50))]
    switch(engine, learned)
    packet = source + other + bytes(50)
    _, left = switch(engine, [(first[1].sw_if_index, packet), (second[0].sw_if_index, packet)])
    assert left == {(first[0].sw_if_index, packet): 1, (second[1].sw_if_index, packet): 1}


def test_learning_stops_at_the_limit() -> None:
    engine = full_engine()
    domain, made = bridge(engine, 2)
    domain.learn_limit = 3
    packets = [(made[0].sw_if_index, bytes(6) + bytes([2, 0, 0, 0, 0, number]) + bytes(50)) for number in range(5)]
    switch(engine, packets)
    assert len(engine.get(L2Fib)) == 3
    assert counted(engine, "l2-learn") == {"L2 learn packets": 5, "L2 learn misses": 5, "L2 not learned due to limit": 2}


def test_ageing_and_flushes() -> None:
    engine = full_engine()
    domains, fib = engine.get(BridgeDomains), engine.get(L2Fib)
    domain, made = bridge(engine, 3)
    engine.dispatcher.start()
    port, other = made[0].sw_if_index, made[1].sw_if_index
    hello = bytes(6) + bytes.fromhex("02000000000a") + bytes(50)
    switch(engine, [(port, hello)])
    domains.set_mac_age(domain, 2)
    engine.run_for(90)
    assert len(fib) == 1
    engine.run_for(60)
    assert (len(fib), domain.learn_count) == (0, 0)
    # What is flushed is not forwarded to any more, and disappears a second later.
    for flush in (lambda: engine.get(L2Interfaces).flush(made[0]), lambda: domains.flush(domain), domains.flush_all):
        switch(engine, [(port, hello)])
        packet = hello[6:12] + bytes.fromhex("02000000000b") + bytes(50)
        assert switch(engine, [(other, packet)])[1] == {(port, packet): 1}
        flush()
        assert len(fib) == 2
        assert sum(switch(engine, [(other, packet)])[1].values()) == 2
        engine.run_for(1.1)
        assert (hello[6:12] in {entry.mac for entry in fib.entries()}) is False
    switch(engine, [(port, hello)])
    engine.interfaces.set_state(made[0], DOWN)
    engine.run_for(1.1)
    assert hello[6:12] not in {entry.mac for entry in fib.entries()}


def test_a_domain_in_use_stays() -> None:
    engine = full_engine()
    domains = engine.get(BridgeDomains)
    domain, made = bridge(engine, 1, 5)
    with pytest.raises(CommandError, match="bridge domain in use"):
        domains.delete(5)
    engine.interfaces.delete(made[0])
    assert domain.members == []
    domains.delete(5)
    assert domains.find(5) is None
    again = domains.find_or_add(6)
    assert (again.index, again.sequence) == (domain.index, 1)


def test_flood_classes_order_members() -> None:
    engine = full_engine()
    domain, _ = bridge(engine, 0)
    classes = (FloodClass.TUNNEL_NORMAL, FloodClass.NO_FLOOD, FloodClass.NORMAL, FloodClass.TUNNEL_MASTER, FloodClass.NORMAL)
    made = [engine.interfaces.add_hardware(f"port{number}", engine.interfaces[0].hardware.device_class) for number in range(6)]
    l2 = engine.get(L2Interfaces)
    for port, kind in zip(made, classes, strict=False):
        port.flood_class = kind
        l2.set_bridge(port, domain)
    l2.set_bridge(made[5], domain, PortType.BVI)
    order = [made.index(member.interface) for member in domain.members]
    assert order == [5, 2, 3, 4, 0, 1]
    # There is a multicast tunnel: the unicast one and the loopback get nothing.
    assert [target.sw_if_index for target in domain.targets(0, 0)] == [made[number].sw_if_index for number in (4, 3, 2, 5)]
    l2.set_l3(made[3])
    assert [target.sw_if_index for target in domain.targets(0, 0)] == [made[number].sw_if_index for number in (0, 4, 2, 5)]


def test_one_bvi_for_a_domain() -> None:
    engine = full_engine()
    domain, _ = bridge(engine, 1)
    first, second = engine.get(Bvis).create(), engine.get(Bvis).create(instance=7)
    l2, fib = engine.get(L2Interfaces), engine.get(L2Fib)
    l2.set_bridge(first, domain, PortType.BVI)
    with pytest.raises(CommandError, match="already has a bvi"):
        l2.set_bridge(second, domain, PortType.BVI)
    (entry,) = fib.entries()
    assert (entry.mac, entry.sw_if_index) == (bytes.fromhex("b0b000000000"), first.sw_if_index)
    engine.interfaces.set_mac(first, bytes.fromhex("020000000001"))
    assert [entry.mac for entry in fib.entries()] == [bytes.fromhex("020000000001")]
    engine.get(Bvis).delete(first)
    assert (domain.bvi, len(fib)) == (None, 0)


PING = (
    "packet-generator new { name ping limit 3 size 74-74 interface pg1 node ethernet-input data "
    "{ IP4: 02:00:00:00:00:0b -> 02:fe:00:00:00:ff ICMP: 10.0.0.11 -> 10.0.0.1 ICMP echo_request incrementing 36 } }"
)
ROUTED = (
    "create packet-generator interface pg0",
    "create packet-generator interface pg1",
    "set interface state pg0 up",
    "set interface state pg1 up",
    "bvi create mac 02:fe:00:00:00:ff",
    "set interface state bvi0 up",
    "set interface ip address bvi0 10.0.0.1/24",
    "set interface l2 bridge bvi0 1 bvi",
    "set interface l2 bridge pg0 1",
    "set interface l2 bridge pg1 1",
    "ip neighbor bvi0 10.0.0.11 02:00:00:00:00:0b",
    PING,
    "packet-generator enable-stream ping",
)


def test_a_bvi_routes_and_answers() -> None:
    engine = Engine(CATALOG, clock=FakeClock(), random=np.random.default_rng(1))
    session = Session(engine)
    for line in ROUTED:
        session.execute(line)
        engine.run_until_idle()
    rx, tx = engine.interfaces.rx, engine.interfaces.tx
    ports = {port.name: port.sw_if_index for port in engine.interfaces}
    counts = {
        name: [int(column[ports[name]]) for column in (rx.packets, rx.bytes, tx.packets, tx.bytes)] for name in ("pg0", "pg1", "bvi0")
    }
    assert counts == {"pg0": [0, 0, 0, 0], "pg1": [3, 222, 3, 222], "bvi0": [3, 180, 3, 222]}


def test_arp_and_neighbour_discovery_are_answered_by_the_domain() -> None:
    scapy = pytest.importorskip("scapy.all")
    engine = full_engine()
    domain, made = bridge(engine, 2)
    station, asker = bytes.fromhex("0200000000bb"), "02:00:00:00:00:0a"
    domain.macs[0x0A000002] = station
    domain.macs6[0x20010DB8 << 96 | 2] = station
    arp = scapy.Ether(src=asker, dst="ff:ff:ff:ff:ff:ff") / scapy.ARP(hwsrc=asker, psrc="10.0.0.1", pdst="10.0.0.2")
    solicit = (
        scapy.Ether(src=asker, dst="33:33:ff:00:00:02") / scapy.IPv6(src="2001:db8::1", dst="ff02::1:ff00:2", hlim=255)
        / scapy.ICMPv6ND_NS(tgt="2001:db8::2") / scapy.ICMPv6NDOptSrcLLAddr(lladdr=asker)
    )  # fmt: skip
    stranger = scapy.Ether(src=asker, dst="ff:ff:ff:ff:ff:ff") / scapy.ARP(hwsrc=asker, psrc="10.0.0.1", pdst="10.0.0.3")
    liar = scapy.Ether(src=asker, dst="ff:ff:ff:ff:ff:ff") / scapy.ARP(hwsrc="02:00:00:00:00:0c", psrc="10.0.0.1", pdst="10.0.0.2")
    engine.get(BridgeDomains).switch(domain, features.ARP_TERM, True)
    frame = fill(engine, [bytes(packet) for packet in (arp, solicit, stranger, liar)], sw_if_index=made[0].sw_if_index)
    engine.buffers.l2_len[frame.rows] = 14
    call(engine, "l2-input", frame)
    call(engine, "l2-learn", frame)
    nexts = call(engine, "arp-term-l2bd", frame)
    names = [engine.graph["arp-term-l2bd"].nexts[slot].name for slot in nexts]
    assert names == ["l2-output", "l2-output", "l2-flood", "error-drop"]
    # An answer to a BVI has no receive interface: nobody is to take the frame's word for it.
    assert frame.rx is None
    answer, advertisement = (scapy.Ether(engine.buffers.packet(row)) for row in frame.indices(engine.buffers).tolist()[:2])
    assert (answer.dst, answer.src, answer[scapy.ARP].op) == (asker, "02:00:00:00:00:bb", 2)
    assert (answer[scapy.ARP].hwsrc, answer[scapy.ARP].psrc, answer[scapy.ARP].pdst) == ("02:00:00:00:00:bb", "10.0.0.2", "10.0.0.1")
    told = advertisement[scapy.ICMPv6ND_NA]
    assert (advertisement.dst, told.tgt, told.S, told.O) == (asker, "2001:db8::2", 1, 1)
    assert told[scapy.ICMPv6NDOptDstLLAddr].lladdr == "02:00:00:00:00:bb"
    checksum = told.cksum
    del advertisement[scapy.ICMPv6ND_NA].cksum
    assert scapy.Ether(bytes(advertisement))[scapy.ICMPv6ND_NA].cksum == checksum


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.lists(st.integers(0, 500), unique=True, max_size=60)), max_size=25))
def test_the_table_is_a_dictionary(steps: list[tuple[str, list[int]]]) -> None:
    engine = full_engine_table()
    twin: dict[int, int] = {}
    for number, (what, chosen) in enumerate(steps):
        keys = [make_key((key * 0x010000000001).to_bytes(7, "big")[-6:], key % 3) for key in chosen]
        if what == "add":
            news = {key: make_entry(number, 0, number, key & 0xFFFF) for key in keys}
            engine.update(news)
            twin.update(news)
        else:
            engine.remove(keys)
            for key in keys:
                twin.pop(key, None)
        every = np.array(sorted({*twin, *keys}), np.uint64)
        found = engine.find(every)
        assert [None if entry == MISSING else int(entry) for entry in found] == [twin.get(int(key)) for key in every]
        assert len(engine) == len(twin) == len(engine.entries())


def full_engine_table() -> L2Fib:
    """A table without an engine around it."""
    return L2Fib(None)  # type: ignore[arg-type]  # it asks nothing of the engine
