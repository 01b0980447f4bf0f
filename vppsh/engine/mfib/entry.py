"""One entry of a multicast table: which interfaces it accepts from, and where packets are replicated to.

Counterpart of vnet/mfib/mfib_entry.c. The best of an entry's sources decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vppsh.engine.adjacency import Adjacency, Reason
from vppsh.engine.fib.dpo import DROPS, Dpo
from vppsh.engine.fib.path import CHAIN_OF, Path
from vppsh.engine.fib.path_kind import Kind
from vppsh.engine.fib.path_list import PathList
from vppsh.engine.fib.types import RoutePath
from vppsh.engine.mfib.source import MfibEntrySource, MfibInterface
from vppsh.engine.mfib.types import NO_RPF_ID, EntryFlag, Group, InterfaceFlag, MfibSource

if TYPE_CHECKING:
    from vppsh.engine.mfib.tables import Mfib


class MfibEntry:
    """An entry.

    dpo  where packets go that are accepted: a replicate object, or a drop
    """

    # A path-list asks this of its children: load-balances of many plain ones it rewrites itself.
    is_plain = False

    def __init__(self, mfib: Mfib, group: Group, fib_index: int, index: int) -> None:
        self.group = group
        self.fib_index = fib_index
        self.index = index
        self.sources: list[MfibEntrySource] = []
        self.dpo: Dpo = DROPS[group.protocol]
        self._mfib = mfib
        self._followed: PathList | None = None
        self._adjacencies: list[Adjacency] = []
        self._replicate: Dpo | None = None

    @property
    def best(self) -> MfibEntrySource | None:
        """The source that decides."""
        return self.sources[0] if self.sources else None

    @property
    def flags(self) -> EntryFlag:
        """What the entry does besides forwarding."""
        return self.best.flags if self.best is not None else EntryFlag(0)

    @property
    def rpf_id(self) -> int:
        """What packets must bear to be accepted, instead of coming in by one of the interfaces."""
        return self.best.rpf_id if self.best is not None else NO_RPF_ID

    @property
    def interfaces(self) -> dict[int, MfibInterface]:
        """Where something is done, by sw_if_index."""
        return self.best.interfaces if self.best is not None else {}

    def accept_flags(self, sw_if_index: int) -> InterfaceFlag:
        """What packets from an interface are judged by; nothing gives packets an RPF-ID that could let them in."""
        interface = self.interfaces.get(sw_if_index)
        return interface.flags if interface is not None and self.rpf_id == NO_RPF_ID else InterfaceFlag(0)

    def accepts(self, sw_if_index: int) -> bool:
        """Whether packets for the group may come in by an interface."""
        return bool(self.accept_flags(sw_if_index) & InterfaceFlag.ACCEPT or self.flags & EntryFlag.ACCEPT_ALL)

    def signals(self, accepted_by: InterfaceFlag) -> bool:
        """Whether the control plane wants to hear of packets that are judged by these flags."""
        return bool(self.flags & EntryFlag.SIGNAL) != bool(accepted_by & InterfaceFlag.NEGATE_SIGNAL)

    def signal(self, sw_if_index: int) -> None:
        """Note that there is something for the control plane to hear of."""
        if sw_if_index in self.interfaces:
            self.interfaces[sw_if_index].flags |= InterfaceFlag.SIGNAL_PRESENT

    def set_flags(self, source: MfibSource, flags: EntryFlag, rpf_id: int = NO_RPF_ID) -> None:
        """A source says what the entry does besides forwarding."""
        wanted = self._source(source)
        wanted.flags, wanted.rpf_id = flags, rpf_id
        self._changed()

    def update_paths(self, source: MfibSource, routes: Sequence[RoutePath]) -> None:
        """A source adds paths, or changes what they are for."""
        self._source(source).update_paths(routes)
        self._changed()

    def update_path(self, source: MfibSource, route: RoutePath, flags: InterfaceFlag) -> None:
        """The same for one path that is for this."""
        self.update_paths(source, [replace(route, multicast_flags=int(flags))])

    def remove_paths(self, source: MfibSource, routes: Sequence[RoutePath]) -> None:
        """A source takes paths away."""
        for known in self.sources:
            if known.source is source:
                known.remove_paths(routes)
        self._changed()

    def remove_source(self, source: MfibSource) -> None:
        """A source no longer wants the entry."""
        gone = [known for known in self.sources if known.source is source]
        self.sources = [known for known in self.sources if known.source is not source]
        self._changed()
        for known in gone:
            known.destroy()

    def back_walk(self, reason: Reason, depth: int) -> None:
        """A path has changed."""
        self._stack()

    def destroy(self) -> None:
        """Let go of what the entry forwards to."""
        self._follow(None)
        self._forward_to([])
        for known in self.sources:
            known.destroy()

    def _source(self, source: MfibSource) -> MfibEntrySource:
        for known in self.sources:
            if known.source is source:
                return known
        wanted = MfibEntrySource(self._mfib.fib, self._mfib.interfaces, source)
        self.sources.append(wanted)
        self.sources.sort(key=lambda known: known.source)
        return wanted

    def _changed(self) -> None:
        """Take over what the best source says now."""
        gone = [known for known in self.sources if known.is_empty]
        self.sources = [known for known in self.sources if not known.is_empty]
        self._follow(self.best.path_list if self.best is not None else None)
        self._stack()
        for known in gone:
            known.destroy()

    def _follow(self, path_list: PathList | None) -> None:
        """Be told when the paths change."""
        if path_list is self._followed:
            return
        if path_list is not None:
            path_list.add_child(self)  # type: ignore[arg-type]  # it asks nothing of entries that this one cannot answer
        if self._followed is not None:
            self._followed.remove_child(self)  # type: ignore[arg-type]  # as above
        self._followed = path_list

    def _stack(self) -> None:
        """Work out where packets go."""
        best = self.best
        paths = best.path_list.paths if best is not None and best.path_list is not None else []
        forwarding = InterfaceFlag.FORWARD
        self._forward_to([path for path in paths if best is not None and path.is_resolved and best.path_flags[path] & forwarding])

    def _forward_to(self, paths: list[Path]) -> None:
        protocol, replicates = self.group.protocol, self._mfib.replicates
        held, self._adjacencies = self._adjacencies, []
        buckets = [self._bucket(path) for path in paths]
        if buckets and not self.flags & EntryFlag.EXCLUSIVE:
            if self._replicate is None:
                self._replicate = replicates.create(protocol)
            replicates.update(self._replicate.index, buckets)
            self.dpo = self._replicate
        else:
            self.dpo = buckets[0] if buckets else DROPS[protocol]
            if self._replicate is not None:
                replicates.destroy(self._replicate.index)
                self._replicate = None
        for adjacency in held:
            self._mfib.fib.adjacencies.unlock(adjacency)

    def _bucket(self, path: Path) -> Dpo:
        """Where a path leads: out of an interface to the group, by an adjacency that the entry holds."""
        fib, protocol = self._mfib.fib, self.group.protocol
        if path.kind is not Kind.ATTACHED:
            return path.forwarding(CHAIN_OF[protocol])
        if fib.is_point_to_point(path.interface):
            adjacency = fib.adjacencies.neighbor(path.protocol, protocol, 0, path.interface)
        else:
            adjacency = fib.adjacencies.mcast(path.protocol, protocol, path.interface)
        self._adjacencies.append(adjacency)
        return adjacency.dpo
