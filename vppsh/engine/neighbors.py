"""Neighbours: which MAC address an IP address has on an interface.

VPP counterpart: vnet/ip-neighbor/ip_neighbor.c. A neighbour completes the adjacencies towards it and
has a host route of its own (source "adjacency"). ARP and ND teach and ask through this table: they
call `learn` and set `probes`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies, Adjacency, Kind
from vppsh.engine.fib.fib import IP_PROTOCOLS, Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.engine.link_local import LinkLocalTables, is_link_local

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DEFAULT_LIMIT = 50000
MAX_PROBES = 3
"""Probes without an answer; an aged neighbour that had so many is forgotten at the next look."""


class NeighborFlag(enum.IntFlag):
    """What is known of a neighbour; its letters as `show ip neighbors` prints them are S, D, N, P and A."""

    STATIC = 1 << 0
    DYNAMIC = 1 << 1
    NO_FIB_ENTRY = 1 << 2
    PENDING = 1 << 3
    STALE = 1 << 4


FLAG_LETTERS = "SDNPA"


class AddResult(enum.Enum):
    """What became of a neighbour that was to be added."""

    DONE = "done"
    IS_STATIC = "a static entry is there"
    LIMIT = "the table is full"


@dataclass(eq=False, slots=True)
class Neighbor:
    """One neighbour; `updated` is when it was last heard of, on the engine's clock."""

    index: int
    protocol: Protocol
    interface: int
    address: int
    mac: bytes
    flags: NeighborFlag
    updated: float = 0.0
    probes: int = 0
    has_route: bool = False

    @property
    def flag_letters(self) -> str:
        """The flags as one letter each."""
        return "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if self.flags >> bit & 1)

    @property
    def is_dynamic(self) -> bool:
        """Whether it was learned, and so can age."""
        return bool(self.flags & NeighborFlag.DYNAMIC)

    @property
    def is_link_local(self) -> bool:
        """Whether it is an IPv6 link-local address, which is in no FIB of the interface."""
        return self.protocol is Protocol.IP6 and is_link_local(self.address)


class Limits(Struct):
    """How many neighbours of a protocol are kept (0: any number), and for how long (0: for ever)."""

    limit: int = DEFAULT_LIMIT
    age: int = 0
    recycle: bool = False


Probe = Callable[[int, int], None]
"""`(sw_if_index, address)`: ask on an interface who has an address."""


