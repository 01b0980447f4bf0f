"""Host interfaces: packet sockets on a veth pair whose other end is the kernel's."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from peers import needs_peers, tap_peer, veth_peer

from vppsh.engine.host.namespaces import inside
from vppsh.startup import make_session


@needs_peers
def test_the_kernel_pings_the_engine_and_the_engine_the_kernel() -> None:
    with veth_peer() as peer:
        peer.address("10.1.0.2/24")
        peer.address("2001:db8:1::2/64")
        peer.type(
            f"set interface ip address {peer.interface} 10.1.0.1/24",
            f"set interface ip address {peer.interface} 2001:db8:1::1/64",
        )
        assert " 0% packet loss" in peer.kernel("ping -c 5 -i 0.02 10.1.0.1")
        assert " 0% packet loss" in peer.kernel("ping -c 5 -i 0.02 2001:db8:1::1")
        assert "5 sent, 5 received" in peer.type("ping 10.1.0.2 repeat 5 interval 0.02")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("create host-interface name no-such-link", "create host-interface: Invalid interface name"),
        ("create host-interface num-rx-queues 2", "create host-interface: missing host interface name"),
        ("create host-interface name nope hw-addr zz", "create host-interface: unknown input `hw-addr zz'"),
    ],
)
def test_what_cannot_be_attached_is_refused(line: str, message: str) -> None:
    answer = make_session().execute(line)
    assert answer.failed
    assert answer.text == f"{message}\n"


@needs_peers
@pytest.mark.parametrize("kind", ["dot1q", "dot1ad"])
def test_tags_that_the_kernel_takes_off_are_put_back(kind: str) -> None:
    """Two engines, one at each end of the pair: the kernel takes tags off on both ways."""
    with veth_peer() as peer:
        other = make_session()
        with inside(peer.namespace):
            for line in (f"create host-interface name {peer.link}", f"set interface state host-{peer.link} up"):
                assert not other.execute(line).failed
        for session, name, address in ((peer.session, peer.interface, "10.7.0.1/24"), (other, f"host-{peer.link}", "10.7.0.2/24")):
            for line in (
                f"create sub-interfaces {name} 7 {kind} 7 exact-match",
                f"set interface state {name}.7 up",
                f"set interface ip address {name}.7 {address}",
            ):
                assert not session.execute(line).failed
        peer.type("trace add af-packet-input 10")
        beside = threading.Thread(target=other.engine.run_for, args=(1.0,))
        beside.start()
        assert re.search("5 sent, [45] received", peer.type("ping 10.7.0.2 repeat 5 interval 0.05"))  # the first one asks for the address
        beside.join()
        trace = peer.type("show trace")
        assert f"vlan 7 vlan_tpid {0x88A8 if kind == 'dot1ad' else 0x8100}\n" in trace
        assert re.search(rf"ethernet-input\n.*\n  ARP: .* {'802.1ad' if kind == 'dot1ad' else '802.1q'} vlan 7\n", trace)
        with inside(peer.namespace):
            other.execute(f"delete host-interface name {peer.link}")


@needs_peers
def test_the_link_follows_the_interface() -> None:
    with veth_peer() as peer:
        ours = peer.interface.removeprefix("host-")

        def link(what: str) -> str:
            return Path(f"/sys/class/net/{ours}/{what}").read_text().strip()

        peer.type(f"set interface mac address {peer.interface} 02:00:00:00:00:99", f"set interface mtu 2000 {peer.interface}")
        assert (link("address"), link("mtu"), link("operstate")) == ("02:00:00:00:00:99", "2000", "up")
        peer.type(f"set interface state {peer.interface} down")
        assert not int(link("flags"), 16) & 1
        peer.type(f"set interface state {peer.interface} up")
        assert int(link("flags"), 16) & 1
        answer = peer.session.execute(f"set interface mtu 1000000000 {peer.interface}")
        assert answer.failed
        assert answer.text == "set interface mtu: netlink error: set link mtu netlink error -22\n"


@needs_peers
def test_the_host_may_switch_the_link_off_and_on_and_delete_it() -> None:
    with veth_peer() as peer:
        peer.address("10.1.0.2/24")
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
        assert " 0% packet loss" in peer.kernel("ping -c 1 10.1.0.1")
        node = peer.session.engine.graph["af-packet-input"]
        peer.kernel(f"ip link set {peer.link} down")
        peer.run(0.05)
        calls = node.calls
        peer.run(0.05)
        assert node.calls == calls
        peer.kernel(f"ip link set {peer.link} up")
        assert " 0% packet loss" in peer.kernel("ping -c 1 10.1.0.1")
        peer.kernel(f"ip link delete {peer.link}")
        peer.run(0.05)
        calls = node.calls
        peer.type("ping 10.1.0.2 repeat 1 interval 0.05")
        assert node.calls == calls
        assert "down" in peer.type(f"show hardware-interfaces {peer.interface}")
        peer.type(f"set interface state {peer.interface} down", f"set interface state {peer.interface} up")


@needs_peers
def test_bare_ip_from_a_link_without_ethernet() -> None:
    with tap_peer("tun", up=False) as tun:
        session = make_session()
        with inside(tun.namespace):
            answer = session.execute(f"create host-interface name {tun.link} mode ip")
        assert answer.text == f"host-{tun.link}\n"
        tun.address("10.1.0.2/24")
        session.execute(f"set interface ip address host-{tun.link} 10.1.0.1/24")
        with inside(tun.namespace):
            session.execute(f"set interface state host-{tun.link} up")
            session.execute(f"delete host-interface name {tun.link}")
        assert f"host-{tun.link}" not in session.execute("show interface").text
