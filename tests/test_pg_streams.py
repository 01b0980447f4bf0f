"""Streams in an engine: frames, limits, rates, chains, captures, and interfaces that go away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import rdpcap, wrpcap

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.pg.streams import Stream, Streams
from vppsh.engine.frame import Frame
from vppsh.engine.graph import Node
from vppsh.registry import discover
from vppsh.session import Session

CATALOG = discover()
UDP = "UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1000-1009 -> 2 incrementing 32"
SETUP = (
    "create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01",
    "create packet-generator interface pg1 hw-addr 02:fe:00:00:00:02",
    "set interface state pg0 up",
    "set interface state pg1 up",
)


class Shell:
    """An engine with pg0 and pg1, and what its nodes were given: packets by node, frame by frame."""

    def __init__(self, vector_size: int = 256) -> None:
        self.clock = FakeClock()
        self.engine = Engine(CATALOG, clock=self.clock, random=np.random.default_rng(7), vector_size=vector_size)
        self.session = Session(self.engine)
        self.frames: list[tuple[str, list[bytes], bool]] = []
        self.engine.dispatch_capture = self._capture
        for line in SETUP:
            assert self(line) == ""

    def __call__(self, line: str) -> str:
        text = self.session.execute(line).text
        self.engine.run_until_idle()
        return text.rstrip("\n")

    def _capture(self, node: Node, frame: Frame) -> None:
        packets = [self.engine.buffers.packet(index) for index in frame.indices(self.engine.buffers).tolist()]
        self.frames.append((node.name, packets, frame.traced))

    def stream(self, name: str) -> Stream:
        stream = self.engine.get(Streams).find(name)
        assert stream is not None
        return stream

    def arrived(self, node: str = "error-drop") -> list[bytes]:
        return [packet for name, packets, _ in self.frames if name == node for packet in packets]

    def sizes(self, node: str = "error-drop") -> list[int]:
        return [len(packets) for name, packets, _ in self.frames if name == node]

    def rx(self) -> tuple[int, int]:
        interface = self.engine.interfaces.find("pg0")
        assert interface is not None
        rx = self.engine.interfaces.rx
        return int(rx.packets[interface.sw_if_index]), int(rx.bytes[interface.sw_if_index])


@pytest.fixture
def shell() -> Iterator[Shell]:
    shell = Shell()
    yield shell
    shell.engine.run_until_idle()
    assert shell.engine.buffers.free == shell.engine.buffers.count, "every buffer came back"


def ports(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[20:22], "big") for packet in packets]


@pytest.mark.parametrize("vector_size", [1, 7, 255, 256, 257, 4096])
def test_a_limit_is_reached_in_whole_vectors(vector_size: int) -> None:
    shell = Shell(vector_size)
    shell(f"packet-generator new {{ name s limit 600 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    shell("packet-generator enable-stream s")
    assert shell.sizes() == [vector_size] * (600 // vector_size) + ([600 % vector_size] if 600 % vector_size else [])
    assert ports(shell.arrived()) == [1000 + number % 10 for number in range(600)]
    assert shell.rx() == (600, 36000)
    assert not shell.stream("s").enabled
    assert shell.engine.buffers.free == shell.engine.buffers.count


def test_ranges_go_on_and_counts_start_anew_when_a_stream_is_enabled_again(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s limit 4 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    for first in (1000, 1004, 1008):
        shell("packet-generator enable-stream s")
        assert ports(shell.arrived())[-4:] == [1000 + (first + number) % 10 for number in range(4)]
        assert shell.stream("s").sent == 4


def test_maxframe_sends_little_by_little_what_was_made_and_counted_at_once(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s maxframe 100 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    shell("packet-generator enable-stream s")
    assert shell.sizes() == [100]
    assert shell.rx() == (256, 256 * 60)
    shell("packet-generator disable-stream s")
    shell.engine.step()
    assert shell.sizes() == [100]
    shell("packet-generator enable-stream s")
    shell.engine.step()
    assert shell.sizes() == [100, 100, 100]
    assert shell.rx() == (512, 512 * 60)
    assert ports(shell.arrived()) == [1000 + number % 10 for number in range(300)]
    shell("packet-generator delete s")


def test_a_rate_is_kept_on_the_engines_clock(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s rate 100 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    shell("packet-generator enable-stream s")
    assert shell.sizes() == []
    shell.engine.run_for(0.5)
    assert sum(shell.sizes()) in (49, 50)
    shell.engine.run_for(1.5)
    assert sum(shell.sizes()) in (198, 199, 200)
    shell("packet-generator disable-stream s")
    shell.engine.run_for(1)
    assert sum(shell.sizes()) <= 200


@pytest.mark.parametrize("parameters", ["maxframe 0 limit 5", "rate 1e-3 limit 5", "rate 1e400 maxframe 0 limit 5"])
def test_a_stream_that_would_take_for_ever_does_not_hold_up_a_script(shell: Shell, parameters: str) -> None:
    shell(f"packet-generator new {{ name s {parameters} size 60-60 interface pg0 node error-drop data {{ hex 0x01 }} }}")
    shell("packet-generator enable-stream s")
    assert shell.stream("s").enabled
    shell("packet-generator delete s")


def test_the_highest_rate_is_a_vector_a_round(shell: Shell) -> None:
    shell("packet-generator new { name s rate 1e400 limit 600 size 60-60 interface pg0 node error-drop data { hex 0x01 } }")
    shell("packet-generator enable-stream s")
    assert shell.sizes() == [256, 256, 88]


def test_streams_take_turns_and_frames_for_ethernet_input_are_not_joined(shell: Shell) -> None:
    for name in ("a", "b"):
        shell(f"packet-generator new {{ name {name} limit 3 size 60-60 interface pg0 node error-drop data {{ hex 0x01 }} }}")
        shell(f"packet-generator new {{ name e{name} limit 2 size 60-60 interface pg0 node ethernet-input data {{ hex 0x01 }} }}")
    shell("trace add pg-input 3")
    shell("packet-generator enable-stream")
    drops = [size for name, packets, _ in shell.frames if name == "error-drop" for size in [len(packets)]]
    assert drops[0] == 6
    assert shell.sizes("ethernet-input") == [2, 2]


def test_only_as_many_packets_are_traced_as_were_asked_for(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s limit 300 size 60-60 interface pg0 node ip4-drop data {{ ip4-input {UDP} }} }}")
    shell("trace add pg-input 258")
    shell("packet-generator enable-stream s")
    assert len(shell.engine.tracer) == 258
    assert "stream s, 60 bytes, sw_if_index 1, next_node ip4-drop" in shell("show trace max 1")
    shell("packet-generator delete s")
    assert "stream 0, 60 bytes" in shell("show trace max 1")


@pytest.mark.parametrize(("size", "buffer_size"), [(2048, 2048), (2049, 2048), (5000, 2048), (5000, 1000), (65535, 2048)])
def test_long_packets_are_chains_that_hold_every_byte(shell: Shell, size: int, buffer_size: int) -> None:
    buffers = shell.engine.buffers
    seen: list[tuple[int, int]] = []

    def look(node: Node, frame: Frame) -> None:
        shell._capture(node, frame)
        head = int(frame.indices(buffers)[0])
        seen.append((int(buffers.current_length[head]), int(buffers.flags[head]) & BufferFlag.NEXT_PRESENT))
        assert int(buffers.packet_length(frame.rows)[0]) == size

    shell.engine.dispatch_capture = look
    data = f"IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 TCP: 10.0.0.2 -> 10.0.1.2 TCP: 1 -> 2 incrementing {size - 54}"
    line = f"packet-generator new {{ name s limit 3 size {size}-{size} interface pg0 node error-drop data {{ ethernet-input {data} }} }}"
    assert shell(line) == ""
    shell(f"packet-generator configure s buffer-size {buffer_size}")
    shell("packet-generator enable-stream s")
    packet = Ether(shell.arrived()[0])
    assert packet[IP].len == size - 14
    assert bytes(packet[TCP].payload) == bytes(i & 0xFF for i in range(size - 54))
    assert seen[0][0] == (size if size <= 2048 else buffer_size)
    assert bool(seen[0][1]) == (size > 2048)
    assert shell.rx() == (3, 3 * size)


def test_sizes_that_grow_or_are_random(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s limit 6 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    shell("packet-generator configure s size 60-63")
    shell("packet-generator enable-stream s")
    shell("packet-generator enable-stream s")
    assert [len(packet) for packet in shell.arrived()] == [60 + number % 4 for number in range(12)]
    shell("packet-generator configure s size 60+70 limit 400")
    shell("packet-generator enable-stream s")
    assert {len(packet) for packet in shell.arrived()[12:]} == set(range(60, 71))


def test_a_capture_can_be_replayed(shell: Shell, tmp_path: Path) -> None:
    packets = [Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:09") / Raw(bytes(size)) for size in (46, 100, 5000, 9002)]
    wrpcap(str(tmp_path / "in.pcap"), packets)
    assert shell(f"packet-generator new pcap {tmp_path}/in.pcap source pg0 name in node pg1-output limit 8") == ""
    shell(f"packet-generator capture pg1 pcap {tmp_path}/out.pcap count 6")
    shell("packet-generator enable-stream in")
    out = tmp_path / "out.pcap"
    assert [bytes(packet) for packet in rdpcap(str(out))] == [bytes(packets[number % 4]) for number in range(6)]
    assert shell(f"packet-generator capture pg0 pcap {out}").startswith("packet-generator capture: pcap file")


@pytest.mark.parametrize(("path", "reason"), [("/dev/full", "No space left"), ("/nosuch/x.pcap", "No such file")])
def test_a_capture_that_cannot_be_written_says_so_when_it_ends(shell: Shell, path: str, reason: str) -> None:
    shell("packet-generator new { name s limit 2 size 60-60 interface pg0 node pg1-output data { hex 0x01 } }")
    if path == "/dev/full":
        # A file that exists is refused: let it appear only after the command.
        pg = shell.engine.interfaces.find("pg1").hardware.device
        shell("packet-generator capture pg1 pcap /nosuch/y.pcap")
        pg.capture.path = path
    else:
        assert shell(f"packet-generator capture pg1 pcap {path}") == ""
    shell("packet-generator enable-stream s")
    assert shell.stream("s").sent == 2
    assert reason in shell("packet-generator capture pg1 disable")
    assert shell("packet-generator capture pg1 disable") == ""


def test_an_interface_that_goes_away_stops_its_streams(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    shell("packet-generator enable-stream s")
    shell("delete packet-generator interface pg0")
    assert not shell.stream("s").enabled
    assert shell("packet-generator enable-stream s") == "packet-generator enable-stream: an interface of stream `s' was deleted"
    assert shell("packet-generator delete s") == ""


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("packet-generator new { name s size 0-0 node error-drop data { hex 0x } }", "failed to parse packet data from ` hex 0x'"),
        ("packet-generator new { name s size 0-0 interface pg0 node error-drop data { hex 0x01 } }", "min-size must be positive"),
        ("packet-generator new { name s size 60-65536 interface pg0 node error-drop data { hex 0x01 } }", "max-size > 65535"),
        ("packet-generator new { name s size 60-2147483647 interface pg0 node error-drop data { hex 0x01 } }", "max-size > 65535"),
        ("packet-generator new { name s buffer-flags offload node error-drop data { hex 0x01 } }", "offloads are not supported"),
        ("packet-generator new { name s node error-drop data { hex 0x01 } data { hex 0x01 } }", "unknown input `data { hex 0x01 }'"),
        ("packet-generator new { name s node pg-input data { hex 0x01 } }", "node `pg-input' takes no packets"),
        ("packet-generator new { name s node interface-output data { hex 0x01 } }", "output interface or node not given"),
        ("create packet-generator interface pg9 gso-enabled gso-size 1400", "buffer flags and offloads are not supported"),
        ("create packet-generator interface pg9 mode ethernet", "unknown input `mode ethernet'"),
        ("delete packet-generator interface", "Missing <interface>"),
        ("delete packet-generator interface local0", "not a pg interface"),
        ("delete packet-generator interface sw_if_index 77", "not a pg interface"),
        ("delete packet-generator interface nosuch", "unknown input `'"),
        ("packet-generator mac-filter on", "specify interface"),
    ],
)  # fmt: skip
def test_refused_lines_say_why_and_change_nothing(shell: Shell, line: str, answer: str) -> None:
    before = shell("show packet-generator"), shell("show interface")
    assert answer in shell(line)
    assert (shell("show packet-generator"), shell("show interface")) == before


def test_random_sizes_outside_the_headers_are_refused_and_the_stream_stays_as_it_was(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s limit 6 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    before = shell("show packet-generator")
    assert shell("packet-generator configure s limit 9 size 40-50") == "packet-generator configure: min-size < total header size 60"
    assert shell("show packet-generator") == before


def test_verbose_shows_the_headers(shell: Shell) -> None:
    shell(f"packet-generator new {{ name s limit 6 size 60-60 interface pg0 node error-drop data {{ ip4-input {UDP} }} }}")
    lines = shell("show packet-generator verbose").splitlines()[2:]
    assert [line.strip() for line in lines] == [
        "hdr-size 20, offset 0,",
        "hdr-size 8, offset 20, edit-function udp_pg_edit_function,",
        "hdr-size 32, offset 28,",
    ]


def test_interfaces_of_ip_modes_have_no_ethernet_header(shell: Shell) -> None:
    shell("create packet-generator interface pg5 mode ip4")
    assert "mode: ip4" in shell("show packet-generator interface pg5")
    assert "9000" not in next(line for line in shell("show interface").splitlines() if line.startswith("pg5"))
    assert "mode: ethernet" in shell("show packet-generator interface pg0")
    assert "hw-addr: 02:fe:00:00:00:01" in shell("show packet-generator interface sw_if_index 1")


def test_the_mac_filter_lets_in_only_the_groups_of_the_interface(shell: Shell) -> None:
    for name, mac in (("group", "01005e000001"), ("other", "01005e000002"), ("own", "02fe00000001")):
        data = f"hex 0x{mac}02000000000288b5"
        shell(f"packet-generator new {{ name {name} limit 2 size 60-60 interface pg0 node ethernet-input data {{ {data} }} }}")
    pg = shell.engine.interfaces.find("pg0").hardware.device
    pg.allowed_multicast.add(bytes.fromhex("01005e000001"))
    shell("packet-generator mac-filter pg0 on")
    shell("packet-generator enable-stream")
    assert {packet[:6].hex() for packet in shell.arrived("ethernet-input")} == {"01005e000001"}
    assert len(shell.arrived("error-drop")) == 4
    shell.frames.clear()
    shell("packet-generator mac-filter pg0 off")
    shell("packet-generator enable-stream")
    assert len(shell.arrived("ethernet-input")) == 6


def test_two_engines_do_not_share_streams() -> None:
    first, second = Shell(), Shell()
    first("packet-generator new { name s limit 2 size 60-60 interface pg0 node error-drop data { hex 0x01 } }")
    assert second("show packet-generator") == "no streams currently defined"
    assert len(second.engine.get(Streams)) == 0
