"""Gateways with WireGuard tunnels, for tests: one that talks to a peer in plain Python, and two that talk to each other."""

from __future__ import annotations

import base64
import random
import struct

from tests.gateways import CATALOG
from tests.noise_peer import NoisePeer
from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.interfaces import DOWN, UP
from vppsh.engine.wireguard.interfaces import Wireguard
from vppsh.engine.wireguard.peer import Peer
from vppsh.session import Session

PRIVATE = [bytes(range(each, each + 32)) for each in (7, 77, 147)]
NEAR = {4: "10.0.1.1", 6: "2001:db8:1::1"}
FAR = {4: "10.0.1.2", 6: "2001:db8:1::2"}
INSIDE = {4: "10.0.0.2", 6: "2001:db8::2"}
"""A host behind if0."""
REMOTE = {4: "10.2.0.5", 6: "2001:db8:2000::5"}
"""A host behind the other end."""
PORT = 51820
UDP = 17
OVER = [(outer, inner) for outer in (4, 6) for inner in (4, 6)]


def text(key: bytes) -> str:
    """A key as it is typed."""
    return base64.b64encode(key).decode()


def public(private: bytes) -> str:
    """The public key of a private one, as it is typed."""
    return text(NoisePeer(private).public)


class WgGateway(Router):
    """Inside is if0; the other end of tunnels is on if1, with 10.2.0.0/16 and 2001:db8:2000::/48 behind it.

    end  0: our addresses on if1 are NEAR; 1: FAR. Of the second one, the networks inside and remote change places, too
    """

    def __init__(self, end: int = 0, outer: int = 4, psk: bytes = b"") -> None:
        super().__init__(ip6=True, catalog=CATALOG)
        self.end, self.outer = end, outer
        self.session = Session(self.engine)
        near, far = (FAR, NEAR) if end else (NEAR, FAR)
        if end:
            self._change_places()
        self.wireguard = self.engine.get(Wireguard)
        assert self(f"wireguard create listen-port {PORT} private-key {text(PRIVATE[end])} src {near[outer]}") == "wg0"
        self.type(
            "set interface state wg0 up", f"set interface ip address wg0 172.16.0.{end + 1}/24",
            f"set interface ip address wg0 2001:db8:f::{end + 1}/64",
            *(f"ip route add {net} via {hop} wg0" for net, hop in zip(self.behind(1 - end), self.overlay(1 - end))),
        )  # fmt: skip
        secret = f" preshared-key {text(psk)}" if psk else ""
        others = (*self.behind(1 - end), *(f"{address}/{128 if ':' in address else 32}" for address in self.overlay(1 - end)))
        allowed = " ".join(f"allowed-ip {net}" for net in others)
        self.type(
            f"wireguard peer add wg0 public-key {public(PRIVATE[1 - end])} endpoint {far[outer]} {allowed} dst-port {PORT}{secret}",
        )

    @staticmethod
    def behind(end: int) -> tuple[str, str]:
        """The networks behind an end."""
        return ("10.2.0.0/16", "2001:db8:2000::/48") if end else ("10.0.0.0/24", "2001:db8::/64")

    @staticmethod
    def overlay(end: int) -> tuple[str, str]:
        """The addresses of an end in the tunnel."""
        return f"172.16.0.{end + 1}", f"2001:db8:f::{end + 1}"

    def _change_places(self) -> None:
        """Be the other end of the link, with the other networks inside."""
        for address in ("if1 10.0.1.1/24", "if0 10.0.0.1/24", "if1 2001:db8:1::1/64", "if0 2001:db8::1/64"):
            self.type(f"set interface ip address del {address}")
        self.add_address(FAR[4], 24, 1)
        self.add_address(FAR[6], 64, 1)
        self.add_neighbor(NEAR[4], 1)
        self.add_neighbor(NEAR[6], 1)
        self.add_address("10.2.0.1", 24, 0)
        self.add_address("2001:db8:2000::1", 64, 0)
        self.add_neighbor(REMOTE[4], 0)
        self.add_neighbor(REMOTE[6], 0)
        self.settle()
        self.left.clear()

    def __call__(self, line: str) -> str:
        answer = self.session.execute(line).text
        self.settle()
        return answer.rstrip("\n")

    def type(self, *lines: str) -> None:
        """Lines that answer nothing."""
        for line in lines:
            assert self(line) == "", line

    @property
    def peer(self) -> Peer:
        """The first peer."""
        found = self.wireguard.peers.get(0)
        assert isinstance(found, Peer)
        return found

    def switch(self, up: bool) -> None:
        """Set the state of wg0."""
        self.engine.interfaces.set_state(self.engine.interfaces[self.peer.owner.interface.sw_if_index], UP if up else DOWN)

    def pass_time(self, seconds: float) -> list[bytes]:
        """Let time pass; what left by if1 meanwhile."""
        before = len(self.left)
        self.engine.run_for(seconds)
        return self.outside(before)

    def outside(self, before: int = 0) -> list[bytes]:
        """What has left by if1 since then, without Ethernet headers."""
        return self._udp("if1", before)

    def inside(self, before: int = 0) -> list[bytes]:
        """What has left by if0 since then."""
        return self._udp("if0", before)

    def _udp(self, link: str, before: int) -> list[bytes]:
        """Datagrams only: what routers say to each other does not count."""
        packets = (data[14:] for name, data in self.left[before:] if name == link)
        return [packet for packet in packets if packet[9 if packet[0] >> 4 == 4 else 6] == UDP]

    def goes_out(self, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """What leaves by if1 when packets come from inside."""
        before = len(self.left)
        self.send(f"ip{packets[0][0] >> 4}-input", *packets, scattered=scattered)
        return self.outside(before)

    def comes_in(self, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """What leaves by if0 when packets come from the other end."""
        before = len(self.left)
        self.send(f"ip{packets[0][0] >> 4}-input", *packets, link=1, scattered=scattered)
        return self.inside(before)

    def counted(self) -> dict[str, int]:
        """The errors of WireGuard's nodes that were counted."""
        errors, found = self.engine.errors, {}
        for name in ("wg4-input", "wg6-input", "wg4-output-tun", "wg6-output-tun"):
            for spec in self.engine.graph[name].spec.errors:
                count = self.count(name, spec.name)
                if count:
                    found[f"{name} {spec.text}"] = count
        assert len(errors.counts)
        return found


class Pair:
    """Two gateways, and the wire between them."""

    def __init__(self, outer: int = 4, psk: bytes = b"") -> None:
        self.ends = (WgGateway(0, outer, psk), WgGateway(1, outer, psk))
        # They do not throw the same dice.
        self.ends[1].engine.random.integers(100, size=7)
        self._carried = [0, 0]

    def carry(self) -> int:
        """Bring what has left by one if1 to the other one, until nothing is left; how many packets that were."""
        total = 0
        while True:
            moved = 0
            for here, there in ((0, 1), (1, 0)):
                packets = self.ends[here].outside(self._carried[here])
                self._carried[here] = len(self.ends[here].left)
                for packet in packets:
                    self.ends[there].send(f"ip{packet[0] >> 4}-input", packet, link=1)
                moved += len(packets)
            if not moved:
                return total
            total += moved

    def begin(self) -> None:
        """Let the first one begin a handshake."""
        self.ends[0].pass_time(0.5)
        self.carry()
        self.ends[1].pass_time(0.5)
        self.carry()

    def pass_time(self, seconds: float, step: float = 0.5) -> int:
        """Let time pass on both sides, with the wire at work; how many packets it carried."""
        carried = 0
        while seconds > 0:
            for end in self.ends:
                end.engine.run_for(min(step, seconds))
            carried += self.carry()
            seconds -= step
        return carried

    def send(self, here: int, *packets: bytes) -> list[bytes]:
        """What gets inside at the other side when packets come from inside here."""
        before = len(self.ends[1 - here].left)
        self.ends[here].goes_out(*packets)
        self.carry()
        return self.ends[1 - here].inside(before)


class Duet:
    """A gateway, and the other end of its tunnel in plain Python."""

    def __init__(self, outer: int = 4, psk: bytes = b"") -> None:
        self.outer = outer
        self.gateway = WgGateway(0, outer, psk)
        self.peer = NoisePeer(PRIVATE[1], psk or bytes(32))
        self.peer.other = NoisePeer(PRIVATE[0]).public
        self.time = 1_800_000_000

    def wrap(self, message: bytes, *, src: str = "", sport: int = PORT, dport: int = PORT) -> bytes:
        """A message to the gateway, with IP and UDP."""
        udp = struct.pack(">HHHH", sport, dport, 8 + len(message), 0) + message
        if self.outer == 4:
            return ip4_packet(number(src or FAR[4]), number(NEAR[4]), payload=udp)
        ends = number(src or FAR[6]).to_bytes(16, "big") + number(NEAR[6]).to_bytes(16, "big")
        sum_ = ones_complement(ends + struct.pack(">II", len(udp), 17) + udp) or 0xFFFF
        udp = udp[:6] + struct.pack(">H", sum_) + udp[8:]
        return ip6_packet(number(src or FAR[6]), number(NEAR[6]), payload=udp)

    def unwrap(self, packet: bytes) -> bytes:
        """The message in a packet from the gateway, whose headers are checked."""
        at = 20 if self.outer == 4 else 40
        source, destination, length, sum_ = struct.unpack_from(">HHHH", packet, at)
        assert (source, destination) == (PORT, self.gateway.peer.far.port)
        assert length == len(packet) - at
        if self.outer == 4:
            assert packet[0] == 0x45
            assert sum_ == 0
            assert int.from_bytes(packet[2:4], "big") == len(packet)
            assert ones_complement(packet[:20]) == 0
            assert (packet[8], packet[9]) == (63, 17)
        else:
            assert packet[:4] == b"\x60\0\0\0"
            assert int.from_bytes(packet[4:6], "big") == length
            assert (packet[6], packet[7]) == (17, 63)
            assert ones_complement(packet[8:40] + struct.pack(">II", length, 17) + packet[40:]) == 0
        return packet[at + 8 :]

    def tai64n(self) -> bytes:
        """A time later than the last one."""
        self.time += 1
        return struct.pack(">QI", 0x400000000000000A + self.time, 0)

    def exchange(self, *messages: bytes, **from_: str | int) -> list[bytes]:
        """What the gateway answers to messages."""
        before = len(self.gateway.left)
        self.gateway.comes_in(*(self.wrap(message, **from_) for message in messages))  # type: ignore[arg-type]  # one text, two numbers
        return [self.unwrap(packet) for packet in self.gateway.outside(before)]

    def delivers(self, *messages: bytes, scattered: bool = False) -> list[bytes]:
        """What gets inside of messages of data."""
        return self.gateway.comes_in(*map(self.wrap, messages), scattered=scattered)

    def open_all(self, packets: list[bytes]) -> list[tuple[int, bytes]]:
        """Numbers and contents of packets of data from the gateway."""
        return [self.peer.open(self.unwrap(packet)) for packet in packets]

    def initiate(self) -> None:
        """The peer begins: afterwards there are keys, and the gateway may use them."""
        (response,) = self.exchange(self.peer.initiation(self.tai64n()))
        self.peer.finish(response)
        assert self.exchange(self.peer.seal(b"")) == []

    def respond(self) -> None:
        """The gateway begins, after a moment."""
        (packet,) = self.gateway.pass_time(0.5)
        answer = self.peer.answer(self.unwrap(packet))
        (keepalive,) = self.exchange(answer)
        assert self.peer.open(keepalive) == (0, b"")


def from_inside(inner: int, size: int = 40, rng: random.Random | None = None) -> bytes:
    """A packet from a host inside to one behind the other end."""
    payload = (rng or random.Random(size)).randbytes(size)
    make = ip4_packet if inner == 4 else ip6_packet
    return make(number(INSIDE[inner]), number(REMOTE[inner]), payload=payload)


def from_remote(inner: int, size: int = 40, src: str = "") -> bytes:
    """A packet from a host behind the other end to one inside."""
    payload = random.Random(size).randbytes(size)
    make = ip4_packet if inner == 4 else ip6_packet
    return make(number(src or REMOTE[inner]), number(INSIDE[inner]), payload=payload)
