"""Traces: which packets get one, which are kept, and how they are shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traffic import Traffic
from vppsh.engine.trace_text import format_interval, format_timestamp
from vppsh.engine.tracing import FilterKind, TimestampFormat


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("good", 3)
    shell.udp("bad", 4, destination="192.0.2.1")
    return shell


def nodes(text: str) -> list[list[str]]:
    """The node names of each packet of `show trace`."""
    packets = re.split(r"^Packet \d+$", text, flags=re.MULTILINE)[1:]
    return [re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)$", packet, flags=re.MULTILINE) for packet in packets]


FORWARDED = ["pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx"]
DROPPED = ["pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-drop", "error-drop", "drop"]


def test_nothing_is_traced_unless_asked_for(traffic: Traffic) -> None:
    traffic.send("good")
    assert traffic("show trace").endswith("No packets in trace buffer")


def test_a_trace_names_every_node_of_the_way(traffic: Traffic) -> None:
    traffic("trace add pg-input 10")
    traffic.send("good")
    traffic.send("bad")
    assert nodes(traffic("show trace")) == [FORWARDED] * 3 + [DROPPED] * 4


def test_counts_add_up_and_zero_takes_back_what_is_left(traffic: Traffic) -> None:
    traffic("trace add pg-input 1")
    traffic("trace add pg-input 1")
    traffic.send("bad")
    assert len(traffic.engine.tracer) == 2
    traffic("trace add pg-input 5")
    traffic("trace add pg-input 0")
    traffic.send("bad")
    assert len(traffic.engine.tracer) == 2


def test_show_says_before_and_after_that_it_stops_early(traffic: Traffic) -> None:
    traffic("trace add pg-input 10")
    traffic.send("bad")
    lines = traffic("show trace max 2").splitlines()
    assert lines[0] == lines[-1] == "Limiting display to 2 packets. To display more specify max."
    assert len(nodes(traffic("show trace max 2"))) == 2
    assert len(nodes(traffic("show trace max -1"))) == 4


def test_clear_forgets_traces_and_stops_tracing(traffic: Traffic) -> None:
    traffic("trace add pg-input 10")
    traffic.send("bad")
    traffic("clear trace")
    traffic.send("bad")
    assert len(traffic.engine.tracer) == 0
    traffic("trace add pg-input 1")
    traffic.send("bad")
    assert [trace.handle for trace in traffic.engine.tracer] == [0]


@pytest.mark.parametrize(("kind", "kept"), [("include", 2), ("exclude", 3)])
def test_a_filter_keeps_so_many_traces_that_visit_a_node_or_do_not(traffic: Traffic, kind: str, kept: int) -> None:
    traffic(f"trace filter {kind} error-drop {kept}")
    traffic("trace add pg-input 20")
    traffic.send("good")
    traffic.send("bad")
    visits = [("error-drop" in way) for way in nodes(traffic("show trace"))]
    assert visits == [kind == "include"] * kept


def test_the_filter_is_applied_when_traces_are_shown_not_when_paths_are(traffic: Traffic) -> None:
    traffic("trace add pg-input 20")
    traffic.send("good")
    traffic.send("bad")
    traffic("trace filter include ip4-rewrite 1")
    assert "Found 2 unique paths" in traffic("show trace paths")
    traffic("show trace")
    assert "Count: 1 " in traffic("show trace paths")


def test_handles_are_used_again_the_last_one_freed_first(traffic: Traffic) -> None:
    traffic.udp("numbered", 4, destination="192.0.2.1", ports="1-9 -> 2")
    traffic("trace filter include error-drop 9")
    traffic("trace add pg-input 20")
    traffic.send("good")
    traffic.send("numbered")
    # The three good traces (0, 1, 2) went when the first bad packet came; those then got 2, 1, 0 and a new one.
    shown = re.findall(r"trace handle 0x(\d)\n(?:  .*\n){4}  UDP: (\d) -> 2", traffic("show trace"))
    assert {port: handle for handle, port in shown} == {"1": "2", "2": "1", "3": "0", "4": "3"}


def test_a_new_filter_takes_away_what_is_left_of_counts(traffic: Traffic) -> None:
    traffic("trace add pg-input 20")
    traffic("trace filter none")
    traffic.send("good")
    assert len(traffic.engine.tracer) == 0
    assert traffic.engine.tracer.filter.kind is FilterKind.NONE


def test_traces_can_begin_where_packets_are_dropped(traffic: Traffic) -> None:
    traffic("trace add error-drop 2")
    traffic.send("bad")
    text = traffic("show trace")
    assert nodes(text) == [["error-drop", "drop"]] * 2
    assert "IP4: 10.0.0.2 -> 192.0.2.1" in text


def test_bpf_and_classifier_choose_packets(traffic: Traffic) -> None:
    traffic.udp("mix", 8, source="10.0.0.5-10.0.0.8", destination="192.0.2.1")
    traffic("classify filter trace mask l3 ip4 src match l3 ip4 src 10.0.0.7")
    traffic("trace add pg-input 20 filter")
    traffic.send("mix")
    assert set(re.findall(r"UDP: (10\.\S+) ->", traffic("show trace"))) == {"10.0.0.7"}
    traffic("clear trace")
    traffic("classify filter trace del")
    traffic("set trace filter function bpf_trace_filter")
    traffic("set bpf trace filter {{src host 10.0.0.6 or src host 10.0.0.8}}")
    traffic("trace add pg-input 20 filter")
    traffic.send("mix")
    assert set(re.findall(r"UDP: (10\.\S+) ->", traffic("show trace"))) == {"10.0.0.6", "10.0.0.8"}


def test_without_a_filter_configured_the_classifier_chooses_nothing_and_bpf_all(traffic: Traffic) -> None:
    traffic("trace add pg-input 20 filter")
    traffic.send("bad")
    assert len(traffic.engine.tracer) == 0
    traffic("set trace filter function bpf_trace_filter")
    traffic.send("bad")
    assert len(traffic.engine.tracer) == 4


NOT_HERE = "doesn't support per-node tracing. There may be another way to initiate trace on this node."
FILTERS = "'include NODE COUNT' or 'exclude NODE COUNT' or 'none'"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("trace add pg-input", "trace add: expected NODE COUNT, got `pg-input'"),
        ("trace add nosuch 5", "trace add: expected NODE COUNT, got `nosuch 5'"),
        ("trace add filter", "trace add: expected NODE COUNT, got `'"),
        ("trace add ip4-lookup 5", f"trace add: node 'ip4-lookup' {NOT_HERE}"),
        ("trace filter include error-drop", f"trace filter: expected {FILTERS}, got `include error-drop'"),
        ("show trace max many", "show trace: expected 'max COUNT', got `max many'"),
        ("set trace timestamp-format", "set trace timestamp-format: expected timestamp format"),
        ("set trace filter function x", "set trace filter function: expected valid trace filter function, got `x'"),
    ],
)  # fmt: skip
def test_errors_are_vpps(traffic: Traffic, line: str, answer: str) -> None:
    assert traffic(line) == answer


def test_timestamps() -> None:
    assert format_timestamp(3661.000002, 0, TimestampFormat.RELATIVE) == "01:01:01:000002"
    assert format_timestamp(1.5, 1_700_000_000, TimestampFormat.UNIX) == "1700000001.500000"
    assert format_timestamp(1.5, 1_700_000_000, TimestampFormat.DATETIME) == "2023-11-14T22:13:21.500000"


@given(st.integers(0, 10**12))
def test_intervals_read_back(micros: int) -> None:
    """Hours, minutes, seconds and microseconds say the time of day; whole days are left out."""
    hours, minutes, seconds, rest = (int(part) for part in format_interval(micros / 1e6 + 1e-7).split(":"))
    assert ((hours * 60 + minutes) * 60 + seconds) * 10**6 + rest == micros % (24 * 3600 * 10**6)


def test_two_engines_do_not_share_traces() -> None:
    one, other = Traffic(), Traffic()
    one.udp("s", 2)
    other.udp("s", 2)
    one("trace add pg-input 5")
    one.send("s")
    other.send("s")
    assert (len(one.engine.tracer), len(other.engine.tracer)) == (2, 0)
