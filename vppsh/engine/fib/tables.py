"""FIB tables: the entries of one VRF, and what sources do to them.

VPP counterpart: vnet/fib/fib_table.c, ip4_fib.c, ip6_fib.c. Entries live in a dictionary per prefix
length; packets are looked up in the forwarding structures (mtrie.py, ip6_intervals.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .dpo import DROPS, Dpo, DpoType
from .entry import Entry
from .ip6_intervals import Intervals
from .load_balance import FLOW_HASH_DEFAULT
from .mtrie import Mtrie
from .types import NO_INTERFACE, EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source, SourceFlag

if TYPE_CHECKING:
    from .fib import Fib

IP4_SPECIALS = (
    (0, 0, Source.DEFAULT_ROUTE),
    (0, 32, Source.DEFAULT_ROUTE),
    (0xF0000000, 4, Source.SPECIAL),
    (0xE0000000, 4, Source.SPECIAL),
    (0xFFFFFFFF, 32, Source.DEFAULT_ROUTE),
)
"""Prefixes of every IPv4 table, all of which drop, in the order VPP makes them."""
FEW = 8
"""So many covers are looked through faster than the cover of a new entry is found."""
LINK_LOCAL = Prefix(Protocol.IP6, 0xFE80 << 112, 10)


class FibTable:
    """One table.

    table_id   the VRF's number as configured, -1 for tables without one
    locks      who keeps the table, by source
    covers     entries on which others depend as their cover
    """

    def __init__(self, tables: FibTables, index: int, table_id: int) -> None:
        self.tables = tables
        self.fib = tables.fib
        self.protocol = tables.protocol
        self.index = index
        self.table_id = table_id
        self.name = ""
        self.flow_hash = FLOW_HASH_DEFAULT
        self.epoch = 0
        self.flag_text = "none"
        self.locks: dict[Source, int] = {}
        self.by_length: dict[int, dict[int, Entry]] = {}
        self.lengths: list[int] = []
        self.size = 0
        self.covers: dict[Entry, None] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order of their addresses as configured, shorter prefixes first."""
        entries = [entry for length in sorted(self.by_length) for entry in self.by_length[length].values()]
        return iter(sorted(entries, key=lambda entry: entry.prefix.address))

    def lock(self, source: Source) -> None:
        """Keep the table."""
        self.locks[source] = self.locks.get(source, 0) + 1

    def unlock(self, source: Source) -> None:
        """Let go of the table; nobody's is destroyed."""
        left = self.locks.get(source, 0) - 1
        if left > 0:
            self.locks[source] = left
            return
        self.locks.pop(source, None)
        if not self.locks:
            self.tables.destroy(self)

    def hash_config(self, protocol: Protocol) -> int:
        """The flow hash of load-balances of a chain."""
        return self.flow_hash if protocol is self.protocol else FLOW_HASH_DEFAULT

    def set_flow_hash(self, config: int) -> None:
        """Change the flow hash of the table and of all its load-balances."""
        self.flow_hash = config
        rows = [entry.load_balance for entry in self if entry.load_balance >= 0]
        self.fib.load_balances.hash_config[np.array(rows, np.int32)] = config

    # Looking up entries.

    def find(self, prefix: Prefix) -> Entry | None:
        """The entry of exactly this prefix."""
        of_length = self.by_length.get(prefix.length)
        return of_length.get(prefix.network) if of_length else None

    def lookup(self, prefix: Prefix) -> Entry:
        """The entry of the longest prefix that covers this one; every table has a default route."""
        address, bits = prefix.address, self.protocol.bits
        for length in self.lengths:
            if length <= prefix.length:
                host = bits - length
                entry = self.by_length[length].get(address >> host << host)
                if entry is not None:
                    return entry
        raise LookupError(f"no default route in {self.protocol.fib_name} table {self.index}")

    def less_specific(self, prefix: Prefix) -> Entry:
        """The entry that covers a prefix from above."""
        return self.lookup(Prefix(prefix.protocol, prefix.address, max(prefix.length - 1, 0)))

    # What sources do.

    def special_add(self, prefix: Prefix, source: Source, flags: int, dpo: Dpo | None = None) -> Entry:
        """A source asks for an entry that needs no paths of its own."""
        entry = self.find(prefix)
        wanted = dpo or DROPS[self.protocol]
        if entry is None:
            entry = Entry(self, prefix)
            known = entry.add_source(source, flags, wanted)
            entry.activate(known)
            self._insert(entry)
            return entry
        best = entry.best_source
        entry.add_source(source, flags, wanted)
        entry.source_changed(best, source)
        return entry

    def special_update(self, prefix: Prefix, source: Source, flags: int, dpo: Dpo) -> Entry:
        """A source replaces what it asked for, or asks for the first time."""
        entry = self.find(prefix)
        if entry is None or entry.find(source) is None:
            return self.special_add(prefix, source, flags, dpo)
        best = entry.best_source
        entry.update_source(source, flags, dpo)
        entry.source_changed(best, source)
        return entry

    def special_remove(self, prefix: Prefix, source: Source) -> None:
        """A source no longer asks for an entry."""
        entry = self.find(prefix)
        if entry is not None:
            self._remove_source(entry, source)

    delete = special_remove

    def path_add(self, prefix: Prefix, source: Source, flags: int, routes: Sequence[RoutePath]) -> Entry:
        """A source adds paths to those it has."""
        flags = self._fix(prefix, flags, routes)
        ordered = sorted(routes, key=RoutePath.sort_key) if len(routes) > 1 else routes
        entry = self.find(prefix)
        if entry is None:
            return self._create(prefix, source, flags, ordered)
        best = entry.best_source
        entry.add_paths(source, flags, ordered)
        entry.source_changed(best, source)
        return entry

    def update(self, prefix: Prefix, source: Source, flags: int, routes: Sequence[RoutePath]) -> Entry:
        """A source replaces its paths."""
        flags = self._fix(prefix, flags, routes)
        ordered = sorted(routes, key=RoutePath.sort_key) if len(routes) > 1 else routes
        entry = self.find(prefix)
        if entry is None:
            return self._create(prefix, source, flags, ordered)
        best = entry.best_source
        entry.set_paths(source, flags, ordered)
        entry.source_changed(best, source)
        return entry

    def path_remove(self, prefix: Prefix, source: Source, routes: Sequence[RoutePath]) -> None:
        """A source takes paths away."""
        entry = self.find(prefix)
        known = entry.find(source) if entry is not None else None
        if entry is None or known is None:
            return
        self._fix(prefix, known.flags, routes)
        best = entry.best_source
        state = entry.remove_paths(source, routes)
        if source > best:
            return
        if not state & SourceFlag.ADDED:
            self._drop_if_unsourced(entry, entry.source_removed())
            return
        entry.reactivate(source)
        entry.updated()

    # The dataplane's view.

    def forwarding_update(self, prefix: Prefix, load_balance: int) -> None:
        """Enter an entry's load-balance."""
        self.tables.forwarding_update(self, prefix, load_balance)

    def forwarding_remove(self, prefix: Prefix) -> None:
        """Take an entry's load-balance out."""
        self.tables.forwarding_remove(self, prefix)

    def is_foreign(self, prefix: Prefix, interface: int) -> bool:
        """Whether a prefix is attached to an interface of another table."""
        if interface == NO_INTERFACE or (prefix.protocol is Protocol.IP6 and prefix.address >> 118 == 0x3FA):
            return False
        return self.index != self.tables.index_of_interface(interface)

    def _create(self, prefix: Prefix, source: Source, flags: int, routes: Sequence[RoutePath]) -> Entry:
        entry = Entry(self, prefix)
        known = entry.add_source(source, flags, DROPS[self.protocol])
        entry.set_paths(source, flags, routes)
        entry.activate(known)
        self._insert(entry)
        return entry

    def _insert(self, entry: Entry) -> None:
        prefix = entry.prefix
        of_length = self.by_length.get(prefix.length)
        if of_length is None:
            of_length = self.by_length[prefix.length] = {}
            self.lengths = sorted(self.by_length, reverse=True)
        of_length[prefix.network] = entry
        self.size += 1
        if prefix.length == self.protocol.bits or self.protocol is Protocol.MPLS:
            return
        if len(self.covers) <= FEW and not any(cover.prefix.covers(prefix) for cover in self.covers):
            return
        cover = self.less_specific(prefix)
        if cover is not entry and cover.covered:
            for covered in reversed(list(cover.covered)):
                if covered is not entry and prefix.covers(covered.prefix):
                    covered.cover_changed()

    def _remove_source(self, entry: Entry, source: Source) -> None:
        best = entry.best_source
        state = entry.remove_source(source)
        if source < best:
            return
        if source > best:
            if not state & SourceFlag.ADDED and entry.sources:
                entry.reactivate(best)
            return
        if not state & SourceFlag.ADDED:
            self._drop_if_unsourced(entry, entry.source_removed())
            return
        entry.reactivate(source)
        entry.updated()

    def _drop_if_unsourced(self, entry: Entry, state: int) -> None:
        if state & SourceFlag.ADDED:
            return
        prefix = entry.prefix
        of_length = self.by_length[prefix.length]
        del of_length[prefix.network]
        if not of_length:
            del self.by_length[prefix.length]
            self.lengths = sorted(self.by_length, reverse=True)
        self.size -= 1
        for covered in reversed(list(entry.covered or ())):
            covered.cover_changed()
        entry.destroy()

    def _fix(self, prefix: Prefix, flags: int, routes: Sequence[RoutePath]) -> int:
        """Complete what descriptions of paths leave unsaid; the entry's flags, with what the paths imply."""
        for route in routes:
            if route.address and route.interface == NO_INTERFACE and route.address == prefix.address:
                route.flags |= PathFlag.DROP
            if (prefix.length == self.protocol.bits and not route.address and route.interface != NO_INTERFACE
                    and not route.flags & PathFlag.LOCAL and route.protocol is not Protocol.ETHERNET):
                route.address = prefix.address
                route.flags |= PathFlag.ATTACHED
            elif flags & EntryFlag.CONNECTED and not flags & EntryFlag.LOCAL:
                if not route.address:
                    route.flags |= PathFlag.GLEAN
                    route.connected = Prefix(prefix.protocol, prefix.network, prefix.length)
            elif ((not route.address and route.interface != NO_INTERFACE) or route.flags & (PathFlag.ATTACHED | PathFlag.GLEAN)) \
                    and not route.flags & (PathFlag.DVR | PathFlag.INTERFACE_RX | PathFlag.UDP_ENCAP):
                route.flags |= PathFlag.GLEAN
                route.connected = None
            if flags & EntryFlag.DROP:
                route.flags |= PathFlag.DROP
            if flags & EntryFlag.LOCAL:
                route.flags |= PathFlag.LOCAL
            if flags & EntryFlag.EXCLUSIVE:
                route.flags |= PathFlag.EXCLUSIVE
            if route.flags & PathFlag.LOCAL:
                flags |= EntryFlag.LOCAL
                if route.interface != NO_INTERFACE:
                    flags |= EntryFlag.CONNECTED
        return flags


