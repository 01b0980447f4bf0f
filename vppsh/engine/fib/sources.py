"""How the sources of an entry behave: what they contribute, and how they follow the entry that covers theirs.

VPP counterpart: vnet/fib/fib_entry_src_*.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from vppsh.engine.adjacency import Kind

from . import path_list
from .behaviour import KEEP, Behaviour, CoverResult
from .dpo import DROPS, Dpo
from .entry import Entry
from .entry_source import EntrySource
from .extension import PathExtension, insert
from .interpose import Interpose
from .local_label import LocalLabel
from .types import EntryFlag, PathListFlag, Prefix, Protocol, RoutePath, Source, SourceFlag

RECURSIVE_INHERITED = EntryFlag.CONNECTED | EntryFlag.ATTACHED


class Simple(Behaviour):
    """Special and proxy entries: given paths are shared."""

    list_flags = PathListFlag.SHARED


class Drop(Behaviour):
    """Default routes of a new table: drop."""

    name = "drop"

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        known.path_list = path_list.create_special(entry.table.fib, entry.prefix.protocol, PathListFlag.DROP, dpo)


class Api(Behaviour):
    """Routes a user or an agent configures."""

    name = "api"
    plain = True
    list_flags = PathListFlag.SHARED

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        if flags:
            super().add(entry, known, flags, dpo)

    def set_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        super().set_paths(entry, known, flags, routes)
        assert known.path_list is not None
        known.extensions = [PathExtension(route, known.path_list) for route in routes if route.labels] or None

    def add_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        if known.path_list is None:
            self.set_paths(entry, known, flags, routes)
            return
        known.path_list = path_list.copy_and_add(known.path_list, flags | self.list_flags, routes)
        _refresh(known, routes, adding=True)

    def remove_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        if known.path_list is not None:
            known.path_list = path_list.copy_and_remove(known.path_list, flags | self.list_flags, routes)
            _refresh(known, routes, adding=False)


class Interface(Behaviour):
    """Connected prefixes and the addresses of interfaces."""

    name = "interface"

    def activate(self, entry: Entry, known: EntrySource) -> bool:
        if known.flags & EntryFlag.LOCAL:
            cover = known.cover = entry.table.less_specific(entry.prefix)
            provided = any(_provides_glean(covered) for covered in cover.covered or ()) if cover.find(Source.INTERFACE) else False
            _track(cover, entry)
            if not provided:
                _update_glean(cover, entry)
        return True

    def deactivate(self, entry: Entry, known: EntrySource) -> None:
        cover, known.cover = known.cover, None
        if cover is None:
            return
        _untrack(cover, entry)
        if known.state & SourceFlag.PROVIDES_GLEAN:
            known.state &= ~SourceFlag.PROVIDES_GLEAN
            for covered in reversed(list(cover.covered or ())):
                _update_glean(cover, covered)

    def cover_changed(self, entry: Entry, known: EntrySource) -> CoverResult:
        if known.cover is not None and known.cover is not entry.table.less_specific(entry.prefix):
            self.deactivate(entry, known)
            self.activate(entry, known)
        return KEEP

    def format(self, entry: Entry, known: EntrySource) -> str:
        return _format_cover(known)


class AdjacencySource(Behaviour):
    """Entries of neighbours: in force only where the cover is attached to the neighbour's interface."""

    name = "adjacency"

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        known.extensions = []

    def remove(self, entry: Entry, known: EntrySource) -> None:
        cover, known.cover = known.cover, None
        if cover is not None:
            _untrack(cover, entry)

    def set_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        super().set_paths(entry, known, flags, routes)
        assert known.path_list is not None
        known.extensions = [PathExtension(route, known.path_list) for route in routes]

    def add_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        if known.path_list is None:
            self.set_paths(entry, known, flags, routes)
            return
        known.path_list = path_list.copy_and_add(known.path_list, flags, routes)
        extensions = known.extensions or []
        for extension in extensions:
            extension.resolve(known.path_list)
        known.extensions = extensions + [PathExtension(route, known.path_list) for route in routes]

    def remove_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        if known.path_list is None:
            return
        known.path_list = path_list.copy_and_remove(known.path_list, flags, routes)
        gone = {route.sort_key() for route in routes}
        known.extensions = [extension for extension in known.extensions or [] if extension.route.sort_key() not in gone]
        if known.path_list is not None:
            for extension in known.extensions:
                extension.resolve(known.path_list)

    def activate(self, entry: Entry, known: EntrySource) -> bool:
        cover = known.cover = entry.table.less_specific(entry.prefix)
        _track(cover, entry)
        connected = cover.find(Source.INTERFACE)
        if cover.flags & EntryFlag.ATTACHED or (connected is not None and connected.flags & EntryFlag.ATTACHED):
            return self._refine(entry, known)
        return False

    def reactivate(self, entry: Entry, known: EntrySource) -> bool:
        return self._refine(entry, known)

    def deactivate(self, entry: Entry, known: EntrySource) -> None:
        cover, known.cover = known.cover, None
        if cover is not None:
            _untrack(cover, entry)

    def cover_changed(self, entry: Entry, known: EntrySource) -> CoverResult:
        if known.cover is None:
            return CoverResult(False, False)
        self.deactivate(entry, known)
        install = self.activate(entry, known)
        return CoverResult(install, install)

    def cover_updated(self, entry: Entry, known: EntrySource) -> CoverResult:
        return CoverResult(known.cover is not None and bool(known.cover.flags & EntryFlag.ATTACHED), False)

    def format(self, entry: Entry, known: EntrySource) -> str:
        return _format_cover(known)

    def _refine(self, entry: Entry, known: EntrySource) -> bool:
        """Note which paths leave by the cover's interface; whether any does."""
        if known.cover is None or known.path_list is None:
            return False
        fib = entry.table.fib
        wanted = known.cover.resolving_interface()
        refines = False
        for path in known.path_list.paths:
            interface = path.resolving_interface()
            match = wanted in (interface, fib.unnumbered_lender(interface))
            for extension in known.extensions or []:
                if extension.path is path:
                    extension.refines_cover = match
            refines = refines or match
        return refines


