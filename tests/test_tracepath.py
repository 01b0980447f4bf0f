"""Equal traces taken together, and their IDs."""

from __future__ import annotations

import pytest

from tests.traffic import Traffic
from vppsh.engine.tracepath import collect_paths, path_id
from vppsh.engine.vpp_nodes import vpp_nodes

PATHS = {
    ("pg-input", "ip4-input", "error-drop", "drop"): 0x45D517135F8C6C1A,
    ("pg-input", "ip4-input", "ip4-lookup", "ip4-drop", "error-drop", "drop"): 0xADB6EC0485861048,
    ("pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-drop", "error-drop", "drop"): 0x65A3B918D234909C,
}


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("good", 2)
    shell.udp("noroute", 3, destination="192.0.2.1")
    shell("packet-generator new { name badsum limit 7 size 60-60 interface pg0 node ip4-input data "
          "{ UDP: 10.0.0.2 -> 10.0.1.2 checksum 0x1 UDP: 1 -> 2 incrementing 32 } }")  # fmt: skip
    shell("trace add pg-input 50")
    for name in ("good", "noroute", "badsum"):
        shell.send(name)
    return shell


@pytest.mark.parametrize("names", list(PATHS), ids=len)
def test_ids_are_those_that_vpp_gives(names: tuple[str, ...]) -> None:
    assert path_id([vpp_nodes()[name].index for name in names]) == PATHS[names]


def test_interfaces_get_the_indices_that_they_get_in_vpp(traffic: Traffic) -> None:
    """pg0-tx and pg0-output are 766 and 767, so that IDs of paths to interfaces are VPP's too."""
    graph = traffic.engine.graph
    assert [graph[name].index for name in ("pg0-tx", "pg0-output", "pg1-tx", "pg1-output")] == [766, 767, 768, 769]
    assert collect_paths(traffic.engine.tracer)[2].id == 0xAD4739358FE59908


def test_the_most_frequent_path_comes_first(traffic: Traffic) -> None:
    paths = collect_paths(traffic.engine.tracer)
    assert [len(path.traces) for path in paths] == [7, 3, 2]
    assert [path.id for path in paths[:2]] == [0x45D517135F8C6C1A, 0x65A3B918D234909C]


def test_every_trace_belongs_to_the_path_that_it_took(traffic: Traffic) -> None:
    paths = collect_paths(traffic.engine.tracer)
    assert sum(len(path.traces) for path in paths) == len(traffic.engine.tracer) == 12
    for path in paths:
        assert all(tuple(step.node for step in trace.steps) == path.nodes for trace in path.traces)


def test_max_counts_over_all_paths_asked_for(traffic: Traffic) -> None:
    text = traffic("show trace path 0 1 max 9")
    assert text.count("\nPacket ") == 9
    assert "==================== Path [1] ====================" in text
    assert text.count("Limiting display") == 1
    assert traffic("show trace path 9") == "No traces found for requested path indices"


def test_structured_form(traffic: Traffic) -> None:
    data = traffic.session.execute("show trace paths").data[0]
    assert data[0] == {"count": 7, "id": "0x45d517135f8c6c1a", "path": ("pg-input", "ip4-input", "error-drop", "drop")}


def test_graphviz_draws_each_node_once_and_each_step_of_each_path(traffic: Traffic) -> None:
    text = traffic("show trace paths graphviz")
    paths = collect_paths(traffic.engine.tracer)
    nodes = {node for path in paths for node in path.nodes}
    assert text.count(' [label="') == len(nodes) + len(paths)
    assert text.count(" -> n") == sum(len(path.nodes) - 1 for path in paths)
    only = traffic("show trace paths graphviz 1 max 1")
    assert "Path 1:" in only
    assert "Path 0:" not in only
