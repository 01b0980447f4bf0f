"""One packet over several traces: two routers with a tunnel between them, captures beside traces, threads of one VPP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.traces import THREAD, dropped, forwarded, ip4, shown, steps
from tests.traffic import CATALOG
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.session import Session
from vppsh.traces.expression import compile_filter
from vppsh.traces.follow import Followed, follow, stitched
from vppsh.traces.journeys import journeys_value, show_journeys
from vppsh.traces.source import TraceFile
from vppsh.traces.text import packets_of

KEYS = "crypto-alg aes-gcm-128 crypto-key 4a506a794f574265564551694d653768"
PROTECT = (
    f"ipsec sa add 10 spi 1000 esp {KEYS}",
    f"ipsec sa add 20 spi 2000 esp {KEYS}",
)


class Node:
    """A router of a lab: pods on pg0, the other node behind pg1, a tunnel to it; its clock shows `now`."""

    def __init__(self, number: int, now: float, folder: Path, *, protected: bool = False) -> None:
        self.clock = FakeClock()
        self.clock.sleep(now)
        self.folder = folder
        self.number = number
        self.session = Session(Engine(CATALOG, clock=self.clock, random=np.random.default_rng(number)))
        other = 3 - number
        for line in (
            f"create packet-generator interface pg0 hw-addr 02:fe:00:00:0{number}:00",
            f"create packet-generator interface pg1 hw-addr 02:fe:00:00:0{number}:01",
            "set interface state pg0 up",
            "set interface state pg1 up",
            f"set interface ip address pg0 11.0.{number}.254/24",
            f"set interface ip address pg1 172.18.0.{number}/24",
            f"ip neighbor pg0 11.0.{number}.1 02:00:00:00:0{number}:01",
            f"ip neighbor pg1 172.18.0.{other} 02:fe:00:00:0{other}:01",
        ):
            assert self(line) == "", line
        self(f"create ipip tunnel src 172.18.0.{number} dst 172.18.0.{other}")
        if protected:
            for line in PROTECT:
                assert self(line) == ""
            assert self(f"ipsec tunnel protect ipip0 sa-in {20 if number == 1 else 10} sa-out {10 if number == 1 else 20}") == ""
        for line in ("set interface state ipip0 up", "set interface unnumbered ipip0 use pg1", f"ip route add 11.0.{other}.0/24 via ipip0"):
            assert self(line) == "", line

    def __call__(self, line: str) -> str:
        text = self.session.execute(line).text
        self.session.engine.run_until_idle()
        return text.rstrip("\n")

    def send(self, name: str, count: int, source: str, destination: str, ports: str) -> None:
        """Packets from a pod."""
        macs = f"02:00:00:00:0{self.number}:01 -> 02:fe:00:00:0{self.number}:00"
        data = f"IP4: {macs} UDP: {source} -> {destination} UDP: {ports} incrementing 22"
        assert (
            self(f"packet-generator new {{ name {name} limit {count} size 64-64 interface pg0 node ethernet-input data {{ {data} }} }}")
            == ""
        )
        self.run(name)

    def run(self, name: str) -> None:
        """A stream, traced, with what leaves by pg1 in a capture file."""
        self("trace add pg-input 100")
        self(f"packet-generator capture pg1 pcap {self.capture}")
        self(f"packet-generator enable-stream {name}")
        self("packet-generator capture pg1 disable")

    @property
    def capture(self) -> Path:
        """What left by pg1."""
        return self.folder / f"node{self.number}.pcap"

    def receive(self, other: Node) -> None:
        """What the other node sent comes in by pg1."""
        assert self(f"packet-generator new {{ name from{other.number} pcap {other.capture} interface pg1 node ethernet-input }}") == ""
        self.run(f"from{other.number}")


@pytest.mark.parametrize("protected", [False, True])
def test_packets_through_a_tunnel_are_found_at_both_ends(tmp_path: Path, protected: bool) -> None:
    one, two = Node(1, 5.0, tmp_path, protected=protected), Node(2, 105.25, tmp_path, protected=protected)
    one.send("there", 3, "11.0.1.1", "11.0.2.1", "40000 -> 8080")
    two.clock.sleep(0.001)  # what the wire takes
    two.receive(one)
    one.clock.sleep(0.001)
    two.send("back", 2, "11.0.2.1", "11.0.1.1", "8080 -> 40000")
    one.clock.sleep(0.001)
    one.receive(two)
    two.send("lost", 1, "11.0.2.1", "11.0.9.1", "1 -> 2")
    found = follow([("one", packets_of(one("show trace"), "one")), ("two", packets_of(two("show trace"), "two"))])

    orders = [[sighting.source for sighting in journey.sightings] for journey in found.journeys]
    assert sorted(orders) == [[0, 1]] * 3 + [[1]] + [[1, 0]] * 2
    clock = found.clocks[1]
    assert clock.both
    assert clock.ahead == pytest.approx(100.25, abs=0.0015)
    assert clock.packets == 5
    text = show_journeys(found)
    around = "esp" if protected else "ipip"
    assert f"one packet 1: sent by pg1, in {around} 172.18.0.1 -> 172.18.0.2" in text
    assert f"two packet 1: sent by pg0, in {around} 172.18.0.1 -> 172.18.0.2" in text
    assert "clock of two: 100.2" in text
    assert "two: 6 packets, 5 of them in another trace too\n    1 only here: dropped by ip4-lookup (null-node: blackholed packets)" in text
    assert "one direction only: udp 11.0.2.1:1 -> 11.0.9.1:2, 1 packet" in text
    assert "one direction only: udp 11.0.1.1" not in text
    value = journeys_value(found, compile_filter("port 8080"))
    assert len(value["journeys"]) == 5
    assert value["clocks"][0]["both"] is True

    # A capture of the wire between them: no node's trace, but the same packets.
    with TraceFile(str(two.capture)) as file:
        wire = follow([("wire", list(file.packets())), ("one", packets_of(one("show trace"), "one"))])
    assert [journey.sources for journey in wire.journeys][:2] == [{0, 1}] * 2


def follow_texts(*texts: str) -> Followed:
    return follow([(f"t{number}", packets_of(text)) for number, text in enumerate(texts)])


def test_a_packet_that_never_came_is_named() -> None:
    found = follow_texts(shown(forwarded(ident=1), forwarded(ident=2)), shown(forwarded(ident=2, start=900000)))
    assert "t0: 2 packets, 1 of them in another trace too\n    1 only here: sent by pg1, and not seen again" in show_journeys(found)


def test_identifications_tell_packets_of_a_flow_apart() -> None:
    found = follow_texts(shown(*(forwarded(ident=n) for n in (1, 2, 3))), shown(*(forwarded(ident=n, start=900000) for n in (3, 2))))
    pairs = [[sighting.packet.number for sighting in journey.sightings] for journey in found.journeys]
    assert pairs == [[1], [2, 2], [3, 1]]


def test_packets_without_identification_are_taken_in_order() -> None:
    found = follow_texts(shown(forwarded(), forwarded()), shown(forwarded(), forwarded(), forwarded()))
    assert [[sighting.packet.number for sighting in journey.sightings] for journey in found.journeys] == [[1, 1], [2, 2], [3]]


def test_one_direction_gives_a_clock_that_says_so() -> None:
    found = follow_texts(shown(forwarded(start=100)), shown(forwarded(start=500100)))
    assert (found.clocks[1].both, found.clocks[1].ahead) == (False, pytest.approx(0.49994))
    assert "in one direction: the shortest delay counts as none" in show_journeys(found)


def test_traces_without_a_packet_in_common() -> None:
    found = follow_texts(shown(forwarded()), shown(dropped()))
    assert found.clocks == {}
    assert "clock of t1: not known" in show_journeys(found)
    assert len(found.journeys) == 2


def test_three_traces_are_chained() -> None:
    header = ip4("10.0.0.2", "10.1.0.2", "7 -> 8", ttl=62)
    last = steps(("pg-input", header), ("pg7-tx", header), start=700000)
    found = follow_texts(shown(forwarded(ports="7 -> 8")), shown(forwarded(ports="7 -> 8", start=600000)), shown(last))
    [journey] = found.journeys
    assert [sighting.source for sighting in journey.sightings] == [0, 1, 2]
    assert sorted(found.clocks) == [1, 2]


@pytest.mark.parametrize("handle", [2, 5])
def test_threads_that_hand_packets_on_are_stitched(handle: int) -> None:
    """By the number of the trace, or by the flow where the first node does not print it."""
    header = ip4("10.0.0.2", "10.1.0.2")
    first = steps(
        (
            "dpdk-input",
            f"  eth0 rx queue 0\n  buffer 0x1: current data 0, length 64, buffer-pool 0, ref-count 1, trace handle 0x2\n{header}",
        ),
        ("worker-handoff", "  worker-handoff: sw_if_index 1, next_worker 2, buffer 0x1\n"),
    )
    second = steps(
        ("handoff_trace", f"  HANDED-OFF: from thread 1 trace index {handle}\n"), ("ip4-input", header), ("pg1-tx", header), start=500000
    )
    workers = [THREAD.replace("0 vpp_main", f"{n} vpp_wk_{n - 1}") for n in (1, 2)]
    packets = packets_of(shown(first, thread=workers[0]) + shown(second, dropped(), thread=workers[1]))
    joined = stitched(packets)
    assert [packet.path for packet in joined] == [
        ("dpdk-input", "worker-handoff", "handoff_trace", "ip4-input", "pg1-tx"),
        packets[2].path,
    ]
    assert joined[0].thread == packets[0].thread
    # A trace that was handed on by a thread whose packets are not here stays alone.
    assert len(stitched(packets[1:])) == 2