class Recursive(Behaviour):
    """Entries made because a path resolves through their address: they forward as their cover does."""

    name = "rr"

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        """Nothing to forward by before it is active."""

    def activate(self, entry: Entry, known: EntrySource) -> bool:
        if entry.prefix.protocol is Protocol.MPLS:
            # Nothing covers a label.
            known.path_list = path_list.create_special(entry.table.fib, Protocol.MPLS, PathListFlag.DROP, DROPS[Protocol.MPLS])
            known.path_list.lock()
            return True
        cover = known.cover = entry.table.less_specific(entry.prefix)
        _track(cover, entry)
        self._use(entry, known, cover)
        return True

    def deactivate(self, entry: Entry, known: EntrySource) -> None:
        cover, known.cover = known.cover, None
        if cover is not None:
            _untrack(cover, entry)
            if cover.parent is not None:
                cover.parent.loop_detect([])
        known.extensions = None
        known.flags = 0
        if known.path_list is not None:
            old, known.path_list = known.path_list, None
            old.unlock()

    def cover_changed(self, entry: Entry, known: EntrySource) -> CoverResult:
        if known.cover is None or known.cover is entry.table.less_specific(entry.prefix):
            return KEEP
        self.deactivate(entry, known)
        self.activate(entry, known)
        return CoverResult(True, True)

    def cover_updated(self, entry: Entry, known: EntrySource) -> CoverResult:
        if known.cover is None:
            return KEEP
        old = known.path_list
        self._use(entry, known, known.cover)
        if old is not None:
            old.unlock()
        return CoverResult(True, True)

    def format(self, entry: Entry, known: EntrySource) -> str:
        return _format_cover(known)

    @staticmethod
    def _use(entry: Entry, known: EntrySource, cover: Entry) -> None:
        """Resolve through an attached cover to the neighbour, through any other as the cover does."""
        fib, protocol = entry.table.fib, entry.prefix.protocol
        if cover.flags & EntryFlag.ATTACHED:
            route = RoutePath(protocol, entry.prefix.address, cover.resolving_interface())
            known.path_list = path_list.create(fib, 0, [route])
            known.flags |= cover.flags & RECURSIVE_INHERITED
        elif cover.parent is None or cover.parent.loop_detect([entry]):
            known.path_list = path_list.create_special(fib, protocol, PathListFlag.DROP, DROPS[protocol])
        else:
            known.path_list = cover.parent
            source = next((each for each in cover.sources if each.path_list is cover.parent), None)
            known.extensions = list(source.extensions) if source is not None and source.extensions else None
        known.path_list.lock()


