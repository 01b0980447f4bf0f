"""One entry of a multicast table: which interfaces it accepts from, and where packets are replicated to.

Counterpart of vnet/mfib/mfib_entry.c. Each source of an entry has paths with flags of their own; the best
source decides. A path with an interface lets packets in (Accept) or out (Forward) there; one without an
interface is for us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.adjacency import Adjacency, Reason
from vppsh.engine.fib import path_list as path_lists
from vppsh.engine.fib.dpo import DROPS, Dpo
from vppsh.engine.fib.path import Kind, Path
from vppsh.engine.fib.path_list import PathList
from vppsh.engine.fib.types import NO_INTERFACE, PathListFlag, RoutePath, flag_names
from vppsh.engine.mfib.types import ENTRY_FLAG_NAMES, INTERFACE_FLAG_NAMES, EntryFlag, Group, InterfaceFlag, MfibSource

if TYPE_CHECKING:
    from vppsh.engine.fib.fib import Fib
    from vppsh.engine.replicate import Replicates


class MfibEntrySource:
    """What one source wants of an entry.

    path_flags  what each path is for, by the path's identity
    """

    def __init__(self, source: MfibSource) -> None:
        self.source = source
        self.flags = EntryFlag(0)
        self.path_list: PathList | None = None
        self.path_flags: dict[tuple[object, ...], InterfaceFlag] = {}

    @property
    def is_empty(self) -> bool:
        """Whether the source has nothing left to say."""
        return not self.flags and self.path_list is None

    def interfaces(self) -> dict[int, InterfaceFlag]:
        """What paths say of interfaces, taken together."""
        found: dict[int, InterfaceFlag] = {}
        for path in self.path_list.paths if self.path_list is not None else ():
            flags = self.flags_of(path)
            if path.interface != NO_INTERFACE and flags:
                found[path.interface] = found.get(path.interface, InterfaceFlag(0)) | flags
        return found

    def flags_of(self, path: Path) -> InterfaceFlag:
        """What a path is for."""
        return self.path_flags.get(path.identity(), InterfaceFlag(0))


class MfibEntry:
    """An entry.

    interfaces  flags by sw_if_index, those of the best source
    dpo         where packets go that are accepted: a replicate object, or a drop
    """

    def __init__(self, fib: Fib, replicates: Replicates, group: Group, fib_index: int, index: int) -> None:
        self.group = group
        self.fib_index = fib_index
        self.index = index
        self.sources: list[MfibEntrySource] = []
        self.interfaces: dict[int, InterfaceFlag] = {}
        self.dpo: Dpo = DROPS[group.protocol]
        self._fib = fib
        self._replicates = replicates
        self._followed: PathList | None = None
        self._adjacencies: list[Adjacency] = []

    # A path-list asks these of its children.
    is_plain = False

    @property
    def flags(self) -> EntryFlag:
        """Flags of the best source."""
        return self.sources[0].flags if self.sources else EntryFlag(0)

    def accepts(self, sw_if_index: int) -> bool:
        """Whether packets for the group may come in by an interface."""
        flags = self.interfaces.get(sw_if_index, InterfaceFlag(0))
        return bool(flags & InterfaceFlag.ACCEPT or self.flags & EntryFlag.ACCEPT_ALL)

    def set_flags(self, source: MfibSource, flags: EntryFlag) -> None:
        """A source says what the entry does besides forwarding."""
        self._source(source).flags = flags
        self._changed()

    def update_path(self, source: MfibSource, route: RoutePath, flags: InterfaceFlag) -> None:
        """A source adds a path, or changes what it is for."""
        wanted = self._source(source)
        old = wanted.path_list
        new = path_lists.create(self._fib, PathListFlag.NO_URPF, [route]) if old is None else path_lists.copy_and_add(
            old, PathListFlag.NO_URPF, [route]
        )  # fmt: skip
        new.lock()
        wanted.path_list = new
        for path in new.paths:
            if path.matches(route):
                wanted.path_flags[path.identity()] = flags
        self._changed()
        if old is not None:
            old.unlock()

    def remove_path(self, source: MfibSource, route: RoutePath) -> None:
        """A source takes a path away."""
        wanted = next((known for known in self.sources if known.source is source), None)
        if wanted is None or wanted.path_list is None:
            return
        old = wanted.path_list
        wanted.path_list = path_lists.copy_and_remove(old, PathListFlag.NO_URPF, [route])
        if wanted.path_list is not None:
            wanted.path_list.lock()
        self._changed()
        old.unlock()

    def remove_source(self, source: MfibSource) -> None:
        """A source no longer wants the entry."""
        for known in [known for known in self.sources if known.source is source]:
            self.sources.remove(known)
            self._changed()
            if known.path_list is not None:
                known.path_list.unlock()

    def back_walk(self, reason: Reason, depth: int) -> None:
        """A path has changed."""
        self._stack()

    def destroy(self) -> None:
        """Let go of what the entry forwards to."""
        self._follow(None)
        self._forward_to([])

    def format(self, *, detail: bool = False) -> str:
        """The entry as `show ip mfib` prints it."""
        text = f"{self.group}: {format_entry_flags(self.flags)}"
        if detail:
            text += f"\n fib:{self.fib_index} index:{self.index} locks:1\n" + "".join(self._format_source(known) for known in self.sources)
        text += "\n  Interfaces:"
        text += "".join(f"\n  {self._format_interface(index, flags)}" for index, flags in self.interfaces.items())
        chain = f"multicast-{self.group.protocol.text}-chain"
        return f"{text}\n  {chain}\n  {self._fib.dpos.format(self.dpo, 2, self.group.protocol)}\n"

    def _format_source(self, known: MfibEntrySource) -> str:
        paths = known.path_list.paths if known.path_list is not None else []
        text = f"  src:{known.source.text} flags:none locks:1: {format_entry_flags(known.flags)}\n"
        text += known.path_list.format(4) if known.path_list is not None else ""
        text += "    Extensions:\n"
        text += "".join(f"     path:{path.index} flags:{format_interface_flags(known.flags_of(path))}\n" for path in paths)
        text += "    Interface-Forwarding:\n"
        return text + "".join(f"    {self._format_interface(index, flags)}\n" for index, flags in known.interfaces().items())

    def _format_interface(self, sw_if_index: int, flags: InterfaceFlag) -> str:
        return f" {self._fib.interface_name(sw_if_index)}: {format_interface_flags(flags)}"

    def _source(self, source: MfibSource) -> MfibEntrySource:
        for known in self.sources:
            if known.source is source:
                return known
        self.sources.append(MfibEntrySource(source))
        self.sources.sort(key=lambda known: known.source)
        return self._source(source)

    def _changed(self) -> None:
        """Take over what the best source says now."""
        self.sources = [known for known in self.sources if not known.is_empty]
        self._follow(self.sources[0].path_list if self.sources else None)
        self._stack()

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
        """Work out the interfaces, and where packets go."""
        best = self.sources[0] if self.sources else None
        self.interfaces = best.interfaces() if best is not None else {}
        paths = best.path_list.paths if best is not None and best.path_list is not None else []
        self._forward_to([path for path in paths if best is not None and path.is_resolved and best.flags_of(path) & InterfaceFlag.FORWARD])

    def _forward_to(self, paths: list[Path]) -> None:
        protocol = self.group.protocol
        adjacencies, held = self._fib.adjacencies, self._adjacencies
        self._adjacencies = [adjacencies.mcast(protocol, protocol, path.interface) for path in paths if path.kind is Kind.ATTACHED]
        outgoing = iter(self._adjacencies)
        buckets = [next(outgoing).dpo if path.kind is Kind.ATTACHED else path.dpo for path in paths]
        if buckets:
            if self.dpo.is_drop:
                self.dpo = self._replicates.create(protocol)
            self._replicates.update(self.dpo.index, buckets)
        elif not self.dpo.is_drop:
            self._replicates.destroy(self.dpo.index)
            self.dpo = DROPS[protocol]
        for adjacency in held:
            adjacencies.unlock(adjacency)


def format_entry_flags(flags: EntryFlag) -> str:
    """` flags:Drop,`, or nothing."""
    return f" flags:{flag_names(flags, ENTRY_FLAG_NAMES)}" if flags else ""


def format_interface_flags(flags: InterfaceFlag) -> str:
    """`Accept,Forward,`."""
    return flag_names(flags, INTERFACE_FLAG_NAMES)
