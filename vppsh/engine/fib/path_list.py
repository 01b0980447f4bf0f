"""Path-lists: the paths of an entry, shared between all entries that go the same ways.

VPP counterpart: vnet/fib/fib_path_list.c. 100,000 routes over a few next hops share a few lists; when
a neighbour changes, a list with many plain children rewrites their load-balances in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vppsh.engine.adjacency import Reason

from .dpo import Dpo
from .load_balance import NextHop
from .path import Path
from .path_kind import Kind, share_key
from .types import NO_INTERFACE, PATH_LIST_FLAG_NAMES, Chain, PathFlag, PathListFlag, Protocol, RoutePath, flag_names

if TYPE_CHECKING:
    from vppsh.engine.adjacency_types import Child

    from .entry import Entry
    from .fib import Fib

POPULAR = 64
"""Children from which on VPP calls a list popular."""


class PathList:
    """Paths in order of preference, the uRPF list they bake, and the entries that use them.

    followers  others that send packets by them: tunnels of labels
    """

    __slots__ = ("_next_hops", "can_loop", "children", "fib", "flags", "followers", "index", "key", "locks", "paths", "urpf")

    def __init__(self, fib: Fib, flags: int) -> None:
        self.fib = fib
        self.flags = flags
        self.index = fib.path_lists.add(self)
        self.paths: list[Path] = []
        self.children: dict[Entry, None] = {}
        self.followers: dict[Child, None] = {}
        self.key: tuple[Any, ...] | None = None
        self.locks = 0
        self.urpf = -1
        self.can_loop = False
        self._next_hops: list[list[NextHop] | None] = [None] * len(Chain)

    def lock(self) -> None:
        """Hold the list."""
        self.locks += 1

    def unlock(self) -> None:
        """Let go of the list; nobody's is destroyed."""
        self.locks -= 1
        if not self.locks:
            if self.key is not None:
                del self.fib.shared_path_lists[self.key]
            self.destroy()

    def destroy(self) -> None:
        """Take the list and its paths away."""
        for path in self.paths:
            path.destroy()
        self.fib.urpfs.unlock(self.urpf)
        self.fib.path_lists.remove(self.index)

    def add_child(self, entry: Entry) -> None:
        """An entry forwards by this list from now on."""
        self.children[entry] = None
        self.locks += 1
        if len(self.children) == POPULAR and not self.flags & PathListFlag.POPULAR:
            self.flags |= PathListFlag.POPULAR

    def remove_child(self, entry: Entry) -> None:
        """An entry no longer forwards by this list."""
        del self.children[entry]
        self.unlock()

    def follow(self, follower: Child) -> None:
        """Somebody else sends packets by this list from now on."""
        self.followers[follower] = None
        self.locks += 1

    def unfollow(self, follower: Child) -> None:
        """Somebody else no longer sends packets by this list."""
        del self.followers[follower]
        self.unlock()

    def resolve(self) -> None:
        """Resolve the paths."""
        for path in list(self.paths):
            path.resolve()
        self.can_loop = any(path.can_loop for path in self.paths)
        self._next_hops = [None] * len(Chain)
        if not self.flags & PathListFlag.NO_URPF:
            self._bake_urpf()

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """A path has changed: let every entry look again."""
        self._next_hops = [None] * len(Chain)
        self._bake_urpf()
        children = list(self.children)
        if len(children) >= POPULAR:
            children = self._rewrite_plain(children)
        for entry in children:
            entry.back_walk(reason, depth)
        for follower in list(self.followers):
            follower.back_walk(reason, depth)

    def next_hops(self, chain: Chain) -> list[NextHop]:
        """The resolved paths of the best preference, and what packets of a chain meet there."""
        known = self._next_hops[chain]
        if known is None:
            known = self._next_hops[chain] = [NextHop(path.forwarding(chain), path.weight, path.index) for path in self.best_paths()]
        return known

    def best_paths(self) -> list[Path]:
        """The resolved paths of the best preference among them."""
        resolved = [path for path in self.paths if path.is_resolved]
        if len({path.preference for path in resolved}) <= 1:
            return resolved
        return [path for path in resolved if path.preference == resolved[0].preference]

    def loop_detect(self, seen: list[Entry]) -> bool:
        """Whether any path leads back to where it was reached from."""
        if not self.can_loop:
            return False
        looped = [path.loop_detect(list(seen)) for path in self.paths]
        self._next_hops = [None] * len(Chain)
        if any(looped):
            self.flags |= PathListFlag.LOOPED
            return True
        self.flags &= ~PathListFlag.LOOPED
        return False

    def resolving_interface(self) -> int:
        """The interface of the first path that can name one."""
        for path in self.paths:
            interface = path.resolving_interface()
            if interface >= 0:
                return interface
        return -1

    def format(self, indent: int) -> str:
        """The list as `show ip fib` prints it, with a newline at its end."""
        flags = f" flags:{flag_names(self.flags, PATH_LIST_FLAG_NAMES)}" if self.flags else ""
        head = f"{' ' * indent}path-list:[{self.index}] locks:{self.locks}{flags} {self.fib.urpfs.format(self.urpf)}\n"
        return head + "".join(path.format(indent + 2) + "\n" for path in self.paths)

    def _bake_urpf(self) -> None:
        interfaces: set[int] = set()
        for path in self.paths:
            path.contribute_urpf(interfaces)
        self.fib.urpfs.unlock(self.urpf)
        self.urpf = self.fib.urpfs.create(interfaces)

    def _rewrite_plain(self, children: list[Entry]) -> list[Entry]:
        """Rewrite at once the load-balances of entries that nothing else hangs on; the others are returned."""
        plain: dict[Chain, list[Entry]] = {}
        rest = []
        for entry in children:
            if entry.is_plain:
                plain.setdefault(entry.chain, []).append(entry)
            else:
                rest.append(entry)
        balances = self.fib.load_balances
        for chain, entries in plain.items():
            hops = self.next_hops(chain)
            rows = np.array([entry.load_balance for entry in entries], np.int32)
            if len(hops) == 1 and balances.n_buckets[rows].max() <= 1:
                for row in rows.tolist():
                    self.fib.urpfs.unlock(int(balances.urpf[row]))
                balances.update_rows(rows, hops[0].dpo, self.urpf)
                self.fib.urpfs.locks[self.urpf] += len(rows)
            else:
                rest += entries
        return rest


