"""One FIB table: the entries of a VRF, and what sources do to them.

VPP counterpart: vnet/fib/fib_table.c. Entries live in a dictionary per prefix length; packets are looked up
in the forwarding structures (mtrie.py, ip6_intervals.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .dpo import DROPS, Dpo
from .entry import Entry
from .load_balance import FLOW_HASH_DEFAULT
from .types import NO_INTERFACE, EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source, SourceFlag

if TYPE_CHECKING:
    from .tables import FibTables

FEW = 8
"""So many covers are looked through faster than the cover of a new entry is found."""


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
            if entry.flags & EntryFlag.INTERPOSE:
                # These may be the paths that the best source is in front of.
                entry.reactivate(best)
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
            if (
                prefix.length == self.protocol.bits
                and not route.address
                and route.interface != NO_INTERFACE
                and not route.flags & PathFlag.LOCAL
                and route.protocol is not Protocol.ETHERNET
            ):
                route.address = prefix.address
                route.flags |= PathFlag.ATTACHED
            elif flags & EntryFlag.CONNECTED and not flags & EntryFlag.LOCAL:
                if not route.address:
                    route.flags |= PathFlag.GLEAN
                    route.connected = Prefix(prefix.protocol, prefix.network, prefix.length)
            elif (
                (not route.address and route.interface != NO_INTERFACE) or route.flags & (PathFlag.ATTACHED | PathFlag.GLEAN)
            ) and not route.flags & (PathFlag.DVR | PathFlag.INTERFACE_RX | PathFlag.UDP_ENCAP):
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
