"""Trackers: who follows where packets to an address go, without being a route (vnet/fib/fib_entry_track.c).

A tracked address has an entry of its own, which forwards as its cover does until a route gives it a better
source; whatever changes there is told to the followers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.adjacency_types import Reason, format_children

from .types import EntryFlag, Prefix, Source

if TYPE_CHECKING:
    from vppsh.engine.adjacency_types import Child

    from .entry import Entry
    from .fib import Fib
    from .table import FibTable


class Tracker:
    """The followers of one entry; a child of the entry itself."""

    def __init__(self, entry: Entry, index: int) -> None:
        self.entry = entry
        self.index = index
        self.followers: dict[Child, None] = {}

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"fib-entry-track:{self.index}"

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """Let all followers look again."""
        for follower in list(self.followers):
            follower.back_walk(reason, depth)

    def format(self) -> str:
        """The tracker as a delegate of its entry."""
        return f"track: sibling:{self.index}\n  Children:{format_children(self.followers)}"


class Trackers:
    """The tracked entries of an engine."""

    def __init__(self, fib: Fib) -> None:
        self._fib = fib
        self._trackers: dict[Entry, Tracker] = {}
        self._next_index = 0

    def of(self, entry: Entry) -> Tracker | None:
        """The tracker of an entry, if anybody follows it."""
        return self._trackers.get(entry)

    def track(self, table: FibTable, prefix: Prefix, follower: Child) -> Entry:
        """Follow where packets to a prefix go; its entry."""
        entry = table.find(prefix)
        tracker = self._trackers.get(entry) if entry is not None else None
        if tracker is None:
            table.lock(Source.RECURSIVE)
            entry = table.special_add(prefix, Source.RECURSIVE, EntryFlag.NONE)
            tracker = self._trackers[entry] = Tracker(entry, self._next_index)
            self._next_index += 1
            entry.children[tracker] = None
        tracker.followers[follower] = None
        return tracker.entry

    def untrack(self, entry: Entry, follower: Child) -> None:
        """Follow an entry no longer."""
        tracker = self._trackers.get(entry)
        if tracker is None:
            return
        tracker.followers.pop(follower, None)
        if not tracker.followers:
            del self._trackers[entry]
            entry.children.pop(tracker, None)
            entry.table.special_remove(entry.prefix, Source.RECURSIVE)
            entry.table.unlock(Source.RECURSIVE)