def _fixed(flags: int) -> int:
    """Lists that drop, or are exclusive, are not shared."""
    return flags & ~PathListFlag.SHARED if flags & (PathListFlag.DROP | PathListFlag.EXCLUSIVE) else flags


def _finish(path_list: PathList) -> PathList:
    """Order the paths; then the shared list that equals this one, or this one resolved."""
    fib = path_list.fib
    if len(path_list.paths) > 1:
        path_list.paths.sort(key=lambda path: (path.preference, path.identity()))
    if path_list.flags & PathListFlag.SHARED:
        key = (path_list.flags, *(path.share_key for path in path_list.paths))
        known = fib.shared_path_lists.get(key)
        if known is not None:
            path_list.destroy()
            return known
        path_list.key = key
        fib.shared_path_lists[key] = path_list
    path_list.resolve()
    return path_list


def create(fib: Fib, flags: int, routes: Sequence[RoutePath]) -> PathList:
    """A list of the described paths."""
    flags = _fixed(flags)
    if len(routes) == 1 and flags & PathListFlag.SHARED:
        known = fib.shared_path_lists.get((flags, share_key(routes[0])))
        if known is not None:
            return known
    path_list = PathList(fib, flags)
    path_list.paths = [Path(path_list, route) for route in routes]
    return _finish(path_list)


def create_special(fib: Fib, protocol: Protocol, flags: int, dpo: Dpo | None) -> PathList:
    """A list of one path that drops, is for us, or goes to a given object."""
    path_list = PathList(fib, flags)
    path_flags = 0
    if flags & PathListFlag.DROP:
        path_flags |= PathFlag.DROP
    if flags & PathListFlag.EXCLUSIVE:
        path_flags |= PathFlag.EXCLUSIVE
    if flags & PathListFlag.LOCAL:
        path_flags |= PathFlag.LOCAL
    # VPP leaves the interface of a path that is for us at 0, local0.
    interface = 0 if path_flags & PathFlag.LOCAL else NO_INTERFACE
    path = Path(path_list, RoutePath(protocol, interface=interface, flags=path_flags, dpo=dpo))
    if path_flags & PathFlag.DROP:
        path.kind = Kind.SPECIAL
    elif path_flags & PathFlag.LOCAL:
        path.kind = Kind.RECEIVE
    else:
        path.kind = Kind.EXCLUSIVE
    path_list.paths = [path]
    path_list.resolve()
    return path_list


def copy_and_add(old: PathList, flags: int, routes: Sequence[RoutePath]) -> PathList:
    """A list of the old paths and those described that are not there yet."""
    path_list = PathList(old.fib, _fixed(flags))
    path_list.paths = [_copy(path, path_list) for path in old.paths]
    for route in routes:
        path = Path(path_list, route)
        if any(path.identity() == known.identity() for known in old.paths):
            path.destroy()
        else:
            path_list.paths.append(path)
    return _finish(path_list)


def copy_and_remove(old: PathList, flags: int, routes: Sequence[RoutePath]) -> PathList | None:
    """A list of the old paths without those described; None when nothing is left."""
    path_list = PathList(old.fib, _fixed(flags))
    path_list.paths = [_copy(path, path_list) for path in old.paths]
    for route in routes:
        wanted = Path(path_list, route)
        for position, path in enumerate(path_list.paths):
            if path.identity() == wanted.identity():
                path.destroy()
                del path_list.paths[position]
                break
        wanted.destroy()
    if not path_list.paths:
        path_list.destroy()
        return None
    return _finish(path_list)


def _copy(path: Path, path_list: PathList) -> Path:
    copied = Path(
        path_list,
        RoutePath(
            path.protocol,
            path.address,
            path.interface,
            path.table,
            path.weight,
            path.preference,
            path.flags,
            path.connected,
            dpo=path.exclusive if path.kind is Kind.EXCLUSIVE else None,
            rpf_id=path.rpf_id,
            local_label=path.label[0],
            local_eos=path.label[1],
        ),
    )
    copied.kind = path.kind
    copied.rpf_id = path.rpf_id
    return copied
