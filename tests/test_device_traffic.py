"""Traffic of real applications through the engine: two namespaces, and the engine as the router between them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kernel_scripts import ASK_UDP, BURST_UDP, COUNT_UDP, ECHO_UDP, RECEIVE_TCP, SEND_TCP, python
from peers import Peer, listening, needs_peers, router, tap_peer, veth_peer

pytestmark = needs_peers

LINKS = {
    "tap": (tap_peer, ""),
    "tun": (tap_peer, "tun"),
    "tap with gso": (tap_peer, "gso"),
    "tap with checksum offload": (tap_peer, "csum-offload"),
    "veth": (veth_peer, ""),
}


@pytest.mark.parametrize("link", LINKS)
def test_tcp_arrives_as_it_was_sent(link: str) -> None:
    kind, options = LINKS[link]
    with router(options, options, kind=kind) as (client, server):
        for address in ("10.2.0.2", "2001:db8:2::2"):
            receiver = listening(server, python(RECEIVE_TCP, address, 5001))
            sent = client.kernel(python(SEND_TCP, address, 5001, 1_000_000))
            assert receiver.communicate(timeout=10)[0] == sent
        interfaces = client.session.engine.interfaces
        received, passed_on = (
            int(counter.packets[interfaces.find(peer.interface).sw_if_index])
            for counter, peer in ((interfaces.rx, client), (interfaces.tx, server))
        )
        # With segmentation left to the hardware, long segments come in and several packets each go out.
        assert (2 * received < passed_on) is (link in ("tap with gso", "veth"))
        assert "checksum" not in client.type("show errors")


@pytest.mark.parametrize("link", LINKS)
def test_udp_of_all_sizes_goes_there_and_back(link: str) -> None:
    kind, options = LINKS[link]
    sizes = (0, 1, 7, 100, 1000, 1400, 1472)
    with router(options, options, kind=kind) as (client, server):
        for address in ("10.2.0.2", "2001:db8:2::2"):
            listening(server, python(ECHO_UDP, address, 5002))
            fitting = [size for size in sizes if size <= 1452 or "." in address]
            assert client.kernel(python(ASK_UDP, address, 5002, *fitting)).strip() == str(len(fitting))


@pytest.mark.parametrize("link", ["tap", "tun", "veth"])
def test_a_burst_arrives_without_loss(link: str) -> None:
    kind, options = LINKS[link]
    with router(options, options, kind=kind) as (client, server):
        client.kernel(f"ip link set {client.link} txqueuelen 2000")
        receiver = listening(server, python(COUNT_UDP, "10.2.0.2", 5003, 1000))
        client.kernel(python(BURST_UDP, "10.2.0.2", 5003, 1000))
        client.until(lambda: receiver.poll() is not None)
        assert receiver.communicate(timeout=10)[0].strip() == "1000"


@pytest.mark.parametrize("kind", [tap_peer, veth_peer])
def test_long_packets_are_chains(kind: Callable[..., AbstractContextManager[Peer]]) -> None:
    with kind() as peer:
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
        if kind is veth_peer:
            Path(f"/sys/class/net/{peer.interface.removeprefix('host-')}/mtu").write_text("9000")
        peer.kernel(f"ip link set {peer.link} mtu 9000")
        peer.address("10.1.0.2/24")
        assert " 0% packet loss" in peer.kernel("ping -c 3 -i 0.02 -s 8000 -M do 10.1.0.1")
        assert " 0% packet loss" in peer.kernel("ping -c 3 -i 0.02 -s 2020 -M do 10.1.0.1")
        assert "2 sent, 2 received" in peer.type("ping 10.1.0.2 size 4000 repeat 2 interval 0.02")
