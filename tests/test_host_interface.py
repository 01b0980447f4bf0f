"""Host interfaces: packet sockets on a veth pair whose other end is the kernel's."""

from __future__ import annotations

import pytest
from peers import needs_peers, veth_peer

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
