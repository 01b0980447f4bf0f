"""The monitor's Graph: who feeds whom, as VPP tells it and as it is worked out, and the picture of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitors import Monitor, Pilot, play, screen, traffic_session, until

from vppsh.answers.node_graph import read_graphviz, read_node
from vppsh.startup import make_session
from vppsh.tui.flow import LINKS, Flow, Link, Load, chosen, flow_of, sent_by, shared, wanted
from vppsh.tui.layered import arrange
from vppsh.tui.line_drawing import Drawing
from vppsh.tui.picture import Picture
from vppsh.tui.questions import RUNTIME, Question
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.screens.graph import GraphView
from vppsh.tui.store import Store

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "scenarios"
EDGES = st.dictionaries(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] != pair[1]), st.floats(0.1, 1e6))


def view_of(monitor: Monitor) -> GraphView:
    assert isinstance(monitor.view, GraphView)
    return monitor.view


def flow(*links: tuple[str, str, float]) -> Flow:
    """A flow with these links: a node handles what it takes in, or, when it takes in nothing, what it sends."""
    into: dict[str, float] = {}
    for source, target, rate in links:
        into.setdefault(source, 0.0)
        into[target] = into.get(target, 0.0) + rate
    rates = {name: rate or sum(each for source, _, each in links if source == name) for name, rate in into.items()}
    return Flow(tuple(Load(name, rate, 1.0, 0.1) for name, rate in rates.items()), tuple(Link(*link, True) for link in links))


# What is read


@pytest.mark.skipif(not RECORDINGS.exists(), reason="no recordings of VPP beside the checkout")
def test_recorded_nodes_are_understood_to_the_last_line() -> None:
    texts = [
        text
        for path in sorted(RECORDINGS.glob("*/*.txt"))
        for text in re.findall(
            r"^vpp# show node (?!counters)\S+(?: verbose)?\n(node .*?)(?=^vpp# |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
        )
    ]
    assert len(texts) >= 5
    for text in texts:
        node = read_node(text)
        assert not node.odd
        assert [name for name, _ in node.nexts] == re.findall(
            r"^ +\d+ +\d+ +(\S+) +\d+ *$", text.partition("known previous")[0], re.MULTILINE
        )
        assert node.name


def test_the_graph_and_the_counts_of_an_engine_are_read() -> None:
    session = traffic_session()
    session.execute("%sleep 0.2")
    graph = read_graphviz(session.execute("show vlib graphviz").text)
    assert not graph.odd
    nodes = {node.name: node for node in session.engine.graph}
    assert {name: set(targets) for name, targets in graph.nexts.items()} == {
        name: {target.name for target in node.nexts} for name, node in nodes.items() if node.nexts
    }
    lookup = read_node(session.execute("show node ip4-lookup verbose").text)
    assert dict(lookup.nexts)["ip4-rewrite"] == nodes["ip4-rewrite"].vectors > 0
    assert "ip4-input" in lookup.previous


@given(st.text())
@settings(max_examples=30)
def test_no_text_makes_the_readers_fail(text: str) -> None:
    read_graphviz(text)
    read_node(text)


# What is worked out


@given(EDGES)
@settings(max_examples=30, deadline=None)
def test_what_is_worked_out_gives_every_node_what_it_takes(edges: dict[tuple[int, int], float]) -> None:
    names = {str(end) for edge in edges for end in edge}
    sent = {name: sum(rate for (source, _), rate in edges.items() if str(source) == name) for name in names}
    taken = {name: sum(rate for (_, target), rate in edges.items() if str(target) == name) for name in names}
    found = shared([(str(source), str(target), 1.0) for source, target in edges], sent, taken)
    for name in names:
        assert sum(link.rate for link in found if link.target == name) == pytest.approx(taken[name])
    assert {(link.source, link.target) for link in found} <= {(str(source), str(target)) for source, target in edges}


def test_ways_that_cannot_carry_anything_are_found_out() -> None:
    links = [("in", "lookup", 1.0), ("in", "drop", 1.0), ("lookup", "rewrite", 1.0), ("lookup", "drop", 1.0)]
    rates = {"in": 3500.0, "lookup": 3500.0, "rewrite": 3000.0, "drop": 500.0}
    found = {(link.source, link.target): link.rate for link in shared(links, rates, {**rates, "in": 0.0}) if link.rate}
    assert found == {
        ("in", "lookup"): pytest.approx(3500),
        ("lookup", "rewrite"): pytest.approx(3000),
        ("lookup", "drop"): pytest.approx(500),
    }


def test_who_may_keep_packets_sends_only_what_nobody_else_can() -> None:
    links = [("rewrite", "tx", 1.0), ("rewrite", "drop", 1.0), ("tx", "drop", 1e-6), ("tx", "reflected", 1e-6)]
    rates = {"rewrite": 3500.0, "tx": 3000.0, "drop": 500.0, "reflected": 7.0}
    found = {(link.source, link.target): link.rate for link in shared(links, rates, {**rates, "rewrite": 0.0}, {"tx"}) if link.rate}
    assert found.keys() == {("rewrite", "tx"), ("rewrite", "drop"), ("tx", "reflected")}
    assert list(found.values()) == pytest.approx([3000, 500, 7])


def sample(at: float, answers: dict[Question, str]) -> Sample:
    return Sample(at, at, {question.line: Reply(text, 0.0) for question, text in answers.items()})


def test_workers_are_not_asked_node_by_node_and_rates_are_told_to_be_worked_out() -> None:
    def runtime(number: int) -> str:
        head = "Time 9.9, 10 sec internal node vector rate 1.00 loops/sec 1\n  vector rates in 1e0, out 1e0, drop 0e0, punt 0e0\n"
        nodes = "".join(f"{name:<30} active {number} {number * count} 0 1.0e1 1.0\n" for name, count in (("a", 3), ("b", 2), ("c", 1)))
        return f"Thread 0 vpp_main (lcore 0)\n{head}---------------\nThread 1 vpp_wk_0 (lcore 1)\n{head}{nodes}"

    store = Store("fake", "nowhere")
    graph = 'digraph {\n  "a" -> "b"\n  "a" -> "c"\n  "b" -> "still"\n}\n'
    for at in range(3):
        store.feed(sample(at, {RUNTIME: runtime(100 * at), LINKS: graph}), (RUNTIME, LINKS))
    assert wanted(store, flow_of(store).loads) == (LINKS,)
    found = flow_of(store)
    assert [(load.name, load.rate) for load in found.loads] == [("a", 300), ("b", 200), ("c", 100)]
    assert [(link.source, link.target, round(link.rate), link.counted) for link in found.links] == [
        ("a", "b", 200, False),
        ("a", "c", 100, False),
    ]


def test_a_filter_keeps_nodes_and_those_next_to_them() -> None:
    store = Store("fake", "nowhere")
    head = "Time 9.9, 10 sec internal node vector rate 1.00 loops/sec 1\n  vector rates in 1e0, out 1e0, drop 0e0, punt 0e0\n"
    graph = 'digraph {\n  "one" -> "two"\n  "two" -> "three"\n  "three" -> "four"\n}\n'
    for at in range(3):
        nodes = "".join(f"{name:<30} active {at} {at * 10} 0 1.0e1 1.0\n" for name in ("one", "two", "three", "four"))
        store.feed(sample(at, {RUNTIME: head + nodes, LINKS: graph}), (RUNTIME, LINKS))
    assert {load.name for load in chosen(flow_of(store), "TWO").loads} == {"one", "two", "three"}
    assert {load.name for load in chosen(flow_of(store), "nothing of that").loads} == set()


# Where it is drawn


@given(EDGES)
def test_boxes_and_buses_do_not_lie_on_each_other(edges: dict[tuple[int, int], float]) -> None:
    named = {(str(source), str(target)): rate for (source, target), rate in edges.items()}
    boxes = {name: 6 + len(name) for edge in named for name in edge}
    layout = arrange(boxes, named)
    layer_of = {place.node: place.layer for layer in layout.layers for place in layer if place.node}
    assert layer_of.keys() == boxes.keys()
    for layer, buses in zip(layout.layers, layout.buses):
        for left, right in zip(layer, layer[1:]):
            assert left.x + left.width < right.x
        for place in layer:
            assert all(place.x <= way.port < place.x + place.width for way in place.below)
            assert len({way.port for way in place.below}) == len(place.below) or len(place.below) > place.width - 2
        rows = [(bus.row, bus.left, bus.right) for bus in buses if not all(way.straight for way in bus.ways)]
        for number, (row, first, last) in enumerate(rows):
            assert not any(row == other and first <= end and begin <= last for other, begin, end in rows[number + 1 :])
    drawn = {way.edge for layer in layout.layers for place in layer for way in place.below}
    assert drawn | set(layout.back) == named.keys()
    assert all(layer_of[source] < layer_of[target] for source, target in drawn)


def test_lines_cross_join_and_are_heavy() -> None:
    drawing = Drawing(5, 3)
    drawing.vertical(2, 0, 2, 1, "a")
    drawing.horizontal(1, 0, 4, 2, "b")
    drawing.text(4, 2, "xyz", "c")
    assert drawing.text_of_all() == "  ╷\n╺━┿━╸\n  ╵ x\n"
    assert drawing.row(1)[1] == ["b"] * 5


def test_a_picture_is_drawn_from_the_top_down_and_tells_what_goes_back() -> None:
    shown = flow(("in", "lookup", 1000.0), ("lookup", "tx", 900.0), ("lookup", "tunnel", 100.0), ("tunnel", "lookup", 5.0))
    picture = Picture(shown)
    assert picture.shows(shown)
    assert (picture.boxes["in"].y, picture.boxes["lookup"].y) == (0, 4)
    assert picture.boxes["tx"].y == picture.boxes["tunnel"].y > 8
    drawn = picture.draw(shown).text_of_all()
    assert "│ ↺ 5 lookup" in drawn
    assert re.search(r"┃900 +│100\n", drawn)
    assert drawn.count("▼") == 3
    slower = flow(("in", "lookup", 10.0), ("lookup", "tx", 1.0), ("lookup", "tunnel", 9.0), ("tunnel", "lookup", 1.0))
    assert picture.shows(slower)
    assert re.search(r"│1 +┃9\n", picture.draw(slower).text_of_all())
    assert not picture.shows(flow(("in", "lookup", 10.0)))


# What a person sees


def test_the_picture_has_the_packets_that_vpp_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("3", "g")
        view = view_of(monitor)
        question = sent_by("ip4-lookup")
        await until(pilot, lambda: monitor.store.track(question).readings >= 3)
        monitor.action_rebase()
        track = monitor.store.track(question)
        begun = track.based_at
        await until(pilot, lambda: monitor.store.at - begun >= 2)
        seconds = monitor.store.at - begun
        assert track.since("ip4-rewrite") / seconds == pytest.approx(3000, rel=0.05)
        assert track.since("ip4-drop") / seconds == pytest.approx(500, rel=0.05)
        link = next(link for link in view.picture.flow.links if (link.source, link.target) == ("ip4-lookup", "ip4-rewrite"))
        assert link.counted
        assert link.rate == track.rate("ip4-rewrite")
        shown = view.as_text()
        order = [shown.index(f" {name} ") for name in ("pg-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx")]
        assert order == sorted(order)
        assert "┳" in shown
        assert "▼" in shown
        links = {(each["source"], each["target"]) for each in json.loads(view.as_json())}
        assert {("ip4-lookup", "ip4-drop"), ("ip4-drop", "error-drop")} <= links

    play(script, tmp_path, monkeypatch)


def test_the_cursor_follows_packets_and_enter_tells_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("3")
        await until(pilot, lambda: ("vpp_main", "ip4-lookup") in [row.key for row in view_of(monitor).table.rows])
        view = view_of(monitor)
        view.table.go_to(("vpp_main", "ip4-lookup"))
        await pilot.press("g")
        await until(pilot, lambda: len(view.picture.flow.links) >= 8)
        assert view.picture.has_focus
        view.picture.go_to("ip4-lookup")
        view.picture.action_along(1)
        assert view.picture.node == "ip4-rewrite"
        view.picture.action_beside(1)
        assert view.picture.node == "ip4-drop"
        view.picture.action_along(-1)
        assert view.picture.node == "ip4-lookup"
        assert view.current == ("", "ip4-lookup")
        await pilot.press("enter")
        await until(pilot, lambda: any("fed by  ip4-input" in line for line in screen(pilot)))
        assert view.lines() == ["show runtime ip4-lookup", "show node ip4-lookup"]
        monitor.view.action_back()
        view.words = "rewrite"
        view.show()
        assert {load.name for load in view.picture.flow.loads} == {"ip4-lookup", "ip4-rewrite", "pg1-output"}
        await pilot.press("g")
        assert view.table.has_focus

    play(script, tmp_path, monkeypatch)


def test_an_idle_graph_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("3", "g")
        await until(pilot, lambda: any("no node handled packets lately" in line for line in screen(pilot)))

    play(script, tmp_path, monkeypatch, session=make_session())
