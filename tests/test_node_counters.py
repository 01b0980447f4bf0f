"""What nodes count and how it is shown: errors, runtime, next nodes, the graph."""

from __future__ import annotations

import re

import pytest

from tests.traffic import Traffic
from vppsh.commands import tmpfile
from vppsh.commands.columns import center, left, right


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("good", 5)
    shell.udp("noroute", 3, destination="192.0.2.1")
    return shell


def test_columns_cut_and_pad_as_format_does() -> None:
    assert [center("Count", 10), center("ab", 5), center("abcdef", 4)] == ["   Count  ", "  ab ", "abcd"]
    assert [left("ab", 3), right("ab", 3), right("abcd", 3)] == ["ab ", " ab", "abc"]


def test_errors_are_listed_in_the_order_of_nodes_and_cleared(traffic: Traffic) -> None:
    traffic("packet-generator new { name short limit 2 size 60-60 interface pg0 node ip4-input data "
            "{ UDP: 10.0.0.2 -> 10.0.1.2 length 61 UDP: 1 -> 2 incrementing 32 } }")  # fmt: skip
    for name in ("noroute", "short"):
        traffic.send(name)
    lines = traffic("show errors").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["3", "null-node"], ["2", "ip4-input"]]
    assert traffic("show node counters").splitlines() == lines
    verbose = traffic("show errors verbose")
    assert verbose.splitlines()[1] == "Thread 0 (vpp_main):"
    assert len(verbose.split("Total:")[1].splitlines()) == 3
    data = traffic.session.execute("show errors").data[0]
    assert data[1] == {"node": "ip4-input", "error": "bad_length", "reason": "ip4 length > l2 length", "severity": "error", "count": 2}
    traffic("clear errors")
    assert len(traffic("show errors").splitlines()) == 1


def test_verbose_two_lists_every_counter(traffic: Traffic) -> None:
    listed = traffic("show errors verbose 2").split("Total:")[0].splitlines()[2:]
    owners = {line.split()[1] for line in listed}
    assert {"null-node", "ip4-input", "pg1-output", "ethernet-input"} <= owners
    # Nodes that charge another node's counters have no lines of their own.
    assert "ip4-rewrite" not in owners


def test_an_error_that_leaves_input_behind_answers_first(traffic: Traffic) -> None:
    assert traffic("show errors all").splitlines()[-1] == "unknown input `all'"
    assert traffic("show errors all").splitlines()[0].startswith("   Count")


def test_runtime_counts_calls_and_vectors_until_it_is_cleared(traffic: Traffic) -> None:
    traffic.send("good")
    traffic.send("good")
    line = traffic("show runtime ip4-rewrite").splitlines()[1]
    assert re.fullmatch(r"ip4-rewrite +active +2 +10 +0 +\d\.\d\de\d +5\.00", line)
    traffic("clear runtime")
    assert traffic("show runtime ip4-rewrite").splitlines()[1].split()[2:4] == ["0", "0"]


def test_runtime_of_all_nodes(traffic: Traffic) -> None:
    traffic("clear runtime")
    traffic.clock.sleep(2)
    traffic.send("good")
    traffic.send("noroute")
    lines = traffic("show runtime").splitlines()
    assert re.match(r"Time 2\.\d, 10\.000000 sec internal node vector rate \d\.\d\d loops/sec \d", lines[0])
    rates = re.fullmatch(r"  vector rates in (\S+), out (\S+), drop (\S+), punt (\S+)", lines[1])
    assert rates is not None
    into, out, drop, punt = (float(rate) for rate in rates.groups())
    assert into == pytest.approx(out + drop, rel=1e-3)
    assert out / drop == pytest.approx(5 / 3, rel=1e-3)
    assert punt == 0
    names = [line.split()[0] for line in lines[3:]]
    assert names == sorted(names)
    assert {"pg-input", "ip4-lookup", "pg1-tx", "drop"} <= set(names)
    assert traffic("show runtime summary").count("\n") == 1
    assert "Max Node Clocks" in traffic("show runtime max")
    assert "Packet-Time" in traffic("show runtime time")
    idle = {"ip4-punt", "punt"}
    assert idle <= {line.split()[0] for line in traffic("show runtime verbose").splitlines()[3:]}
    assert not idle & set(names)


def test_a_node_shows_where_packets_go_and_come_from(traffic: Traffic) -> None:
    traffic.send("good")
    text = traffic("show node pg1-output")
    assert text.startswith("node pg1-output, type internal, state active, index 769\n  node function variants:\n    Name ")
    assert re.search(r"^         1          768                 pg1-tx                 5   $", text, flags=re.MULTILINE)
    assert "ip4-rewrite (693) " in text.split("known previous nodes:")[1]
    assert traffic("show node index 769") == text
    assert "default only" in traffic("show node pg1-tx")
    assert traffic("show node pg-input").startswith("node pg-input, type input, state disabled, index 481")
    assert traffic("show node pg1-output verbose").startswith(text)
    assert traffic("show node index 99999") == "show node: please specify valid node"
    assert traffic("show node") == ""
    assert traffic("show node nosuch") == "show node: unknown node name: 'nosuch'"


def test_the_graph_lists_every_edge(traffic: Traffic) -> None:
    graph = traffic.engine.graph
    text = traffic("show vlib graph")
    assert text.splitlines()[0].split() == ["Name", "Next", "Previous"]
    for node in graph:
        for slot, target in enumerate(node.nexts):
            assert f"{target.name} [{slot}]"[:26] in text
    one = traffic("show vlib graph pg1-tx")
    assert one.splitlines()[1].split()[:3] == ["pg1-tx", "error-drop", "[0]"]
    dot = traffic("show vlib graphviz")
    assert dot.startswith("digraph {\n")
    assert dot.count(" -> ") == sum(len(node.nexts) for node in graph)


def test_a_filtered_graph_has_the_nodes_that_worked(traffic: Traffic, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tmpfile, "FOLDER", str(tmp_path))
    traffic("clear runtime")
    traffic.send("good")
    dot = traffic("show vlib graphviz filter")
    shown = set(re.findall(r'^  "(\S+)" \[shape=circle', dot, flags=re.MULTILINE))
    assert shown == {"pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx"}
    assert '"ip4-rewrite" -> "pg1-output"' in dot
    answer = traffic("show vlib graphviz filter file graph.dot")
    assert answer == f"vlib graph dumped into `{tmp_path}/graph.dot'. Run eg. `dot -Tsvg -O {tmp_path}/graph.dot'."


def test_buffers_that_are_in_use_are_not_available(traffic: Traffic) -> None:
    def figures() -> tuple[int, int, int]:
        total, available, _, used = (int(word) for word in traffic("show buffers").splitlines()[1].split()[5:])
        return total, available, used

    total, available, used = figures()
    assert (available, used) == (total, 0)
    taken = traffic.engine.buffers.allocate_indices(10)
    assert figures() == (total, total - 10, 10)
    traffic.engine.buffers.release(taken)
    traffic.send("good")
    assert figures() == (total, total, 0)
