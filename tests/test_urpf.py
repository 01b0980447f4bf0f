"""Reverse path checks against a plain reading of RFC 3704, packet by packet."""

from __future__ import annotations

import random

import pytest

from tests.graphs import SIZES, call
from tests.packets import ip4_packet, ip6_packet
from tests.routers import Router, number
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.features.urpf import Mode, Side, Urpf
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source

BLOCKS = {
    Protocol.IP4: (("172.16.0.0", 16, (0,)), ("172.17.0.0", 16, (1,)), ("172.18.0.0", 16, (0, 1)), ("172.19.0.0", 16, ())),
    Protocol.IP6: (("2001:db8:a::", 48, (0,)), ("2001:db8:b::", 48, (1,)), ("2001:db8:c::", 48, (0, 1)), ("2001:db8:d::", 48, ())),
}
GROUPS = {Protocol.IP4: "224.1.2.3", Protocol.IP6: "ff05::1"}
NEXT_HOPS = {Protocol.IP4: "10.0.{}.2", Protocol.IP6: "2001:db8:{}::2"}


def router_with_routes(protocol: Protocol) -> Router:
    """Sources behind one link, the other, both, or nowhere."""
    router = Router(ip6=True)
    table = router.engine.get(Fib).tables(protocol)[0]
    for address, length, links in BLOCKS[protocol]:
        paths = [RoutePath(protocol, number(NEXT_HOPS[protocol].format(link)), router.interfaces[link].sw_if_index) for link in links]
        if paths:
            table.update(Prefix(protocol, number(address), length), Source.API, EntryFlag.NONE, paths)
    return router


def passes(side: Side, mode: Mode, links: tuple[int, ...], to_group: bool, ours: bool) -> bool:
    """What becomes of a packet on link 0 whose source is reached by these links."""
    if to_group:
        return True
    if mode is Mode.LOOSE:
        return bool(links)
    return 0 in links if side is Side.RX else (bool(links) and 0 not in links) or ours


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", [Mode.LOOSE, Mode.STRICT])
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("protocol", [Protocol.IP4, Protocol.IP6])
def test_each_source_is_judged_on_its_own(protocol: Protocol, side: Side, mode: Mode, size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router = router_with_routes(protocol)
    buffers, index = router.engine.buffers, router.interfaces[0].sw_if_index
    router.engine.get(Urpf).configure(protocol, side, index, mode, None)
    name = f"{protocol.text}-{side.value}-urpf-{mode.value}"
    make = ip4_packet if protocol is Protocol.IP4 else ip6_packet
    ahead = 14 * (side is Side.TX)
    packets, expected = [], []
    for _ in range(size):
        address, _, links = rng.choice(BLOCKS[protocol])
        to_group, ours = rng.random() < 0.1, side is Side.TX and rng.random() < 0.2
        destination = number(GROUPS[protocol] if to_group else NEXT_HOPS[protocol].format(1))
        packets.append(bytes(ahead) + make(number(address) + rng.getrandbits(16), destination))
        expected.append((passes(side, mode, links, to_group, ours), ours))
    frame = router.frame(*packets, scattered=scattered)
    rows = frame.indices(buffers).copy()
    buffers.tx_sw_if_index[rows] = index
    buffers.save_rewrite_length[rows] = ahead
    for row, (_, ours) in zip(rows.tolist(), expected, strict=True):
        buffers.flags[row] |= BufferFlag.LOCALLY_ORIGINATED * ours
    arcs = router.engine.arcs
    arcs.start(arcs[f"{protocol.text}-{'unicast' if side is Side.RX else 'output'}"], router.engine.graph[name].context, frame, index, 0)
    nexts = call(router.engine, name, frame)
    drop = router.engine.graph[name].slots[router.engine.graph[f"{protocol.text}-drop"]]
    assert [slot != drop for slot in nexts] == [good for good, _ in expected]
    for row, (good, _) in zip(rows.tolist(), expected, strict=True):
        if not good:
            owner, spec = router.engine.errors.spec(int(buffers.error[row]))
            assert (owner, spec.name) == (name, "drop")


def test_a_check_follows_its_interface_into_another_table_unless_it_has_its_own() -> None:
    router = router_with_routes(Protocol.IP4)
    fib, urpf, index = router.engine.get(Fib), router.engine.get(Urpf), router.interfaces[0].sw_if_index
    other = fib.ip4.find_or_create(7, Source.CLI)
    packet = ip4_packet(number("172.16.0.1"), number("10.0.1.2"))
    urpf.configure(Protocol.IP4, Side.RX, index, Mode.LOOSE, None)
    assert len(router.send("ip4-input", packet)) == 1
    urpf.configure(Protocol.IP4, Side.RX, index, Mode.LOOSE, other.index)
    assert router.send("ip4-input", packet) == []
    urpf.configure(Protocol.IP4, Side.RX, index, Mode.STRICT, None)
    assert len(router.send("ip4-input", packet)) == 1
    assert router.engine.arcs["ip4-unicast"].on(index) == ["ip4-rx-urpf-strict"]
    fib.bind(Protocol.IP4, index, other.index)
    assert urpf.tables[Protocol.IP4, Side.RX][index] == other.index
    urpf.configure(Protocol.IP4, Side.RX, index, Mode.OFF, None)
    assert router.engine.arcs["ip4-unicast"].on(index) == []
