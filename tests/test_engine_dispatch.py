"""The main loop: who gets which packets, in which order, in frames of which size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES, engine_with, fill, sink
from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.registry import input_node, node, process


def splitter(nexts: list[int]):
    @node("split", nexts=("zero", "one", "two"))
    def split(ctx: Context, frame: Frame):
        return np.array(nexts)[ctx.buffers.l2_hdr_offset[frame.rows]]

    return split


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_packet_goes_where_its_next_says_in_order(data: st.DataObject) -> None:
    n = data.draw(st.sampled_from(SIZES))
    nexts = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    seen: dict[int, list[list[int]]] = {0: [], 1: [], 2: []}
    engine = engine_with(splitter(nexts), sink("zero", seen[0]), sink("one", seen[1]), sink("two", seen[2]))
    frame = fill(engine, [b"x" * 60] * n)
    rows = frame.indices(engine.buffers).tolist()
    engine.buffers.l2_hdr_offset[rows] = range(n)
    free = engine.buffers.free
    engine.dispatcher.put(feeder(engine), 0, frame)
    engine.dispatcher.run_waiting()
    for slot, frames in seen.items():
        assert [row for part in frames for row in part] == [row for row, chosen in zip(rows, nexts, strict=True) if chosen == slot]
        assert all(len(part) <= 256 for part in frames)
        assert engine.graph["split"].next_vectors[slot] == nexts.count(slot)
    assert engine.buffers.free == free + n
    assert engine.graph["split"].vectors == n


def feeder(engine):
    """A node whose first slot leads to `split`."""
    source = engine.graph["device-input"]
    engine.graph.add_next(source, engine.graph["split"])
    return source


def test_frames_of_several_nodes_join_until_they_are_full() -> None:
    seen: list[list[int]] = []

    @node("left", nexts=("end",))
    def left(ctx, frame):
        return 0

    @node("right", nexts=("end",))
    def right(ctx, frame):
        return 0

    engine = engine_with(left, right, sink("end", seen), vector_size=16)
    a, b = fill(engine, [b""] * 10), fill(engine, [b""] * 10)
    engine.dispatcher.put(engine.graph["left"], 0, a)
    engine.dispatcher.put(engine.graph["right"], 0, b)
    engine.dispatcher.run_waiting()
    assert list(map(len, seen)) == [16, 4]
    assert [row for part in seen for row in part] == a.indices(engine.buffers).tolist()[:10] + b.indices(engine.buffers).tolist()


def test_what_packets_have_in_common_is_forgotten_when_frames_differ() -> None:
    engine = engine_with()
    first, second = fill(engine, [b""] * 2, sw_if_index=0), fill(engine, [b""] * 2, sw_if_index=3)
    first.join(second, engine.buffers)
    assert (first.n, first.rx, first.offset) == (4, None, 0)


def test_input_nodes_are_polled_until_their_work_ends() -> None:
    seen: list[list[int]] = []

    @input_node("source", nexts=("end",))
    def source(ctx: Context) -> int:
        rows = ctx.buffers.allocate(3)
        ctx.enqueue(0, rows)
        ctx.node.busy = ctx.node.polling = ctx.node.calls < 3
        return 3

    engine = engine_with(source, sink("end", seen))
    engine.run_until_idle()
    assert seen == []
    engine.graph["source"].polling = engine.graph["source"].busy = True
    engine.run_until_idle()
    assert list(map(len, seen)) == [3, 3, 3, 3]
    assert engine.graph["source"].vectors == 12


def test_an_interrupt_ends_endless_work() -> None:
    @input_node("source", nexts=("error-drop",))
    def source(ctx: Context) -> int:
        ctx.enqueue(0, ctx.buffers.allocate(1))
        if ctx.node.calls == 5:
            ctx.engine.interrupt()
        return 1

    engine = engine_with(source)
    engine.graph["source"].polling = engine.graph["source"].busy = True
    engine.run_until_idle()
    assert 5 <= engine.graph["source"].calls < 10


def test_processes_sleep_on_the_engines_clock_and_wake_by_signal() -> None:
    woken: list[object] = []

    @process("sleeper")
    def sleeper(ctx: Context):
        while True:
            woken.append((yield 2.0))

    engine = engine_with(sleeper)
    engine.run_for(1.0)
    assert woken == []
    engine.run_for(1.5)
    assert woken == [None]
    engine.dispatcher.signal(engine.graph["sleeper"], "now")
    assert woken == [None, "now"]
    engine.run_for(4.1)
    assert woken == [None, "now", None, None]


@pytest.mark.parametrize("size", [0, 4097])
def test_vector_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="vector size"):
        engine_with(vector_size=size)


def test_a_node_that_fails_loses_its_frame_and_nothing_else() -> None:
    seen: list[list[int]] = []
    faults: list[str] = []

    @node("split", nexts=("end",))
    def broken(ctx: Context, frame: Frame):
        raise LookupError("no such row")

    engine = engine_with(broken, sink("end", seen))
    engine.dispatcher.put(feeder(engine), 0, fill(engine, [b"x"] * 3))
    with pytest.raises(LookupError):
        engine.dispatcher.run_waiting()
    engine.on_fault = lambda node, frame, error: faults.append(f"{node.name}: {error} ({frame.n})")
    engine.dispatcher.put(feeder(engine), 0, fill(engine, [b"x"] * 2))
    engine.dispatcher.put(engine.graph["split"], 0, fill(engine, [b"y"]))
    engine.dispatcher.run_waiting()
    assert faults == ["split: no such row (2)"]
    assert list(map(len, seen)) == [1]
