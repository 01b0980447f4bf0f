"""What every source of an entry can do, and the default: one special path, nothing depends on the cover.

VPP counterpart: fib_entry_src_vft_t (vnet/fib/fib_entry_src.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from . import path_list
from .dpo import Dpo
from .entry import Entry
from .entry_source import EntrySource, path_list_flags
from .load_balance import NextHop
from .types import RoutePath


class CoverResult(NamedTuple):
    """What a source makes of a change of its cover: stay in force, and make dependents look again."""

    install: bool
    evaluate: bool


KEEP = CoverResult(True, False)


class Behaviour:
    """The default: one special path, nothing depends on the cover.

    name         VPP's name of it
    plain        entries of this source need nothing but new buckets when their paths change
    source_type  what keeps the state of such a source
    """

    name = "simple"
    plain = False
    list_flags = 0
    source_type = EntrySource

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        """The source asks for the entry."""
        fib = entry.table.fib
        known.path_list = path_list.create_special(fib, entry.prefix.protocol, path_list_flags(flags), dpo)

    def remove(self, entry: Entry, known: EntrySource) -> None:
        """The source no longer asks."""

    def set_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        """The source replaces its paths."""
        known.path_list = path_list.create(entry.table.fib, flags | self.list_flags, routes)

    def add_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        """The source adds paths."""
        self.set_paths(entry, known, flags, routes)

    def remove_paths(self, entry: Entry, known: EntrySource, flags: int, routes: Sequence[RoutePath]) -> None:
        """The source takes paths away."""
        known.path_list = None

    def activate(self, entry: Entry, known: EntrySource) -> bool:
        """The source becomes the best; whether the entry can be installed."""
        return True

    def reactivate(self, entry: Entry, known: EntrySource) -> bool:
        """The source's paths have changed; whether the entry stays installed."""
        return True

    def deactivate(self, entry: Entry, known: EntrySource) -> None:
        """The source is no longer the best."""

    def cover_changed(self, entry: Entry, known: EntrySource) -> CoverResult:
        """Another entry covers this one."""
        return KEEP

    def cover_updated(self, entry: Entry, known: EntrySource) -> CoverResult:
        """The covering entry has changed."""
        return KEEP

    def interpose(self, entry: Entry, known: EntrySource, hops: Sequence[NextHop]) -> Sequence[NextHop]:
        """What the entry forwards by, from the next hops of the source's paths."""
        return hops

    def format(self, entry: Entry, known: EntrySource) -> str:
        """What the source adds to its line in `show ip fib`."""
        return ""
