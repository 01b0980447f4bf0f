"""What classifier tables decide about packets, against dictionaries: access lists, next nodes, rewrites."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.buffers import STRIDE
from vppsh.engine.classify import VECTOR, ClassifyFailure, ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.classify_lookup import NO_TABLE, classify
from vppsh.engine.engine import Engine
from vppsh.engine.features.classify.acls import InOutAcls, Kind
from vppsh.engine.features.classify.ip_acl import Action
from vppsh.engine.features.classify.l2_classify import L2Classifiers
from vppsh.engine.features.classify.l2_rewrite import L2Rewrites, RewriteConfig
from vppsh.engine.features.ip4.errors import INACL_SESSION_DENY, INACL_TABLE_MISS
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import UP

DENY, PERMIT = 0, 0xFFFF
MISS_ALL = 0xFFFFFFFF
FEW = bytes(range(4))


@dataclass
class Twin:
    """A table as a dictionary: what a packet's masked bytes lead to."""

    table: ClassifyTable

    def find(self, packet: bytes) -> ClassifySession | None:
        start = self.table.skip * VECTOR
        data = packet[start : start + len(self.table.mask)]
        key = bytes(one & other for one, other in zip(data, self.table.mask, strict=True))
        return next((session for session in self.table.sessions.values() if session.key == key), None)


def random_tables(rng: random.Random, engine: Engine) -> list[ClassifyTable]:
    """A chain of three tables with sessions whose keys come up often."""
    tables: list[ClassifyTable] = []
    for _ in range(3):
        mask = bytearray(VECTOR * rng.randrange(1, 4))
        for _ in range(2):
            mask[rng.randrange(len(mask))] = 0x03
        previous = tables[-1].index if tables else None
        table = engine.get(ClassifyTables).add(bytes(mask), rng.randrange(2), 4, 1 << 20, previous)
        for _ in range(rng.randrange(8)):
            key = table.key_of(bytes(rng.choice(FEW) for _ in range(96)))
            table.add(ClassifySession(key, rng.choice((DENY, PERMIT)), rng.randrange(100)))
        for session in list(table.sessions.values())[::3]:
            table.delete(session.key)
        tables.append(table)
    return tables[::-1]


