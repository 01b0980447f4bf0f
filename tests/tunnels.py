"""A router with tunnels over its second link, and what their outer headers are in plain Python."""

from __future__ import annotations

import random
import struct

from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import CATALOG, Router, number
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.interfaces import UP, Interface
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.registry import Catalog

NEAR = {4: number("10.0.1.1"), 6: number("2001:db8:1::1")}
FAR = {4: number("10.0.1.2"), 6: number("2001:db8:1::2")}
"""The ends of tunnels over if1: our address there, our neighbour's."""
PROTOCOL = {4: Protocol.IP4, 6: Protocol.IP6}
LABEL = 0xFFFFF


class TunnelRouter(Router):
    """A router of both versions whose overlay is what tests make it."""

    def __init__(self, catalog: Catalog = CATALOG) -> None:
        super().__init__(ip6=True, catalog=catalog)

    def start(self, interface: Interface) -> Interface:
        """Bring a tunnel's interface up and let it receive packets of both versions."""
        self.engine.interfaces.set_state(interface, UP)
        for protocol in PROTOCOL.values():
            self.engine.get(IpEnable).enable(protocol, interface.sw_if_index)
        return interface

    def route(self, text: str, interface: Interface, next_hop: str = "") -> None:
        """A route by an interface, in place of the one there is."""
        wanted, hop = prefix(text), number(next_hop) if next_hop else 0
        path = RoutePath(wanted.protocol, hop, interface.sw_if_index)
        self.engine.get(Fib).tables(wanted.protocol)[0].update(wanted, Source.CLI, EntryFlag.NONE, [path])

    def unroute(self, text: str) -> None:
        """Take a route away."""
        wanted = prefix(text)
        self.engine.get(Fib).tables(wanted.protocol)[0].delete(wanted, Source.CLI)

    def forward(self, version: int, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """Let packets come in by if0; what leaves because of them."""
        return self.send(f"ip{version}-input", *packets, scattered=scattered)

    def receive(self, version: int, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """Let encapsulated packets come in by if1; what leaves because of them."""
        return self.send(f"ip{version}-input", *packets, link=1, scattered=scattered)


def prefix(text: str) -> Prefix:
    """A prefix as it is typed."""
    address, _, length = text.partition("/")
    protocol = Protocol.IP6 if ":" in address else Protocol.IP4
    return Prefix(protocol, number(address), int(length or protocol.bits))


def random_packet(rng: random.Random, version: int, dst: int) -> bytes:
    """A packet with every field that a tunnel may copy at random."""
    payload = rng.randbytes(rng.choice((8, 26, 101, 700)))
    if version == 4:
        offset = rng.choice((0, 0x4000))
        src = rng.getrandbits(31)
        return ip4_packet(
            src, dst, payload=payload, ttl=rng.randrange(2, 256), protocol=17, tos=rng.randrange(256), flags_and_offset=offset
        )
    data = bytearray(ip6_packet(rng.getrandbits(127), dst, payload=payload, hop_limit=rng.randrange(2, 256), label=rng.getrandbits(20)))
    struct.pack_into(">H", data, 0, 6 << 12 | rng.randrange(256) << 4 | data[1] & 15)
    return bytes(data)


def hop(packet: bytes) -> bytes:
    """A packet one hop on."""
    data = bytearray(packet)
    if data[0] >> 4 == 6:
        data[7] -= 1
        return bytes(data)
    data[8] -= 1
    data[10:12] = bytes(2)
    size = 4 * (data[0] & 15)
    data[10:12] = struct.pack(">H", ones_complement(bytes(data[:size])))
    return bytes(data)


def traffic_class(packet: bytes) -> int:
    """TOS, or traffic class."""
    return packet[1] if packet[0] >> 4 == 4 else struct.unpack(">H", packet[:2])[0] >> 4 & 0xFF


def outer_twin(
    version: int, inner: bytes, *, protocol: int, ttl: int, flags: int = 0, between: bytes = b"", label: int = 0, src: int = 0, dst: int = 0
) -> bytes:  # fmt: skip
    """The outer header and what is in it, as it goes into the tunnel: `inner` has made its hop, `label` is the flow hash of IPv4.

    between  what lies between the outer header and the inner packet
    """
    ecn = TunnelFlag.ENCAP_COPY_ECN
    tos = (0xFC if flags & TunnelFlag.ENCAP_COPY_DSCP else 0) | (0x03 if flags & ecn else 0)
    tos &= traffic_class(inner)
    inner_is_4 = inner[0] >> 4 == 4
    if flags & TunnelFlag.ENCAP_COPY_HOP_LIMIT:
        ttl = inner[8] if inner_is_4 else inner[7]
    src, dst = src or NEAR[version], dst or FAR[version]
    if version == 4:
        dont = bool(flags & TunnelFlag.ENCAP_SET_DF) or bool(flags & TunnelFlag.ENCAP_COPY_DF and inner_is_4 and inner[6] & 0x40)
        return ip4_packet(src, dst, payload=between + inner, ttl=ttl, protocol=protocol, tos=tos, flags_and_offset=0x4000 * dont)
    first = 6 << 28 | tos << 20
    if flags & TunnelFlag.ENCAP_COPY_FLOW_LABEL:
        first |= (label if inner_is_4 else int.from_bytes(inner[:4], "big")) & LABEL
    return ip6_packet(src, dst, payload=between + inner, hop_limit=ttl, protocol=protocol, label=first & ~(6 << 28))
