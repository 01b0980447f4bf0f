"""The tables of IPv6 link-local addresses: one for each interface that has any.

VPP counterpart: vnet/ip/ip6_ll_table.c. A packet to fe80::/10 meets an ip6-link-local object in the table of
its interface and is looked up again here, by the interface it came from or goes to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.interfaces import Interfaces

from .fib import Fib
from .table import FibTable
from .tables import LINK_LOCAL
from .types import EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

FLAG_TEXT = "ip6-ll"
NO_TABLE = -1


class LinkLocalTables:
    """The link-local tables of an engine.

    fib_index_of  index of each interface's table among the IPv6 tables (int32 by sw_if_index), -1 without one
    """

    def __init__(self, engine: Engine) -> None:
        self._fib = engine.get(Fib)
        self._interfaces = engine.get(Interfaces)
        self.fib_index_of: NDArray[np.int32] = np.full(64, NO_TABLE, np.int32)

    def find(self, sw_if_index: int) -> FibTable | None:
        """The table of an interface, if it has one."""
        index = int(self.fib_index_of[sw_if_index]) if sw_if_index < len(self.fib_index_of) else NO_TABLE
        return None if index == NO_TABLE else self._fib.ip6[index]

    def all(self) -> list[FibTable]:
        """The tables, in the order of their interfaces."""
        return [self._fib.ip6[index] for index in self.fib_index_of.tolist() if index != NO_TABLE]

    def add(self, sw_if_index: int, address: int, *, local: bool) -> None:
        """Enter an address of the interface itself (`local`) or of a neighbour."""
        table = self.find(sw_if_index) or self._create(sw_if_index)
        route = RoutePath(Protocol.IP6, address if local else 0, sw_if_index, flags=PathFlag.LOCAL if local else PathFlag.NONE)
        flags = EntryFlag.LOCAL if local else EntryFlag.NONE
        table.update(Prefix(Protocol.IP6, address, 128), Source.IP6_ND, flags, [route])

    def delete(self, sw_if_index: int, address: int) -> None:
        """Take an address out; with the last one the table goes."""
        table = self.find(sw_if_index)
        if table is None:
            return
        table.delete(Prefix(Protocol.IP6, address, 128), Source.IP6_ND)
        if not any(entry.find(Source.IP6_ND) for entry in table):
            self.fib_index_of[sw_if_index] = NO_TABLE
            table.delete(LINK_LOCAL, Source.SPECIAL)
            table.unlock(Source.IP6_ND)

    def _create(self, sw_if_index: int) -> FibTable:
        if sw_if_index >= len(self.fib_index_of):
            more = np.full(max(len(self.fib_index_of), sw_if_index + 1), NO_TABLE, np.int32)
            self.fib_index_of = np.concatenate((self.fib_index_of, more))
        table = self._fib.ip6.create(Source.IP6_ND, f"IP6-link-local:{self._interfaces[sw_if_index].name}")
        table.flag_text = FLAG_TEXT
        self.fib_index_of[sw_if_index] = table.index
        flags = EntryFlag.ATTACHED | EntryFlag.NO_ATTACHED_EXPORT
        table.update(LINK_LOCAL, Source.SPECIAL, flags, [RoutePath(Protocol.IP6, 0, sw_if_index)])
        return table
