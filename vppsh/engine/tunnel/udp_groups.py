"""Multicast groups at the far end of tunnels over UDP: one multicast entry and one adjacency, however many tunnels share a group.

VPP counterpart: the `mcast_shared` of plugins/vxlan and its kin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Adjacency
from vppsh.engine.fib.types import PathFlag, Protocol, RoutePath
from vppsh.engine.mfib.tables import Mfib
from vppsh.engine.mfib.types import Group, InterfaceFlag, MfibSource

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


@dataclass
class Membership:
    """How many tunnels use a group, and the adjacency by which they send to it."""

    adjacency: Adjacency
    users: int = 0


class UdpGroups:
    """The groups of the tunnels of one kind."""

    def __init__(self, engine: Engine, source: MfibSource) -> None:
        self._mfib = engine.get(Mfib)
        self._adjacencies = engine.get(Adjacencies)
        self._source = source
        self._members: dict[tuple[Protocol, int, int], Membership] = {}

    def join(self, protocol: Protocol, fib_index: int, group: int, sw_if_index: int) -> Adjacency:
        """Take a group's packets in by an interface, which is that of the first tunnel; the adjacency towards it."""
        member = self._members.get((protocol, fib_index, group))
        if member is None:
            entry = self._mfib.table(protocol, fib_index).find_or_create(Group(protocol, group, protocol.bits))
            entry.update_path(self._source, RoutePath(protocol, flags=PathFlag.LOCAL), InterfaceFlag.FORWARD)
            entry.update_path(self._source, RoutePath(protocol, interface=sw_if_index), InterfaceFlag.ACCEPT)
            member = self._members[protocol, fib_index, group] = Membership(self._adjacencies.mcast(protocol, protocol, sw_if_index))
        member.users += 1
        return member.adjacency

    def leave(self, protocol: Protocol, fib_index: int, group: int) -> None:
        """A tunnel to a group is gone."""
        member = self._members[protocol, fib_index, group]
        member.users -= 1
        if member.users:
            return
        del self._members[protocol, fib_index, group]
        self._adjacencies.unlock(member.adjacency)
        table = self._mfib.table(protocol, fib_index)
        entry = table.find(Group(protocol, group, protocol.bits))
        if entry is not None:
            entry.remove_source(self._source)
            table.remove_if_unused(entry)