class Neighbors:
    """The neighbours of an engine.

    probes          how to ask, by protocol; ARP and ND set theirs
    config_changed  called with the protocol when its limits change; the ageing process sets it
    """

    def __init__(self, engine: Engine) -> None:
        self._clock = engine.clock
        self._fib = engine.get(Fib)
        self._adjacencies = engine.get(Adjacencies)
        self._interfaces = engine.get(Interfaces)
        self._link_local = engine.get(LinkLocalTables)
        self._pool = Pool()
        self._by_key: dict[tuple[Protocol, int, int], Neighbor] = {}
        self._order: dict[Protocol, dict[Neighbor, None]] = {protocol: {} for protocol in IP_PROTOCOLS}
        self._counts = dict.fromkeys(IP_PROTOCOLS, 0)
        self._routes: dict[tuple[Protocol, int], int] = {}
        self.limits = {protocol: Limits() for protocol in IP_PROTOCOLS}
        self.probes: dict[Protocol, Probe] = {}
        self.config_changed: Callable[[Protocol], None] | None = None
        self._adjacencies.resolve = self.resolve
        self._fib.address_watchers.append(self._address_deleted)
        self._fib.bind_watchers.append(self._bound)
        self._interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[Neighbor]:
        """In the order of their indices."""
        return (neighbor for neighbor in self._pool.items if neighbor is not None)

    def find(self, protocol: Protocol, interface: int, address: int) -> Neighbor | None:
        """The neighbour of that address on an interface, if it is known."""
        return self._by_key.get((protocol, interface, address))

    def oldest_first(self, protocol: Protocol) -> list[Neighbor]:
        """The dynamic neighbours, the one longest not heard of first."""
        return list(self._order[protocol])

    def add(self, protocol: Protocol, interface: int, address: int, mac: bytes, flags: NeighborFlag) -> AddResult:
        """Add a neighbour, or refresh or change the one there is."""
        known = self._by_key.get((protocol, interface, address))
        if known is None:
            known = self._create(protocol, interface, address, mac, flags)
            if known is None:
                return AddResult.LIMIT
            self._refresh(known)
            return AddResult.DONE
        known.flags &= ~NeighborFlag.STALE
        if known.flags & NeighborFlag.STATIC and not flags & NeighborFlag.STATIC:
            return AddResult.DONE if known.mac == mac else AddResult.IS_STATIC
        if flags & NeighborFlag.STATIC and not known.flags & NeighborFlag.STATIC:
            self._order[protocol].pop(known, None)
            known.flags = known.flags & ~NeighborFlag.DYNAMIC | NeighborFlag.STATIC
        if known.mac != mac:
            known.mac = mac
            self._complete(known)
        self._refresh(known)
        return AddResult.DONE

    def learn(self, protocol: Protocol, interface: int, address: int, mac: bytes) -> None:
        """An ARP or ND packet has told of a neighbour."""
        if interface in self._interfaces:
            self.add(protocol, interface, address, mac, NeighborFlag.DYNAMIC)

    def delete(self, protocol: Protocol, interface: int, address: int) -> bool:
        """Forget a neighbour; whether it was known."""
        known = self._by_key.get((protocol, interface, address))
        if known is not None:
            self._destroy(known)
        return known is not None

    def flush(self, protocol: Protocol, interface: int | None = None, *, static: bool = True) -> None:
        """Forget the neighbours of an interface, or all."""
        for neighbor in list(self):
            if neighbor.protocol is protocol and interface in (None, neighbor.interface) and (static or neighbor.is_dynamic):
                self._destroy(neighbor)

    def configure(self, protocol: Protocol, limits: Limits) -> None:
        """Change how many neighbours are kept, and for how long."""
        self.limits[protocol] = limits
        if self.config_changed is not None:
            self.config_changed(protocol)

    def resolve(self, adjacency: Adjacency) -> None:
        """Complete an adjacency if the neighbour is known; ask for the neighbour otherwise."""
        known = self._by_key.get((adjacency.protocol, adjacency.interface, adjacency.next_hop))
        if known is not None:
            self._complete(known)
        elif adjacency.kind is Kind.INCOMPLETE:
            self._adjacencies.make_incomplete(adjacency)
            self.probe(adjacency.protocol, adjacency.interface, adjacency.next_hop)

    def probe(self, protocol: Protocol, interface: int, address: int) -> None:
        """Ask on an interface who has an address."""
        probe = self.probes.get(protocol)
        if probe is not None and interface in self._interfaces and self._interfaces[interface].admin_up:
            probe(interface, address)

    def age(self, neighbor: Neighbor) -> float:
        """Seconds since a neighbour was heard of."""
        return self._clock.now() - neighbor.updated

    def next_look(self, protocol: Protocol) -> float:
        """Seconds until the neighbour longest not heard of may be too old; it is probed if it is already."""
        oldest = next(iter(self._order[protocol]), None)
        return float(self.limits[protocol].age) if oldest is None else self._look_at(oldest)

    def age_out(self, protocol: Protocol) -> float:
        """Probe the neighbours that are too old, forget those that did not answer; seconds to the next look."""
        wait = float(self.limits[protocol].age)
        for neighbor in self.oldest_first(protocol):
            wait = min(wait, self._look_at(neighbor))
            if not neighbor.probes:
                break
            if neighbor.probes > MAX_PROBES:
                self._destroy(neighbor)
        return wait

    def _look_at(self, neighbor: Neighbor) -> float:
        """Ask for a neighbour that is too old; seconds until it should be looked at again."""
        age, old = self.limits[neighbor.protocol].age, int(self.age(neighbor))
        if old <= age:
            return float(age - old + 1)
        if neighbor.probes < MAX_PROBES:
            self.probe(neighbor.protocol, neighbor.interface, neighbor.address)
        neighbor.probes += 1
        return 1.0

    def _create(self, protocol: Protocol, interface: int, address: int, mac: bytes, flags: NeighborFlag) -> Neighbor | None:
        limits = self.limits[protocol]
        if limits.limit and self._counts[protocol] >= limits.limit:
            oldest = next(iter(self._order[protocol]), None)
            if not limits.recycle or oldest is None:
                return None
            self._destroy(oldest)
        neighbor = Neighbor(0, protocol, interface, address, mac, flags)
        neighbor.index = self._pool.add(neighbor)
        self._by_key[protocol, interface, address] = neighbor
        self._counts[protocol] += 1
        self._complete(neighbor)
        if not flags & NeighborFlag.NO_FIB_ENTRY:
            self._add_route(neighbor, self._fib.tables(protocol).index_of_interface(interface))
        return neighbor

    def _destroy(self, neighbor: Neighbor) -> None:
        for adjacency in self._adjacencies.towards(neighbor.interface, neighbor.protocol, neighbor.address):
            self._adjacencies.make_incomplete(adjacency)
        self._delete_route(neighbor, self._fib.tables(neighbor.protocol).index_of_interface(neighbor.interface))
        self._order[neighbor.protocol].pop(neighbor, None)
        del self._by_key[neighbor.protocol, neighbor.interface, neighbor.address]
        self._counts[neighbor.protocol] -= 1
        self._pool.remove(neighbor.index)

    def _refresh(self, neighbor: Neighbor) -> None:
        neighbor.updated = self._clock.now()
        neighbor.probes = 0
        if neighbor.is_dynamic:
            order = self._order[neighbor.protocol]
            order.pop(neighbor, None)
            order[neighbor] = None

    def _complete(self, neighbor: Neighbor) -> None:
        for adjacency in self._adjacencies.towards(neighbor.interface, neighbor.protocol, neighbor.address):
            self._adjacencies.complete(adjacency, neighbor.mac)

    def _add_route(self, neighbor: Neighbor, fib_index: int) -> None:
        protocol, address = neighbor.protocol, neighbor.address
        if neighbor.is_link_local:
            self._link_local.add(neighbor.interface, address, own=False)
            neighbor.has_route = True
            return
        table = self._fib.tables(protocol)[fib_index]
        table.path_add(
            Prefix(protocol, address, protocol.bits),
            Source.ADJACENCY,
            EntryFlag.ATTACHED,
            [RoutePath(protocol, address, neighbor.interface)],
        )
        neighbor.has_route = True
        count = self._routes[protocol, fib_index] = self._routes.get((protocol, fib_index), 0) + 1
        if count == 1:
            table.lock(Source.ADJACENCY)

    def _delete_route(self, neighbor: Neighbor, fib_index: int) -> None:
        protocol, address = neighbor.protocol, neighbor.address
        if not neighbor.has_route:
            return
        neighbor.has_route = False
        if neighbor.is_link_local:
            self._link_local.remove(neighbor.interface, address)
            return
        table = self._fib.tables(protocol)[fib_index]
        table.path_remove(Prefix(protocol, address, protocol.bits), Source.ADJACENCY, [RoutePath(protocol, address, neighbor.interface)])
        self._routes[protocol, fib_index] -= 1
        if not self._routes[protocol, fib_index]:
            table.unlock(Source.ADJACENCY)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADMIN and interface.admin_up:
            for neighbor in list(self):
                if neighbor.interface == index:
                    self._complete(neighbor)
        elif change in (Change.ADMIN, Change.DELETED):
            for protocol in IP_PROTOCOLS:
                self.flush(protocol, index, static=change is Change.DELETED)

    def _address_deleted(self, protocol: Protocol, interface: int, address: int, length: int) -> None:
        """Forget what was learned inside a prefix that is gone."""
        prefix = Prefix(protocol, address, length)
        for neighbor in list(self):
            if (
                neighbor.interface == interface
                and neighbor.protocol is protocol
                and neighbor.is_dynamic
                and prefix.covers(Prefix(protocol, neighbor.address, protocol.bits))
            ):
                self._destroy(neighbor)

    def _bound(self, protocol: Protocol, interface: int, old: int, new: int) -> None:
        """The interface is in another table: so are its neighbours."""
        for neighbor in list(self):
            if neighbor.interface == interface and neighbor.protocol is protocol and neighbor.has_route:
                self._delete_route(neighbor, old)
                self._add_route(neighbor, new)
