"""Captures of received, sent and dropped packets."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from tests.graphs import fill
from tests.traffic import Traffic
from vppsh.commands import tmpfile
from vppsh.engine.pcap_trace import PcapTrace, PcapTraceSpec
from vppsh.errors import OutputFileError

SPEC = PcapTraceSpec(rx=False, tx=False, drop=False, limit=100, path="", snap=512)


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("good", 4, ports="5000-5003 -> 6000")
    shell.udp("noroute", 3, destination="192.0.2.1")
    shell("packet-generator new { name badsum limit 2 size 64-64 interface pg0 node ethernet-input data { IP4: 02:00:00:00:00:02 -> "
          "02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.0.1.2 checksum 0x1 UDP: 1 -> 2 incrementing 22 } }")  # fmt: skip
    return shell


def capture(traffic: Traffic, path: Path, *streams: str, **what: object) -> list[Ether]:
    """The packets of a file that was captured while streams ran."""
    trace = traffic.engine.get(PcapTrace)
    trace.start(replace(SPEC, path=str(path), **what))  # type: ignore[arg-type]
    for name in streams:
        traffic.send(name)
    return list(rdpcap(str(path))) if trace.stop() else []


def test_received_packets_are_as_they_came(traffic: Traffic, tmp_path: Path) -> None:
    found = capture(traffic, tmp_path / "rx.pcap", "good", "noroute", rx=True)
    assert [packet[UDP].sport for packet in found] == [5000, 5001, 5002, 5003, 1, 1, 1]
    assert {packet[IP].ttl for packet in found} == {64}
    assert {len(packet) for packet in found} == {64}


def test_sent_packets_have_their_new_header(traffic: Traffic, tmp_path: Path) -> None:
    found = capture(traffic, tmp_path / "tx.pcap", "good", "noroute", tx=True)
    assert [(packet.src, packet.dst, packet[IP].ttl) for packet in found] == [("02:fe:00:00:00:02", "02:00:00:00:01:02", 63)] * 4


def test_both_ways_are_in_the_order_in_which_they_went(traffic: Traffic, tmp_path: Path) -> None:
    found = capture(traffic, tmp_path / "both.pcap", "good", rx=True, tx=True)
    assert [packet[IP].ttl for packet in found] == [64] * 4 + [63] * 4


def test_an_interface_is_that_of_its_direction(traffic: Traffic, tmp_path: Path) -> None:
    pg0, pg1 = (traffic.engine.interfaces.find(name).sw_if_index for name in ("pg0", "pg1"))  # type: ignore[union-attr]
    assert len(capture(traffic, tmp_path / "a.pcap", "good", rx=True, tx=True, sw_if_index=pg0)) == 4
    assert len(capture(traffic, tmp_path / "b.pcap", "good", rx=True, tx=True, sw_if_index=pg1)) == 4
    assert capture(traffic, tmp_path / "c.pcap", "good", rx=True, sw_if_index=pg1) == []


def test_a_sub_interface_is_found_by_its_own_number(traffic: Traffic, tmp_path: Path) -> None:
    """What passes interface-output on its way to a sub-interface counts as the sub-interface's."""
    traffic("create sub-interfaces pg1 5")
    engine = traffic.engine
    pg1, sub = (engine.interfaces.find(name).sw_if_index for name in ("pg1", "pg1.5"))  # type: ignore[union-attr]
    for wanted, found in ((sub, 2), (pg1, 3)):
        trace = engine.get(PcapTrace)
        trace.start(replace(SPEC, path=str(tmp_path / "sub.pcap"), tx=True, sw_if_index=wanted))
        for interface, n in ((sub, 2), (pg1, 1)):
            frame = fill(engine, [bytes(60)] * n)
            engine.buffers.tx_sw_if_index[frame.rows] = interface
            engine.dispatcher.send(engine.graph["interface-output"], frame)
        engine.run_until_idle()
        assert trace.stop() == found


def test_dropped_packets_begin_at_their_ethernet_header_and_end_in_the_reason(traffic: Traffic, tmp_path: Path) -> None:
    found = capture(traffic, tmp_path / "drop.pcap", "noroute", "badsum", "good", drop=True)
    assert [bytes(packet)[64:] for packet in found] == [b"null-node: blackholed packets"] * 3 + [b"ip4-input: bad_checksum"] * 2
    assert {packet.src for packet in found} == {"02:00:00:00:00:02"}


