"""The FIB tables of a protocol: by index and number, by interface, and how packets are looked up in them.

VPP counterpart: vnet/fib/ip4_fib.c, ip6_fib.c, ip6_ll_table.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .dpo import Dpo, DpoType
from .ip6_intervals import Intervals
from .mtrie import Mtrie
from .table import FibTable
from .types import EntryFlag, Prefix, Protocol, Source

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
LINK_LOCAL = Prefix(Protocol.IP6, 0xFE80 << 112, 10)


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
            bigger[: len(self.fib_index_of)] = self.fib_index_of
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
        """Load-balances for destinations, (n, 2) as upper and lower half in host order; 0 in a table that does not exist."""
        if isinstance(fib_index, int):
            return self._lookup_in(fib_index, dst)
        first = int(fib_index[0]) if len(fib_index) else 0
        if (fib_index == first).all():
            return self._lookup_in(first, dst)
        found = np.zeros(len(dst), np.int32)
        for index in np.unique(fib_index).tolist():
            mine = fib_index == index
            found[mine] = self._lookup_in(index, dst[mine])
        return found

    def _lookup_in(self, fib_index: int, dst: NDArray[np.uint64]) -> NDArray[np.int32]:
        intervals = self._intervals.get(fib_index)
        return np.zeros(len(dst), np.int32) if intervals is None else intervals.lookup(dst)

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
