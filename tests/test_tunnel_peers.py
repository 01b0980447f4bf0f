"""Tunnels between the engine and the kernel's own devices of the kind, over a tap and over a veth pair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from peers import Peer, has_kind, needs_peers, tap_peer, veth_peer

pytestmark = needs_peers


@dataclass(frozen=True)
class Tunnel:
    """A kind of tunnel: the kernel's words for it, VPP's, and the addresses inside of it."""

    kind: str
    create: str
    interface: str
    engine: str
    kernel: str


TUNNELS = (
    Tunnel("ipip", "create ipip tunnel src 10.1.0.1 dst 10.1.0.2", "ipip0", "192.168.9.1", "192.168.9.2"),
    Tunnel("sit", "create ipip tunnel src 10.1.0.1 dst 10.1.0.2", "ipip0", "2001:db8:9::1", "2001:db8:9::2"),
    Tunnel("gre", "create gre tunnel src 10.1.0.1 dst 10.1.0.2", "gre0", "192.168.9.1", "192.168.9.2"),
)


@pytest.mark.parametrize("kind", [tap_peer, veth_peer])
@pytest.mark.parametrize("tunnel", TUNNELS, ids=lambda tunnel: tunnel.kind)
def test_the_kernel_answers_through_the_tunnel(tunnel: Tunnel, kind: Callable[..., AbstractContextManager[Peer]]) -> None:
    if not has_kind(tunnel.kind):
        pytest.skip(f"the kernel has no links of the kind {tunnel.kind}")
    length = 64 if ":" in tunnel.engine else 24
    with kind() as peer:
        peer.address("10.1.0.2/24")
        peer.kernel(f"ip link add tnl0 type {tunnel.kind} local 10.1.0.2 remote 10.1.0.1")
        peer.kernel("ip link set tnl0 up")
        peer.address(f"{tunnel.kernel}/{length}", "tnl0")
        peer.type(
            f"set interface ip address {peer.interface} 10.1.0.1/24",
            tunnel.create,
            f"set interface state {tunnel.interface} up",
            f"set interface ip address {tunnel.interface} {tunnel.engine}/{length}",
            "ping 10.1.0.2 repeat 2 interval 0.05",
        )
        assert " 0% packet loss" in peer.kernel(f"ping -c 5 -i 0.02 {tunnel.engine}")
        assert "3 sent, 3 received" in peer.type(f"ping {tunnel.kernel} repeat 3 interval 0.05")
        assert " 0% packet loss" in peer.kernel(f"ping -c 3 -i 0.02 -s 1300 {tunnel.engine}")
