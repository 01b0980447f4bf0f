"""A dataplane in trouble: packets that go in circles, nodes that fail, interfaces that go away. The shell goes on."""

from __future__ import annotations

import threading

import pytest
from traffic import CATALOG, Traffic

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.frame import Frame
from vppsh.engine.graph import Node
from vppsh.registry import Catalog, node
from vppsh.session import Session


def test_packets_that_go_in_a_circle_can_be_interrupted() -> None:
    """Two loopbacks that are cross-connected hand a packet to each other for ever, in VPP too."""
    traffic = Traffic()
    for line in ("create loopback interface", "create loopback interface", "set interface state loop0 up", "set interface state loop1 up",
                 "set interface l2 xconnect loop0 loop1", "set interface l2 xconnect loop1 loop0"):  # fmt: skip
        traffic(line)
    traffic.session.execute("packet-generator new { name x limit 3 size 64-64 node loop0-output tx-interface loop0 data { hex 0x0102 } }")
    traffic.session.execute("packet-generator enable-stream x")
    timer = threading.Timer(0.2, traffic.engine.interrupt)
    timer.start()
    traffic.engine.run_until_idle()
    timer.join()
    assert traffic.engine.interrupted
    assert traffic.engine.buffers.free == traffic.engine.buffers.count - 3
    assert traffic.session.execute("echo alive").text == "alive\n"
    assert traffic("set interface l3 loop1") == ""
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


@pytest.mark.parametrize(("route", "packet"), [
    ("10.0.9.0/24 via rx-ip4 pg0", "UDP: 10.0.0.2 -> 10.0.9.1"),
    ("10.0.9.0/24 via ip4-lookup-in-table 0", "UDP: 10.0.0.2 -> 10.0.9.1"),
])  # fmt: skip
def test_routes_that_lead_in_a_circle_drop(route: str, packet: str) -> None:
    traffic = Traffic()
    assert traffic(f"ip route add {route}") == ""
    traffic.udp("x", 5, destination="10.0.9.1")
    traffic.send("x")
    assert "blackholed packets" in traffic("show errors")
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


def test_a_node_that_fails_loses_its_frame_and_says_so() -> None:
    @node("ip4-lookup", nexts=("ip4-drop",))
    def faulty(ctx: Context, frame: Frame) -> int:
        raise ZeroDivisionError("nothing to divide")

    catalog = Catalog(**{**vars(CATALOG), "nodes": [each if each.name != "ip4-lookup" else faulty for each in CATALOG.nodes]})
    engine = Engine(catalog)
    faults: list[tuple[str, int, str]] = []

    def note(node: Node, frame: Frame, error: Exception) -> None:
        faults.append((node.name, frame.n, str(error)))

    engine.on_fault = note
    session = Session(engine)
    session.execute("create packet-generator interface pg0")
    stream = "packet-generator new { name x limit 7 size 64-64 interface pg0 node ip4-lookup data { hex 0x45 } }"
    assert not session.execute(stream).failed
    session.execute("packet-generator enable-stream x")
    engine.run_until_idle()
    assert faults == [("ip4-lookup", 7, "nothing to divide")]
    assert session.execute("echo alive").text == "alive\n"


USES = """
set interface state {name} up
ip table add 7
ip6 table add 7
set interface ip table {name} 7
set interface ip6 table {name} 7
set interface ip address {name} 10.7.0.1/24
set interface ip address {name} 2001:db8:7::1/64
ip neighbor {name} 10.7.0.2 02:00:00:00:07:02
ip route add 10.8.0.0/16 via 10.7.0.2 {name}
ip route add 10.9.0.0/16 via {name}
set interface reassembly {name} on
set interface proxy-arp {name} enable
ip6 nd {name} no ra-suppress
set interface unnumbered pg1 use {name}
set urpf ip4 rx strict {name}
set interface l2 xconnect {name} pg1
set interface l2 xconnect pg1 {name}
packet-generator new {{ name s limit 5 interface {name} node ip4-input data {{ hex 0x45 }} }}
packet-generator enable-stream s
"""


@pytest.mark.parametrize(
    ("create", "name", "delete"),
    [
        ("create loopback interface", "loop0", "delete loopback interface intfc loop0"),
        ("create packet-generator interface pg7", "pg7", "delete packet-generator interface pg7"),
        ("create sub-interfaces pg0 7", "pg0.7", "delete sub-interface pg0.7"),
        ("create ipip tunnel src 10.0.1.1 dst 10.0.1.2", "ipip0", "delete ipip tunnel sw_if_index 3"),
        ("create gre tunnel src 10.0.1.1 dst 10.0.1.2", "gre0", "create gre tunnel src 10.0.1.1 dst 10.0.1.2 del"),
    ],
)
def test_interfaces_in_use_can_be_deleted_and_made_again(create: str, name: str, delete: str) -> None:
    """With addresses, neighbours, routes, features, tables and a cross-connect on it."""
    traffic = Traffic()
    uses = USES.format(name=name).strip().splitlines()
    for _ in range(3):
        for line in (create, *uses, delete, "set interface unnumbered del pg1", "set interface l3 pg1"):
            answer = traffic.session.execute(line)
            assert answer.fault is None, line
            traffic.engine.run_until_idle()
        assert traffic.engine.interfaces.find(name) is None
        traffic.engine.run_for(25)
        assert traffic.engine.buffers.free == traffic.engine.buffers.count
    for show in ("show interface", "show ip fib", "show ip6 fib", "show ip neighbors", "show adj", "show mode", "show packet-generator",
                 "show interface features pg1", "show errors"):  # fmt: skip
        assert traffic.session.execute(show).fault is None