def test_only_one_reason(traffic: Traffic, tmp_path: Path) -> None:
    error = traffic.engine.errors.find("ip4-input", "bad_checksum")
    assert len(capture(traffic, tmp_path / "e.pcap", "noroute", "badsum", drop=True, error=error)) == 2


def test_limit_and_snap(traffic: Traffic, tmp_path: Path) -> None:
    found = capture(traffic, tmp_path / "cut.pcap", "good", rx=True, limit=3, snap=40)
    assert [len(packet) for packet in found] == [40] * 3
    assert {packet.wirelen for packet in found} == {64}


def test_times_are_those_of_the_clock(traffic: Traffic, tmp_path: Path) -> None:
    traffic.clock.sleep(5)
    before = traffic.clock.epoch + traffic.clock.now()
    found = capture(traffic, tmp_path / "t.pcap", "good", rx=True)
    assert 0 <= float(found[0].time) - before < 1


def test_a_packet_in_several_buffers_is_written_whole(traffic: Traffic, tmp_path: Path) -> None:
    traffic("packet-generator new { name long limit 1 size 5000-5000 interface pg0 node ethernet-input data { IP4: 02:00:00:00:00:02 -> "
            "02:fe:00:00:00:01 UDP: 10.0.0.2 -> 192.0.2.1 UDP: 1 -> 2 incrementing 4958 } }")  # fmt: skip
    found = capture(traffic, tmp_path / "long.pcap", "long", rx=True, drop=True, snap=9000)
    assert [len(packet) for packet in found] == [5000, 5000 + len("null-node: blackholed packets")]
    assert bytes(found[1])[:5000] == bytes(found[0])


def test_a_filter_chooses_packets(traffic: Traffic, tmp_path: Path) -> None:
    traffic("classify filter pcap mask l3 ip4 dst match l3 ip4 dst 10.0.1.2")
    found = capture(traffic, tmp_path / "f.pcap", "good", "noroute", rx=True, filter=True)
    assert {packet[IP].dst for packet in found} == {"10.0.1.2"}
    traffic("classify filter pcap del")
    assert capture(traffic, tmp_path / "none.pcap", "good", rx=True, filter=True) == []
    traffic("set pcap filter function bpf_trace_filter")
    traffic("set bpf trace filter {{udp src port 5002}}")
    found = capture(traffic, tmp_path / "g.pcap", "good", "noroute", rx=True, filter=True)
    assert [packet[UDP].sport for packet in found] == [5002]


def test_a_file_that_cannot_be_written_ends_the_capture_and_nothing_else(traffic: Traffic, tmp_path: Path) -> None:
    trace = traffic.engine.get(PcapTrace)
    trace.start(replace(SPEC, path=str(tmp_path), rx=True))
    traffic.send("good")
    with pytest.raises(OutputFileError, match="directory"):
        trace.stop()
    assert trace.spec is None
    assert len(capture(traffic, tmp_path / "again.pcap", "good", rx=True)) == 4


def test_commands_say_what_happens(traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tmpfile, "FOLDER", str(tmp_path))
    assert traffic("pcap trace status") == "pcap dispatch capture disabled"
    assert traffic("pcap trace off") == "pcap trace: dispatch trace already disabled..."
    assert traffic("pcap trace rx tx max 6 intfc any file x.pcap") == ""
    assert traffic("pcap trace drop") == "pcap trace: dispatch trace already enabled..."
    traffic.send("good")
    assert traffic("pcap trace status").splitlines() == [
        "pcap rx and tx dispatch capture enabled: 6 of 6 pkts...", f"capture to file {tmp_path}/x.pcap",
    ]  # fmt: skip
    assert traffic("pcap trace off") == f"Write 6 packets to {tmp_path}/x.pcap, and stop capture..."
    assert len(rdpcap(str(tmp_path / "x.pcap"))) == 6
    assert traffic("pcap trace rx file x.pcap") == ""
    assert traffic("pcap trace off") == "pcap trace: No packets captured..."
    assert traffic("pcap trace rx file ../x.pcap") == "pcap trace: unknown input `file ../x.pcap'"
    assert traffic("pcap trace rx max-bytes-per-pkt 31") == "pcap trace: Max bytes per pkt must be > 32, < 9000..."
    assert traffic("pcap trace drop error {ip4-input}.{nosuch}") == "pcap trace: unknown input `error {ip4-input}.{nosuch}'"
