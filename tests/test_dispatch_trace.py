"""Dispatch traces: every packet before every node, read back from the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from tests.traffic import Traffic
from vppsh.engine.context import Context, Nexts
from vppsh.engine.dispatch_trace import LINK_VPP, DispatchTrace, DispatchTraceSpec
from vppsh.engine.frame import Frame

WAY = ["ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx"]


@dataclass
class Record:
    """One record of the file, taken apart."""

    hint: int
    index: int
    node: str
    metadata: str
    opaque: str
    opaque2: str
    trace: str
    packet: bytes


def records(path: Path) -> list[Record]:
    with RawPcapReader(str(path)) as reader:
        assert reader.linktype == LINK_VPP
        taken = [data for data, _ in reader]
    found = []
    for data in taken:
        major, minor, count, hint = data[:4]
        assert (major, minor) == (1, 0)
        *texts, packet = data[8:].split(b"\0", count)
        node, metadata, opaque, opaque2, *trace = [text.decode() for text in texts]
        found.append(Record(hint, int.from_bytes(data[4:8], "big"), node, metadata, opaque, opaque2, "".join(trace), packet))
    return found


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("fwd", 2)
    return shell


def captured(traffic: Traffic, path: Path, limit: int = 100, traces: int = 10) -> list[Record]:
    capture = traffic.engine.get(DispatchTrace)
    capture.start(DispatchTraceSpec(limit, str(path)))
    capture.watch(traffic.engine.graph["pg-input"], traces)
    traffic.send("fwd")
    count = capture.stop()
    found = records(path)
    assert len(found) == count
    return found


def test_every_packet_is_there_before_every_node(traffic: Traffic, tmp_path: Path) -> None:
    found = captured(traffic, tmp_path / "d.pcap")
    assert [record.node for record in found] == [name for name in WAY for _ in range(2)]
    assert [record.hint for record in found] == [2 if record.node == "ip4-input" else 0 for record in found]
    assert len({record.index for record in found}) == 2


def test_a_record_shows_the_packet_as_the_node_gets_it(traffic: Traffic, tmp_path: Path) -> None:
    by_node = {record.node: record for record in captured(traffic, tmp_path / "d.pcap")}
    assert by_node["ethernet-input"].packet[:6].hex() == "02fe00000001"
    assert by_node["ip4-input"].packet[0] == 0x45
    assert by_node["pg1-tx"].packet[:6].hex() == "020000000102"
    assert "current_data: 14, current_length: 50\n" in by_node["ip4-input"].metadata
    assert by_node["ip4-input"].metadata.startswith("flags: l2_hdr_offset_valid l3_hdr_offset_valid \n")
    assert "sw_if_index[VLIB_RX]: 1, sw_if_index[VLIB_TX]: 2\n" in by_node["pg1-tx"].opaque
    assert by_node["pg1-tx"].opaque.startswith("raw: 00000001 00000002 ")


def test_the_trace_grows_from_node_to_node(traffic: Traffic, tmp_path: Path) -> None:
    found = captured(traffic, tmp_path / "d.pcap", traces=1)
    first = [record for record in found if record.trace]
    assert [record.trace.count(": ip4-lookup") for record in first] == [0, 0, 0, 1, 1, 1]
    assert [record.node for record in first] == WAY
    assert all("trace_handle: 0x0," in record.metadata for record in first)


def test_the_limit_counts_records(traffic: Traffic, tmp_path: Path) -> None:
    assert len(captured(traffic, tmp_path / "d.pcap", limit=5)) == 5


def test_nothing_is_captured_before_traces_are_asked_for(traffic: Traffic, tmp_path: Path) -> None:
    capture = traffic.engine.get(DispatchTrace)
    capture.start(DispatchTraceSpec(100, str(tmp_path / "d.pcap")))
    traffic.send("fwd")
    assert capture.stop() == 0
    assert not (tmp_path / "d.pcap").exists()


def test_a_filter_chooses_packets(traffic: Traffic, tmp_path: Path) -> None:
    traffic.udp("two", 4, ports="1-2 -> 5")
    traffic("set pcap filter function bpf_trace_filter")
    traffic("set bpf trace filter {{udp src port 2}}")
    capture = traffic.engine.get(DispatchTrace)
    capture.start(DispatchTraceSpec(100, str(tmp_path / "d.pcap"), filter=True))
    capture.watch(traffic.engine.graph["pg-input"], 10)
    traffic.send("two")
    capture.stop()
    found = records(tmp_path / "d.pcap")
    # The filter reads what is at hand: Ethernet, or IP while the packet begins there.
    assert [record.node for record in found] == [name for name in WAY for _ in range(2)]


def test_long_packets_are_cut(traffic: Traffic, tmp_path: Path) -> None:
    traffic("packet-generator new { name fwd limit 1 size 9000-9000 interface pg0 node ethernet-input data { IP4: 02:00:00:00:00:02 -> "
            "02:fe:00:00:00:01 UDP: 10.0.0.2 -> 192.0.2.1 UDP: 1 -> 2 incrementing 8958 } }")  # fmt: skip
    found = captured(traffic, tmp_path / "d.pcap")
    assert found[0].node == "ethernet-input"
    assert len(found[0].packet) == 9000
    assert "next_buffer: " in found[0].metadata


def fail_at(traffic: Traffic, name: str, when: int) -> None:
    """Let a node fail on the frame of that number."""
    node = traffic.engine.graph[name]
    function, handled = node.function, iter(range(when + 1))

    def failing(ctx: Context, frame: Frame) -> Nexts:
        if next(handled) == when:
            traffic.engine.buffers.free_packets(frame)
            raise ZeroDivisionError(name)
        return function(ctx, frame)

    node.function = failing


@pytest.mark.parametrize("where", [WAY[0], WAY[3]])
def test_a_post_mortem_capture_has_the_last_round_before_a_node_failed(traffic: Traffic, tmp_path: Path, where: str) -> None:
    traffic.engine.on_fault = lambda node, frame, error: None
    capture, last = traffic.engine.get(DispatchTrace), tmp_path / "last.pcap"
    capture.start(DispatchTraceSpec(100, str(tmp_path / "d.pcap"), post_mortem=str(last)))
    capture.watch(traffic.engine.graph["pg-input"], 10)
    fail_at(traffic, where, when=1)
    traffic.send("fwd")
    assert not last.exists()
    traffic.send("fwd")
    assert [record.node for record in records(last)] == [name for name in WAY[: WAY.index(where) + 1] for _ in range(2)]
    # Those of the first two packets are gone.
    assert capture.stop() == 2 * (WAY.index(where) + 1)


def test_a_post_mortem_capture_that_cannot_be_written_is_a_note_of_the_fault(traffic: Traffic, tmp_path: Path) -> None:
    faults: list[Exception] = []
    traffic.engine.on_fault = lambda node, frame, error: faults.append(error)
    capture = traffic.engine.get(DispatchTrace)
    capture.start(DispatchTraceSpec(100, str(tmp_path / "d.pcap"), post_mortem=str(tmp_path / "none" / "last.pcap")))
    capture.watch(traffic.engine.graph["pg-input"], 10)
    fail_at(traffic, "ip4-lookup", when=0)
    traffic.send("fwd")
    assert "could not be written" in "".join(faults[0].__notes__)
    capture.stop()
    # Nobody captures any more.
    fail_at(traffic, "ip4-input", when=0)
    traffic.send("fwd")
    assert not hasattr(faults[1], "__notes__")


def test_post_mortem_is_typed(traffic: Traffic) -> None:
    assert traffic("pcap dispatch trace on max 9 post-mortem buffer-trace pg-input 4") == ""
    spec = traffic.engine.get(DispatchTrace).spec
    assert spec is not None
    assert spec.post_mortem == f"/tmp/dispatch_post_mortem.{os.getpid()}"
