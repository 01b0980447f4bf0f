"""The graph: what the catalog must agree on, slots, siblings, indices."""

from __future__ import annotations

import pytest

from tests.graphs import basic_catalog, engine_with, sink
from vppsh.engine.engine import Engine
from vppsh.errors import GraphError
from vppsh.registry import arc, error, feature, node


def test_every_fault_of_a_catalog_is_reported_at_once() -> None:
    @node("a", nexts=("eror-drop", "b"), sibling_of="nobody", errors=(error("x", "one"), error("x", "two")))
    def a(ctx, frame):
        return 0

    @node("b")
    def first_b(ctx, frame):
        return None

    @node("b")
    def second_b(ctx, frame):
        return None

    catalog = basic_catalog(
        a, first_b, second_b, arc("way", "a", end="nowhere"), feature("way", "b", before=("ghost",)), feature("road", "b")
    )  # fmt: skip
    with pytest.raises(GraphError) as caught:
        Engine(catalog)
    faults = "\n".join(caught.value.faults)
    for part in (
        "next eror-drop is not a node (did you mean error-drop?)", "sibling nobody is not a node", "an error is declared twice",
        "node b is declared in", "node nowhere is not a node", "ghost is not a feature of the arc way", "road is not a feature arc",
    ):  # fmt: skip
        assert part in faults
    assert len(caught.value.faults) == 7


def test_siblings_share_slots_that_are_added_later() -> None:
    @node("one", nexts=("error-drop",))
    def one(ctx, frame):
        return 0

    @node("two", sibling_of="one")
    def two(ctx, frame):
        return 0

    graph = engine_with(one, two, sink("there")).graph
    slot = graph.next_by_name("two", "there")
    assert graph["one"].nexts[slot] is graph["there"] is graph["two"].nexts[slot]
    assert graph.next_by_name("one", "there") == slot
    assert graph["one"] in graph["there"].previous


def test_features_that_run_before_each_other_are_refused() -> None:
    catalog = basic_catalog(
        sink("x"), sink("y"), sink("start"), arc("loop", "start", end="x"), feature("loop", "x"),
        feature("loop", "y", before=("x",), after=("x",)),
    )  # fmt: skip
    with pytest.raises(GraphError, match="run before each other"):
        Engine(catalog)


def test_nodes_of_interfaces_are_numbered_as_in_vpp_and_reused() -> None:
    from vppsh.engine.interfaces import ETHERNET, DeviceClass

    engine = engine_with()
    device = DeviceClass("test", lambda engine, interface: lambda ctx, frame: None)
    first = engine.interfaces.add_hardware("if0", device, ETHERNET)
    second = engine.interfaces.add_hardware("if1", device, ETHERNET)
    assert [first.hardware.tx.index, first.hardware.output.index, second.hardware.tx.index] == [766, 767, 768]
    engine.interfaces.delete(first)
    assert "if0-tx" not in engine.graph
    third = engine.interfaces.add_hardware("if2", device, ETHERNET)
    assert (third.hardware.tx.index, third.sw_if_index) == (766, first.sw_if_index)
    assert engine.graph["if2-tx"] is third.hardware.tx


def test_two_engines_share_nothing() -> None:
    left, right = engine_with(), engine_with()
    left.errors.counts[0] += 5
    left.interfaces.drops.add(0, 3)
    left.graph["drop"].calls = 9
    assert not right.errors.counts.any()
    assert not right.interfaces.drops.value.any()
    assert right.graph["drop"].calls == 0
