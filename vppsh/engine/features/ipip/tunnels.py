"""The IPIP tunnels of an engine: their interfaces, adjacencies, and the table by which packets find theirs."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency_types import Adjacency
from vppsh.engine.exact_table import ExactTable, Key
from vppsh.engine.features.ip4.local import LocalProtocols as Ip4Protocols
from vppsh.engine.features.ip6.local import LocalProtocols as Ip6Protocols
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.interfaces import DOWN, DeviceClass, HardwareClass, Interface, TunnelEnds
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.tunnel.midchain import Attribute, Encap, Endpoint, Fixup, Midchains, update_adjacency
from vppsh.engine.tunnel.outer import IP4_BYTES, Inner, ip4_outer, ip4_template, ip6_outer, ip6_template, locally_originated
from vppsh.engine.tunnel.receive import ends_key
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.engine.wire import ip_protocol
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

TTL = 64
DSCP_SHIFT = 2
MTU = 9000
PROTOCOLS = {Protocol.IP4: ip_protocol.IP_IN_IP, Protocol.IP6: ip_protocol.IPV6, Protocol.MPLS: ip_protocol.MPLS_IN_IP}
FIXUPS: dict[tuple[Protocol, Protocol], Fixup] = {
    (Protocol.IP4, Protocol.IP4): ip4_outer(Inner.IP4),
    (Protocol.IP4, Protocol.IP6): ip4_outer(Inner.IP6),
    # VPP leaves its own header out of the length here.
    (Protocol.IP4, Protocol.MPLS): locally_originated(ip4_outer(Inner.MPLS, less=IP4_BYTES)),
    (Protocol.IP6, Protocol.IP4): locally_originated(ip6_outer(Inner.IP4)),
    (Protocol.IP6, Protocol.IP6): locally_originated(ip6_outer(Inner.IP6)),
    (Protocol.IP6, Protocol.MPLS): locally_originated(ip6_outer(Inner.MPLS)),
}
"""By (outer, inner) protocol."""


class Mode(enum.IntEnum):
    """VPP's ipip_mode_t, part of the key by which packets find a tunnel."""

    P2P = 0
    P2MP = 1
    SIX_RD = 2


class SixRd(Struct, frozen=True):
    """The prefixes of a 6rd domain: IPv4 addresses are the bits behind `ip6_prefix`."""

    ip6_prefix: Prefix
    ip4_prefix: Prefix
    security_check: bool
    ip6_fib_index: int

    @property
    def shift(self) -> int:
        """How far the IPv4 suffix is above bit 64."""
        return 64 - self.ip6_prefix.length - (32 - self.ip4_prefix.length) if self.ip4_prefix.length < 32 else 0

    @property
    def suffix_mask(self) -> int:
        """The bits of an IPv4 address that come out of an IPv6 address."""
        return (1 << 32 - self.ip4_prefix.length) - 1

    def ip4_of(self, upper_half: int) -> int:
        """The IPv4 address that the upper half of an IPv6 address names."""
        return self.ip4_prefix.address | (upper_half >> self.shift & self.suffix_mask)


@dataclass(eq=False)
class IpipTunnel:
    """One tunnel.

    protocol   of the outer header
    index      in the pool, `instance` in the interface's name
    dst        0 of a multipoint tunnel
    """

    mode: Mode
    protocol: Protocol
    src: int
    dst: int
    fib_index: int
    instance: int
    flags: int = TunnelFlag.NONE
    dscp: int = 0
    six_rd: SixRd | None = None
    index: int = -1
    interface: Interface = field(init=False)

    @property
    def transport(self) -> int:
        """VPP's ipip_transport_t."""
        return int(self.protocol is Protocol.IP6)


class IpipKey(Struct, frozen=True):
    """By what a packet finds its tunnel."""

    protocol: Protocol
    mode: Mode
    src: int
    dst: int
    fib_index: int

    @property
    def words(self) -> Key:
        """As words of the table of its protocol."""
        return (*ends_key(self.protocol, self.src, self.dst), self.fib_index << 8 | self.mode)


def _format_device(interface: Interface) -> str:
    # VPP ends it with a line break of its own.
    return f"IPIP tunnel: id {interface.hardware.device.index}\n"


def _ends(interface: Interface) -> TunnelEnds:
    tunnel = interface.hardware.device
    return TunnelEnds(tunnel.protocol, tunnel.src, tunnel.dst)


