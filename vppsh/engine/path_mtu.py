"""Path MTUs: how long packets to a peer may be, where that is less than what fits the interface they leave by.

VPP counterpart: vnet/ip/ip_path_mtu.c. A peer is an address in a table, and its entry in the FIB is followed. To a peer
on a link of ours all packets leave by its adjacencies, whose MTU is limited. In front of what leads to any other peer
an object is put that sends packets in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies, Adjacency, Kind, Reason
from vppsh.engine.fib.dpo import DROPS, Dpo, Held
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.labels import Stacked
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, Source

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.table import FibTable

NODES = {Protocol.IP4: "ip4-pmtu-dpo", Protocol.IP6: "ip6-pmtu-dpo"}
LIMITED = (Kind.INCOMPLETE, Kind.REWRITE, Kind.MIDCHAIN)
UNLIMITED = (0, 0xFFFF)


class PathMtuObjects(Stacked):
    """Objects that send packets in pieces.

    mtu  of the longest piece
    """

    mtu: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, {"mtu": ("i4", 0)})
        self._protocols: dict[int, Protocol] = {}
        self.type = self._dpos.new_type("ip-pmtu-dpo", NODES, self._format)
        self._dpos.register_mtu(self.type, lambda row: int(self.mtu[row]))
        self._dpos.register_clone(self.type, self._clone)

    def create(self, protocol: Protocol, mtu: int, parent: Held) -> Dpo:
        """An object for packets of a protocol."""
        row = self._allocate()
        self.mtu[row] = mtu
        self._protocols[row] = protocol
        return self._stack(row, self.type, protocol, parent)

    def _clone(self, row: int, parent: Held) -> Held:
        dpo = self.create(self._protocols[row], int(self.mtu[row]), parent)
        return Held(dpo, partial(self.destroy, dpo))

    def _format(self, row: int, indent: int) -> str:
        if self.is_free(row):
            return f"ip-pmtu-dpo: [{row}] DELETED"
        parent = self._dpos.format_at(self._parents[row].dpo, indent + 4, int(self.next_slot[row]), indent + 2)
        return f"ip-pmtu-dpo: {self._protocols[row].text}, mtu:{self.mtu[row]}\n{' ' * (indent + 2)}{parent}"


class PathMtu:
    """One peer: what was asked for, what counts, and whether it is on a link of ours."""

    def __init__(self, owner: PathMtus, index: int, table: FibTable, peer: Prefix, configured: int) -> None:
        self._owner = owner
        self._busy = False
        self.index = index
        self.table = table
        self.peer = peer
        self.configured = configured
        self.operational = 0
        self.attached = False
        self.object: Dpo | None = None
        self.entry = table.fib.trackers.track(table, peer, self)

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"ip-pmtu:{self.index}"

    def __str__(self) -> str:
        """As `show ip pmtu` prints it; VPP never fills in what it calls the parent's."""
        where = f"[tbl:[{self.table.table_id}:{self.table.index}]] {self.peer}"
        mtus = f"pmtu:[cfg:{self.configured}, oper:{self.operational}, parent:0]"
        return f"[{self.index}] {where} {mtus} [{'attached' if self.attached else 'remote'} ]"

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """Packets to the peer go another way: apply the MTU there. What this itself changes leads back here."""
        if not self._busy:
            self.apply()

    def apply(self) -> None:
        """Limit the packets to the peer, wherever it is now."""
        self._busy = True
        was_attached, self.attached = self.attached, self._is_attached()
        if was_attached and not self.attached:
            self._limit_adjacencies(None)
        self._remove_object()
        if self.attached:
            self.operational = self.configured
            self._limit_adjacencies(self.operational)
        else:
            fits = self.table.fib.dpos.mtu(self.entry.forwarding(self.entry.chain))
            self.operational = min(fits, self.configured)
            if self.operational < fits:
                self._put_object()
        self._busy = False

    def remove(self) -> None:
        """Limit nothing any more."""
        self._busy = True
        if self.attached:
            self._limit_adjacencies(None)
        self._remove_object()
        self.table.fib.trackers.untrack(self.entry, self)

    def _is_attached(self) -> bool:
        cover = self.table.less_specific(self.peer)
        return bool((cover.flags | self.entry.flags) & EntryFlag.ATTACHED)

    def _limit_adjacencies(self, mtu: int | None) -> None:
        adjacencies = self.table.fib.adjacencies
        for adjacency in adjacencies.towards(self.entry.resolving_interface(), self.peer.protocol, self.peer.address):
            if mtu is not None or adjacency.index in adjacencies.path_mtus:
                adjacencies.set_path_mtu(adjacency, mtu)

    def _put_object(self) -> None:
        protocol = self.peer.protocol
        self.object = self._owner.objects.create(protocol, self.operational, Held(DROPS[protocol]))
        self.table.special_add(self.peer, Source.PATH_MTU, EntryFlag.INTERPOSE, self.object)

    def _remove_object(self) -> None:
        if self.object is not None:
            self.table.special_remove(self.peer, Source.PATH_MTU)
            self._owner.objects.destroy(self.object)
            self.object = None


class PathMtus:
    """The peers of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.objects = engine.get(PathMtuObjects)
        self._fib = engine.get(Fib)
        self._pool = Pool()
        self._known: dict[tuple[Protocol, int, int], PathMtu] = {}
        engine.get(Adjacencies).created.append(self._adjacency_created)

    def __iter__(self) -> Iterator[PathMtu]:
        """In the order of their numbers."""
        return (known for known in self._pool.items if known is not None)

    def find(self, index: int) -> PathMtu | None:
        """The peer of that number."""
        return self._pool.get(index)

    def set(self, table: FibTable, protocol: Protocol, address: int, mtu: int) -> None:
        """Set the path MTU of a peer; 0 and 65535 are none."""
        key = (protocol, table.table_id, address)
        known = self._known.get(key)
        if mtu in UNLIMITED:
            if known is not None:
                known.remove()
                del self._known[key]
                self._pool.remove(known.index)
            return
        if known is None:
            index = self._pool.add(None)
            known = self._known[key] = PathMtu(self, index, table, Prefix(protocol, address, protocol.bits), mtu)
            self._pool.items[index] = known
        known.configured = mtu
        known.apply()

    def _adjacency_created(self, adjacency: Adjacency) -> None:
        if adjacency.kind not in LIMITED:
            return
        table = self._fib.table_of(adjacency.protocol, adjacency.interface)
        known = self._known.get((adjacency.protocol, table.table_id, adjacency.next_hop))
        if known is not None:
            self._fib.adjacencies.set_path_mtu(adjacency, known.configured)
