"""Allow/deny lists against a set of allowed sources, and VPP's odd way of taking lists away."""

from __future__ import annotations

import ipaddress
import random

import numpy as np
import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.adl import DROP, INPUT, NEXTS, AllowLists, Family
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.wire import ethertype
from vppsh.session import Session

TYPES = {Family.IP4: ethertype.IP4, Family.IP6: ethertype.IP6, Family.DEFAULT: ethertype.ARP}


@pytest.mark.parametrize("size", SIZES)
def test_input_chooses_by_type(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 3)
    lists, buffers = engine.get(AllowLists), engine.buffers
    listed = {(family, port.sw_if_index) for family in Family for port in ports if rng.random() < 0.5}
    for port in ports:
        wanted = {family for family in Family if (family, port.sw_if_index) in listed}
        assert lists.set(port, wanted, {Family.IP4: 0, Family.IP6: 0})
    families = [rng.choice(list(Family)) for _ in range(size)]
    packets = [bytes(12) + TYPES[family].to_bytes(2, "big") + rng.randbytes(50) for family in families]
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows = frame.indices(buffers)
    received = [rng.choice(ports).sw_if_index for _ in range(size)]
    buffers.rx_sw_if_index[rows] = received
    nexts = call(engine, "adl-input", frame)
    expected = [family if (family, port) in listed else family + INPUT for family, port in zip(families, received, strict=True)]
    assert nexts == expected
    for index, family, packet in zip(rows.tolist(), families, packets, strict=True):
        assert buffers.packet(index) == (packet if family is Family.DEFAULT else packet[14:])
    assert engine.graph["adl-input"].nexts[INPUT].name == NEXTS[INPUT]


@pytest.mark.parametrize("family", [Family.IP4, Family.IP6])
@pytest.mark.parametrize("size", SIZES)
def test_own_addresses_are_allowed(size: int, family: Family) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = Engine(clock=FakeClock())
    _, ports = bridge(engine, 2)
    buffers, lists = engine.buffers, engine.get(AllowLists)
    fib = engine.get(Fib)
    table = fib.tables(Protocol.IP4 if family is Family.IP4 else Protocol.IP6)[0]
    pool = [rng.randbytes(4 if family is Family.IP4 else 16) for _ in range(8)]
    own = pool[:4]
    session = Session(engine)
    for source in own:
        assert not session.execute(f"ip route add {ipaddress.ip_address(source)}/{8 * len(source)} via local").failed
    tables = {Family.IP4: table.index, Family.IP6: table.index}
    assert lists.set(ports[0], {family}, tables)
    for _ in range(2):
        assert lists.set(ports[1], {family}, tables)
    chosen = [rng.choice(pool) for _ in range(size)]
    before, behind = (12, 10) if family is Family.IP4 else (8, 20)
    frame = fill(engine, [bytes(before) + source + bytes(behind) for source in chosen], scattered=rng.random() < 0.5)
    rows = frame.indices(buffers)
    received = [rng.choice(ports).sw_if_index for _ in range(size)]
    buffers.rx_sw_if_index[rows] = received
    buffers.adl_place[rows] = 0
    name = f"{family.name.lower()}-adl-allowlist"
    again = ports[1].sw_if_index
    expected = [
        DROP if source not in own else family if port == again else family + INPUT for source, port in zip(chosen, received, strict=True)
    ]
    assert call(engine, name, frame) == expected
    last = [DROP if source not in own else family + INPUT for source in chosen]
    assert call(engine, name, frame) == last
    assert np.array_equal(buffers.adl_place[rows], np.full(size, 2))


def test_kinds_that_are_not_named_lose_their_lists() -> None:
    engine = full_engine()
    _, (port,) = bridge(engine, 1)
    lists = engine.get(AllowLists)
    index = port.sw_if_index

    def all_lists() -> list[list[int]]:
        return [lists.of(family, index) for family in Family]

    assert lists.set(port, {Family.IP4}, {Family.IP4: 5, Family.IP6: None})
    assert all_lists() == [[5], [], []]
    assert lists.set(port, {Family.IP4, Family.DEFAULT}, {Family.IP4: 6, Family.IP6: 7})
    assert all_lists() == [[5, 6], [], [7]]
    assert lists.set(port, {Family.IP6}, {Family.IP4: 5, Family.IP6: 7})
    assert all_lists() == [[6], [7], []]
    assert not lists.set(port, {Family.IP4}, {Family.IP4: None, Family.IP6: 7})
    assert not lists.set(port, {Family.IP6}, {Family.IP4: 9, Family.IP6: None})
    assert all_lists() == [[], [7], []]
    engine.interfaces.delete(port)
    assert all_lists() == [[], [], []]