class FibTables:
    """The tables of one protocol.

    fib_index_of  table of each interface, by sw_if_index (int32)
    """

    protocol: Protocol

    def __init__(self, fib: Fib) -> None:
        self.fib = fib
        self.fib_index_of: NDArray[np.int32] = np.zeros(64, np.int32)
        self._tables: list[FibTable | None] = []
        self._free: list[int] = []
        self._by_id: dict[int, FibTable] = {}

    def __getitem__(self, index: int) -> FibTable:
        table = self._tables[index] if 0 <= index < len(self._tables) else None
        if table is None:
            raise KeyError(f"no {self.protocol.fib_name} table of index {index}")
        return table

    def __iter__(self) -> Iterator[FibTable]:
        return (table for table in self._tables if table is not None)

    def __contains__(self, index: int) -> bool:
        return 0 <= index < len(self._tables) and self._tables[index] is not None

    def find(self, table_id: int) -> FibTable | None:
        """The table of that number, if there is one."""
        return self._by_id.get(table_id)

    def find_or_create(self, table_id: int, source: Source, name: str = "") -> FibTable:
        """The table of that number, kept by a source from now on."""
        table = self._by_id.get(table_id)
        if table is None:
            table = self._by_id[table_id] = self._create(table_id)
            table.lock(source)
            self._load_specials(table)
        else:
            table.lock(source)
        if not table.name:
            table.name = name or f"{self.protocol.fib_name}-VRF:{table_id}"
        return table

    def create(self, source: Source, name: str) -> FibTable:
        """A table without a number."""
        table = self._create(-1)
        table.lock(source)
        self._load_specials(table)
        table.name = name
        return table

    def destroy(self, table: FibTable) -> None:
        """Take a table away that nobody keeps."""
        self._flush_specials(table)
        self._by_id.pop(table.table_id, None)
        self._tables[table.index] = None
        self._free.append(table.index)

    def name(self, index: int) -> str:
        """The name of a table, as objects that lead there print it."""
        return self[index].name if index in self else "DELETED"

    def ensure_interface(self, sw_if_index: int) -> None:
        """Make room for an interface; it starts in table 0."""
        if sw_if_index >= len(self.fib_index_of):
            bigger = np.zeros(max(2 * len(self.fib_index_of), sw_if_index + 1), np.int32)
            bigger[:len(self.fib_index_of)] = self.fib_index_of
            self.fib_index_of = bigger

    def index_of_interface(self, sw_if_index: int) -> int:
        """The table of an interface."""
        return int(self.fib_index_of[sw_if_index]) if sw_if_index < len(self.fib_index_of) else 0

    def forwarding_update(self, table: FibTable, prefix: Prefix, load_balance: int) -> None:
        """Enter a prefix in the forwarding of a table."""
        raise NotImplementedError

    def forwarding_remove(self, table: FibTable, prefix: Prefix) -> None:
        """Take a prefix out of the forwarding of a table."""
        raise NotImplementedError

    def _create(self, table_id: int) -> FibTable:
        index = self._free.pop() if self._free else len(self._tables)
        table = FibTable(self, index, table_id)
        if index == len(self._tables):
            self._tables.append(table)
        else:
            self._tables[index] = table
        return table

    def _load_specials(self, table: FibTable) -> None:
        raise NotImplementedError

    def _flush_specials(self, table: FibTable) -> None:
        raise NotImplementedError


