"""What one source wants of a multicast entry: flags, and paths with flags of their own (vnet/mfib/mfib_entry.c, mfib_itf.c).

A path with an interface lets packets in (Accept) or out (Forward) there; one without an interface is for us. Paths of
one interface add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from vppsh.engine.fib import path_list as path_lists
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.path import Path
from vppsh.engine.fib.path_list import PathList
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import NO_INTERFACE, PathListFlag, RoutePath
from vppsh.engine.mfib.types import NO_RPF_ID, EntryFlag, InterfaceFlag, MfibSource


@dataclass(eq=False)
class MfibInterface:
    """What an entry does on an interface."""

    sw_if_index: int
    flags: InterfaceFlag
    index: int = 0


class MfibEntrySource:
    """One source of an entry.

    path_flags  what each path is for
    interfaces  by sw_if_index, those on which something is done
    """

    def __init__(self, fib: Fib, pool: Pool, source: MfibSource) -> None:
        self._fib = fib
        self._pool = pool
        self.source = source
        self.flags = EntryFlag(0)
        self.rpf_id = NO_RPF_ID
        self.path_list: PathList | None = None
        self.path_flags: dict[Path, InterfaceFlag] = {}
        self.interfaces: dict[int, MfibInterface] = {}

    @property
    def is_empty(self) -> bool:
        """Whether the source has nothing left to say."""
        return not self.flags and not self.interfaces and (self.path_list is None or not self.path_list.paths)

    def update_paths(self, routes: Sequence[RoutePath]) -> None:
        """Add paths, or change what they are for; the list of paths is nobody else's and stays the same."""
        if self.path_list is None:
            self.path_list = path_lists.create(self._fib, PathListFlag.NO_URPF, [])
            self.path_list.lock()
        known = [next((path for path in self.path_list.paths if path.matches(route)), None) for route in routes]
        for route, path in zip(routes, known, strict=True):
            if path is None:
                path = Path(self.path_list, route)
                self.path_list.paths.append(path)
                path.resolve()
            old, new = self.path_flags.get(path, InterfaceFlag(0)), InterfaceFlag(route.multicast_flags)
            self.path_flags[path] = new
            if old != new:
                self._update_interface(path.interface)

    def remove_paths(self, routes: Sequence[RoutePath]) -> None:
        """Take paths away."""
        paths = self.path_list.paths if self.path_list is not None else []
        for path in [path for path in reversed(paths) if any(path.matches(route) for route in routes)]:
            paths.remove(path)
            del self.path_flags[path]
            self._update_interface(path.interface)
            path.destroy()

    def destroy(self) -> None:
        """Let go of paths and interfaces."""
        for interface in self.interfaces.values():
            self._pool.remove(interface.index)
        self.interfaces = {}
        if self.path_list is not None:
            self.path_list.unlock()
            self.path_list = None

    def _update_interface(self, sw_if_index: int) -> None:
        """Take together what the paths say of an interface."""
        if sw_if_index == NO_INTERFACE:
            return
        flags = reduce(or_, (flags for path, flags in self.path_flags.items() if path.interface == sw_if_index), InterfaceFlag(0))
        interface = self.interfaces.get(sw_if_index)
        if interface is None:
            if flags:
                interface = self.interfaces[sw_if_index] = MfibInterface(sw_if_index, flags)
                interface.index = self._pool.add(interface)
        elif flags:
            interface.flags = flags
        else:
            self._pool.remove(self.interfaces.pop(sw_if_index).index)
