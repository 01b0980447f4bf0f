"""WireGuard against wireguard-go and, where there is one, the kernel's, in a network namespace."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import Peer, has_kind, needs_peers, tap_peer, veth_peer

from tests.wireguards import PORT, PRIVATE, public, text
from vppsh.engine.clock import RealClock

pytestmark = [
    needs_peers,
    pytest.mark.skipif(not (shutil.which("wireguard-go") and shutil.which("wg")), reason="needs wireguard-go and wg"),
]
US, THEM = PRIVATE[0], PRIVATE[1]
OUR_PORT, THEIR_PORT = PORT, 41414
PSK = bytes(range(9, 41))
NO_LOSS = " 0% packet loss"


class SkippingClock(RealClock):
    """The machine's clock, that may jump ahead."""

    def __init__(self, clock: RealClock) -> None:
        self.epoch, self._clock, self._ahead = clock.epoch, clock, 0.0

    def now(self) -> float:
        return self._clock.now() + self._ahead

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead += seconds


class Tunnel:
    """wg0 of the engine at 10.9.0.1, the other end at 10.9.0.2; in between an underlay of either version.

    link  what the other end is called in its namespace
    """

    def __init__(self, peer: Peer, link: str, directory: Path, outer: int) -> None:
        self.peer, self.link, self.directory = peer, link, directory
        self.near, self.far = ("192.0.2.1", "192.0.2.2") if outer == 4 else ("2001:db8:9::1", "2001:db8:9::2")
        length = 24 if outer == 4 else 64
        peer.kernel("ip link set lo up")
        peer.address(f"{self.far}/{length}")
        peer.type(
            f"set interface ip address {peer.interface} {self.near}/{length}",
            f"wireguard create listen-port {OUR_PORT} private-key {text(US)} src {self.near}",
            "set interface state wg0 up",
            "set interface ip address wg0 10.9.0.1/24",
            "set interface ip address wg0 2001:db8:99::1/64",
        )

    def add_peer(self, *, endpoint: bool, psk: bytes = b"") -> None:
        """Make the other end known to the engine."""
        where = f"endpoint {self.far} dst-port {THEIR_PORT} " if endpoint else ""
        secret = f"preshared-key {text(psk)} " if psk else ""
        self.peer.type(
            f"wireguard peer add wg0 public-key {public(THEM)} {where}{secret}allowed-ip 10.9.0.2/32 allowed-ip 2001:db8:99::2/128",
            # On a tunnel to many nobody is asked who has an address.
            "ip route add 10.9.0.2/32 via 10.9.0.2 wg0",
            "ip route add 2001:db8:99::2/128 via 2001:db8:99::2 wg0",
        )

    def set_up(self, *, endpoint: bool, psk: bytes = b"", keepalive: int = 0) -> None:
        """Give the other end its keys and its addresses."""
        secret = f"preshared-key {self._file('psk', text(psk))}" if psk else ""
        host = f"[{self.near}]" if ":" in self.near else self.near
        where = f"endpoint {host}:{OUR_PORT}" if endpoint else ""
        alive = f"persistent-keepalive {keepalive}" if keepalive else ""
        kernel = self.peer.kernel
        kernel(f"wg set {self.link} listen-port {THEIR_PORT} private-key {self._file('key', text(THEM))}")
        kernel(f"wg set {self.link} peer {public(US)} allowed-ips 10.9.0.0/24,2001:db8:99::/64 {secret} {where} {alive}")
        kernel(f"ip addr add 10.9.0.2/24 dev {self.link}")
        kernel(f"ip addr add 2001:db8:99::2/64 dev {self.link}")
        kernel(f"ip link set {self.link} up")

    def _file(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.write_text(content + "\n")
        return path

    def begin(self, psk: bytes = b"") -> None:
        """Let the engine begin a handshake, to its end. (If both began at once, they would have to try again.)"""
        self.set_up(endpoint=False, psk=psk)
        self.add_peer(endpoint=True, psk=psk)
        assert self.peer.until(lambda: self.established)

    def pings(self) -> None:
        """Both ends reach each other, with both versions and with long packets."""
        assert NO_LOSS in self.peer.kernel("ping -c 3 -i 0.05 10.9.0.1")
        assert NO_LOSS in self.peer.kernel("ping -c 3 -i 0.05 -s 1200 2001:db8:99::1")
        assert "3 sent, 3 received" in self.peer.type("ping 10.9.0.2 repeat 3 interval 0.05")
        assert "3 sent, 3 received" in self.peer.type("ping 2001:db8:99::2 repeat 3 interval 0.05")

    @property
    def handshake(self) -> int:
        """When the other end's last handshake was, in seconds."""
        return int(self.peer.kernel(f"wg show {self.link} latest-handshakes").split()[1])

    @property
    def established(self) -> bool:
        """Whether the engine says so."""
        return "flags: 2" in self.peer.type("show wireguard peer")


KINDS = [
    "wireguard-go",
    pytest.param("kernel", marks=pytest.mark.skipif(not has_kind("wireguard"), reason="the kernel has no WireGuard")),
]


@contextmanager
def tunnel(kind: str, directory: Path, outer: int = 4, *, over_veth: bool = False) -> Iterator[Tunnel]:
    """A tunnel whose other end is to be set up."""
    # The sockets of wireguard-go are those of the whole machine.
    link = f"wg{secrets.token_hex(4)}"
    with veth_peer() if over_veth else tap_peer() as peer:
        if kind == "kernel":
            peer.kernel(f"ip link add {link} type wireguard")
        else:
            peer.start(f"env LOG_LEVEL=error WG_PROCESS_FOREGROUND=1 wireguard-go -f {link}")
            assert peer.until(lambda: Path(f"/var/run/wireguard/{link}.sock").exists())
        try:
            yield Tunnel(peer, link, directory, outer)
        finally:
            Path(f"/var/run/wireguard/{link}.sock").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("psk", [b"", PSK], ids=["", "psk"])
def test_we_begin(kind: str, outer: int, psk: bytes, tmp_path: Path) -> None:
    with tunnel(kind, tmp_path, outer) as it:
        it.begin(psk)
        it.pings()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outer", [4, 6])
def test_they_begin(kind: str, outer: int, tmp_path: Path) -> None:
    with tunnel(kind, tmp_path, outer, over_veth=True) as it:
        it.add_peer(endpoint=False, psk=PSK)
        it.set_up(endpoint=True, psk=PSK, keepalive=1)
        assert it.peer.until(lambda: it.established)
        it.pings()
        assert f"{it.near}:{OUR_PORT}->{it.far}:{THEIR_PORT}" in it.peer.type("show wireguard peer")


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_renewed(kind: str, tmp_path: Path) -> None:
    with tunnel(kind, tmp_path) as it:
        clock = it.peer.session.engine.clock
        assert isinstance(clock, RealClock)
        it.peer.session.engine.clock = skipping = SkippingClock(clock)
        it.begin()
        it.pings()
        first = it.handshake
        it.peer.run(1.1)
        # Ours are old: the next packet begins a handshake, and is sent all the same.
        skipping.skip(121)
        assert "1 sent, 1 received" in it.peer.type("ping 10.9.0.2 repeat 1")
        assert it.peer.until(lambda: it.handshake > first)
        it.pings()
        # They forget us, and begin anew.
        second = it.handshake
        it.peer.run(1.1)
        it.peer.kernel(f"wg set {it.link} peer {public(US)} remove")
        it.peer.kernel(f"wg set {it.link} peer {public(US)} allowed-ips 10.9.0.0/24,2001:db8:99::/64 endpoint {it.near}:{OUR_PORT}")
        it.pings()
        assert it.handshake > second
        # Ours are too old to be used: packets wait for nobody, but there are keys soon.
        it.peer.run(1.1)
        third = it.handshake
        skipping.skip(200)
        it.peer.type("ping 10.9.0.2 repeat 1 interval 0.1")
        assert it.peer.until(lambda: it.handshake > third)
        it.pings()


def test_they_move(tmp_path: Path) -> None:
    with tunnel("wireguard-go", tmp_path) as it:
        it.begin()
        it.pings()
        it.peer.kernel(f"wg set {it.link} listen-port 41415")
        it.pings()
        assert f"->{it.far}:41415" in it.peer.type("show wireguard peer")
        it.peer.kernel(f"ip addr del 192.0.2.2/24 dev {it.peer.link}")
        it.peer.kernel(f"ip addr add 192.0.2.77/24 dev {it.peer.link}")
        # It would go on to use the old address that it remembers.
        it.peer.kernel(f"wg set {it.link} peer {public(US)} endpoint {it.near}:{OUR_PORT}")
        it.pings()
        assert "->192.0.2.77:41415" in it.peer.type("show wireguard peer")


def test_wrong_keys_do_not_get_through(tmp_path: Path) -> None:
    with tunnel("wireguard-go", tmp_path) as it:
        it.set_up(endpoint=True, psk=PSK)
        it.add_peer(endpoint=True)
        assert "100% packet loss" in it.peer.kernel("ping -c 2 -i 0.2 -W 1 10.9.0.1", fails=True)
        assert "2 sent, 0 received" in it.peer.type("ping 10.9.0.2 repeat 2 interval 0.2")
        assert not it.established
        assert it.handshake == 0


def test_many_packets_come_through_in_order(tmp_path: Path) -> None:
    with tunnel("wireguard-go", tmp_path) as it:
        it.begin()
        it.pings()
        answer = it.peer.kernel("ping -q -c 300 -i 0.002 -s 1000 10.9.0.1")
        assert re.search(r"300 packets transmitted, 300 received", answer)
        errors = it.peer.type("show errors")
        assert "wg4-input" not in errors
        assert "wg4-output-tun" not in errors