DEVICE = DeviceClass("IPIP tunnel device", None, format_device=_format_device, tunnel_ends=_ends)
P2P = HardwareClass("IPIP", point_to_point=True, update_adjacency=update_adjacency)
P2MP = HardwareClass("mIPIP", nbma=True, update_adjacency=update_adjacency)


class IpipTunnels:
    """The tunnels of an engine.

    by_ip4, by_ip6  numbers of tunnels by the words of an IpipKey
    sw_if_index     int32 by number: the interface
    flags           uint8 by number
    copies_ecn      whether any tunnel copies congestion marks out
    six_rds         whether there has been a 6rd tunnel
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.interfaces
        self._midchains = engine.get(Midchains)
        self._teib = engine.get(Teib)
        self._pool = Pool()
        self._by_interface: dict[int, IpipTunnel] = {}
        self._instances: set[int] = set()
        self._registered: set[Protocol] = set()
        self.keys: dict[IpipKey, int] = {}
        self.by_ip4 = ExactTable(2)
        self.by_ip6 = ExactTable(5)
        self.sw_if_index: NDArray[np.int32] = np.zeros(64, np.int32)
        self.flags: NDArray[np.uint8] = np.zeros(64, np.uint8)
        self.copies_ecn = self.six_rds = False
        self._teib.subscribe(self._teib_changed)

    def __iter__(self) -> Iterator[IpipTunnel]:
        """In the order of their numbers."""
        return (tunnel for tunnel in self._pool.items if tunnel is not None)

    def __getitem__(self, index: int) -> IpipTunnel:
        tunnel: IpipTunnel = self._pool.items[index]
        return tunnel

    def find(self, index: int) -> IpipTunnel | None:
        """The tunnel of that number."""
        return self._pool.get(index)

    def of_interface(self, sw_if_index: int) -> IpipTunnel | None:
        """The tunnel of an interface."""
        return self._by_interface.get(sw_if_index)

    def add(self, tunnel: IpipTunnel) -> IpipTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words); its instance is chosen if it is negative."""
        key = IpipKey(tunnel.protocol, tunnel.mode, tunnel.src, tunnel.dst, tunnel.fib_index)
        if tunnel.mode is Mode.P2MP and tunnel.dst:
            raise CommandError("destination IP address when mode is multi-point")
        if key in self.keys:
            raise CommandError("IPIP tunnel already exists...")
        index = self._pool.add(tunnel)
        if tunnel.instance < 0:
            tunnel.instance = index
        if tunnel.instance in self._instances:
            self._pool.remove(index)
            raise CommandError("Instance is in use")
        self._instances.add(tunnel.instance)
        hardware_class = P2P if tunnel.mode is Mode.P2P else P2MP
        self.install(tunnel, index, key, f"ipip{tunnel.instance}", DEVICE, hardware_class, MTU)
        self._midchains.attach(tunnel.interface, self._describe)
        for entry in self._teib.of(tunnel.interface.sw_if_index) if tunnel.mode is Mode.P2MP else ():
            self._set_key(self._teib_key(tunnel, entry), tunnel.index)
        self._register(tunnel.protocol, *PROTOCOLS.values())
        return tunnel

    def install(
        self, tunnel: IpipTunnel, index: int, key: IpipKey, name: str, device: DeviceClass, hardware_class: HardwareClass, mtu: int
    ) -> None:
        """Give a tunnel its place, its interface and its key."""
        tunnel.index = index
        tunnel.interface = self._interfaces.add_hardware(name, device, hardware_class, mtu=mtu, device=tunnel)
        self._by_interface[tunnel.interface.sw_if_index] = tunnel
        if index >= len(self.flags):
            self.sw_if_index = np.concatenate((self.sw_if_index, np.zeros_like(self.sw_if_index)))
            self.flags = np.concatenate((self.flags, np.zeros_like(self.flags)))
        self.sw_if_index[index], self.flags[index] = tunnel.interface.sw_if_index, tunnel.flags
        self.copies_ecn |= bool(tunnel.flags & TunnelFlag.DECAP_COPY_ECN)
        self.six_rds |= tunnel.six_rd is not None
        self._set_key(key, index)

    def allocate(self, tunnel: IpipTunnel) -> int:
        """A number for a tunnel that somebody else makes (6rd)."""
        return self._pool.add(tunnel)

    def delete(self, tunnel: IpipTunnel) -> None:
        """Take a tunnel away."""
        if tunnel.mode is Mode.P2MP:
            for entry in self._teib.of(tunnel.interface.sw_if_index):
                self._remove_key(self._teib_key(tunnel, entry))
        self._interfaces.set_state(tunnel.interface, DOWN)
        del self._by_interface[tunnel.interface.sw_if_index]
        self._interfaces.delete(tunnel.interface)
        self._instances.discard(tunnel.instance)
        self._remove_key(IpipKey(tunnel.protocol, tunnel.mode, tunnel.src, tunnel.dst, tunnel.fib_index))
        self._pool.remove(tunnel.index)

    def register_ip4(self, *protocols: int) -> None:
        """Take packets of IP protocols out of IPv4, unless a tunnel does so already."""
        self._register(Protocol.IP4, *protocols, remember=False)

    def _register(self, outer: Protocol, *protocols: int, remember: bool = True) -> None:
        if outer in self._registered:
            return
        if remember:
            self._registered.add(outer)
        handlers = self._engine.get(Ip4Protocols if outer is Protocol.IP4 else Ip6Protocols)
        for protocol in protocols:
            handlers.register(protocol, "ipip4-input" if outer is Protocol.IP4 else "ipip6-input")

    def _set_key(self, key: IpipKey, index: int) -> None:
        self.keys[key] = index
        (self.by_ip4 if key.protocol is Protocol.IP4 else self.by_ip6).set(key.words, index)

    def _remove_key(self, key: IpipKey) -> None:
        self.keys.pop(key, None)
        (self.by_ip4 if key.protocol is Protocol.IP4 else self.by_ip6).remove(key.words)

    # Adjacencies.

    def _describe(self, adjacency: Adjacency) -> Encap:
        """How packets leave by an adjacency of a tunnel; by one of a multipoint tunnel only to a known peer."""
        tunnel = self._by_interface.get(adjacency.interface)
        if tunnel is None:
            return Encap()
        fixup = FIXUPS[tunnel.protocol, adjacency.link]
        far_end = Endpoint(tunnel.fib_index, Prefix(tunnel.protocol, tunnel.dst, tunnel.protocol.bits))
        attributes = Attribute.NONE
        if tunnel.mode is Mode.P2MP:
            entry = self._teib.find(adjacency.interface, adjacency.protocol, adjacency.next_hop)
            if entry is None:
                return Encap(fixup=fixup, data=tunnel.flags)
            far_end = entry.endpoint
        if not tunnel.flags & TunnelFlag.ENCAP_INNER_HASH:
            attributes |= Attribute.IP_STACK
        if (tunnel.protocol, adjacency.link) == (Protocol.IP4, Protocol.IP4):
            attributes |= Attribute.FIXUP_IP4_IN_IP4
        header = _header(tunnel, far_end.prefix.address, adjacency.link)
        return Encap(header, fixup, tunnel.flags, attributes, far_end, eager=tunnel.mode is Mode.P2MP)

    def _teib_changed(self, entry: TeibEntry, added: bool) -> None:
        """A peer of a multipoint tunnel has come or gone."""
        tunnel = self._by_interface.get(entry.sw_if_index)
        if tunnel is None or tunnel.mode is Mode.SIX_RD:
            return
        key = self._teib_key(tunnel, entry)
        if added:
            self._set_key(key, tunnel.index)
        else:
            self._remove_key(key)
        self._midchains.update_towards(entry.sw_if_index, entry.peer)

    @staticmethod
    def _teib_key(tunnel: IpipTunnel, entry: TeibEntry) -> IpipKey:
        return IpipKey(tunnel.protocol, Mode.P2P, tunnel.src, entry.endpoint.prefix.address, entry.endpoint.fib_index)


def _header(tunnel: IpipTunnel, dst: int, link: Protocol) -> bytes:
    """The outer header of packets of a protocol towards a far end."""
    tos = 0 if tunnel.flags & TunnelFlag.ENCAP_COPY_DSCP else tunnel.dscp << DSCP_SHIFT
    if tunnel.protocol is Protocol.IP6:
        return ip6_template(tunnel.src, dst, PROTOCOLS[link], hop_limit=TTL, traffic_class=tos)
    dont_fragment = bool(tunnel.flags & TunnelFlag.ENCAP_SET_DF)
    return ip4_template(tunnel.src, dst, PROTOCOLS[link], ttl=TTL, tos=tos, dont_fragment=dont_fragment)
