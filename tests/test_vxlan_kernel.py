"""VXLAN between vppsh and the kernel's own vxlan device: pings through the tunnel both ways, large packets, several networks."""

from __future__ import annotations

import pytest
from peers import Peer, has_kind, needs_peers, tap_peer

pytestmark = [needs_peers, pytest.mark.skipif(not has_kind("vxlan"), reason="needs a kernel with vxlan")]

UNDERLAY = {4: ("10.1.0.1", "10.1.0.2", 24), 6: ("2001:db8:1::1", "2001:db8:1::2", 64)}


def join(peer: Peer, version: int, vni: int, *, link: str, overlay: int) -> None:
    """A bridge with a loopback in it at our end of a tunnel, 172.16.OVERLAY.1, and the kernel's device at the other, 172.16.OVERLAY.2."""
    near, far, _ = UNDERLAY[version]
    tunnel = peer.type(f"create vxlan tunnel src {near} dst {far} vni {vni}").strip()
    loop = peer.type("create loopback interface").strip()
    peer.type(
        f"create bridge-domain {vni}",
        f"set interface l2 bridge {tunnel} {vni} 1",
        f"set interface l2 bridge {loop} {vni} bvi",
        f"set interface state {loop} up",
        f"set interface ip address {loop} 172.16.{overlay}.1/24",
        f"set interface ip address {loop} 2001:db8:16:{overlay}::1/64",
    )
    peer.kernel(f"ip link add {link} type vxlan id {vni} local {far} remote {near} dstport 4789 dev {peer.link}")
    peer.kernel(f"ip link set {link} up")
    peer.address(f"172.16.{overlay}.2/24", link)
    peer.address(f"2001:db8:16:{overlay}::2/64", link)


def underlay(peer: Peer, version: int) -> None:
    """Addresses on the link that the tunnel goes over."""
    near, far, length = UNDERLAY[version]
    peer.type(f"set interface ip address {peer.interface} {near}/{length}")
    peer.address(f"{far}/{length}")
    # As in VPP, a packet whose next hop is not known yet is lost.
    peer.type(f"ping {far} repeat 2 interval 0.05")


@pytest.mark.parametrize("version", [4, 6])
def test_both_ends_ping_each_other_through_a_tunnel(version: int) -> None:
    with tap_peer() as peer:
        underlay(peer, version)
        join(peer, version, 42, link="vx42", overlay=0)
        for address in ("172.16.0.1", "2001:db8:16::1"):
            assert " 0% packet loss" in peer.kernel(f"ping -c 5 -i 0.02 -W 2 {address}")
        assert "5 sent, 5 received" in peer.type("ping 172.16.0.2 repeat 5 interval 0.02")
        assert "5 sent, 5 received" in peer.type("ping 2001:db8:16::2 repeat 5 interval 0.02")
        assert "good packets decapsulated" in (errors := peer.type("show errors"))
        assert "no such tunnel" not in errors
        # Each side has learned the other's address behind the tunnel.
        mac = peer.kernel("cat /sys/class/net/vx42/address").strip()
        assert mac in peer.type("show l2fib all")
        assert "172.16.0.1" in peer.kernel("ip neigh show dev vx42")


def test_large_packets_and_every_length_in_between_arrive_whole() -> None:
    with tap_peer() as peer:
        underlay(peer, 4)
        join(peer, 4, 42, link="vx42", overlay=0)
        peer.kernel("ping -c 1 -W 2 172.16.0.1")
        for size in (0, 1, 17, 64, 1000, 1408):
            assert f"{size + 8} bytes from 172.16.0.1" in peer.kernel(f"ping -c 1 -W 2 -s {size} -p a5 172.16.0.1")


def test_networks_are_kept_apart() -> None:
    with tap_peer() as peer:
        underlay(peer, 4)
        for overlay, vni in enumerate((42, 43)):
            join(peer, 4, vni, link=f"vx{vni}", overlay=overlay)
        for overlay in (0, 1):
            assert " 0% packet loss" in peer.kernel(f"ping -c 3 -i 0.02 -W 2 172.16.{overlay}.1")
        peer.type("create vxlan tunnel src 10.1.0.1 dst 10.1.0.2 vni 43 del", "clear errors")
        peer.kernel("ping -c 1 -W 1 172.16.1.1", fails=True)
        assert " 0% packet loss" in peer.kernel("ping -c 3 -i 0.02 -W 2 172.16.0.1")
        assert "no such tunnel packets" in peer.type("show errors")


def test_the_kernel_takes_the_short_way_too() -> None:
    with tap_peer() as peer:
        underlay(peer, 4)
        join(peer, 4, 42, link="vx42", overlay=0)
        peer.kernel("ping -c 1 -W 2 172.16.0.1")
        peer.type(f"set interface ip vxlan-bypass {peer.interface}")
        looked_up = peer.session.engine.graph["ip4-udp-lookup"].vectors
        assert " 0% packet loss" in peer.kernel("ping -c 5 -i 0.02 -W 2 172.16.0.1")
        assert peer.session.engine.graph["ip4-udp-lookup"].vectors == looked_up


def test_a_tunnel_may_be_a_port_of_the_router_itself() -> None:
    with tap_peer() as peer:
        underlay(peer, 4)
        near, far, _ = UNDERLAY[4]
        tunnel = peer.type(f"create vxlan tunnel src {near} dst {far} vni 7 decap-next node ethernet-input").strip()
        peer.type(f"set interface ip address {tunnel} 172.16.7.1/24", f"set interface ip address {tunnel} 2001:db8:7::1/64")
        peer.kernel(f"ip link add vx7 type vxlan id 7 local {far} remote {near} dstport 4789 dev {peer.link}")
        peer.kernel("ip link set vx7 up")
        peer.address("172.16.7.2/24", "vx7")
        peer.address("2001:db8:7::2/64", "vx7")
        for address in ("172.16.7.1", "2001:db8:7::1"):
            assert " 0% packet loss" in peer.kernel(f"ping -c 5 -i 0.02 -W 2 {address}")
        # As in VPP, a packet whose next hop is not known yet is lost; here it is known from the other direction.
        assert "5 sent, 5 received" in peer.type("ping 172.16.7.2 repeat 5 interval 0.02")
        assert "5 sent, 5 received" in peer.type("ping 2001:db8:7::2 repeat 5 interval 0.02")
