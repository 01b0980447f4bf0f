"""The FIB of an engine: its tables and pools, and what happens to them when interfaces and addresses change.

VPP counterpart: vnet/fib/ as a whole, ip4_add_interface_routes and ip6_add_interface_routes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vppsh.engine.adjacency import ALL_ONES, Adjacencies, Reason
from vppsh.engine.interfaces import Change, Interface, Interfaces

from .behaviour import Behaviour
from .dpo import Dpo, Dpos, DpoType
from .labels import MplsDispositions, MplsLabels
from .load_balance import LoadBalances
from .mpls_tables import MplsTables
from .path_list import PathList
from .rows import Pool
from .sources import BEHAVIOURS
from .special import InterfaceReceives, Lookups, Receives, format_null
from .table import FibTable
from .tables import FibTables, Ip4Tables, Ip6Tables
from .track import Trackers
from .types import EntryFlag, Prefix, Protocol, RoutePath, Source
from .urpf import Urpfs

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

IP_PROTOCOLS = (Protocol.IP4, Protocol.IP6)


class Fib:
    """Everything that decides where packets go.

    ip4, ip6, mpls    tables by protocol
    addresses    (address, length) of each interface, in order of configuration, by (protocol, sw_if_index)
    entries, paths, path_lists    pools numbered as VPP numbers them
    address_watchers  called with (protocol, interface, address, length) when an interface loses an address
    bind_watchers     called with (protocol, interface, old table, new table)
    """

    def __init__(self, engine: Engine) -> None:
        self.interfaces: Interfaces = engine.get(Interfaces)
        self.dpos: Dpos = engine.get(Dpos)
        self.dpos.register(DpoType.IP_NULL, format_null)
        self.dpos.register(DpoType.IP6_LINK_LOCAL, lambda index, indent: "ip6-link-local")
        self.load_balances: LoadBalances = engine.get(LoadBalances)
        self.urpfs: Urpfs = engine.get(Urpfs)
        self.receives: Receives = engine.get(Receives)
        self.lookups: Lookups = engine.get(Lookups)
        self.interface_receives: InterfaceReceives = engine.get(InterfaceReceives)
        self.labels: MplsLabels = engine.get(MplsLabels)
        self.dispositions: MplsDispositions = engine.get(MplsDispositions)
        self.adjacencies: Adjacencies = engine.get(Adjacencies)
        self.trackers = Trackers(self)
        self.entries = Pool()
        self.paths = Pool()
        self.path_lists = Pool()
        self.shared_path_lists: dict[tuple[object, ...], PathList] = {}
        self.addresses: dict[tuple[Protocol, int], list[tuple[int, int]]] = {}
        self.address_watchers: list[Callable[[Protocol, int, int, int], None]] = []
        self.bind_watchers: list[Callable[[Protocol, int, int, int], None]] = []
        self._table_id_seed = 0
        self._lenders: dict[int, int] = {}
        self._directed_broadcast: set[int] = set()
        self._connected: dict[tuple[Protocol, int, int, int], int] = {}
        self.ip4 = Ip4Tables(self)
        self.ip6 = Ip6Tables(self)
        self.mpls = MplsTables(self)
        self.ip4.find_or_create(0, Source.DEFAULT_ROUTE)
        self.ip6.find_or_create(0, Source.DEFAULT_ROUTE)
        self.interfaces.subscribe(self._interface_changed)

    def tables(self, protocol: Protocol) -> FibTables:
        """The tables of a protocol."""
        if protocol is Protocol.MPLS:
            return self.mpls
        return self.ip6 if protocol is Protocol.IP6 else self.ip4

    def table_of(self, protocol: Protocol, sw_if_index: int) -> FibTable:
        """The table of an interface."""
        tables = self.tables(protocol)
        return tables[tables.index_of_interface(sw_if_index)]

    def unused_table_id(self, protocol: Protocol) -> int:
        """A number that no table has, from the generator VPP draws such numbers from."""
        while True:
            self._table_id_seed = (1664525 * self._table_id_seed + 1013904223) & 0xFFFFFFFF
            for step in range(1024):
                self._table_id_seed = (self._table_id_seed + (step if step % 2 else -step)) & 0xFFFFFFFF
                if self._table_id_seed != 0xFFFFFFFF and self.tables(protocol).find(self._table_id_seed) is None:
                    return self._table_id_seed

    @staticmethod
    def behaviour(source: Source) -> Behaviour:
        """How a source behaves."""
        return BEHAVIOURS[source]

    # What paths ask about interfaces.

    def interface_is_up(self, sw_if_index: int) -> bool:
        """Whether packets can leave by an interface."""
        if sw_if_index not in self.interfaces:
            return False
        interface = self.interfaces[sw_if_index]
        return interface.admin_up and interface.hardware.link_up

    def interface_name(self, sw_if_index: int) -> str:
        """The name of an interface, for texts."""
        return self.interfaces[sw_if_index].name if sw_if_index in self.interfaces else f"DELETED ({sw_if_index})"

    def is_point_to_point(self, sw_if_index: int) -> bool:
        """Whether an interface has one peer only; VPP says so of one that is gone, too."""
        return sw_if_index not in self.interfaces or self.interfaces[sw_if_index].hardware.hardware_class.point_to_point

    def is_nbma(self, sw_if_index: int) -> bool:
        """Whether an interface has several peers and no way to ask for them."""
        return sw_if_index in self.interfaces and self.interfaces[sw_if_index].hardware.hardware_class.nbma

    def urpf_interface(self, dpo: Dpo) -> int:
        """The interface from which answers to what an object sends may come."""
        return int(self.adjacencies.sw_if_index[dpo.index]) if dpo.is_adjacency else self.dpos.urpf_interface(dpo)

    def unnumbered_lender(self, sw_if_index: int) -> int:
        """The interface whose addresses an unnumbered one borrows; itself otherwise."""
        return self._lenders.get(sw_if_index, sw_if_index)

    # What happens to interfaces.

    def address_added(self, protocol: Protocol, sw_if_index: int, address: int, length: int) -> None:
        """An interface has got an address: its routes appear if the interface is up."""
        self.addresses.setdefault((protocol, sw_if_index), []).append((address, length))
        if self.interfaces[sw_if_index].admin_up:
            self._add_routes(protocol, sw_if_index, address, length)

    def address_deleted(self, protocol: Protocol, sw_if_index: int, address: int, length: int) -> None:
        """An interface has lost an address."""
        self.addresses[protocol, sw_if_index].remove((address, length))
        if self.interfaces[sw_if_index].admin_up:
            self._delete_routes(protocol, sw_if_index, address, length)
        for watcher in self.address_watchers:
            watcher(protocol, sw_if_index, address, length)

    def bind(self, protocol: Protocol, sw_if_index: int, fib_index: int) -> None:
        """Put an interface in a table."""
        tables = self.tables(protocol)
        tables.ensure_interface(sw_if_index)
        old = tables[tables.index_of_interface(sw_if_index)]
        new = tables[fib_index]
        if old is new:
            return
        tables.fib_index_of[sw_if_index] = fib_index
        if fib_index:
            new.lock(Source.INTERFACE)
        for adjacency in self.adjacencies.gleans_of(sw_if_index, protocol):
            self.adjacencies.tell(adjacency, Reason.BOUND)
        for watcher in self.bind_watchers:
            watcher(protocol, sw_if_index, old.index, fib_index)
        if old.index:
            old.unlock(Source.INTERFACE)

    def set_unnumbered(self, sw_if_index: int, lender: int | None) -> None:
        """An interface borrows the addresses of another, or stops to."""
        if lender is None:
            self._lenders.pop(sw_if_index, None)
        else:
            self._lenders[sw_if_index] = lender

    def set_directed_broadcast(self, sw_if_index: int, enabled: bool) -> None:
        """Send packets to a subnet's broadcast address out, or drop them."""
        if enabled:
            self._directed_broadcast.add(sw_if_index)
        else:
            self._directed_broadcast.discard(sw_if_index)
        table = self.table_of(Protocol.IP4, sw_if_index)
        for address, length in self.addresses.get((Protocol.IP4, sw_if_index), ()):
            broadcast = address | (1 << 32 - length) - 1
            if length <= 30 and broadcast != address:
                self._add_broadcast(table, Prefix(Protocol.IP4, broadcast, 32), sw_if_index)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADDED:
            for protocol in IP_PROTOCOLS:
                self.tables(protocol).ensure_interface(index)
                self.tables(protocol).fib_index_of[index] = 0
        elif change is Change.ADMIN:
            self._admin_changed(interface)
        elif change is Change.LINK:
            self._tell(index, Reason.UP if interface.hardware.link_up else Reason.DOWN, neighbors=True, gleans=True)
        elif change is Change.DELETED:
            self._tell(index, Reason.DELETED, neighbors=True, gleans=True)
            for protocol in IP_PROTOCOLS:
                for address, length in list(self.addresses.pop((protocol, index), ())):
                    self._delete_routes(protocol, index, address, length)
            for protocol in IP_PROTOCOLS:
                self.bind(protocol, index, 0)
            self._lenders.pop(index, None)
            self._directed_broadcast.discard(index)

    def _admin_changed(self, interface: Interface) -> None:
        index = interface.sw_if_index
        reason = Reason.UP if interface.admin_up else Reason.DOWN
        self._tell(index, reason, neighbors=True)
        change = self._add_routes if interface.admin_up else self._delete_routes
        for protocol in IP_PROTOCOLS:
            for address, length in list(self.addresses.get((protocol, index), ())):
                change(protocol, index, address, length)
        self._tell(index, reason, gleans=True)

    def _tell(self, sw_if_index: int, reason: Reason, *, neighbors: bool = False, gleans: bool = False) -> None:
        for protocol in IP_PROTOCOLS:
            adjacencies = self.adjacencies.of_interface(sw_if_index, protocol) if neighbors else []
            for adjacency in adjacencies + (self.adjacencies.gleans_of(sw_if_index, protocol) if gleans else []):
                adjacency.walking = True
                self.adjacencies.tell(adjacency, reason)
                adjacency.walking = False

    # The routes of an interface's addresses.

    def _add_routes(self, protocol: Protocol, sw_if_index: int, address: int, length: int) -> None:
        table = self.table_of(protocol, sw_if_index)
        table.update(
            Prefix(protocol, address, protocol.bits),
            Source.INTERFACE,
            EntryFlag.CONNECTED | EntryFlag.LOCAL,
            [RoutePath(protocol, address, sw_if_index)],
        )
        self._add_connected(table, sw_if_index, address, length)

    def _add_connected(self, table: FibTable, sw_if_index: int, address: int, length: int) -> None:
        protocol = table.protocol
        if length >= protocol.bits:
            return
        prefix = Prefix(protocol, address, length)
        key = (protocol, sw_if_index, prefix.network, length)
        self._connected[key] = self._connected.get(key, 0) + 1
        if self._connected[key] > 1:
            return
        # VPP keeps the host bits of an IPv4 prefix, which orders it among the others in `show ip fib`.
        shown = prefix if protocol is Protocol.IP4 else Prefix(protocol, prefix.network, length)
        table.update(shown, Source.INTERFACE, EntryFlag.CONNECTED | EntryFlag.ATTACHED, [RoutePath(protocol, 0, sw_if_index)])
        if protocol is not Protocol.IP4:
            return
        for special in _edges(prefix):
            if length == 31:
                table.update(special, Source.INTERFACE, EntryFlag.ATTACHED, [RoutePath(protocol, special.address, sw_if_index)])
            elif special.address == prefix.network:
                table.special_add(special, Source.INTERFACE, EntryFlag.DROP | EntryFlag.LOOSE_URPF_EXEMPT)
            else:
                self._add_broadcast(table, special, sw_if_index)

    def _add_broadcast(self, table: FibTable, prefix: Prefix, sw_if_index: int) -> None:
        table.special_remove(prefix, Source.INTERFACE)
        if sw_if_index in self._directed_broadcast:
            table.update(prefix, Source.INTERFACE, EntryFlag.NONE, [RoutePath(Protocol.IP4, ALL_ONES, sw_if_index)])
        else:
            table.special_add(prefix, Source.INTERFACE, EntryFlag.DROP | EntryFlag.LOOSE_URPF_EXEMPT)

    def _delete_routes(self, protocol: Protocol, sw_if_index: int, address: int, length: int) -> None:
        table = self.table_of(protocol, sw_if_index)
        local = Prefix(protocol, address, protocol.bits)
        if protocol is Protocol.IP6:
            self._delete_connected(table, sw_if_index, address, length)
            table.delete(local, Source.INTERFACE)
        else:
            table.delete(local, Source.INTERFACE)
            self._delete_connected(table, sw_if_index, address, length)

    def _delete_connected(self, table: FibTable, sw_if_index: int, address: int, length: int) -> None:
        protocol = table.protocol
        if length >= protocol.bits:
            return
        prefix = Prefix(protocol, address, length)
        key = (protocol, sw_if_index, prefix.network, length)
        left = self._connected.get(key, 0) - 1
        if left > 0:
            self._connected[key] = left
            return
        if self._connected.pop(key, None) is None:
            return
        if protocol is Protocol.IP4:
            for special in _edges(prefix):
                table.special_remove(special, Source.INTERFACE)
        table.delete(prefix, Source.INTERFACE)


def _edges(prefix: Prefix) -> list[Prefix]:
    """What besides the address itself a connected IPv4 prefix names: its network and broadcast, or the peer of a /31."""
    if prefix.length == 31:
        return [Prefix(Protocol.IP4, prefix.address ^ 1, 32)]
    last = prefix.network | (1 << 32 - prefix.length) - 1
    return [Prefix(Protocol.IP4, edge, 32) for edge in (prefix.network, last) if edge != prefix.address]
