"""Sources that put an object in front of what an entry forwards by, instead of forwarding themselves.

VPP counterpart: vnet/fib/fib_entry_src_interpose.c. The best source below provides the paths; every next hop of
theirs gets a copy of the source's object in front of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import path_list
from .behaviour import Behaviour
from .dpo import DROPS, Dpo, Held
from .entry import Entry
from .entry_source import EntrySource
from .load_balance import NextHop
from .types import PathListFlag, Source, SourceFlag


class InterposingSource(EntrySource):
    """The source's state: its object, and the source whose paths it is in front of."""

    __slots__ = ("dpo", "lower")

    def __init__(self, source: Source, behaviour: Behaviour, flags: int) -> None:
        super().__init__(source, behaviour, flags)
        self.dpo = DROPS[0]
        self.lower: EntrySource | None = None


class Interpose(Behaviour):
    """Entries with something in front. Whoever interposes follows the entry, so that there is a source below."""

    name = "interpose"
    source_type = InterposingSource

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        assert isinstance(known, InterposingSource)
        known.dpo = dpo or DROPS[entry.prefix.protocol]

    def activate(self, entry: Entry, known: EntrySource) -> bool:
        assert isinstance(known, InterposingSource)
        lower = known.lower = next((each for each in entry.sources if each.source > known.source), None)
        if lower is not None:
            lower.state |= SourceFlag.CONTRIBUTING
        # A source that is just being added has no paths yet.
        paths = lower.path_list if lower is not None and lower.behaviour.activate(entry, lower) else None
        if lower is not None and paths is not None:
            known.extensions = lower.extensions
        else:
            protocol = entry.prefix.protocol
            paths = path_list.create_special(entry.table.fib, protocol, PathListFlag.DROP, DROPS[protocol])
        known.path_list = paths
        paths.lock()
        return True

    def reactivate(self, entry: Entry, known: EntrySource) -> bool:
        old = known.path_list
        if old is not None:
            old.lock()
        self.deactivate(entry, known)
        self.activate(entry, known)
        if old is not None:
            old.unlock()
        return True

    def deactivate(self, entry: Entry, known: EntrySource) -> None:
        assert isinstance(known, InterposingSource)
        lower, known.lower = known.lower, None
        # One that is gone has been deactivated when it went.
        if lower is not None and lower in entry.sources and lower.state & SourceFlag.CONTRIBUTING:
            lower.state &= ~SourceFlag.CONTRIBUTING
            lower.behaviour.deactivate(entry, lower)
        known.extensions = None
        old, known.path_list = known.path_list, None
        if old is not None:
            old.unlock()

    def interpose(self, entry: Entry, known: EntrySource, hops: Sequence[NextHop]) -> Sequence[NextHop]:
        assert isinstance(known, InterposingSource)
        clone = entry.table.fib.dpos.clone_in_front
        wrapped = []
        for hop in hops:
            held = clone(known.dpo, Held(hop.dpo, hop.release))
            wrapped.append(NextHop(held.dpo, hop.weight, hop.path, held.release))
        return wrapped

    def format(self, entry: Entry, known: EntrySource) -> str:
        assert isinstance(known, InterposingSource)
        return f" cover:-1 interpose:\n{' ' * 6}{entry.table.fib.dpos.format_at(known.dpo, 8, 0)}"
