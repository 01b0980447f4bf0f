"""The multicast tables of an engine: entries by group, and the longest match for a packet.

Counterpart of vnet/mfib/mfib_table.c, ip4_mfib.c, ip6_mfib.c. Every unicast table has a multicast table of
the same index. A lookup asks for the sender's own entry, then for the group with ever fewer bits; packets
ask once per flow of a frame (see `Mfib.lookup`), so that plain dictionaries are fast enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import PathFlag, Protocol, RoutePath
from vppsh.engine.hash_order import hash_order
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.link_local import TABLE_FLAG
from vppsh.engine.mfib.entry import MfibEntry
from vppsh.engine.mfib.types import ANY, EntryFlag, Group, InterfaceFlag, MfibSource
from vppsh.engine.replicate import Replicates

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
        """By the address of the group, as it was first written."""
        if self.unicast.protocol is Protocol.IP6:
            everything = [entry for entries in self._by_length.values() for entry in entries.values()] + [*self._of_senders.values()]
            return iter(sorted(everything, key=lambda entry: (entry.group.group, entry.group.source, entry.group.length)))
        # VPP compares only groups here: the rest is the order in which its hashes are walked, one hash for each length.
        hashes = [self._by_length[length].values() for length in sorted(self._by_length)] + [self._of_senders.values()]
        walked = [entry for entries in hashes for entry in _in_hash_order(entries)]
        return iter(sorted(walked, key=lambda entry: entry.group.group))

    def counts(self) -> list[tuple[int, int]]:
        """How many entries there are of each length; an entry of a single sender is twice as long as an address."""
        found = [(length, len(self._by_length[length])) for length in sorted(self._by_length)]
        return found + [(2 * self.unicast.protocol.bits, len(self._of_senders))] * bool(self._of_senders)

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

    def lookup(self, group: int, source: int = ANY, length: int | None = None) -> MfibEntry:
        """The entry that packets from a sender to a group meet, with so many bits at most; every table has a default entry."""
        entry = self._of_senders.get((group, source)) if self._of_senders and length is None else None
        if entry is not None:
            return entry
        bits = self.unicast.protocol.bits
        longest = bits if length is None else length
        for length in self._lengths:
            if length > longest:
                continue
            host = bits - length
            entry = self._by_length[length].get(group >> host << host)
            if entry is not None:
                return entry
        raise LookupError(f"no default entry in {self.unicast.protocol.fib_name} multicast table {self.unicast.index}")


def _in_hash_order(entries: Iterable[MfibEntry]) -> list[MfibEntry]:
    """Entries of IPv4 groups of one length, in the order of VPP's hash of their addresses, as they lie in memory."""
    by_key = {_swapped(entry.group.network) << 32 | _swapped(entry.group.source): entry for entry in entries}
    return [by_key[key] for key in hash_order(by_key)]


def _swapped(address: int) -> int:
    return int.from_bytes(address.to_bytes(4, "big"), "little")


class Mfib:
    """The multicast tables, and the entries and their interfaces by index."""

    def __init__(self, engine: Engine) -> None:
        self.fib = engine.get(Fib)
        self.replicates = engine.get(Replicates)
        self.interfaces = Pool()
        self.entries = Pool()
        self._tables: dict[tuple[Protocol, int], MfibTable] = {}
        for protocol in SPECIALS:
            self.table(protocol, 0)
        engine.get(IpEnable).subscribe(self._ip_changed)

    def __getitem__(self, index: int) -> MfibEntry:
        entry: MfibEntry = self.entries.items[index]
        return entry

    def find(self, index: int) -> MfibEntry | None:
        """The entry of an index, if there is one."""
        return self.entries.get(index)

    def table(self, protocol: Protocol, fib_index: int) -> MfibTable:
        """The multicast table beside a unicast one."""
        unicast = self.fib.tables(protocol)[fib_index]
        known = self._tables.get((protocol, fib_index))
        if known is None or known.unicast is not unicast:
            if known is not None:
                for entry in list(known):
                    self.free_entry(entry)
            known = self._tables[protocol, fib_index] = MfibTable(self, unicast)
        return known

    def tables(self, protocol: Protocol) -> list[MfibTable]:
        """The tables of a protocol, beside those of its unicast tables that routes can be put in."""
        return [self.table(protocol, unicast.index) for unicast in self.fib.tables(protocol) if unicast.flag_text != TABLE_FLAG]

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
        entry = MfibEntry(self, group, fib_index, 0)
        entry.index = self.entries.add(entry)
        return entry

    def free_entry(self, entry: MfibEntry) -> None:
        """Give an entry's index back."""
        entry.destroy()
        self.entries.remove(entry.index)

    def _ip_changed(self, protocol: Protocol, sw_if_index: int, enabled: bool) -> None:
        if protocol is Protocol.IP4:
            self.admit(protocol, sw_if_index, enabled)

    def admit(self, protocol: Protocol, sw_if_index: int, enabled: bool) -> None:
        """Let packets to the groups that are for us in, or no longer: of IPv4 where it is enabled, of IPv6 where there is a link."""
        known = self.table(protocol, self.fib.tables(protocol).index_of_interface(sw_if_index))
        route = RoutePath(protocol, interface=sw_if_index)
        for group in SPECIALS[protocol]:
            if enabled:
                known.find_or_create(group).update_path(MfibSource.SPECIAL, route, InterfaceFlag.ACCEPT)
            else:
                known.find_or_create(group).remove_paths(MfibSource.SPECIAL, [route])
