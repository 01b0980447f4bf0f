"""The sources of an entry: who wants it there, and what each asks of it.

VPP counterpart: fib_entry_src_t (vnet/fib/fib_entry.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .types import EntryFlag, PathListFlag, Source

if TYPE_CHECKING:
    from .behaviour import Behaviour
    from .entry import Entry
    from .extension import PathExtension
    from .path_list import PathList


class EntrySource:
    """One source of an entry: its path-list and its state.

    flags        EntryFlag it asked for, `state` a SourceFlag
    extensions   what it adds to single paths (labels, adjacency refinements)
    cover        the entry above, for sources that depend on it
    """

    __slots__ = ("behaviour", "cover", "extensions", "flags", "path_list", "refs", "source", "state")

    def __init__(self, source: Source, behaviour: Behaviour, flags: int) -> None:
        self.source = source
        self.behaviour = behaviour
        self.flags = flags
        self.state = 0
        self.refs = 0
        self.path_list: PathList | None = None
        self.extensions: list[PathExtension] | None = None
        self.cover: Entry | None = None


def path_list_flags(flags: int) -> int:
    """What an entry's flags ask of its path-list."""
    wanted = 0
    if flags & EntryFlag.DROP:
        wanted |= PathListFlag.DROP
    if flags & EntryFlag.EXCLUSIVE:
        wanted |= PathListFlag.EXCLUSIVE
    if flags & EntryFlag.LOCAL:
        wanted |= PathListFlag.LOCAL
    return wanted


def relock(old: PathList | None, new: PathList | None) -> None:
    """Hold a source's new path-list, let go of its old one."""
    if new is not None:
        new.lock()
    if old is not None:
        old.unlock()
