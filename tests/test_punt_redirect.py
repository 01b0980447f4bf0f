"""Redirected punts: who goes where, one packet at a time, and what becomes of redirects when their ways change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import LINKS, Router, number
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import Protocol, RoutePath
from vppsh.engine.interfaces import DOWN
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.punt_redirect import ANY, PuntRedirects
from vppsh.session import Session

NEXT_HOPS = {Protocol.IP4: "10.0.{}.2", Protocol.IP6: "2001:db8:{}::2"}


def way(router: Router, protocol: Protocol, link: int) -> RoutePath:
    """Over the neighbour on a link."""
    return RoutePath(protocol, number(NEXT_HOPS[protocol].format(link)), router.interfaces[link].sw_if_index)


def packet(protocol: Protocol, mark: int) -> bytes:
    """One that can be told from others by its source."""
    return ip4_packet(number("172.16.0.0") + mark, 1) if protocol is Protocol.IP4 else ip6_packet(number("2001:db8:a::") + mark, 1)


def punt(router: Router, protocol: Protocol, packets: list[bytes], links: list[int]) -> list[tuple[str, bytes]]:
    """What leaves of packets from these links once they are punted."""
    router.left.clear()
    frame = router.frame(*packets)
    frame.rx = None
    router.engine.buffers.rx_sw_if_index[frame.rows] = [router.interfaces[link].sw_if_index for link in links]
    router.engine.dispatcher.send(router.engine.graph[f"{protocol.text}-punt"], frame)
    router.settle()
    return [(name, data[14:]) for name, data in router.left]


@pytest.mark.parametrize("size", [size for size in SIZES if size <= 256])
@pytest.mark.parametrize("with_any", [False, True])
@pytest.mark.parametrize("protocol", [Protocol.IP4, Protocol.IP6])
def test_packets_go_by_their_own_redirect_else_by_that_of_all_and_keep_their_ttl(protocol: Protocol, with_any: bool, size: int) -> None:
    router, rng = Router(ip6=True), random.Random(size)
    redirects = router.engine.get(PuntRedirects)
    redirects.add(protocol, router.interfaces[0].sw_if_index, [way(router, protocol, 1)])
    if with_any:
        redirects.add(protocol, ANY, [way(router, protocol, 2)])
    links = [rng.choice(LINKS) for _ in range(size)]
    packets = [packet(protocol, mark) for mark in range(size)]
    goes = {0: "if1", 1: "if2" if with_any else None, 2: "if2" if with_any else None}
    expected = [(goes[link], data) for link, data in zip(links, packets, strict=True) if goes[link]]
    assert sorted(punt(router, protocol, packets, links)) == sorted(expected)


def test_a_redirect_follows_its_neighbour_and_its_interface() -> None:
    router = Router()
    redirects, first = router.engine.get(PuntRedirects), router.interfaces[0].sw_if_index
    redirects.add(Protocol.IP4, first, [way(router, Protocol.IP4, 1), way(router, Protocol.IP4, 2)])
    redirect, balances = redirects[0], router.engine.get(LoadBalances)
    shared = redirect.dpo
    assert shared.index in balances.in_use()
    packets = [packet(Protocol.IP4, mark) for mark in range(64)]
    assert {name for name, _ in punt(router, Protocol.IP4, packets, [0] * 64)} == {"if1", "if2"}
    router.engine.interfaces.set_state(router.interfaces[2], DOWN)
    router.settle()
    assert {name for name, _ in punt(router, Protocol.IP4, packets, [0] * 64)} == {"if1"}
    assert balances.is_free(shared.index), "one way needs no load-balance"
    router.engine.get(Neighbors).delete(Protocol.IP4, router.interfaces[1].sw_if_index, number("10.0.1.2"))
    requests = punt(router, Protocol.IP4, packets[:1], [0])
    assert [name for name, _ in requests] == ["if1"]
    assert requests[0][1][24:28] == bytes((10, 0, 1, 2)), "somebody is asked for the neighbour"
    redirects.remove(Protocol.IP4, first)
    assert not redirect.path_list.locks
    assert router.engine.arcs["ip4-punt"].on(ANY) == []
    assert punt(router, Protocol.IP4, packets, [0] * 64) == []


def test_many_redirects_stay_apart() -> None:
    router = Router(ip6=True)
    redirects = router.engine.get(PuntRedirects)
    for link in LINKS:
        redirects.add(Protocol.IP4, router.interfaces[link].sw_if_index, [way(router, Protocol.IP4, (link + 1) % 3)])
        redirects.add(Protocol.IP6, router.interfaces[link].sw_if_index, [way(router, Protocol.IP6, (link + 2) % 3)])
    interfaces = np.array([router.interfaces[link].sw_if_index for link in LINKS] + [ANY, 1000], np.int32)
    numbers = redirects.find(Protocol.IP4, interfaces).tolist() + redirects.find(Protocol.IP6, interfaces).tolist()
    assert numbers == [0, 2, 4, -1, -1, 1, 3, 5, -1, -1]
    redirects.remove(Protocol.IP4, ANY)
    redirects.remove(Protocol.IP4, router.interfaces[1].sw_if_index)
    assert redirects.find(Protocol.IP4, interfaces).tolist() == [0, -1, 4, -1, -1]
    assert router.engine.arcs["ip4-punt"].on(ANY) == ["ip4-punt-redirect"]


def test_commands_set_and_show_redirects() -> None:
    session = Session(Engine(clock=FakeClock(), random=np.random.default_rng(1)))
    for line in ("create loopback interface", "set interface state loop0 up", "set interface ip address loop0 2001:db8::1/64"):
        session.execute(line)
    assert session.execute("ip6 punt redirect add rx all via loop0").text == ""
    assert session.execute("show ip punt redirect").text == ""
    lines = session.execute("show ip6 punt redirect").text.splitlines()
    assert lines[0] == " rx local0 via:"
    assert lines[1].endswith("flags:no-uRPF, uRPF-list: None")
    assert lines[2].split()[2:] == ["ip6", "weight=1", "pref=0", "attached:", "oper-flags:resolved,"]
    assert lines[4:] == [" forwarding", lines[-1]]
    assert "ipv6-glean" in lines[-1]
    assert session.execute("ip6 punt redirect add").text == "ip6 punt redirect: parse error `'\n"
    assert session.execute("ip6 punt redirect del rx loop0").text == ""
    assert session.execute("show ip6 punt redirect").text.splitlines() == lines
    session.execute("ip6 punt redirect del rx all")
    assert session.execute("show ip6 punt redirect").text == ""
