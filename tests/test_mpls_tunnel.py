"""MPLS tunnels: what is routed into one leaves by its paths with their labels, wherever these lead by then."""

from __future__ import annotations

import pytest

from tests.lsr import EOS, Lsr, entry, unstack
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number
from vppsh.engine.features.mpls.tunnel import MplsTunnel, MplsTunnels
from vppsh.engine.fib.types import Label, Protocol, RoutePath, Source
from vppsh.engine.interfaces import DOWN, UP

DST, DST6 = number("192.168.5.9"), number("2001:db8:5::9")


def with_tunnel(*paths: tuple[str, int, tuple[int, ...]]) -> tuple[Lsr, MplsTunnel]:
    router = Lsr(ip6=True)
    tunnels = router.engine.get(MplsTunnels)
    tunnel = tunnels.create()
    tunnels.add_paths(tunnel, [router.path(next_hop, link, *labels) for next_hop, link, labels in paths])
    router.engine.interfaces.set_state(tunnel.interface, UP)
    for prefix, protocol in (("192.168.5.0/24", Protocol.IP4), ("2001:db8:5::/48", Protocol.IP6)):
        router.add_route(prefix, RoutePath(protocol, 0, tunnel.interface.sw_if_index, 0))
    return router, tunnel


def test_ip_goes_in_with_its_ttl_decremented_once() -> None:
    router, tunnel = with_tunnel(("10.0.1.2", 1, (44, 45)))
    (four,) = router.send("ip4-input", ip4_packet(dst=DST, ttl=9))
    (six,) = router.send("ip6-input", ip6_packet(number("2001:db8::2"), DST6, hop_limit=9))
    for packet, ttl_at in ((four, 8), (six, 7)):
        labels, inner = unstack(packet)
        assert labels == [(44, 64, 0), (45, 64, 0)]
        assert inner[ttl_at] == 8
    assert router.engine.interfaces.tx.packets[tunnel.interface.sw_if_index] == 2


def test_labels_that_a_tunnel_pushes_are_further_ones() -> None:
    router, tunnel = with_tunnel(("10.0.1.2", 1, (44,)))
    inner_path = RoutePath(Protocol.IP4, 0, tunnel.interface.sw_if_index, 0, labels=router.path("10.0.1.2", 1, 200).labels)
    router.add_label(100, EOS, inner_path)
    (left,) = router.send("mpls-input", entry(100, 30, 5) + ip4_packet(dst=DST))
    assert unstack(left)[0] == [(44, 64, 0), (200, 29, 5)]


def test_uniform_labels_of_a_tunnel_say_what_is_below() -> None:
    router, tunnel = with_tunnel(("10.0.1.2", 1, (44,)))
    tunnels = router.engine.get(MplsTunnels)
    tunnels.add_paths(tunnel, [router.path("10.0.1.2", 1, Label(44, ttl=32), Label(46, uniform=True))])
    (plain,) = router.send("ip4-input", ip4_packet(dst=DST, ttl=24, tos=0xA0))
    through = RoutePath(Protocol.IP4, 0, tunnel.interface.sw_if_index, 0, labels=(Label(33, ttl=47, exp=2),))
    router.add_route("192.168.6.0/24", through)
    (labelled,) = router.send("ip4-input", ip4_packet(dst=number("192.168.6.1"), ttl=24))
    assert unstack(plain)[0] == [(44, 32, 0), (46, 23, 5)]
    assert unstack(labelled)[0] == [(44, 32, 0), (46, 47, 2), (33, 47, 2)]


def test_the_tunnel_follows_its_paths() -> None:
    router, tunnel = with_tunnel(("10.0.0.2", 0, (44,)), ("10.0.1.2", 1, (55,)))
    tunnels = router.engine.get(MplsTunnels)
    assert used(router) == {44, 55}
    router.engine.interfaces.set_state(router.interfaces[0], DOWN)
    assert used(router) == {55}
    router.engine.interfaces.set_state(router.interfaces[0], UP)
    router.add_neighbor("10.0.0.2", 0)
    router.settle()
    assert used(router) == {44, 55}
    assert tunnels.remove_paths(tunnel, [router.path("10.0.1.2", 1, 55)])
    assert used(router) == {44}
    assert not tunnels.remove_paths(tunnel, [router.path("10.0.0.2", 0, 44)])


def used(router: Lsr) -> set[int]:
    """The labels that flows into the tunnel leave with."""
    packets = [ip4_packet(src=source, dst=DST) for source in range(0x0A000002, 0x0A000042)]
    return {unstack(packet)[0][0][0] for packet in router.send("ip4-input", *packets)}


@pytest.mark.parametrize("gone", ["down", "deleted"])
def test_a_tunnel_that_is_gone_drops(gone: str) -> None:
    router, tunnel = with_tunnel(("10.0.1.2", 1, (44,)))
    router.send("ip4-input", ip4_packet(dst=DST))
    if gone == "down":
        router.engine.interfaces.set_state(tunnel.interface, DOWN)
    else:
        router.engine.get(MplsTunnels).delete(tunnel)
    assert router.send("ip4-input", ip4_packet(dst=DST)) == []
    assert router.engine.buffers.free == router.engine.buffers.count


def test_nothing_is_left_of_a_deleted_tunnel() -> None:
    router = Lsr()
    before = router.pools()
    tunnels = router.engine.get(MplsTunnels)
    tunnel = tunnels.create()
    tunnels.add_paths(tunnel, [router.path("10.0.1.2", 1, 44)])
    router.engine.interfaces.set_state(tunnel.interface, UP)
    prefix = router.add_route("192.168.5.0/24", RoutePath(Protocol.IP4, 0, tunnel.interface.sw_if_index, 0))
    router.ip_table(Protocol.IP4).delete(prefix, Source.CLI)
    tunnels.delete(tunnel)
    assert router.pools() == before
