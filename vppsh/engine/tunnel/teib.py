"""TEIB, the tunnel endpoint information base: behind which far end each peer of a multipoint tunnel is.

VPP counterpart: vnet/teib. An entry says that the overlay address `peer` on a tunnel interface is reached by the
underlay address `endpoint`; the peer is a neighbour's entry in the FIB as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.link_local import LinkLocalTables, is_link_local
from vppsh.engine.tunnel.midchain import Endpoint

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class TeibEntry(Struct, frozen=True):
    """One peer: the tunnel interface, its overlay address, its underlay address."""

    sw_if_index: int
    peer: Prefix
    endpoint: Endpoint


Listener = Callable[[TeibEntry, bool], None]
"""`(entry, added)`"""


class Teib:
    """The entries of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._fib = engine.get(Fib)
        self._link_local = engine.get(LinkLocalTables)
        self._pool = Pool()
        self._indices: dict[tuple[int, Protocol, int], int] = {}
        self._counts = {Protocol.IP4: 0, Protocol.IP6: 0}
        self._listeners: list[Listener] = []
        self._fib.bind_watchers.append(self._bound)

    def __iter__(self) -> Iterator[tuple[int, TeibEntry]]:
        """Number and entry, in the order of the numbers."""
        return ((index, entry) for index, entry in enumerate(self._pool.items) if entry is not None)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` when an entry appears or goes."""
        self._listeners.append(listener)

    def find(self, sw_if_index: int, protocol: Protocol, peer: int) -> TeibEntry | None:
        """The entry of a peer on an interface."""
        index = self._indices.get((sw_if_index, protocol, peer))
        return None if index is None else self._pool.items[index]

    def of(self, sw_if_index: int) -> list[TeibEntry]:
        """The entries of an interface."""
        return [entry for _, entry in self if entry.sw_if_index == sw_if_index]

    def add(self, entry: TeibEntry) -> bool:
        """A new peer; False if it is known already."""
        key = (entry.sw_if_index, entry.peer.protocol, entry.peer.address)
        if key in self._indices:
            return False
        self._indices[key] = self._pool.add(entry)
        self._enter(entry, self._table_index(entry))
        for listener in self._listeners:
            listener(entry, True)
        return True

    def remove(self, sw_if_index: int, protocol: Protocol, peer: int) -> bool:
        """A peer that goes; False if it is not known."""
        entry = self.find(sw_if_index, protocol, peer)
        if entry is None:
            return False
        self._withdraw(entry, self._table_index(entry))
        index = self._indices.pop((sw_if_index, protocol, peer))
        for listener in self._listeners:
            listener(entry, False)
        self._pool.remove(index)
        return True

    def _table_index(self, entry: TeibEntry) -> int:
        return self._fib.tables(entry.peer.protocol).index_of_interface(entry.sw_if_index)

    def _enter(self, entry: TeibEntry, fib_index: int) -> None:
        """Make the peer a neighbour on the overlay."""
        peer = entry.peer
        if peer.protocol is Protocol.IP6 and is_link_local(peer.address):
            self._link_local.add(entry.sw_if_index, peer.address, own=False)
            return
        table = self._fib.tables(peer.protocol)[fib_index]
        table.path_add(peer, Source.ADJACENCY, EntryFlag.ATTACHED, [RoutePath(peer.protocol, peer.address, entry.sw_if_index)])
        self._counts[peer.protocol] += 1
        if self._counts[peer.protocol] == 1:
            table.lock(Source.ADJACENCY)

    def _withdraw(self, entry: TeibEntry, fib_index: int) -> None:
        peer = entry.peer
        if peer.protocol is Protocol.IP6 and is_link_local(peer.address):
            self._link_local.remove(entry.sw_if_index, peer.address)
            return
        table = self._fib.tables(peer.protocol)[fib_index]
        table.path_remove(peer, Source.ADJACENCY, [RoutePath(peer.protocol, peer.address, entry.sw_if_index)])
        self._counts[peer.protocol] -= 1
        if not self._counts[peer.protocol]:
            table.unlock(Source.ADJACENCY)

    def _bound(self, protocol: Protocol, sw_if_index: int, old: int, new: int) -> None:
        """The overlay is in another table now."""
        for entry in self.of(sw_if_index):
            if entry.peer.protocol is protocol:
                self._withdraw(entry, old)
                self._enter(entry, new)