class Ip4Tables(FibTables):
    """The IPv4 tables and their tries."""

    protocol = Protocol.IP4

    def __init__(self, fib: Fib) -> None:
        super().__init__(fib)
        self.mtrie = Mtrie()

    def lookup(self, fib_index: int | NDArray[np.integer], dst: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Load-balances for destinations in host order."""
        return self.mtrie.lookup(fib_index, dst)

    def forwarding_update(self, table: FibTable, prefix: Prefix, load_balance: int) -> None:
        self.mtrie.add(table.index, prefix.network, prefix.length, load_balance)

    def forwarding_remove(self, table: FibTable, prefix: Prefix) -> None:
        if prefix.length == 0:
            self.mtrie.remove(table.index, 0, 0, 0, 0)
            return
        cover = table.less_specific(prefix)
        while cover.load_balance < 0 and cover.prefix.length:
            cover = table.less_specific(cover.prefix)
        self.mtrie.remove(table.index, prefix.network, prefix.length, cover.prefix.length, max(cover.load_balance, 0))

    def _load_specials(self, table: FibTable) -> None:
        self.mtrie.add_table(table.index)
        for address, length, source in IP4_SPECIALS:
            table.special_add(Prefix(Protocol.IP4, address, length), source, EntryFlag.DROP)

    def _flush_specials(self, table: FibTable) -> None:
        for address, length, source in reversed(IP4_SPECIALS):
            table.special_remove(Prefix(Protocol.IP4, address, length), source)


class Ip6Tables(FibTables):
    """The IPv6 tables and their intervals."""

    protocol = Protocol.IP6

    def __init__(self, fib: Fib) -> None:
        super().__init__(fib)
        self._intervals: dict[int, Intervals] = {}

    def lookup6(self, fib_index: int | NDArray[np.integer], dst: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Load-balances for destinations, (n, 2) as upper and lower half in host order."""
        if isinstance(fib_index, int):
            return self._intervals[fib_index].lookup(dst)
        first = int(fib_index[0]) if len(fib_index) else 0
        if (fib_index == first).all():
            return self._intervals[first].lookup(dst)
        found = np.zeros(len(dst), np.int32)
        for index in np.unique(fib_index).tolist():
            mine = fib_index == index
            found[mine] = self._intervals[index].lookup(dst[mine])
        return found

    def forwarding_update(self, table: FibTable, prefix: Prefix, load_balance: int) -> None:
        self._intervals[table.index].add(prefix.network, prefix.length, load_balance)

    def forwarding_remove(self, table: FibTable, prefix: Prefix) -> None:
        self._intervals[table.index].remove(prefix.network, prefix.length)

    def _load_specials(self, table: FibTable) -> None:
        self._intervals[table.index] = Intervals()
        table.special_add(Prefix(Protocol.IP6, 0, 0), Source.DEFAULT_ROUTE, EntryFlag.DROP)
        table.special_add(LINK_LOCAL, Source.SPECIAL, EntryFlag.NONE, Dpo(int(DpoType.IP6_LINK_LOCAL), int(Protocol.IP6), 0))

    def _flush_specials(self, table: FibTable) -> None:
        table.special_remove(LINK_LOCAL, Source.SPECIAL)
        table.special_remove(Prefix(Protocol.IP6, 0, 0), Source.DEFAULT_ROUTE)
        del self._intervals[table.index]
