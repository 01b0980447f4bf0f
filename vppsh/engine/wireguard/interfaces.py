"""WireGuard interfaces and their peers (VPP's plugins/wireguard/wireguard_if.c, wireguard_peer.c).

An interface is a tunnel to many. An adjacency on it leads to the peer whose allowed IPs cover the next hop; its header is written
by the midchain, its packets are encrypted by wg4-output-tun and wg6-output-tun, features of the interface while it has peers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Adjacency
from vppsh.engine.fib.fib import IP_PROTOCOLS, Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.interfaces import Change, DeviceClass, HardwareClass, Interface
from vppsh.engine.tunnel.midchain import Encap, Endpoint, Midchains
from vppsh.engine.udp_ports import UdpPorts
from vppsh.engine.wireguard.allowed import AllowedIps
from vppsh.engine.wireguard.cookie import CookieChecker, CookieMaker
from vppsh.engine.wireguard.keys import Secret
from vppsh.engine.wireguard.numbers import SessionNumbers
from vppsh.engine.wireguard.peer import Activity, Peer, Place
from vppsh.engine.wireguard.session import Session
from vppsh.engine.wireguard.timers import Timers
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INSTANCES = 16 * 1024
ANY = -1
NOBODY = -1
INPUT = {Protocol.IP4: "wg4-input", Protocol.IP6: "wg6-input"}
OUTPUT = {"ip4-output": "wg4-output-tun", "ip6-output": "wg6-output-tun"}
COUNTING_SECONDS = 0.5
LOADED_SECONDS = 1.0
HANDSHAKES_PER_PEER = 40


@dataclass
class Load:
    """How many handshake messages come; more than a peer would send make the interface careful for a while."""

    handshakes: int = 0
    counting_until: float = 0.0
    loaded_until: float = 0.0

    def is_high(self, peers: int, now: float) -> bool:
        """Count one more; whether there are too many."""
        if self.counting_until < now:
            self.counting_until, self.handshakes = now + COUNTING_SECONDS, 0
        self.handshakes += 1
        if self.handshakes >= peers * HANDSHAKES_PER_PEER:
            self.loaded_until = now + LOADED_SECONDS
            return True
        return self.loaded_until > now


@dataclass(eq=False)
class WireguardInterface:
    """One interface.

    index     its place in listings; `instance` is the number in its name
    src       our address, of version `protocol`
    """

    instance: int
    port: int
    protocol: Protocol
    src: int
    secret: Secret
    checker: CookieChecker
    index: int = -1
    peers: dict[int, Peer] = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    interface: Interface = field(init=False)


class PeerConfig(Struct, frozen=True):
    """What somebody wants of a peer."""

    public: bytes
    psk: bytes
    far: Place
    table_id: int
    allowed: tuple[Prefix, ...]
    keepalive: int


def _update_adjacency(engine: Engine, adjacency: Adjacency) -> None:
    engine.get(Wireguard).claim(adjacency)
    engine.get(Midchains).update(adjacency)


DEVICE = DeviceClass("Wireguard Tunnel", None)
CLASS = HardwareClass("Wireguard", nbma=True, update_adjacency=_update_adjacency)


class Wireguard:
    """The WireGuard interfaces and peers of an engine.

    peers       by number
    peer_of     int32 by adjacency: the peer that it leads to
    async_mode  what somebody set it to; packets are handled at once all the same
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._adjacencies = engine.get(Adjacencies)
        self._midchains = engine.get(Midchains)
        self._ports = engine.get(UdpPorts)
        self._timers = engine.get(Timers)
        self._numbers = engine.get(SessionNumbers)
        self._pool = Pool()
        self._instances: set[int] = set()
        self._by_interface: dict[int, WireguardInterface] = {}
        self._by_port: dict[int, list[WireguardInterface]] = {}
        self.peers = Pool()
        self.peer_of: NDArray[np.int32] = np.full(64, NOBODY, np.int32)
        self.async_mode = False
        self._adjacencies.freed.append(self._adjacency_freed)
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[WireguardInterface]:
        """In the order of their indices."""
        return (each for each in self._pool.items if each is not None)

    def at_port(self, port: int) -> list[WireguardInterface]:
        """The interfaces that listen at a port."""
        return self._by_port.get(port, [])

    def of_interface(self, sw_if_index: int) -> WireguardInterface | None:
        """The WireGuard side of an interface."""
        return self._by_interface.get(sw_if_index)

    # Interfaces.

    def create(self, instance: int, secret: Secret, port: int, protocol: Protocol, src: int) -> WireguardInterface:
        """A new interface `wgINSTANCE`; ANY takes the lowest number that is free."""
        if instance == ANY:
            instance = next(number for number in range(MAX_INSTANCES + 1) if number not in self._instances)
        if not 0 <= instance < MAX_INSTANCES or instance in self._instances:
            raise CommandError("wireguard interface create failed")
        self._instances.add(instance)
        made = WireguardInterface(instance, port, protocol, src, secret, CookieChecker(secret.public))
        made.index = self._pool.add(made)
        listening = self._by_port.setdefault(port, [])
        if not listening:
            for version in IP_PROTOCOLS:
                self._ports.register(version, port, INPUT[version])
        listening.append(made)
        made.interface = self._engine.interfaces.add_hardware(f"wg{instance}", DEVICE, CLASS, mtu=0, device=made)
        self._by_interface[made.interface.sw_if_index] = made
        self._midchains.attach(made.interface, self._describe)
        return made

    def delete(self, interface: Interface) -> None:
        """Take an interface and its peers away."""
        owner = interface.hardware.device
        if not isinstance(owner, WireguardInterface):
            raise CommandError("wireguard interface delete failed")
        for peer in list(owner.peers.values()):
            self.remove_peer(peer)
        self._instances.discard(owner.instance)
        listening = self._by_port[owner.port]
        listening.remove(owner)
        if not listening:
            del self._by_port[owner.port]
            for version in IP_PROTOCOLS:
                self._ports.unregister(version, owner.port)
        self._engine.interfaces.delete(interface)
        del self._by_interface[interface.sw_if_index]
        self._pool.remove(owner.index)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        owner = self._by_interface.get(interface.sw_if_index)
        if owner is None or change is not Change.ADMIN:
            return
        for peer in list(owner.peers.values()):
            peer.session.clear()
            if interface.admin_up:
                self._begin_session(peer, peer.session.public, peer.session.psk)
                self._timers.first_handshake(peer)
            else:
                self._unstack(peer)
                self._timers.stop(peer)
                peer.established, peer.activity = False, Activity()

    # Peers.

    def add_peer(self, owner: WireguardInterface, config: PeerConfig) -> Peer:
        """A new peer (CommandError if its key is known)."""
        if self.find_peer(config.public) is not None:
            raise CommandError("Peer already exist")
        near, allowed, cookies = Place(owner.src, owner.port), AllowedIps(config.allowed), CookieMaker(config.public)
        peer = Peer(owner, near, config.far, config.table_id, allowed, config.keepalive, cookies)
        self._begin_session(peer, config.public, config.psk)
        peer.index = self.peers.add(peer)
        for adjacency in self._midchains.of(owner.interface.sw_if_index):
            if allowed.covers(adjacency.next_hop):
                self._lead(adjacency, peer)
                self._midchains.forget(adjacency)
                self._midchains.update(adjacency)
        if owner.interface.admin_up:
            self._timers.first_handshake(peer)
        owner.peers[peer.index] = peer
        if len(owner.peers) == 1:
            self._switch_output(owner, True)
        return peer

    def remove_peer(self, peer: Peer) -> None:
        """A peer that goes; what led to it leads nowhere."""
        owner = peer.owner
        del owner.peers[peer.index]
        if not owner.peers:
            self._switch_output(owner, False)
        peer.session.clear()
        self._timers.stop(peer)
        peer.dead, peer.established = True, False
        self._unstack(peer)
        self.peer_of[peer.adjacencies] = NOBODY
        peer.adjacencies.clear()
        self.peers.remove(peer.index)

    def find_peer(self, public: bytes) -> Peer | None:
        """The peer of a public key."""
        return next((peer for peer in self.peers.items if peer is not None and peer.session.public == public), None)

    def move_peer(self, peer: Peer, far: Place) -> None:
        """An authentic message of a peer came from there."""
        if peer.far == far:
            return
        peer.far = far
        for adjacency in map(self._adjacencies.find, peer.adjacencies):
            if adjacency is not None:
                self._midchains.forget(adjacency)
                self._midchains.update(adjacency)

    def fib_index(self, peer: Peer) -> int | None:
        """The table in which a peer's far end is looked up; None while there is no such table."""
        table = self._fib.tables(peer.far.protocol).find(peer.table_id)
        return None if table is None else table.index

    def _begin_session(self, peer: Peer, public: bytes, psk: bytes) -> None:
        """All that is known of earlier keys goes."""
        peer.session = Session(peer.owner.secret, public, psk, self._numbers.forget)

    def _switch_output(self, owner: WireguardInterface, on: bool) -> None:
        for arc, node in OUTPUT.items():
            self._engine.arcs.enable(arc, node, owner.interface.sw_if_index, on)

    # Adjacencies.

    def claim(self, adjacency: Adjacency) -> None:
        """A new adjacency leads to the first peer that has the next hop behind it."""
        owner = self._by_interface.get(adjacency.interface)
        if owner is not None:
            peer = next((each for each in owner.peers.values() if each.allowed.covers(adjacency.next_hop)), None)
            if peer is not None:
                self._lead(adjacency, peer)

    def _lead(self, adjacency: Adjacency, peer: Peer) -> None:
        row = adjacency.index
        if row >= len(self.peer_of):
            self.peer_of = np.concatenate((self.peer_of, np.full(max(len(self.peer_of), row + 1), NOBODY, np.int32)))
        self._leave(row)
        self.peer_of[row] = peer.index
        peer.adjacencies.append(row)

    def _leave(self, row: int) -> None:
        peer = self.peers.get(int(self.peer_of[row])) if row < len(self.peer_of) else None
        if peer is not None:
            self.peer_of[row] = NOBODY
            peer.adjacencies.remove(row)

    def peers_of(self, adjacencies: NDArray[np.int32]) -> NDArray[np.int32]:
        """The peers that adjacencies lead to; a stream can bring packets with any number."""
        found = self.peer_of.take(adjacencies, mode="clip")
        wild = (adjacencies < 0) | (adjacencies >= len(self.peer_of))
        return np.where(wild, np.int32(NOBODY), found) if np.count_nonzero(wild) else found

    def _adjacency_freed(self, adjacency: Adjacency) -> None:
        self._leave(adjacency.index)

    def _unstack(self, peer: Peer) -> None:
        for adjacency in map(self._adjacencies.find, peer.adjacencies):
            if adjacency is not None:
                self._midchains.forget(adjacency)

    def _describe(self, adjacency: Adjacency) -> Encap:
        """What an adjacency writes; of the header nothing is completed before encryption."""
        row = adjacency.index
        peer = self.peers.get(int(self.peer_of[row])) if row < len(self.peer_of) else None
        if peer is None or not peer.header:
            return Encap()
        fib_index = self.fib_index(peer)
        if fib_index is None:
            return Encap(peer.rewrite)
        return Encap(peer.rewrite, endpoint=Endpoint(fib_index, Prefix(peer.far.protocol, peer.far.address, peer.far.protocol.bits)))
