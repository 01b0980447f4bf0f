"""SPAN: the copies of each packet against plain Python, and what becomes of mirrors when interfaces go."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, fill, full_engine
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.features.span import Direction, Level, Spans
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Interface

NODES = {
    (Level.DEVICE, Direction.RX): "span-input", (Level.DEVICE, Direction.TX): "span-output",
    (Level.L2, Direction.RX): "span-l2-input", (Level.L2, Direction.TX): "span-l2-output",
}  # fmt: skip


def run(engine: Engine, name: str, frame: Frame) -> list[tuple[str, Frame]]:
    """Let a node handle a frame; the frames that wait afterwards, in order, and for whom."""
    node = engine.graph[name]
    assert node.function(node.context, frame) is None
    waiting = [(target.name, part) for target, part in engine.dispatcher._waiting]
    for target, _ in engine.dispatcher._waiting:
        target.pending = None
    engine.dispatcher._waiting.clear()
    return waiting


@pytest.mark.parametrize(("level", "way"), list(NODES))
@pytest.mark.parametrize("size", SIZES)
def test_copies(size: int, level: Level, way: Direction) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, ports = bridge(engine, 5)
    spans, buffers = engine.get(Spans), engine.buffers
    mirrors: dict[Interface, set[Interface]] = {}
    for source, port in [(0, 1), (0, 3), (2, 0), (4, 3)]:
        spans.set(ports[source], ports[port], level, way)
        mirrors.setdefault(ports[source], set()).add(ports[port])
    packets = [rng.randbytes(60) for _ in range(size)]
    chosen = [rng.choice(ports) for _ in range(size)]
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows = frame.indices(buffers)
    column = buffers.rx_sw_if_index if way is Direction.RX else buffers.tx_sw_if_index
    column[rows] = [port.sw_if_index for port in chosen]
    clones = [rng.random() < 0.2 for _ in range(size)]
    buffers.flags[rows[clones]] = BufferFlag.SPAN_CLONE
    buffers.l2_features[rows] = features.SPAN | features.LEARN if way is Direction.RX else features.SPAN_OUT | features.OUTPUT
    if level is Level.DEVICE:
        arc = engine.arcs["device-input" if way is Direction.RX else "interface-output"]
        buffers.feature_pos[rows] = arc.chain[ports[0].sw_if_index] + 1
    originals, copies = Counter(rows.tolist()), Counter[tuple[int, bytes]]()
    for name, part in run(engine, NODES[level, way], frame):
        for row in part.indices(buffers).tolist():
            if row in originals:
                originals[row] -= 1
                continue
            sent_to = int(buffers.tx_sw_if_index[row])
            assert name == ("l2-output" if level is Level.L2 else engine.interfaces[sent_to].name + "-output")
            assert buffers.flags[row] & BufferFlag.SPAN_CLONE
            copies[sent_to, buffers.packet(row)] += 1
    # Every original went on once, first.
    assert set(originals.values()) <= {0}
    wanted = Counter[tuple[int, bytes]]()
    for packet, port, clone in zip(packets, chosen, clones, strict=True):
        if not clone:
            wanted.update((mirror.sw_if_index, packet) for mirror in mirrors.get(port, ()))
    assert copies == wanted


def test_features_follow_the_mirrors() -> None:
    engine = full_engine()
    _, ports = bridge(engine, 3)
    spans, l2, source = engine.get(Spans), engine.get(L2Interfaces), ports[0]

    def enabled() -> tuple[bool, bool, bool, bool]:
        arcs, index = engine.arcs, source.sw_if_index
        return (
            "span-input" in arcs["device-input"].on(index), "span-output" in arcs["interface-output"].on(index),
            bool(l2.input_features[index] & features.SPAN), bool(l2.output_features[index] & features.SPAN_OUT),
        )  # fmt: skip

    spans.set(source, ports[1], Level.DEVICE, Direction.BOTH)
    spans.set(source, ports[2], Level.DEVICE, Direction.RX)
    assert enabled() == (True, True, False, False)
    spans.set(source, ports[1], Level.DEVICE, Direction.NONE)
    assert enabled() == (True, False, False, False)
    spans.set(source, ports[1], Level.L2, Direction.BOTH)
    assert enabled() == (True, False, True, True)
    spans.set(source, None, Level.DEVICE, Direction.NONE)
    assert enabled() == (False, False, True, True)
    engine.interfaces.delete(ports[1])
    assert enabled() == (False, False, False, False)
    assert spans.pairs == []
