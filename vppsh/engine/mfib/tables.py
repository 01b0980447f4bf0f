"""The multicast tables of an engine: entries by group, and the longest match for a packet.

Counterpart of vnet/mfib/mfib_table.c, ip4_mfib.c, ip6_mfib.c. Every unicast table has a multicast table of
the same index. A lookup asks for the sender's own entry, then for the group with ever fewer bits; packets
ask once per flow of a frame (see `Mfib.lookup`), so that plain dictionaries are fast enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import PathFlag, Protocol, RoutePath
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.mfib.entry import MfibEntry
from vppsh.engine.mfib.types import ANY, EntryFlag, Group, InterfaceFlag, MfibSource
from vppsh.engine.replicate import Replicates
from vppsh.registry import table

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

# Groups that every table has, which are for us: all hosts, all routers; solicited nodes, MLDv2 routers.
SPECIALS = {
    Protocol.IP4: (Group(Protocol.IP4, 0xE0000001, 32), Group(Protocol.IP4, 0xE0000002, 32)),
    Protocol.IP6: (
        Group(Protocol.IP6, 0xFF02 << 112 | 0x1FF000000, 104),
        Group(Protocol.IP6, 0xFF02 << 112 | 2, 128),
        Group(Protocol.IP6, 0xFF02 << 112 | 1, 128),
        Group(Protocol.IP6, 0xFF02 << 112 | 0x16, 128),
    ),
}


class MfibTable:
    """The entries of one table."""

    def __init__(self, mfib: Mfib, unicast: FibTable) -> None:
        self._mfib = mfib
        self.unicast = unicast
        self._of_senders: dict[tuple[int, int], MfibEntry] = {}
        self._by_length: dict[int, dict[int, MfibEntry]] = {}
        self._lengths: list[int] = []
        protocol = unicast.protocol
        self.find_or_create(Group(protocol, 0, 0)).set_flags(MfibSource.DEFAULT_ROUTE, EntryFlag.DROP)
        for group in SPECIALS[protocol]:
            route = RoutePath(protocol, flags=PathFlag.LOCAL)
            self.find_or_create(group).update_path(MfibSource.SPECIAL, route, InterfaceFlag.FORWARD)

    def __iter__(self) -> Iterator[MfibEntry]:
        """Shorter groups first, then by address; those of single senders last."""
        for length in sorted(self._by_length):
            entries = self._by_length[length]
            yield from (entries[network] for network in sorted(entries))
        yield from (self._of_senders[key] for key in sorted(self._of_senders))

    def find(self, group: Group) -> MfibEntry | None:
        """The entry of exactly this group and sender."""
        if group.source != ANY:
            return self._of_senders.get((group.group, group.source))
        return self._by_length.get(group.length, {}).get(group.network)

    def find_or_create(self, group: Group) -> MfibEntry:
        """The entry of exactly this group and sender, without any source when it is new."""
        entry = self.find(group)
        if entry is not None:
            return entry
        entry = self._mfib.new_entry(group, self.unicast.index)
        if group.source != ANY:
            self._of_senders[group.group, group.source] = entry
        else:
            self._by_length.setdefault(group.length, {})[group.network] = entry
            self._lengths = sorted(self._by_length, reverse=True)
        return entry

    def remove_if_unused(self, entry: MfibEntry) -> None:
        """Take an entry away that no source wants any more."""
        if entry.sources:
            return
        group = entry.group
        if group.source != ANY:
            del self._of_senders[group.group, group.source]
        else:
            entries = self._by_length[group.length]
            del entries[group.network]
            if not entries:
                del self._by_length[group.length]
            self._lengths = sorted(self._by_length, reverse=True)
        self._mfib.free_entry(entry)

    def lookup(self, group: int, source: int = ANY) -> MfibEntry:
        """The entry that packets from a sender to a group meet; every table has a default entry."""
        entry = self._of_senders.get((group, source)) if self._of_senders else None
        if entry is not None:
            return entry
        bits = self.unicast.protocol.bits
        for length in self._lengths:
            host = bits - length
            entry = self._by_length[length].get(group >> host << host)
            if entry is not None:
                return entry
        raise LookupError(f"no default entry in {self.unicast.protocol.fib_name} multicast table {self.unicast.index}")


class Mfib:
    """The multicast tables, and the entries by index."""

    def __init__(self, engine: Engine) -> None:
        self._fib = engine.get(Fib)
        self._replicates = engine.get(Replicates)
        self._entries = Pool()
        self._tables: dict[tuple[Protocol, int], MfibTable] = {}
        for protocol in SPECIALS:
            self.table(protocol, 0)
        engine.get(IpEnable).subscribe(self._ip_changed)

    def __getitem__(self, index: int) -> MfibEntry:
        entry: MfibEntry = self._entries.items[index]
        return entry

    def table(self, protocol: Protocol, fib_index: int) -> MfibTable:
        """The multicast table beside a unicast one."""
        unicast = self._fib.tables(protocol)[fib_index]
        known = self._tables.get((protocol, fib_index))
        if known is None or known.unicast is not unicast:
            if known is not None:
                for entry in list(known):
                    self.free_entry(entry)
            known = self._tables[protocol, fib_index] = MfibTable(self, unicast)
        return known

    def lookup(self, protocol: Protocol, fib_indices: NDArray[np.int32], flows: NDArray[np.void]) -> NDArray[np.int32]:
        """Indices of the entries for packets; `flows` are their source and destination addresses as they lie in the header."""
        found = np.empty(len(flows), np.int32)
        half = flows.dtype.itemsize // 2
        for fib_index in np.unique(fib_indices).tolist():
            mine = np.flatnonzero(fib_indices == fib_index)
            wanted = self.table(protocol, fib_index)
            each, where = np.unique(flows[mine], return_inverse=True)
            addresses = [(flow.tobytes()[half:], flow.tobytes()[:half]) for flow in each]
            entries = [wanted.lookup(int.from_bytes(group, "big"), int.from_bytes(source, "big")).index for group, source in addresses]
            found[mine] = np.array(entries, np.int32)[where]
        return found

    def new_entry(self, group: Group, fib_index: int) -> MfibEntry:
        """An entry with an index of its own."""
        entry = MfibEntry(self._fib, self._replicates, group, fib_index, 0)
        entry.index = self._entries.add(entry)
        return entry

    def free_entry(self, entry: MfibEntry) -> None:
        """Give an entry's index back."""
        entry.destroy()
        self._entries.remove(entry.index)

    def _ip_changed(self, protocol: Protocol, sw_if_index: int, enabled: bool) -> None:
        """Let packets to the groups that are for us in, or no longer."""
        known = self.table(protocol, self._fib.tables(protocol).index_of_interface(sw_if_index))
        route = RoutePath(protocol, interface=sw_if_index)
        for group in SPECIALS[protocol]:
            if enabled:
                known.find_or_create(group).update_path(MfibSource.SPECIAL, route, InterfaceFlag.ACCEPT)
            else:
                known.find_or_create(group).remove_path(MfibSource.SPECIAL, route)


MFIB = table(Mfib)
