"""Traces and captures that begin where an interface's packets are routed."""

from __future__ import annotations

import pytest

from tests.traffic import Traffic
from vppsh.engine.pcap_trace import PcapTrace, PcapTraceSpec


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("fwd", 3, destination="192.0.2.1", ports="1-3 -> 2")
    return shell


def test_packets_that_have_no_trace_get_one(traffic: Traffic) -> None:
    traffic("tracenode feature pg0")
    traffic("trace add pg-input 1")
    traffic.send("fwd")
    text = traffic("show trace")
    assert text.count(": pg-input\n") == 1
    assert text.count(": trace-filtering\n  Packet traced from interface pg0 added\n") == 2
    assert text.count(": drop\n") == 3


def test_nothing_is_traced_while_tracing_is_off_or_the_interface_is_another(traffic: Traffic) -> None:
    traffic("tracenode feature pg0")
    traffic.send("fwd")
    assert len(traffic.engine.tracer) == 0
    traffic("tracenode feature pg0 disable")
    traffic("tracenode feature pg1")
    traffic("trace add pg-input 1")
    traffic.send("fwd")
    assert len(traffic.engine.tracer) == 1


def test_switching_twice_is_switching_once(traffic: Traffic) -> None:
    arc = traffic.engine.arcs["ip4-unicast"]
    before = arc.on(1)
    traffic("tracenode feature pg0")
    traffic("tracenode feature pg0 pcap")
    assert arc.on(1) == ["trace-filtering", *before] or arc.on(1) == [*before, "trace-filtering"]
    traffic("tracenode feature pg0 disable")
    traffic("tracenode feature pg0 disable")
    assert arc.on(1) == before


def test_routed_packets_can_be_captured(traffic: Traffic) -> None:
    traffic("tracenode feature pg0 pcap")
    trace = traffic.engine.get(PcapTrace)
    trace.start(PcapTraceSpec(rx=False, tx=True, drop=False, limit=2, path="unused", snap=512))
    traffic.send("fwd")
    assert [packet.data[0] for packet in trace.packets] == [0x45, 0x45]


def test_a_deleted_interface_is_forgotten(traffic: Traffic) -> None:
    traffic("create loopback interface")
    traffic("tracenode feature loop0")
    traffic("delete loopback interface intfc loop0")
    traffic("create loopback interface")
    traffic("tracenode feature loop0")
    loop = traffic.engine.interfaces.find("loop0")
    assert loop is not None
    assert "trace-filtering" in traffic.engine.arcs["ip4-unicast"].on(loop.sw_if_index)
