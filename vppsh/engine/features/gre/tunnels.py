"""The GRE tunnels of an engine: their interfaces, adjacencies, and the table by which packets find theirs."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Adjacency
from vppsh.engine.exact_table import ExactTable, Key
from vppsh.engine.features.ip4.local import LocalProtocols as Ip4Protocols
from vppsh.engine.features.ip6.local import LocalProtocols as Ip6Protocols
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.interfaces import DOWN, DeviceClass, HardwareClass, Interface, TunnelEnds
from vppsh.engine.tunnel.flags import Mode, TunnelFlag
from vppsh.engine.tunnel.midchain import Attribute, Encap, Endpoint, Fixup, Midchains, update_adjacency
from vppsh.engine.tunnel.outer import IP4_BYTES, IP6_BYTES, Inner, ip4_outer, ip4_template, ip6_outer, ip6_template
from vppsh.engine.tunnel.receive import ends_key
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.engine.wire import ethertype, gre, ip_protocol
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

TTL, HOP_LIMIT = 254, 255
MTU = 9000
MAC = bytes.fromhex("d00beed0")
MAX_SESSION = 0x3FF
INVALID_DST_ADDRESS = -58
NO_KEY = 0
GRE_BYTES = gre.HEADER.itemsize
PAYLOADS = {Protocol.IP4: ethertype.IP4, Protocol.IP6: ethertype.IP6, Protocol.MPLS: ethertype.MPLS, Protocol.ETHERNET: gre.TEB}
# VPP looks for the inner header right behind a GRE header without a key, whether there is one or not.
FIXUPS: dict[tuple[Protocol, Protocol], Fixup] = {
    (Protocol.IP4, Protocol.IP4): ip4_outer(Inner.IP4, IP4_BYTES + GRE_BYTES),
    (Protocol.IP4, Protocol.IP6): ip4_outer(Inner.IP6, IP4_BYTES + GRE_BYTES),
    (Protocol.IP6, Protocol.IP4): ip6_outer(Inner.IP4, IP6_BYTES + GRE_BYTES),
    (Protocol.IP6, Protocol.IP6): ip6_outer(Inner.IP6, IP6_BYTES + GRE_BYTES),
}
OTHER_FIXUPS = {Protocol.IP4: ip4_outer(Inner.OTHER), Protocol.IP6: ip6_outer(Inner.OTHER)}


class Payload(enum.IntEnum):
    """What a tunnel carries (VPP's gre_tunnel_type_t), part of the key by which packets find a tunnel."""

    L3 = 0
    TEB = 1
    ERSPAN = 2


@dataclass
class Sequence:
    """The number of the next ERSPAN packet between two ends, whatever the session (RFC 2890)."""

    next: int = 0
    users: int = 0


@dataclass(eq=False)
class GreTunnel:
    """One tunnel.

    protocol   of the outer header
    key        NO_KEY for none
    session    of ERSPAN
    index      in the pool, `instance` in the interface's name
    frames     the adjacency by which frames leave
    """

    payload: Payload
    mode: Mode
    protocol: Protocol
    src: int
    dst: int
    fib_index: int
    instance: int = -1
    flags: int = TunnelFlag.NONE
    key: int = NO_KEY
    session: int = 0
    index: int = -1
    interface: Interface = field(init=False)
    frames: Adjacency | None = None
    sequence: Sequence | None = None

    @property
    def lookup_key(self) -> GreKey:
        """By what the tunnel itself is found."""
        return GreKey(self.protocol, self.payload, self.mode, self.src, self.dst, self.fib_index, self.key, self.session)


class GreKey(Struct, frozen=True):
    """By what a packet finds its tunnel."""

    protocol: Protocol
    payload: Payload
    mode: Mode
    src: int
    dst: int
    fib_index: int
    key: int = NO_KEY
    session: int = 0

    @property
    def words(self) -> Key:
        """As words of the table of its protocol."""
        kind = self.session << 16 | self.payload << 8 | (self.mode is Mode.MP)
        return (*ends_key(self.protocol, self.src, self.dst), self.fib_index << 32 | self.key, kind)


def _format_device(interface: Interface) -> str:
    # VPP ends it with a line break of its own.
    return f"GRE tunnel: id {interface.hardware.device.index}\n"


def _ends(interface: Interface) -> TunnelEnds:
    tunnel = interface.hardware.device
    return TunnelEnds(tunnel.protocol, tunnel.src, tunnel.dst, tunnel.payload is Payload.TEB)


DEVICE = DeviceClass("GRE tunnel device", None, "gre-teb-encap", format_device=_format_device, tunnel_ends=_ends)
MIRROR_DEVICE = DeviceClass("GRE tunnel device", None, "gre-erspan-encap", format_device=_format_device, tunnel_ends=_ends)
P2P = HardwareClass("GRE", point_to_point=True, update_adjacency=update_adjacency)
P2MP = HardwareClass("mGRE", nbma=True, update_adjacency=update_adjacency)
FRAMES = HardwareClass("Ethernet", ethernet=True, header_bytes=14, update_adjacency=update_adjacency)


class GreTunnels:
    """The tunnels of an engine.

    by_ip4, by_ip6  numbers of tunnels by the words of a GreKey
    sw_if_index     int32 by number: the interface
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.interfaces
        self._midchains = engine.get(Midchains)
        self._adjacencies = engine.get(Adjacencies)
        self._teib = engine.get(Teib)
        self._pool = Pool()
        self._by_interface: dict[int, GreTunnel] = {}
        self._instances: set[int] = set()
        self._sequences: dict[tuple[Protocol, int, int, int], Sequence] = {}
        self._keys: dict[GreKey, int] = {}
        self._registered = False
        self.by_ip4 = ExactTable(3)
        self.by_ip6 = ExactTable(6)
        self.sw_if_index: NDArray[np.int32] = np.zeros(64, np.int32)
        self._teib.subscribe(self._teib_changed)

    def __iter__(self) -> Iterator[GreTunnel]:
        """In the order of their numbers."""
        return (tunnel for tunnel in self._pool.items if tunnel is not None)

    def find(self, index: int) -> GreTunnel | None:
        """The tunnel of that number."""
        return self._pool.get(index)

    def of_interface(self, sw_if_index: int) -> GreTunnel | None:
        """The tunnel of an interface, or of the one that a sub-interface is on."""
        if sw_if_index not in self._interfaces:
            return None
        interface = self._interfaces[sw_if_index]
        return self._by_interface.get((interface.super or interface).sw_if_index)

    def find_key(self, key: GreKey) -> GreTunnel | None:
        """The tunnel that has exactly this key."""
        index = self._keys.get(key)
        return None if index is None else self._pool.items[index]

    def check(self, tunnel: GreTunnel) -> None:
        """Refuse what cannot be a tunnel (CommandError in VPP's words)."""
        if tunnel.session > MAX_SESSION:
            raise CommandError(f"session ID {tunnel.session} out of range")
        if tunnel.mode is Mode.MP and tunnel.dst:
            raise CommandError(f"vnet_gre_tunnel_add_del returned {INVALID_DST_ADDRESS}")

    def add(self, tunnel: GreTunnel) -> GreTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words); its instance is chosen if it is negative."""
        self.check(tunnel)
        if tunnel.lookup_key in self._keys:
            raise CommandError("GRE tunnel already exists...")
        tunnel.index = self._pool.add(tunnel)
        if tunnel.instance < 0:
            tunnel.instance = tunnel.index
        if tunnel.instance in self._instances:
            self._pool.remove(tunnel.index)
            raise CommandError("Instance is in use")
        self._instances.add(tunnel.instance)
        self._add_interface(tunnel)
        self._set_key(tunnel.lookup_key, tunnel.index)
        index = tunnel.interface.sw_if_index
        if tunnel.mode is Mode.MP:
            for entry in self._teib.of(index):
                self._set_key(self._teib_key(tunnel, entry), tunnel.index)
        if tunnel.payload is Payload.ERSPAN:
            ends = (tunnel.protocol, tunnel.src, tunnel.dst, tunnel.fib_index)
            tunnel.sequence = self._sequences.setdefault(ends, Sequence())
            tunnel.sequence.users += 1
        if tunnel.payload is Payload.L3:
            self._midchains.attach(tunnel.interface, self._describe)
        else:
            self._midchains.attach(tunnel.interface, self._describe, "tunnel-output-no-count")
            tunnel.frames = self._adjacencies.neighbor(tunnel.protocol, Protocol.ETHERNET, 0, index)
        if not self._registered:
            self._registered = True
            self._engine.get(Ip4Protocols).register(ip_protocol.GRE, "gre4-input")
            self._engine.get(Ip6Protocols).register(ip_protocol.GRE, "gre6-input")
        return tunnel

    def delete(self, tunnel: GreTunnel) -> None:
        """Take a tunnel away."""
        if tunnel.mode is Mode.MP:
            for entry in self._teib.of(tunnel.interface.sw_if_index):
                self._remove_key(self._teib_key(tunnel, entry))
        self._interfaces.set_state(tunnel.interface, DOWN)
        if tunnel.frames is not None:
            self._engine.get(L2Interfaces).set_l3(tunnel.interface)
        del self._by_interface[tunnel.interface.sw_if_index]
        self._interfaces.delete(tunnel.interface)
        if tunnel.frames is not None:
            self._midchains.unstack(tunnel.frames)
            self._adjacencies.unlock(tunnel.frames)
        if tunnel.sequence is not None:
            tunnel.sequence.users -= 1
            if not tunnel.sequence.users:
                del self._sequences[tunnel.protocol, tunnel.src, tunnel.dst, tunnel.fib_index]
        self._instances.discard(tunnel.instance)
        self._remove_key(tunnel.lookup_key)
        self._pool.remove(tunnel.index)

    def _add_interface(self, tunnel: GreTunnel) -> None:
        device = MIRROR_DEVICE if tunnel.payload is Payload.ERSPAN else DEVICE
        if tunnel.payload is Payload.L3:
            hardware_class, mac = P2P if tunnel.mode is Mode.P2P else P2MP, bytes(6)
        else:
            hardware_class, mac = FRAMES, MAC + (tunnel.index & 0xFFFF).to_bytes(2, "big")
        tunnel.interface = self._interfaces.add_hardware(f"gre{tunnel.instance}", device, hardware_class, mac=mac, mtu=MTU, device=tunnel)
        self._by_interface[tunnel.interface.sw_if_index] = tunnel
        if tunnel.index >= len(self.sw_if_index):
            self.sw_if_index = np.concatenate((self.sw_if_index, np.zeros_like(self.sw_if_index)))
        self.sw_if_index[tunnel.index] = tunnel.interface.sw_if_index

    def _set_key(self, key: GreKey, index: int) -> None:
        self._keys[key] = index
        (self.by_ip4 if key.protocol is Protocol.IP4 else self.by_ip6).set(key.words, index)

    def _remove_key(self, key: GreKey) -> None:
        self._keys.pop(key, None)
        (self.by_ip4 if key.protocol is Protocol.IP4 else self.by_ip6).remove(key.words)

    # Adjacencies.

    def _describe(self, adjacency: Adjacency) -> Encap:
        """How packets leave by an adjacency of a tunnel; by one of a multipoint tunnel only to a known peer."""
        tunnel = self._by_interface.get(adjacency.interface)
        if tunnel is None or (tunnel.payload is Payload.L3) == (adjacency.link is Protocol.ETHERNET):
            return Encap()
        fixup = FIXUPS.get((tunnel.protocol, adjacency.link), OTHER_FIXUPS[tunnel.protocol])
        far_end = Endpoint(tunnel.fib_index, Prefix(tunnel.protocol, tunnel.dst, tunnel.protocol.bits))
        if tunnel.mode is Mode.MP:
            entry = self._teib.find(adjacency.interface, adjacency.protocol, adjacency.next_hop)
            if entry is None:
                return Encap(fixup=fixup, data=tunnel.flags)
            far_end = entry.endpoint
        attributes = Attribute.NONE if tunnel.flags & TunnelFlag.ENCAP_INNER_HASH else Attribute.IP_STACK
        header = _header(tunnel, far_end.prefix.address, adjacency.link)
        return Encap(header, fixup, tunnel.flags, attributes, far_end, eager=tunnel.mode is Mode.MP)

    def _teib_changed(self, entry: TeibEntry, added: bool) -> None:
        """A peer of a multipoint tunnel has come or gone."""
        tunnel = self._by_interface.get(entry.sw_if_index)
        if tunnel is None or tunnel.mode is not Mode.MP:
            return
        key = self._teib_key(tunnel, entry)
        if added:
            self._set_key(key, tunnel.index)
        else:
            self._remove_key(key)
        self._midchains.update_towards(entry.sw_if_index, entry.peer)

    @staticmethod
    def _teib_key(tunnel: GreTunnel, entry: TeibEntry) -> GreKey:
        far_end = entry.endpoint
        return GreKey(far_end.prefix.protocol, tunnel.payload, Mode.P2P, tunnel.src, far_end.prefix.address, far_end.fib_index, tunnel.key)


def _header(tunnel: GreTunnel, dst: int, link: Protocol) -> bytes:
    """The outer header and GRE's own for packets of a protocol towards a far end."""
    if tunnel.protocol is Protocol.IP6:
        outer = ip6_template(tunnel.src, dst, ip_protocol.GRE, hop_limit=HOP_LIMIT)
    else:
        outer = ip4_template(tunnel.src, dst, ip_protocol.GRE, ttl=TTL)
    flags, payload, key = 0, PAYLOADS[link], b""
    if tunnel.payload is Payload.ERSPAN:
        flags, payload = gre.FLAG_SEQUENCE, gre.ERSPAN
    elif tunnel.key != NO_KEY:
        flags, key = gre.FLAG_KEY, tunnel.key.to_bytes(4, "big")
    # What a key takes is there for ERSPAN, too, though nothing is written to it.
    room = bytes(4) if tunnel.key != NO_KEY and not key else b""
    return outer + flags.to_bytes(2, "big") + payload.to_bytes(2, "big") + key + room
