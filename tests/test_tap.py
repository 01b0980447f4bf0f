"""Taps: what the kernel at the other end sees and says."""

from __future__ import annotations

import re

import pytest
from peers import needs_peers, tap_peer

from vppsh.engine.features.tap.taps import Taps
from vppsh.startup import make_session

pytestmark = needs_peers


def test_the_kernel_pings_the_engine_and_the_engine_the_kernel() -> None:
    with tap_peer("host-ip4-addr 10.1.0.2/24 host-ip6-addr 2001:db8:1::2/64") as peer:
        peer.type(
            f"set interface ip address {peer.interface} 10.1.0.1/24",
            f"set interface ip address {peer.interface} 2001:db8:1::1/64",
        )
        assert " 0% packet loss" in peer.kernel("ping -c 5 -i 0.02 10.1.0.1")
        assert " 0% packet loss" in peer.kernel("ping -c 5 -i 0.02 2001:db8:1::1")
        assert "5 sent, 5 received" in peer.type("ping 10.1.0.2 repeat 5 interval 0.02")
        assert "lladdr" in peer.kernel("ip neigh show 10.1.0.1")


def test_a_tun_has_no_ethernet() -> None:
    with tap_peer("tun id 3 host-ip4-addr 10.2.0.2/24 host-ip6-addr 2001:db8:2::2/64 host-mtu-size 1400") as peer:
        assert peer.interface == "tun3"
        peer.type(
            "set interface ip address tun3 10.2.0.1/24",
            "set interface ip address tun3 2001:db8:2::1/64",
            "trace add tap-input 1",
        )
        assert " 0% packet loss" in peer.kernel("ping -c 3 -i 0.02 10.2.0.1")
        assert " 0% packet loss" in peer.kernel("ping -c 3 -i 0.02 2001:db8:2::1")
        assert "mtu 1400" in peer.kernel(f"ip link show {peer.link}")
        assert "1400/0/0/0" in peer.type("show interface tun3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("host-if-name a-name-that-is-too-long", "a name of 1 to 15 characters"),
        ("host-ns no-such-namespace", "clib_netns_open 'no-such-namespace': No such file or directory"),
        ("host-bridge br-no-such", "unknown master interface 'br-no-such'"),
        ("rx-ring-size 1000", "ring size must be power of 2"),
        ("tx-ring-size 65536", "ring size must be 32768 or lower"),
        ("id 8193", "cannot find free interface id"),
        ("attach", "host_if_name is not provided"),
        ("host-ip4-addr 10.0.0.1/24 host-bridge b", "Please specify either host ip address or host bridge"),
        ("host-ip4-addr 10.0.0.1/99", "add ip4 addr netlink error -22"),
        ("sometimes", "create tap: unknown input `'"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(options: str, message: str) -> None:
    session = make_session()
    answer = session.execute(f"create tap {options}")
    assert answer.failed
    assert message in answer.text
    assert [interface.name for interface in session.engine.interfaces] == ["local0"]
    assert session.execute("show tap").text == ""


def test_what_comes_while_it_is_down_waits() -> None:
    with tap_peer("host-ip4-addr 10.1.0.2/24") as peer:
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24", f"set interface state {peer.interface} down")
        peer.run(0.1)
        before = peer.session.engine.graph["tap-input"].vectors
        peer.kernel("ping -c 1 -W 1 10.1.0.1", fails=True)
        assert peer.session.engine.graph["tap-input"].vectors == before
        peer.type(f"set interface state {peer.interface} up")
        assert " 0% packet loss" in peer.kernel("ping -c 1 10.1.0.1")


def test_the_host_may_delete_its_end() -> None:
    with tap_peer("host-ip4-addr 10.1.0.2/24") as peer:
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
        peer.kernel("ping -c 1 10.1.0.1")
        peer.kernel(f"ip link delete {peer.link}")
        peer.run(0.05)
        assert "host-carrier-up: 0" in peer.type("show tap")
        assert "0 received" in peer.type("ping 10.1.0.2 repeat 1 interval 0.02")
        calls = peer.session.engine.graph["tap-input"].calls
        peer.run(0.05)
        assert peer.session.engine.graph["tap-input"].calls == calls
        peer.type(f"set interface state {peer.interface} down", f"set interface state {peer.interface} up", f"delete tap {peer.interface}")
        assert peer.interface not in peer.type("show interface")


def test_a_tap_that_persists_is_attached_to_again() -> None:
    with tap_peer("persist", up=False) as peer:
        tap = next(iter(peer.session.engine.get(Taps)))
        tap.device.release()  # as when vppsh ends
        again = make_session()
        answer = again.execute(f"create tap id 5 attach host-ns {peer.namespace} host-if-name {peer.link}")
        assert answer.text == "tap5\n"
        again.execute("delete tap tap5")
        peer.kernel(f"ip link show {peer.link}", fails=True)


def test_traces_show_the_headers() -> None:
    with tap_peer("host-ip4-addr 10.1.0.2/24") as peer:
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
        peer.kernel("ping -c 1 10.1.0.1")
        peer.type("trace add tap-input 20")  # the kernel looks for neighbours and routers when it likes
        peer.kernel("ping -c 1 10.1.0.1")
        trace = peer.type("show trace")
        assert re.search(r"tap-input\n  virtio: hw_if_index 1 next-index 4 vring 0 len 98\n    hdr: flags 0x00 gso_type 0x00", trace)
        assert "tap0-tx\n    buffer 0x" in trace
        assert "\n  hdr-sz 0 l2-hdr-offset 0 l3-hdr-offset 14 l4-hdr-offset 0 l4-hdr-sz 0\n  IP4: " in trace or "\n  ipv4 hdr-sz" in trace
