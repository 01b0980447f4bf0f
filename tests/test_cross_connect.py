"""Cross-connects of layer 3: who goes where, one packet at a time, and what becomes of them when their ways change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import LINKS, Router, number
from vppsh.engine.clock import FakeClock
from vppsh.engine.cross_connects import CrossConnects, node_name
from vppsh.engine.engine import Engine
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import Protocol, RoutePath
from vppsh.engine.interfaces import DOWN
from vppsh.engine.neighbors import Neighbors
from vppsh.session import Session

IP = (Protocol.IP4, Protocol.IP6)
NEXT_HOPS = {Protocol.IP4: "10.0.{}.2", Protocol.IP6: "2001:db8:{}::2"}
INPUT = {Protocol.IP4: "ip4-input", Protocol.IP6: "ip6-input"}
TTL_AT = {Protocol.IP4: 8, Protocol.IP6: 7}


def way(router: Router, protocol: Protocol, link: int, weight: int = 1) -> RoutePath:
    """Over the neighbour on a link."""
    return RoutePath(protocol, number(NEXT_HOPS[protocol].format(link)), router.interfaces[link].sw_if_index, weight=weight)


def packet(protocol: Protocol, mark: int, to: int) -> bytes:
    """One that can be told from others by its source, to the neighbour on a link."""
    destination = number(NEXT_HOPS[protocol].format(to))
    if protocol is Protocol.IP4:
        return ip4_packet(number("172.16.0.0") + mark, destination)
    return ip6_packet(number("2001:db8:a::") + mark, destination)


def receive(router: Router, protocol: Protocol, packets: list[bytes], links: list[int]) -> list[tuple[str, bytes]]:
    """What leaves of packets from these links, without its Ethernet header."""
    router.left.clear()
    frame = router.frame(*packets)
    frame.rx = None
    router.engine.buffers.rx_sw_if_index[frame.rows] = [router.interfaces[link].sw_if_index for link in links]
    router.engine.dispatcher.send(router.engine.graph[INPUT[protocol]], frame)
    router.settle()
    return [(name, data[14:]) for name, data in router.left]


def source(protocol: Protocol, data: bytes) -> bytes:
    """The source address of a packet."""
    return data[12:16] if protocol is Protocol.IP4 else data[8:24]


@pytest.mark.parametrize("size", [size for size in SIZES if size <= 256])
@pytest.mark.parametrize("protocol", IP)
def test_packets_take_the_paths_of_their_interface_else_are_routed(protocol: Protocol, size: int) -> None:
    router, rng = Router(ip6=True), random.Random(size)
    cross_connects = router.engine.get(CrossConnects)
    cross_connects.set(protocol, router.interfaces[0].sw_if_index, [way(router, protocol, 1)])
    cross_connects.set(protocol, router.interfaces[1].sw_if_index, [way(router, protocol, 0)])
    links, to = [rng.choice(LINKS) for _ in range(size)], [rng.choice(LINKS) for _ in range(size)]
    packets = [packet(protocol, mark, to[mark]) for mark in range(size)]
    connected = {0: "if1", 1: "if0"}
    expected = {
        (connected.get(link, f"if{to[mark]}"), source(protocol, packets[mark]), packets[mark][TTL_AT[protocol]] - 1)
        for mark, link in enumerate(links)
    }
    left = receive(router, protocol, packets, links)
    assert {(name, source(protocol, data), data[TTL_AT[protocol]]) for name, data in left} == expected
    assert len(left) == size


@pytest.mark.parametrize("protocol", IP)
def test_packets_for_the_router_itself_take_the_paths_too(protocol: Protocol) -> None:
    router = Router(ip6=True)
    router.engine.get(CrossConnects).set(protocol, router.interfaces[0].sw_if_index, [way(router, protocol, 2)])
    ours = number(NEXT_HOPS[protocol].format(0)) - 1
    data = ip4_packet(1 << 24, ours) if protocol is Protocol.IP4 else ip6_packet(number("2001:db8:a::1"), ours)
    assert [name for name, _ in receive(router, protocol, [data], [0])] == ["if2"]


@pytest.mark.parametrize("protocol", IP)
def test_the_paths_follow_what_they_rest_on(protocol: Protocol) -> None:
    router = Router(ip6=True)
    cross_connects, balances = router.engine.get(CrossConnects), router.engine.get(LoadBalances)
    first = router.interfaces[0].sw_if_index
    cross_connects.set(protocol, first, [way(router, protocol, 1, 3), way(router, protocol, 2)])
    found = cross_connects.find(protocol, first)
    assert found is not None
    shared = found.dpo.index
    packets = [packet(protocol, mark, 0) for mark in range(200)]
    names = [name for name, _ in receive(router, protocol, packets, [0] * 200)]
    assert names.count("if1") > names.count("if2") > 0
    router.engine.interfaces.set_state(router.interfaces[1], DOWN)
    router.settle()
    assert {name for name, _ in receive(router, protocol, packets, [0] * 200)} == {"if2"}
    assert balances.is_free(shared), "one way needs no load-balance"
    router.engine.get(Neighbors).delete(protocol, router.interfaces[2].sw_if_index, number(NEXT_HOPS[protocol].format(2)))
    asked = receive(router, protocol, packets[:1], [0])
    assert [name for name, _ in asked] == ["if2"]
    assert source(protocol, asked[0][1]) != source(protocol, packets[0]), "the neighbour is asked for"
    router.engine.interfaces.set_state(router.interfaces[2], DOWN)
    router.settle()
    assert receive(router, protocol, packets, [0] * 200) == []


def test_other_paths_replace_the_former_ones_at_once_and_nothing_of_them_stays() -> None:
    router = Router()
    cross_connects, fib, first = router.engine.get(CrossConnects), router.engine.get(Fib), router.interfaces[0].sw_if_index
    lists, balances = len(fib.shared_path_lists), list(router.engine.get(LoadBalances).in_use())
    for links in ((1,), (2,), (1, 2), (1,), (1,)):
        cross_connects.set(Protocol.IP4, first, [way(router, Protocol.IP4, link) for link in links])
        packets = [packet(Protocol.IP4, mark, 0) for mark in range(64)]
        assert {name for name, _ in receive(router, Protocol.IP4, packets, [0] * 64)} == {f"if{link}" for link in links}
    assert len(fib.shared_path_lists) == lists + 1
    cross_connects.remove(Protocol.IP4, first)
    cross_connects.remove(Protocol.IP4, first)
    assert len(fib.shared_path_lists) == lists
    assert list(router.engine.get(LoadBalances).in_use()) == balances
    assert node_name(Protocol.IP4) not in router.engine.arcs["ip4-unicast"].on(first)


def test_two_interfaces_share_their_paths() -> None:
    router = Router()
    cross_connects = router.engine.get(CrossConnects)
    for link in (0, 1):
        cross_connects.set(Protocol.IP4, router.interfaces[link].sw_if_index, [way(router, Protocol.IP4, 2)])
    one, other = cross_connects
    assert one.path_list is other.path_list
    assert one.path_list.locks == 2
    cross_connects.remove(Protocol.IP4, router.interfaces[0].sw_if_index)
    packets = [packet(Protocol.IP4, mark, 0) for mark in range(2)]
    assert sorted(name for name, _ in receive(router, Protocol.IP4, packets, [0, 1])) == ["if0", "if2"]


def session(*lines: str) -> Session:
    """One with two interfaces and these lines."""
    made = Session(Engine(clock=FakeClock(), random=np.random.default_rng(1)))
    for name in ("pg0", "pg1"):
        made.execute(f"create packet-generator interface {name}")
        made.execute(f"set interface state {name} up")
    for line in lines:
        assert made.execute(line).text == "", line
    return made


def test_commands_set_and_show_them() -> None:
    made = session("set interface ip address pg1 10.1.0.1/24", "l3xc add pg0 via 10.1.0.2 pg1", "l3xc")
    lines = made.execute("show l3xc").text.splitlines()
    assert lines[0] == "l3xc:[0]: pg0"
    assert lines[1].endswith("locks:1 flags:shared,no-uRPF, uRPF-list: None")
    assert lines[3:] == ["        10.1.0.2 pg1", "      [@0]: arp-ipv4: via 10.1.0.2 pg1", "", "  [@1]: arp-ipv4: via 10.1.0.2 pg1"]
    number = lines[1].partition("[")[2].partition("]")[0]
    assert made.execute(f"show fib path-lists {number}").text.splitlines()[-1] == "children:{l3xc:0}"
    assert made.execute("show l3xc").text.splitlines() == lines
    assert made.execute("l3xc add pg1").text == "Specify some paths\n"
    assert made.execute("l3xc via 10.1.0.2 pg1").text == "Specify an input interface\n"
    assert made.execute("l3xc add pg0 10.1.0.2").text == "l3xc: unknown input '10.1.0.2'\n"
    made.execute("l3xc del ip6 pg0 via pg1")
    assert made.execute("show l3xc").text.splitlines() == lines
    made.execute("l3xc del pg0 via pg1")
    assert made.execute("show l3xc").text == ""


def test_a_path_without_an_address_is_of_the_protocol_of_the_cross_connect() -> None:
    made = session("enable ip6 interface pg1", "l3xc ip6 pg0 via pg1")
    assert " ip6 weight=1 pref=0 attached:" in made.execute("show l3xc").text
    made.execute("l3xc pg0 via pg1")
    made.execute("l3xc pg1 via pg0 ip6")
    assert made.execute("show l3xc").text.count(" ip4 weight=1 pref=0 attached:") == 1
    assert made.execute("show l3xc").text.count(" ip6 weight=1 pref=0 attached:") == 2


def test_they_go_with_their_interface() -> None:
    made = session()
    made.execute("create loopback interface")
    for line in ("l3xc loop0 via pg1", "l3xc ip6 loop0 via pg1", "l3xc pg0 via loop0"):
        made.execute(line)
    made.execute("delete loopback interface intfc loop0")
    assert [line for line in made.execute("show l3xc").text.splitlines() if line.startswith("l3xc")] == ["l3xc:[2]: pg0"]
    assert made.execute("show l3xc").text.splitlines()[-1].endswith("dpo-drop ip4")