SIMPLE, DROP, API, INTERFACE, ADJACENCY, RECURSIVE = Simple(), Drop(), Api(), Interface(), AdjacencySource(), Recursive()
LOCAL_LABEL, INTERPOSE = LocalLabel(), Interpose()
BEHAVIOURS: dict[int, Behaviour] = {
    Source.SPECIAL: SIMPLE,
    Source.CLASSIFY: SIMPLE,
    Source.PROXY: SIMPLE,
    Source.INTERFACE: INTERFACE,
    Source.SR: API,
    Source.PATH_MTU: INTERPOSE,
    Source.BIER: SIMPLE,
    Source.SIX_RD: API,
    Source.API: API,
    Source.CLI: API,
    Source.MAP: SIMPLE,
    Source.DHCP: API,
    Source.IP6_ND_PROXY: API,
    Source.IP6_ND: API,
    Source.ADJACENCY: ADJACENCY,
    Source.MPLS: LOCAL_LABEL,
    Source.ATTACHED_EXPORT: SIMPLE,
    Source.RECURSIVE: RECURSIVE,
    Source.URPF_EXEMPT: RECURSIVE,
    Source.DEFAULT_ROUTE: DROP,
}


def _track(cover: Entry, entry: Entry) -> None:
    if cover.covered is None:
        cover.covered = {}
        cover.table.covers[cover] = None
    cover.covered[entry] = None


def _untrack(cover: Entry, entry: Entry) -> None:
    if cover.covered is not None:
        cover.covered.pop(entry, None)
        if not cover.covered:
            cover.covered = None
            cover.table.covers.pop(cover, None)


def _refresh(known: EntrySource, routes: Sequence[RoutePath], *, adding: bool) -> None:
    """Let a route's extensions follow its new path-list."""
    extensions = known.extensions or []
    if not adding:
        gone = {route.sort_key() for route in routes}
        extensions = [extension for extension in extensions if extension.route.sort_key() not in gone]
    if known.path_list is not None:
        for extension in extensions:
            extension.resolve(known.path_list)
        if adding:
            extensions = list(extensions)
            for route in routes:
                if route.labels:
                    insert(extensions, PathExtension(route, known.path_list))
    known.extensions = extensions or None


def _provides_glean(entry: Entry) -> bool:
    known = entry.find(Source.INTERFACE)
    return known is not None and bool(known.state & SourceFlag.PROVIDES_GLEAN)


def _update_glean(cover: Entry, local: Entry) -> None:
    """Let a connected prefix ask for neighbours from one of the interface's own addresses."""
    connected, known = cover.find(Source.INTERFACE), local.find(Source.INTERFACE)
    if connected is None or connected.path_list is None or known is None:
        return
    adjacency = connected.path_list.paths[0].adjacency
    if adjacency is None or adjacency.kind is not Kind.GLEAN or adjacency.glean is None:
        return
    if adjacency.glean.covers(local.prefix):
        adjacency.glean = Prefix(adjacency.glean.protocol, local.prefix.address, adjacency.glean.length)
        known.state |= SourceFlag.PROVIDES_GLEAN


def _format_cover(known: EntrySource) -> str:
    return f" cover:{known.cover.index if known.cover is not None else -1}"
