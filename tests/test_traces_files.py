"""Files of traces: dispatch traces, captures in and out, JSON, compressed and damaged ones."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader, rdpcap, wrpcap, wrpcapng

from tests.traces import ARP, dropped, forwarded, recorded_packets, recordings, shown
from tests.traffic import Traffic
from vppsh.engine.dispatch_trace import DispatchTrace, DispatchTraceSpec
from vppsh.engine.pcap_trace import PcapTrace, PcapTraceSpec
from vppsh.errors import InputFileError
from vppsh.traces.captures import read_capture
from vppsh.traces.export import write_pcapng
from vppsh.traces.flows import first_flow
from vppsh.traces.jsonl import write_line
from vppsh.traces.model import Packet
from vppsh.traces.rebuild import packet_bytes
from vppsh.traces.source import TraceFile
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import verdict

WAY = ("pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx")
FRAME = (
    Ether(src="02:00:00:00:00:02", dst="02:fe:00:00:00:01") / IP(src="10.0.0.2", dst="10.0.1.2", id=7) / UDP(sport=5, dport=53) / b"hello"
)


def packets(path: Path) -> list[Packet]:
    with TraceFile(str(path)) as file:
        return list(file.packets())


@pytest.fixture
def traffic() -> Traffic:
    shell = Traffic()
    shell.udp("fwd", 3)
    return shell


@pytest.mark.parametrize("traced", [3, 1, 0])
def test_a_dispatch_trace_gives_the_packets_back(traffic: Traffic, tmp_path: Path, traced: int) -> None:
    path = tmp_path / "dispatch.pcap"
    capture = traffic.engine.get(DispatchTrace)
    capture.start(DispatchTraceSpec(100, str(path)))
    capture.watch(traffic.engine.graph["pg-input"], traced)
    traffic.send("fwd")
    records = capture.stop()
    found = packets(path)
    assert len(found) == 3
    assert records == 3 * len(WAY[1:])
    for position, packet in enumerate(found):
        assert packet.path == (WAY if position < traced else WAY[1:])
        assert packet.origin == "dispatch"
        assert str(verdict(packet)) == "sent by pg1"
        flow = first_flow(packet)
        assert flow is not None
        assert str(flow) == "udp 10.0.0.2:1 -> 10.0.1.2:2"
        # At every node but the input the bytes are there: the frame, the packet in it, the frame rewritten.
        assert [len(step.data) for step in packet.steps if step.node != "pg-input"] == [64, 50, 50, 50, 64, 64]


def test_a_drop_capture_tells_why(traffic: Traffic, tmp_path: Path) -> None:
    path = tmp_path / "drop.pcap"
    traffic.engine.get(PcapTrace).start(PcapTraceSpec(rx=True, tx=False, drop=True, limit=100, path=str(path), snap=512))
    traffic.udp("lost", 1, destination="192.0.2.1")
    traffic.send("lost")
    traffic.engine.get(PcapTrace).stop()
    received, lost = packets(path)
    assert str(verdict(received)) == "captured at wire"
    assert str(verdict(lost)) == "dropped by null-node (null-node: blackholed packets)"
    assert first_flow(lost) == first_flow(received)
    assert len(lost.steps[0].data) == len(received.steps[0].data) == lost.length


@pytest.mark.parametrize("write", [wrpcap, wrpcapng])
def test_captures_of_others_are_read(tmp_path: Path, write: object) -> None:
    path = tmp_path / "x.cap"
    write(str(path), [FRAME, FRAME])  # type: ignore[operator]  # two functions of one shape
    found = packets(path)
    assert [str(first_flow(packet)) for packet in found] == ["udp 10.0.0.2:5 -> 10.0.1.2:53"] * 2
    assert [packet.steps[0].data for packet in found] == [bytes(FRAME)] * 2
    assert all(packet.start is not None and packet.start > 1.7e9 for packet in found)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "fraction"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_pcap_of_both_byte_orders_and_resolutions(order: str, magic: int, fraction: int) -> None:
    head = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, 101)
    record = struct.pack(f"{order}IIII", 5, 250_000_000 // fraction, 3, 9) + b"abc"
    [found] = read_capture(io.BytesIO(head + record), "x")
    assert (found.time, found.data, found.length, found.link_type) == (5_250_000_000, b"abc", 9, 101)
    assert list(read_capture(io.BytesIO(head + record[:-1]), "x")) == []


def test_pcapng_with_names_comments_and_odd_clocks() -> None:
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(">HH", code, len(value)) + value + bytes(-len(value) % 4)

    interface = struct.pack(">HHI", 1, 0, 2) + option(2, b"eth7") + option(9, b"\x8a") + option(14, struct.pack(">q", 100)) + option(0, b"")
    packet = struct.pack(">IIIII", 0, 0, 2048, 5, 60) + b"abcde\0\0\0" + option(1, b"seen") + option(0, b"")
    unknown = block(77, b"1234")
    text = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, interface) + unknown + block(6, packet)
    text += block(3, struct.pack(">I", 9) + b"xy\0\0")
    enhanced, simple = read_capture(io.BytesIO(text), "x")
    assert (enhanced.time, enhanced.data, enhanced.length, enhanced.interface, enhanced.comment) == (
        102_000_000_000,
        b"abcde",
        60,
        "eth7",
        "seen",
    )
    assert (simple.data, simple.length) == (b"xy", 9)
    for cut in range(28, len(text)):
        assert len(list(read_capture(io.BytesIO(text[:cut]), "x"))) <= 2


def test_a_trace_becomes_a_pcapng_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    with path.open("wb") as out:
        assert write_pcapng(packets_of(shown(forwarded(), dropped(), "00:00:00:000001: null\n"), "trace.txt"), out) == (2, 1)
    first, _second = packets(path)
    assert str(first_flow(first)) == "udp 10.0.0.2:1234 -> 10.1.0.2:53"
    assert first.start == 0.482907
    comments = [record.comment for record in read_capture(io.BytesIO(path.read_bytes()), "x")]
    assert comments[0].startswith("packet 1 of trace.txt: sent by pg1\npg-input -> ethernet-input -> ")
    assert comments[0].endswith("headers rebuilt from the trace's text, payload is zeros")
    assert "dropped by ip4-lookup (null-node: blackholed packets)" in comments[1]
    assert [record.interface for record in read_capture(io.BytesIO(path.read_bytes()), "x")] == ["pg-input", "pg0"]
    # Others read it too.
    with RawPcapNgReader(str(path)) as reader:
        assert len(list(reader)) == 2
    frame, bare = rdpcap(str(path))
    assert (frame[Ether].src, frame[IP].dst, frame[UDP].dport) == ("02:00:00:00:00:01", "10.1.0.2", 53)
    assert (bare[IP].dst, bare[IP].ttl) == ("192.0.2.1", 64)


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
def test_rebuilt_headers_say_what_the_trace_says() -> None:
    """scapy reads from the rebuilt bytes the addresses and ports that the trace prints."""
    compared = 0
    for packet in recorded_packets():
        found = packet_bytes(packet)
        flow = first_flow(packet)
        if found is None or not found.rebuilt or flow is None or ":" in flow.source:
            continue
        layers = Ether(found.data) if found.link_type == 1 else IP(found.data)
        if IP not in layers:
            continue
        compared += 1
        assert (layers[IP].src, layers[IP].dst) == (flow.source, flow.destination)
        if flow.protocol == "udp" and UDP in layers:
            assert (layers[UDP].sport, layers[UDP].dport) == (flow.source_port, flow.destination_port)
    assert compared > 50


def test_real_bytes_are_preferred() -> None:
    dump = (
        "  00000000: 02000000010202fe00000002080045000032000000003f1166b80a0000020a00\n"
        "  00000020: 010213881770001e513d000102030405060708090a0b0c0d0e0f1011\n"
    )
    [packet] = packets_of(shown(forwarded().replace("00:00:00:482957", f"{dump}00:00:00:482957")))
    found = packet_bytes(packet)
    assert found is not None
    assert (found.rebuilt, found.node, found.length, len(found.data)) == (False, "ip4-rewrite", 64, 60)


def test_what_others_are_compressed_by_is_named(tmp_path: Path) -> None:
    text = shown(forwarded())
    path = tmp_path / "t.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert [packet.path for packet in packets(path)] == [WAY]
    path.write_bytes(gzip.compress(text.encode())[:-9])
    with pytest.raises(InputFileError, match="damaged or cut off"):
        packets(path)
    path.write_bytes(b"\x28\xb5\x2f\xfdxxxx")
    with pytest.raises(InputFileError, match="unzstd it first"):
        packets(path)
    with pytest.raises(InputFileError, match="No such file"):
        packets(tmp_path / "missing")
    with pytest.raises(InputFileError, match="directory"):
        packets(tmp_path)


def test_compressed_captures_and_json(tmp_path: Path) -> None:
    plain, path = tmp_path / "x.pcap", tmp_path / "x.pcap.gz"
    wrpcap(str(plain), [FRAME])
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert str(first_flow(packets(path)[0])) == "udp 10.0.0.2:5 -> 10.0.1.2:53"
    path = tmp_path / "x.jsonl"
    path.write_text("".join(write_line(packet) for packet in packets_of(shown(forwarded(), ARP))))
    assert [packet.steps for packet in packets(path)] == [packet.steps for packet in packets_of(shown(forwarded(), ARP))]
    path.write_text('{"vppsh-trace": 1, "steps": []}\n{"vppsh-trace": 2}\n')
    with pytest.raises(InputFileError, match=r"x\.jsonl:2: no packet of a trace: format 2"):
        packets(path)
    path.write_text('{"vppsh-trace": 1}\n')
    with pytest.raises(InputFileError, match=r"x\.jsonl:1: no packet of a trace: 'steps'"):
        packets(path)


def test_long_files_are_read_in_blocks(tmp_path: Path) -> None:
    """Characters and packets that lie across blocks come whole; what is in memory does not grow with the file."""
    text = "".join(f"ü {shown(forwarded(), dropped())}" for _ in range(1500))
    path = tmp_path / "long.txt"
    path.write_text(text)
    assert len(text) > 3 << 20
    with TraceFile(str(path)) as file:
        items = list(file.items())
    assert "".join(item.text for item in items) == text
    assert sum(isinstance(item, Packet) for item in items) == 3000


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(shown(forwarded()) * 1000)
    told: list[int] = []
    with TraceFile(str(path)) as file:
        file.progress = told.append
        assert sum(1 for _ in file.packets()) == 1000
        assert file.size == path.stat().st_size
    assert told == sorted(told)
    assert told


def test_what_is_neither_text_nor_capture_is_refused_and_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(InputFileError, match="neither a text nor a capture"):
        packets(path)
    path.write_bytes(b"\x1b[1mvpp#\x1b[0m show trace\x00\r\n" * 40 + shown(forwarded()).encode() + "\N{SNOWMAN}".encode())
    assert len(packets(path)) == 1
