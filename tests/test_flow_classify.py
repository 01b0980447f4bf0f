"""Flow classification against a dictionary of flows."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.classify import VECTOR, ClassifyFailure, ClassifyTables
from vppsh.engine.features.classify.flow import FlowTables
from vppsh.engine.fib.types import Protocol


@pytest.mark.parametrize("size", SIZES)
def test_every_flow_gets_a_session(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 2)
    mask = bytes(3) + b"\xff" + bytes(VECTOR - 4)
    table = engine.get(ClassifyTables).add(mask, 1, 4, 1 << 20, None)
    flows, buffers = engine.get(FlowTables), engine.buffers
    flows.set(ports[0], Protocol.IP4, table.index, on=True)
    packets = [rng.randbytes(VECTOR + 3) + bytes([rng.randrange(40)]) + rng.randbytes(40) for _ in range(size)]
    frame = fill(engine, packets)
    received = [rng.choice(ports).sw_if_index for _ in range(size)]
    buffers.rx_sw_if_index[frame.rows] = received
    engine.arcs.start(engine.arcs["ip4-unicast"], engine.graph["ip4-input"].context, frame, ports[0].sw_if_index, 0)
    for _ in range(2):
        call(engine, "ip4-flow-classify", frame)
    own = (packet[VECTOR + 3] for packet, index in zip(packets, received, strict=True) if index == ports[0].sw_if_index)
    expected = {bytes(3) + bytes([value]) + bytes(VECTOR - 4): 2 * count for value, count in Counter(own).items()}
    assert {key: session.hits for key, session in table.sessions.items()} == expected


def test_tables_of_interfaces() -> None:
    engine = full_engine()
    _, (port,) = bridge(engine, 1)
    first, second = (engine.get(ClassifyTables).add(bytes(VECTOR), 0, 4, 1 << 20, None).index for _ in range(2))
    flows = engine.get(FlowTables)
    index = port.sw_if_index
    with pytest.raises(ClassifyFailure):
        flows.set(port, Protocol.IP6, 9, on=True)
    flows.set(port, Protocol.IP6, first, on=True)
    flows.set(port, Protocol.IP6, second, on=True)
    assert flows.of[Protocol.IP6] == {index: first}
    assert "ip6-flow-classify" in engine.arcs["ip6-unicast"].on(index)
    with pytest.raises(ClassifyFailure):
        flows.set(port, Protocol.IP6, second, on=False)
    flows.set(port, Protocol.IP6, first, on=False)
    assert "ip6-flow-classify" not in engine.arcs["ip6-unicast"].on(index)
    flows.set(port, Protocol.IP6, second, on=True)
    engine.interfaces.delete(port)
    assert flows.of[Protocol.IP6] == {}
