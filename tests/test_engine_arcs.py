"""Feature arcs: the order of features, chains per interface, the walk of packets along them."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import engine_with, fill
from vppsh.engine.arcs import ordered
from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.registry import FeatureSpec, arc, feature, node

NAMES = ("f0", "f1", "f2", "f3", "f4")


@given(st.permutations(NAMES), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=8))
def test_the_order_keeps_every_declared_constraint(names: list[str], pairs: list[tuple[str, str]]) -> None:
    rank = {name: position for position, name in enumerate(NAMES)}
    pairs = [(a, b) for a, b in pairs if rank[a] < rank[b]]
    befores = defaultdict(list)
    for earlier, later in pairs:
        befores[earlier].append(later)
    order = ordered([FeatureSpec("a", name, tuple(befores[name])) for name in names], None)
    assert sorted(order) == sorted(NAMES)
    assert all(order.index(earlier) < order.index(later) for earlier, later in pairs)


def walking_engine(seen: dict[str, list[int]]):
    """An engine with an arc of three features; every node notes the buffers that come by."""

    def noting(name: str):
        @node(name)
        def visit(ctx: Context, frame: Frame):
            seen[name] += frame.indices(ctx.buffers).tolist()
            return ctx.engine.arcs.next(ctx, frame)

        return visit

    @node("begin", nexts=("finish",))
    def begin(ctx: Context, frame: Frame):
        received = frame.rx if frame.rx is not None else ctx.buffers.rx_sw_if_index[frame.rows]
        return ctx.engine.arcs.start(ctx.engine.arcs["way"], ctx, frame, received, 0)

    @node("finish")
    def finish(ctx: Context, frame: Frame) -> None:
        seen["finish"] += frame.indices(ctx.buffers).tolist()
        ctx.buffers.free_packets(frame)

    @node("pour", nexts=("begin",))
    def pour(ctx, frame):
        return 0

    features = [feature("way", name) for name in ("a", "b", "c")]
    return engine_with(begin, finish, pour, *map(noting, "abc"), *features, arc("way", "begin", end="finish"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from("abc")), min_size=4, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.booleans(),
)
def test_packets_visit_the_features_of_their_interface(enabled: list[set[str]], interfaces: list[int], uniform: bool) -> None:
    seen: dict[str, list[int]] = defaultdict(list)
    engine = walking_engine(seen)
    for sw_if_index, names in enumerate(enabled):
        for name in sorted(names):
            engine.arcs.enable("way", name, sw_if_index)
    if uniform:
        interfaces = interfaces[:1] * len(interfaces)
    frame = fill(engine, [b"p"] * len(interfaces), sw_if_index=interfaces[0])
    rows = frame.indices(engine.buffers).tolist()
    if not uniform:
        engine.buffers.rx_sw_if_index[rows] = interfaces
        frame.rx = None
    engine.dispatcher.put(engine.graph["pour"], 0, frame)
    engine.dispatcher.run_waiting()
    for name in "abc":
        assert sorted(seen[name]) == [row for row, interface in zip(rows, interfaces, strict=True) if name in enabled[interface]]
    assert sorted(seen["finish"]) == rows


def test_a_feature_is_on_as_often_as_it_was_enabled() -> None:
    engine = walking_engine(defaultdict(list))
    way = engine.arcs["way"]
    engine.arcs.enable("way", "b", 2)
    engine.arcs.enable("way", "b", 2)
    engine.arcs.enable("way", "b", 2, on=False)
    assert way.on(2) == ["b"]
    engine.arcs.clear(2)
    assert (way.on(2), way.used) == ([], False)
    with pytest.raises(KeyError, match="nonsense is not a feature of the arc way"):
        engine.arcs.enable("way", "nonsense", 1)
