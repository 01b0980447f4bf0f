"""Two gateways with a link between them, which talk IKE over it; the test carries their packets."""

from __future__ import annotations

from collections.abc import Callable

from tests.gateways import INSIDE, NODES, OUTSIDE, Gateway
from tests.packets import ip4_packet
from vppsh.engine.ikev2.sa import ChildSa, IkeSa
from vppsh.engine.ikev2.state import IkeSas

ADDRESSES = ("10.0.1.1", "10.0.1.2")
ADDRESSES6 = ("2001:db8:1::1", "2001:db8:1::2")
INSIDES = ("10.0.0.1", "10.2.0.1")
SECRET = "a secret of two"
PARTS = {
    "auth": "auth", "id_local": "id local", "id_remote": "id remote", "ts_local": "traffic-selector local",
    "ts_remote": "traffic-selector remote", "responder": "responder", "ike": "ike-crypto-alg", "esp": "esp-crypto-alg",
    "lifetime": "sa-lifetime", "tunnel": "tunnel",
}  # fmt: skip
"""What a profile consists of, and how it is typed."""


class Site(Gateway):
    """One of two gateways: 10.0.1.1 with 10.0.0.0/24 inside, or 10.0.1.2 with 10.2.0.0/24; each is the other's neighbour on if1."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()

    def add_address(self, address: str, length: int, link: int) -> None:
        own = {INSIDE: self._inside, OUTSIDE: self._outside}.get(link)
        super().add_address(own(address, 1) if own else address, length, link)

    def add_neighbor(self, address: str, link: int) -> None:
        own = {INSIDE: self._inside, OUTSIDE: self._outside}.get(link)
        super().add_neighbor(own(address, 2) if own else address, link)

    def _inside(self, address: str, host: int) -> str:
        if ":" in address:
            return f"2001:db8:{2000 * self.number or ''}::{host}" if self.number else address
        return f"10.{2 * self.number}.0.{host}"

    def _outside(self, address: str, host: int) -> str:
        mine = self.number + 1 if host == 1 else 2 - self.number
        return f"2001:db8:1::{mine}" if ":" in address else f"10.0.1.{mine}"

    @property
    def outside_packets(self) -> list[bytes]:
        """What has left by if1 since the last look, without Ethernet headers; no ARP."""
        taken = [data[14:] for name, data in self.left if name == "if1" and data[12:14] in (b"\x08\x00", b"\x86\xdd")]
        self.left = [(name, data) for name, data in self.left if name != "if1"]
        return taken

    def arrive(self, packet: bytes) -> None:
        """A packet comes in by if1."""
        frame = self.frame(packet, link=OUTSIDE)
        self.engine.dispatcher.send(self.engine.graph[NODES[packet[0] >> 4]], frame)
        self.settle()

    def profile(self, name: str = "p", *, ip6: bool = False, **changed: str) -> None:
        """A profile for the other site; `changed` are PARTS with other words than usual."""
        mine, theirs = self.number, 1 - self.number
        words = {
            "auth": f"shared-key-mic string {{{SECRET}}}",
            "id_local": f"fqdn site{mine}",
            "id_remote": f"fqdn site{theirs}",
            "ts_local": selector(2 * mine),
            "ts_remote": selector(2 * theirs),
            "responder": f"if1 {(ADDRESSES6 if ip6 else ADDRESSES)[theirs]}",
            "ike": "aes-cbc 256 ike-integ-alg sha1-96 ike-dh ecp-256",
            "esp": "aes-gcm-16 256",
        } | changed
        self.type(f"ikev2 profile add {name}", *(f"ikev2 profile set {name} {PARTS[part]} {said}" for part, said in words.items()))

    def tunnel(self) -> None:
        """Let the tunnel that came up carry what is for the other site."""
        other = 2 * (1 - self.number)
        self.type(
            "set interface state ipip0 up", "set interface unnumbered ipip0 use if1", f"ip route add 10.{other}.0.0/24 via ipip0"
        )  # fmt: skip

    @property
    def sas(self) -> list[IkeSa]:
        """The IKE SAs."""
        return list(self.engine.get(IkeSas))

    @property
    def ike(self) -> IkeSa:
        """The only IKE SA."""
        [found] = self.sas
        return found

    @property
    def child(self) -> ChildSa:
        """The only child SA."""
        [found] = self.ike.children
        return found

    @property
    def spi(self) -> int:
        """By which commands name the only child SA: that of what comes to who began it."""
        assert self.child.offered is not None
        return self.child.offered.spi

    def counts(self, node: str = "ikev2-ip4") -> dict[str, int]:
        """What a node has counted, besides packets."""
        names = [each.name for each in self.engine.graph[node].spec.errors if each.name != "processed"]
        return {name: self.count(node, name) for name in names if self.count(node, name)}


def selector(second: int) -> str:
    """A traffic selector of everything in 10.N.0.0/24."""
    return f"ip-range 10.{second}.0.0 - 10.{second}.0.255 port-range 0 - 65535 protocol 0"


class Link:
    """Two sites and what goes between them.

    seen    every packet, as (number of the sender, bytes)
    change  (number of the sender, packet) -> the packet that arrives, or None of one that is lost
    """

    def __init__(self) -> None:
        self.sites = (Site(0), Site(1))
        self.seen: list[tuple[int, bytes]] = []
        self.change: Callable[[int, bytes], bytes | None] = lambda _, packet: packet

    def carry(self) -> None:
        """Carry packets until no more come."""
        for _ in range(100):
            sent = [(site.number, packet) for site in self.sites for packet in site.outside_packets]
            if not sent:
                return
            self.seen += sent
            for number, packet in sent:
                arriving = self.change(number, packet)
                if arriving is not None:
                    self.sites[1 - number].arrive(arriving)
        raise AssertionError("packets go on for ever")

    def wait(self, seconds: float) -> None:
        """Let time pass at both sites, two seconds at a time, as the managers sleep."""
        while seconds > 0:
            step = min(seconds, 2.0)
            for site in self.sites:
                site.engine.run_for(step)
            self.carry()
            seconds -= step

    def type(self, number: int, line: str) -> str:
        """Type a line at a site, and carry what comes of it."""
        answer = self.sites[number](line)
        self.carry()
        return answer

    def up(self, *, ip6: bool = False, **changed: str) -> None:
        """Profiles at both sites, and the first one begins."""
        for site in self.sites:
            site.profile(ip6=ip6, **changed)
        assert self.type(0, "ikev2 initiate sa-init p") == ""

    def ping(self, number: int = 0, payload: bytes = b"hello") -> bool:
        """Whether a packet from inside one site gets inside the other, unseen on the way."""
        there, begin = self.sites[1 - number], len(self.seen)
        src, dst = (0x0A000002 + (2 * each << 16) for each in (number, 1 - number))
        self.sites[number].send("ip4-input", ip4_packet(src, dst, payload=payload, protocol=253))
        there.left.clear()
        self.carry()
        arrived = [data[14:] for name, data in there.left if name == "if0"]
        assert all(payload not in packet for _, packet in self.seen[begin:])
        return len(arrived) == 1 and arrived[0].endswith(payload)
