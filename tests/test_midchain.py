"""Midchains: tunnels follow what their far ends are reached by."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.packets import ip4_packet
from tests.routers import neighbor_mac, number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, prefix, random_packet
from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Kind
from vppsh.engine.context import Context
from vppsh.engine.features.ip4.flow_hash import HEADER, hash_of
from vppsh.engine.features.ipip.tunnels import IpipTunnel, IpipTunnels, Mode
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.fib.types import EntryFlag, Protocol, RoutePath, Source
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN, UP, Interface
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.tunnel.midchain import Attribute, Encap, Midchains
from vppsh.engine.tunnel.outer import Inner, ip4_outer, ip4_template
from vppsh.registry import discover, feature, node

REMOTE = number("192.0.2.1")
PACKET = ip4_packet(dst=number("172.16.0.5"))


def tunnel(router: TunnelRouter, far: int = REMOTE, flags: int = 0) -> Interface:
    """A tunnel whose far end is not on a link, and a route into it."""
    made = router.engine.get(IpipTunnels).add(IpipTunnel(Mode.P2P, PROTOCOL[4], NEAR[4], far, 0, -1, flags))
    router.start(made.interface)
    router.route("172.16.0.0/16", made.interface)
    return made.interface


def leaves_by(router: TunnelRouter, *packets: bytes) -> list[str]:
    """The interfaces by which packets leave, with the neighbour's MAC address after the name if it is not the link's usual one."""
    before = len(router.left)
    router.forward(4, *packets)
    left = []
    for name, data in router.left[before:]:
        usual = neighbor_mac(int(name[-1]))
        left.append(name if data[:6] == usual else f"{name} {data[:6].hex()}")
    return left


def test_a_tunnel_moves_with_the_route_of_its_far_end() -> None:
    router = TunnelRouter()
    tunnel(router)
    assert leaves_by(router, PACKET) == []
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    assert leaves_by(router, PACKET, PACKET) == ["if1", "if1"]
    router.route("192.0.2.1/32", router.interfaces[2], "10.0.2.2")
    assert leaves_by(router, PACKET) == ["if2"]
    router.unroute("192.0.2.1/32")
    assert leaves_by(router, PACKET) == ["if1"]
    router.unroute("192.0.2.0/24")
    assert leaves_by(router, PACKET) == []
    # A recursive route is followed to where it ends.
    path = RoutePath(Protocol.IP4, number("198.51.100.9"), table=0)
    router.engine.get(Fib).ip4[0].update(prefix("192.0.2.0/24"), Source.CLI, EntryFlag.NONE, [path])
    router.route("198.51.100.0/24", router.interfaces[2], "10.0.2.2")
    assert leaves_by(router, PACKET) == ["if2"]
    router.route("198.51.100.0/24", router.interfaces[1], "10.0.1.2")
    assert leaves_by(router, PACKET) == ["if1"]


def test_a_tunnel_waits_for_its_neighbour_to_be_known() -> None:
    router = TunnelRouter()
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.77")
    tunnel(router)
    sent = leaves_by(router, PACKET)
    assert all(name.startswith("if1 ffffffffffff") for name in sent), "only questions go out"
    router.add_neighbor("10.0.1.77", 1)
    assert leaves_by(router, PACKET) == ["if1"]


def test_a_tunnel_that_is_down_drops() -> None:
    router = TunnelRouter()
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    interface = tunnel(router)
    (adjacency,) = (each for each in router.engine.get(Midchains).of(interface.sw_if_index) if each.link is Protocol.IP4)
    assert adjacency.midchain is not None
    for _ in range(2):
        assert leaves_by(router, PACKET) == ["if1"]
        assert adjacency.midchain.dpo.type == DpoType.ADJACENCY
        router.engine.interfaces.set_state(interface, DOWN)
        assert leaves_by(router, PACKET) == []
        assert adjacency.midchain.dpo.type == DpoType.DROP
        router.engine.interfaces.set_state(interface, UP)


def test_a_far_end_behind_the_tunnel_itself_drops_and_recovers() -> None:
    router = TunnelRouter()
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    interface = tunnel(router)
    assert leaves_by(router, PACKET) == ["if1"]
    router.route("192.0.2.0/24", interface)
    assert leaves_by(router, PACKET, ip4_packet(dst=REMOTE)) == []
    router.route("192.0.2.0/24", router.interfaces[2], "10.0.2.2")
    assert leaves_by(router, PACKET) == ["if2"]


def test_two_tunnels_through_each_other_drop() -> None:
    router = TunnelRouter()
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    first = tunnel(router)
    second = router.engine.get(IpipTunnels).add(IpipTunnel(Mode.P2P, PROTOCOL[4], NEAR[4], number("203.0.113.1"), 0, -1)).interface
    router.start(second)
    router.route("203.0.113.0/24", first)
    router.route("172.17.0.0/16", second)
    assert leaves_by(router, ip4_packet(dst=number("172.17.0.5"))) == ["if1"]
    # VPP does not see this loop; packets go round until there is no room for another header.
    router.route("192.0.2.0/24", second)
    assert leaves_by(router, PACKET, ip4_packet(dst=number("172.17.0.5"))) == []
    assert router.count("null-node", "blackholed packets") == 2
    assert router.engine.buffers.free == router.engine.buffers.count


def ways(router: TunnelRouter) -> None:
    """Two equal routes to the far end."""
    paths = [RoutePath(Protocol.IP4, number(f"10.0.{link}.2"), router.interfaces[link].sw_if_index) for link in (1, 2)]
    router.engine.get(Fib).ip4[0].update(prefix("192.0.2.0/24"), Source.CLI, EntryFlag.NONE, paths)


def hashed(packet: bytes) -> int:
    fields = np.frombuffer(packet[: HEADER.itemsize].ljust(HEADER.itemsize, b"\0"), HEADER)
    return int(hash_of(fields, np.array([FLOW_HASH_DEFAULT]))[0])


def test_of_equal_ways_a_tunnel_takes_the_one_its_outer_header_chooses() -> None:
    chosen = set()
    for far in range(REMOTE, REMOTE + 8):
        router = TunnelRouter()
        ways(router)
        tunnel(router, far)
        rng = random.Random(far)
        seen = set(leaves_by(router, *(random_packet(rng, 4, number("172.16.0.0") + index) for index in range(20))))
        template = ip4_template(NEAR[4], far, 4, ttl=64)
        (bucket,) = seen
        assert bucket == f"if{1 + hashed(template) % 2}"
        chosen |= seen
    assert chosen == {"if1", "if2"}


def test_flows_spread_over_equal_ways_if_inner_headers_are_to_choose() -> None:
    router = TunnelRouter()
    ways(router)
    tunnel(router, flags=TunnelFlag.ENCAP_INNER_HASH)
    rng = random.Random(4)
    packets = [random_packet(rng, 4, number("172.16.0.0") + index) for index in range(100)]
    # Packets of one frame leave sorted by interface.
    assert sorted(leaves_by(router, *packets)) == sorted(f"if{1 + (hashed(packet) >> 1) % 2}" for packet in packets)


def test_features_of_a_tunnel_run_before_it_is_left() -> None:
    seen: list[tuple[int, int]] = []

    @node("test-tunnel-feature")
    def look(ctx: Context, frame: Frame) -> int | np.ndarray:
        buffers, rows = ctx.buffers, frame.rows
        seen.extend(zip(buffers.tx_sw_if_index[rows].tolist(), buffers.current_length[rows].tolist()))
        return ctx.engine.arcs.next(ctx, frame)

    catalog = discover(("vppsh.engine.features",))
    catalog.add(look)
    catalog.add(feature("ip4-output", "test-tunnel-feature"))
    router = TunnelRouter(catalog)
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    interface = tunnel(router)
    router.engine.arcs.enable("ip4-output", "test-tunnel-feature", interface.sw_if_index)
    assert leaves_by(router, PACKET) == ["if1"]
    assert seen == [(interface.sw_if_index, len(PACKET) + 20)]
    assert router.engine.interfaces.tx.packets[interface.sw_if_index] == 1
    router.engine.arcs.enable("ip4-output", "test-tunnel-feature", interface.sw_if_index, False)
    assert leaves_by(router, PACKET) == ["if1"]
    assert len(seen) == 1


def test_adjacencies_and_entries_are_let_go_of() -> None:
    router = TunnelRouter()
    adjacencies, fib = router.engine.get(Adjacencies), router.engine.get(Fib)
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    before = len(list(adjacencies)), len(fib.entries), {each.index: each.locks for each in adjacencies}
    for _ in range(3):
        interface = tunnel(router)
        assert leaves_by(router, PACKET) == ["if1"]
        router.unroute("172.16.0.0/16")
        tunnels = router.engine.get(IpipTunnels)
        made = tunnels.of_interface(interface.sw_if_index)
        assert made is not None
        tunnels.delete(made)
        assert (len(list(adjacencies)), len(fib.entries), {each.index: each.locks for each in adjacencies}) == before


def test_a_fixup_gets_the_number_of_each_adjacency() -> None:
    seen: list[int | list[int]] = []
    plain = ip4_outer(Inner.IP4)

    def note(ctx: Context, frame: Frame, data: int | np.ndarray) -> None:
        seen.append(data if isinstance(data, int) else data.tolist())
        plain(ctx, frame, 0 if isinstance(data, int) else np.zeros_like(data))

    router = TunnelRouter()
    midchains = router.engine.get(Midchains)
    first, second = tunnel(router), tunnel(router, FAR[4])
    router.route("172.17.0.0/16", first)
    router.route("172.16.0.0/16", second)
    for number_of_it, interface in ((7, first), (1 << 40, second)):
        for adjacency in midchains.of(interface.sw_if_index):
            midchains.set_fixup(adjacency, note, number_of_it)
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    other = ip4_packet(dst=number("172.17.0.5"))
    assert leaves_by(router, PACKET, other, PACKET) == ["if1"] * 3
    assert leaves_by(router, other, other) == ["if1"] * 2
    assert seen == [[1 << 40, 7, 1 << 40], 7]


@pytest.mark.parametrize("kind", [Kind.GLEAN, Kind.MCAST])
def test_other_adjacencies_of_tunnels_come_and_go(kind: Kind) -> None:
    router = TunnelRouter()
    adjacencies = router.engine.get(Adjacencies)
    interface = tunnel(router)
    count = len(list(adjacencies))
    if kind is Kind.GLEAN:
        made = adjacencies.glean(Protocol.IP4, interface.sw_if_index, prefix("172.16.0.1/24"))
        assert made.kind is Kind.GLEAN
    else:
        made = adjacencies.mcast(Protocol.IP4, Protocol.IP4, interface.sw_if_index)
        assert made.kind is Kind.MIDCHAIN
    adjacencies.unlock(made)
    assert len(list(adjacencies)) == count


def test_what_is_not_described_is_dropped() -> None:
    router = TunnelRouter()
    interface = tunnel(router)
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    router.engine.get(Midchains).attach(interface, lambda adjacency: Encap(attributes=Attribute.IP_STACK))
    assert leaves_by(router, PACKET) == []