@pytest.mark.parametrize("size", SIZES)
def test_sessions_of_a_chain(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    chain = random_tables(rng, engine)
    packets = [bytes(rng.choice(FEW) for _ in range(90)) for _ in range(size)]
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows = frame.indices(engine.buffers)
    first = np.array([rng.choice((chain[0].index, chain[1].index, NO_TABLE)) for _ in range(size)], np.int32)
    context = engine.graph["l2-input-acl"].context
    found = classify(context, rows, first, engine.buffers.addresses(frame))
    hits: dict[int, int] = {}
    for position, (packet, index) in enumerate(zip(packets, first.tolist(), strict=True)):
        tables = [table for table in chain if index != NO_TABLE and chain.index(table) >= [each.index for each in chain].index(index)]
        place, session = next(((at, hit) for at, table in enumerate(tables) if (hit := Twin(table).find(packet))), (-1, None))
        assert found.session(position) is session
        assert found.chained[position] == (place > 0)
        assert found.table[position] == (NO_TABLE if not tables else tables[place].index)
        if session is not None:
            hits[id(session)] = hits.get(id(session), 0) + 1
    assert {id(session): session.hits for table in chain for session in table.sessions.values() if session.hits} == hits


def one_table(engine: Engine, mask: bytes, keys: dict[bytes, int], miss: int = MISS_ALL, opaque: int = MISS_ALL) -> ClassifyTable:
    """A table of one vector of the Ethernet header, with sessions that go to these slots."""
    table = engine.get(ClassifyTables).add(mask.ljust(VECTOR, b"\0"), 0, 2, 1 << 20)
    table.miss_next = miss
    for key, slot in keys.items():
        table.add(ClassifySession(table.key_of(key.ljust(VECTOR, b"\0")), slot, opaque))
    return table


DESTINATION = b"\xff" * 6
GOOD, BAD, OTHER = (bytes([2, 0, 0, 0, 0, number]) for number in range(3))


@pytest.mark.parametrize(("miss", "others"), [(MISS_ALL, "l2-fwd"), (DENY, "error-drop")])
@pytest.mark.parametrize("output", [False, True])
def test_layer_2_access_lists(output: bool, miss: int, others: str) -> None:
    engine = full_engine()
    _, ports = bridge(engine, 2)
    port, free = ports
    acls, buffers = engine.get(InOutAcls), engine.buffers
    table = one_table(engine, DESTINATION, {GOOD: PERMIT, BAD: DENY}, miss)
    acls.set(port, Kind.L2, output, table.index, True)
    packets = [destination + bytes(60) for destination in (GOOD, BAD, OTHER, BAD)]
    frame = fill(engine, packets)
    rows = frame.indices(buffers)
    column = buffers.tx_sw_if_index if output else buffers.rx_sw_if_index
    column[rows] = [port.sw_if_index] * 3 + [free.sw_if_index]
    bits = (features.ACL_OUT | features.OUTPUT) if output else (features.ACL | features.FWD)
    buffers.l2_features[rows] = bits
    name = "l2-output-acl" if output else "l2-input-acl"
    nexts = [engine.graph[name].nexts[slot].name for slot in call(engine, name, frame)]
    on = "interface-output" if output else "l2-fwd"
    assert nexts == [on, "error-drop", on if others == "l2-fwd" else others, on]
    way = "output" if output else "input"
    _, spec = engine.errors.spec(int(buffers.error[rows[1]]))
    assert spec.text == f"{way} ACL session deny drops"
    acls.set(port, Kind.L2, output, table.index, False)
    with pytest.raises(ClassifyFailure):
        acls.set(port, Kind.L2, output, table.index, False)


@pytest.mark.parametrize("output", [False, True])
def test_access_lists_of_routed_packets(output: bool) -> None:
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    buffers, acls = engine.buffers, engine.get(InOutAcls)
    # Bytes 26 to 29 of the frame are the source of an IPv4 packet: on output the tables count from the same place.
    mask = bytes(10) + b"\xff" * 4
    table = engine.get(ClassifyTables).add(mask.ljust(VECTOR, b"\0"), 1, 2, 1 << 20)
    table.miss_next = MISS_ALL
    for last, slot in ((66, DENY), (67, PERMIT)):
        key = bytes(26) + bytes([10, 0, 0, last])
        session = ClassifySession(table.key_of(key), slot, action=Action.SET_IP4_FIB if last == 67 else Action.NONE, metadata=5)
        table.add(session)
    acls.set(port, Kind.IP4, output, table.index, True)
    name = "ip4-outacl" if output else "ip4-inacl"
    packets = [bytes(26) + bytes([10, 0, 0, last]) + bytes(40) for last in (66, 67, 68)]
    frame = fill(engine, packets)
    rows = frame.indices(buffers)
    buffers.rx_sw_if_index[rows] = buffers.tx_sw_if_index[rows] = port.sw_if_index
    buffers.feature_pos[rows] = engine.arcs["ip4-output" if output else "ip4-unicast"].chain[port.sw_if_index] + 1
    if not output:
        buffers.current_data[rows] += 14
        frame.offset = 14
    nexts = [engine.graph[name].nexts[slot].name for slot in call(engine, name, frame)]
    # The interface has no addresses: what the list lets pass is refused behind it.
    on = "interface-output" if output else "ip4-not-enabled"
    assert nexts == ["ip4-drop", on, on]
    base = engine.graph["ip4-input"].error_base
    assert (buffers.error[rows] - base).tolist() == [INACL_SESSION_DENY, 0, 0]
    assert buffers.tx_sw_if_index[rows].tolist() == [port.sw_if_index, port.sw_if_index if output else 5, port.sw_if_index]
    table.miss_next = DENY
    buffers.feature_pos[rows] -= 1
    assert engine.graph[name].nexts[call(engine, name, frame)[2]].name == "ip4-drop"
    assert buffers.error[rows[2]] - base == INACL_TABLE_MISS


def test_bridged_packets_go_where_sessions_say() -> None:
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    buffers = engine.buffers
    ip4 = one_table(engine, DESTINATION, {GOOD: 2, BAD: DENY})
    other = one_table(engine, DESTINATION, {GOOD: 1})
    engine.get(L2Classifiers).enable(port, False, (ip4.index, NO_TABLE, other.index))
    assert int(engine.get(L2Interfaces).input_features[port.sw_if_index]) & features.CLASSIFY
    kinds = {"4": b"\x08\x00", "6": b"\x86\xdd", "arp": b"\x08\x06"}
    cases = [
        (GOOD, "4", "ip4-input"), (BAD, "4", "error-drop"), (OTHER, "4", "l2-fwd"), (GOOD, "6", "l2-fwd"),
        (GOOD, "arp", "ethernet-input-not-l2"),
    ]  # fmt: skip
    frame = fill(engine, [destination + bytes(6) + kinds[kind] + bytes(50) for destination, kind, _ in cases], sw_if_index=port.sw_if_index)
    buffers.l2_features[frame.rows] = features.CLASSIFY | features.FWD
    nexts = [engine.graph["l2-input-classify"].nexts[slot].name for slot in call(engine, "l2-input-classify", frame)]
    assert nexts == [wanted for _, _, wanted in cases]


@pytest.mark.parametrize("skip", [0, 3, 16, 20])
def test_rewriting_bytes(skip: int) -> None:
    rng = random.Random(skip)
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    rewrites, buffers = engine.get(L2Rewrites), engine.buffers
    mask, value = rng.randbytes(20), rng.randbytes(20)
    assert rewrites.add(mask, value, skip)
    assert rewrites.add(b"\xff", b"\x77", 6)
    table = one_table(engine, DESTINATION, {GOOD: PERMIT}, opaque=0)
    rewrites.configure(port, RewriteConfig(table.index, 1))
    packets = [destination + rng.randbytes(60) for destination in (GOOD, OTHER)]
    frame = fill(engine, packets, sw_if_index=port.sw_if_index)
    buffers.l2_features[frame.rows] = features.RW | features.FWD
    assert {engine.graph["l2-rw"].nexts[slot].name for slot in call(engine, "l2-rw", frame)} == {"l2-fwd"}
    wanted = bytearray(packets[0])
    for at, (one, other) in enumerate(zip(mask, value, strict=True), skip):
        wanted[at] = wanted[at] & ~one | other & one
    missed = packets[1][:6] + b"\x77" + packets[1][7:]
    assert [buffers.packet(row) for row in frame.indices(buffers).tolist()] == [bytes(wanted), missed]
    assert [rewrites.entries[index].hits for index in (0, 1)] == [1, 1]


def test_what_goes_with_an_interface() -> None:
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    engine.interfaces.set_state(port, UP)
    table = one_table(engine, DESTINATION, {})
    acls, rewrites = engine.get(InOutAcls), engine.get(L2Rewrites)
    acls.set(port, Kind.IP4, False, table.index, True)
    rewrites.configure(port, RewriteConfig(table.index, -1))
    engine.interfaces.delete(port)
    assert set(acls.of(Kind.IP4, False).tolist()) == {NO_TABLE}
    assert rewrites.configs == {}


def test_bytes_at_the_end_of_the_pool_are_found() -> None:
    engine = full_engine()
    buffers = engine.buffers
    last = np.array([buffers.count - 1], np.int32)
    table = one_table(engine, DESTINATION, {GOOD: PERMIT})
    base = last.astype(np.int64) * STRIDE + (STRIDE - VECTOR)
    buffers.data[last[0], STRIDE - VECTOR : STRIDE - VECTOR + 6] = np.frombuffer(GOOD, np.uint8)
    context = engine.graph["l2-input-acl"].context
    found = classify(context, last, np.array([table.index], np.int32), base)
    assert found.hit.tolist() == [True]
