"""Traces replayed: what agrees, where ways part, what is not modelled."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet as Layers

from tests.traces import RECORDINGS, read, recordings, shown, steps
from tests.traffic import SETUP, Traffic
from vppsh.recheck import Difference, Report, compare_paths, recheck
from vppsh.startup import make_session
from vppsh.traces.settle import settled
from vppsh.traces.text import packets_of

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Packets that are forwarded, dropped, refused and answered, traced by a dataplane with tests.traffic's configuration."""
    traffic = Traffic()
    traffic("trace add pg-input 100")
    for name, count, destination in (("fwd", 2, "10.0.1.2"), ("lost", 2, "192.0.2.1"), ("us", 1, "10.0.0.1")):
        traffic.udp(name, count, destination=destination)
        traffic.send(name)
    path = tmp_path / "trace.txt"
    path.write_text(traffic("show trace max 100") + "\n")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.vpp"
    path.write_text("\n".join(SETUP) + "\n")
    return path


def test_the_same_configuration_agrees(vppsh: Run, trace: Path, config: Path) -> None:
    done = vppsh("replay", trace, "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "5 packets replayed\n  agree           5\n"


def test_another_configuration_parts_where_it_differs(vppsh: Run, trace: Path, config: Path) -> None:
    config.write_text(config.read_text() + "ip route add 192.0.2.0/24 via 10.0.1.2 pg1\n")
    done = vppsh("replay", trace, "--config", config)
    assert done.returncode == 1
    assert done.stdout == (
        "5 packets replayed\n  agree           3\n  differ          2  behind ip4-lookup: recorded ip4-drop, here ip4-rewrite (packet 3)\n"
    )


def test_a_dispatch_trace_is_replayed_with_its_bytes(vppsh: Run, config: Path, tmp_path: Path) -> None:
    name = f"vppsh-test-{tmp_path.name}.pcap"
    lines = tmp_path / "lines.vpp"
    data = "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 22"
    lines.write_text(
        config.read_text()
        + f"packet-generator new {{ name s limit 3 size 64-64 interface pg0 node ethernet-input data {{ {data} }} }}\n"
        + f"pcap dispatch trace on max 100 file {name} buffer-trace pg-input 2\npacket-generator enable-stream s\npcap dispatch trace off\n"
    )
    file = Path("/tmp") / name
    try:
        assert vppsh("run", lines).returncode == 0
        assert vppsh("replay", file, "--config", config).stdout == "3 packets replayed\n  agree           3\n"
    finally:
        file.unlink(missing_ok=True)


def test_what_cannot_be_replayed_is_said(vppsh: Run, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_text(shown(steps(("dpdk-input", "  eth0 rx queue 0\n"), ("my-node", "  mine\n"), ("drop", "  a: b\n"))))
    done = vppsh("replay", path, "--config", config)
    assert done.returncode == 1
    assert "  left out        1  the trace has no headers where the packet entered\n" in done.stdout
    assert "  not modelled: my-node, met by 1 packet\n" in done.stdout
    path.write_text(shown("00:00:00:000001: pg-input\n  IP4: 02:00:00:00:00:01 -> 02:fe:00:00:00:10\n00:00:00:000002: my-node\n  x\n"))
    assert "left out        1  it entered at my-node, which is not modelled" in vppsh("replay", path, "--config", config).stdout
    path.write_text("no packets\n")
    done = vppsh("replay", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "neither pcap nor pcapng" in done.stderr


def test_without_an_interface_there_is_an_error(vppsh: Run, trace: Path) -> None:
    done = vppsh("replay", trace)
    assert done.returncode == 1
    assert "has no packet-generator interface" in done.stderr


@pytest.mark.parametrize("option", [("--trace", "1"), ("--out", "out.pcap")])
def test_options_of_captures_are_refused(vppsh: Run, trace: Path, config: Path, option: tuple[str, str]) -> None:
    done = vppsh("replay", trace, "--config", config, *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option[0]} goes with a capture" in done.stderr


def test_where_ways_part() -> None:
    assert compare_paths(["a", "b"], ["a", "b"]) is None
    assert compare_paths(["a", "b", "c"], ["a", "x"]) == Difference("a", "b", "x")
    assert compare_paths(["a"], ["a", "b"]) == Difference("a", "", "b")
    assert compare_paths(["a", "b", "c"], ["a", "c", "b"]) is None
    assert compare_paths(["a"], []) == Difference("the start", "a", "")


@pytest.mark.parametrize(
    "layers",
    [
        IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5, dport=6) / b"some words",
        IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5, dport=6) / b"an odd number",
        IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=5, dport=6, options=[("MSS", 1460)]) / b"some words",
        IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(id=7, seq=3) / b"abcdefgh",
        IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5, dport=6) / b"some words",
        IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(id=9) / b"some words",
    ],
    ids=str,
)
def test_a_payload_is_found_for_a_checksum(layers: Layers) -> None:
    """The payload is lost, the checksum is not: scapy finds it right for what is made of it."""
    whole = bytes(layers)
    body = len(bytes(layers.lastlayer())) if layers.lastlayer().name == "Raw" else 8
    found = settled(whole[:-body] + bytes(body), 0)
    assert found != whole[:-body] + bytes(body)
    again = layers.__class__(found)
    field = "chksum" if hasattr(again.payload, "chksum") else "cksum"
    printed = getattr(again.payload, field)
    delattr(again.payload, field)
    assert getattr(layers.__class__(bytes(again)).payload, field) == printed


@pytest.mark.parametrize("data", [b"", b"\x45", bytes(20), b"\x45" + bytes(30), b"\x60" + bytes(50)])
def test_what_has_no_transport_stays_as_it_is(data: bytes) -> None:
    assert settled(data, 0) == data


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
@pytest.mark.parametrize(
    "name", ["trace/01-basic", "trace/05-drops-ethernet", "ip4/32-ttl", "ip4/30-icmp-echo", "ip4/42-mtu-dont-fragment"]
)
def test_traces_of_vpp_itself_agree(name: str) -> None:
    """The model beside reality: packets that VPP traced go the same way here."""
    session = make_session()
    for line in read(RECORDINGS / f"{name}.vpp").splitlines():
        if "enable-stream" in line:
            break
        if not line.startswith(("#", "packet-generator new", "trace")):
            session.execute(line)
            session.engine.run_until_idle()
    report = Report()
    for packet in packets_of(read(RECORDINGS / f"{name}.txt")):
        recheck(session, packet, report)
    assert report.packets == report.agree > 0, report.text
