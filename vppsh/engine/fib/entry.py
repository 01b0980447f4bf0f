"""FIB entries: a prefix, who wants it there, and the load-balance that the best of them contributes.

VPP counterpart: vnet/fib/fib_entry.c and fib_entry_src.c. What a source does when it is added, becomes
the best or sees its cover change is its behaviour (sources.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vppsh.engine.adjacency_types import Child, Reason

from .chains import collect
from .dpo import DROPS, Dpo, DpoType
from .entry_source import EntrySource, path_list_flags, relock
from .load_balance import NextHop
from .path import CHAIN_OF
from .types import Chain, EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source, SourceFlag

if TYPE_CHECKING:
    from .path_list import PathList
    from .table import FibTable

MAX_DEPTH = 32
"""How far a change is walked back before VPP calls it a loop."""
CONTRIBUTES = SourceFlag.ACTIVE | SourceFlag.CONTRIBUTING


class Entry:
    """One prefix of a table.

    sources       best first
    load_balance  row of what it contributes to its own chain, -1 while it contributes nothing
    chains        load-balances for other chains, made when asked for
    parent        path-list of the best source
    covered       entries whose sources depend on this one as their cover
    children      recursive paths that resolve through it, and its tracker
    """

    __slots__ = (
        "__weakref__",
        "chains",
        "children",
        "covered",
        "index",
        "load_balance",
        "locks",
        "owns_load_balance",
        "parent",
        "prefix",
        "sources",
        "table",
    )

    def __init__(self, table: FibTable, prefix: Prefix) -> None:
        self.table = table
        self.prefix = prefix
        self.index = table.fib.entries.add(self)
        self.sources: list[EntrySource] = []
        self.load_balance = -1
        self.owns_load_balance = True
        self.parent: PathList | None = None
        self.covered: dict[Entry, None] | None = None
        self.children: dict[Child, None] = {}
        self.chains: dict[Chain, int] | None = None
        self.locks = 1

    @property
    def chain(self) -> Chain:
        """The chain of its own protocol."""
        prefix = self.prefix
        return Chain.MPLS_EOS if prefix.protocol is Protocol.MPLS and prefix.address & 1 else CHAIN_OF[prefix.protocol]

    @property
    def flags(self) -> int:
        """Flags of the best source."""
        return self.sources[0].flags if self.sources else 0

    @property
    def best_source(self) -> int:
        """The best source, or a number beyond them all."""
        return self.sources[0].source if self.sources else 0xFFFF

    @property
    def is_plain(self) -> bool:
        """Whether a new bucket for its load-balance is all that a change of its paths asks for."""
        if len(self.sources) != 1 or self.load_balance < 0 or self.chains or self.children or self.covered:
            return False
        if self.prefix.protocol is Protocol.MPLS:
            return False
        best = self.sources[0]
        return (
            best.behaviour.plain
            and best.extensions is None
            and not best.flags & (EntryFlag.LOOSE_URPF_EXEMPT | EntryFlag.EXCLUSIVE | EntryFlag.MULTICAST | EntryFlag.COVERED_INHERIT)
        )

    def find(self, source: int) -> EntrySource | None:
        """The state of a source, if it is one of this entry's."""
        for known in self.sources:
            if known.source == source:
                return known
        return None

    def resolving_interface(self) -> int:
        """The interface packets leave by, -1 when none can be named."""
        return self.parent.resolving_interface() if self.parent is not None else -1

    # What sources do, in the order VPP does it.

    def add_source(self, source: Source, flags: int, dpo: Dpo | None) -> EntrySource:
        """A source asks (again) for the entry."""
        known = self.find(source)
        if known is None:
            behaviour = self.table.fib.behaviour(source)
            known = behaviour.source_type(source, behaviour, flags)
            self.sources.append(known)
            if len(self.sources) > 1:
                self.sources.sort(key=lambda each: each.source)
        known.refs += 1
        known.flags = flags
        if known.refs == 1:
            known.behaviour.add(self, known, flags, dpo)
            known.state |= SourceFlag.ADDED
            if known.path_list is not None:
                known.path_list.lock()
            self.locks += 1
        return known

    def update_source(self, source: Source, flags: int, dpo: Dpo | None) -> None:
        """A source that is there wants something else."""
        known = self.find(source)
        if known is None:
            self.add_source(source, flags, dpo)
            return
        old, known.flags = known.path_list, flags
        known.behaviour.add(self, known, flags, dpo)
        known.state |= SourceFlag.ADDED
        relock(old, known.path_list)

    def remove_source(self, source: Source) -> int:
        """A source no longer asks; its flags afterwards (without ADDED when it is gone)."""
        known = self.find(source)
        if known is None:
            return SourceFlag.ACTIVE
        known.refs -= 1
        state = known.state
        if known.refs:
            return state
        if state & SourceFlag.ACTIVE:
            self.deactivate(known)
        elif state & SourceFlag.CONTRIBUTING:
            known.behaviour.deactivate(self, known)
        old = known.path_list
        known.behaviour.remove(self, known)
        known.path_list = None
        if old is not None:
            old.unlock()
        self.locks -= 1
        self.sources.remove(known)
        return state & ~SourceFlag.ADDED

    def set_paths(self, source: Source, flags: int, routes: Sequence[RoutePath]) -> None:
        """A source replaces its paths."""
        known = self.find(source)
        if known is None:
            dpo = Dpo(*routes[0].dpo) if flags == EntryFlag.EXCLUSIVE and routes[0].dpo else DROPS[self.prefix.protocol]
            known = self.add_source(source, flags, dpo)
        else:
            known.flags = flags
        list_flags = path_list_flags(flags)
        self._update_flags(known, routes)
        old = known.path_list
        known.behaviour.set_paths(self, known, list_flags, routes)
        relock(old, known.path_list)

    def add_paths(self, source: Source, flags: int, routes: Sequence[RoutePath]) -> None:
        """A source adds paths to those it has."""
        known = self.find(source)
        if known is None:
            dpo = Dpo(*routes[0].dpo) if flags == EntryFlag.EXCLUSIVE and routes[0].dpo else DROPS[self.prefix.protocol]
            known = self.add_source(source, flags, dpo)
        list_flags = path_list_flags(self.flags)
        self._update_flags(known, routes)
        old = known.path_list
        known.behaviour.add_paths(self, known, list_flags, routes)
        relock(old, known.path_list)

    def remove_paths(self, source: Source, routes: Sequence[RoutePath]) -> int:
        """A source takes paths away; its flags afterwards."""
        known = self.find(source)
        if known is None:
            return SourceFlag.ADDED
        list_flags = path_list_flags(self.flags)
        self._update_flags(known, routes)
        old = known.path_list
        known.behaviour.remove_paths(self, known, list_flags, routes)
        if known.path_list is not None:
            relock(old, known.path_list)
            return SourceFlag.ADDED
        if old is not None:
            # The entry still hangs on the list as its parent, so that this cannot be its last lock.
            old.unlock()
        known.refs = 1
        self.remove_source(source)
        return SourceFlag.NONE

    def activate(self, known: EntrySource) -> None:
        """A source becomes the best: its path-list is what the entry forwards by."""
        known.state |= CONTRIBUTES
        install = known.behaviour.activate(self, known)
        self._attach(known.path_list)
        if install:
            self.install(known)
        else:
            self.uninstall()

    def deactivate(self, known: EntrySource) -> None:
        """A source is no longer the best."""
        known.behaviour.deactivate(self, known)
        known.state &= ~CONTRIBUTES
        parent, self.parent = self.parent, None
        if parent is not None:
            parent.loop_detect([])
            parent.remove_child(self)

    def reactivate(self, source: int) -> None:
        """The best source has new paths, or its paths go elsewhere now."""
        known = self.find(source)
        if known is None or not known.state & SourceFlag.ACTIVE:
            return
        remain = known.behaviour.reactivate(self, known)
        if self.parent is not known.path_list:
            old, self.parent = self.parent, None
            if old is not None:
                old.lock()
                old.remove_child(self)
                old.loop_detect([])
            self._attach(known.path_list)
            if old is not None:
                old.unlock()
        if not known.state & SourceFlag.ACTIVE:
            # Who follows the entry heard of the new paths, and has taken the source away.
            return
        if remain:
            self.install(known)
        else:
            self.uninstall()

    def source_changed(self, old: int, new: Source) -> None:
        """After `new` was added or updated while `old` was the best."""
        if new > old:
            self.reactivate(old)
            return
        if new < old:
            self._deactivate_source(old)
            known = self.find(new)
            assert known is not None
            self.activate(known)
        else:
            self.reactivate(new)
        self.updated()

    def source_removed(self) -> int:
        """After the best source went away: the next best takes over, if there is one."""
        if not self.sources:
            self.uninstall()
            return SourceFlag.NONE
        best = self.sources[0]
        self.activate(best)
        self.updated()
        return SourceFlag.ADDED

    def updated(self) -> None:
        """Tell whoever depends on the entry that it forwards differently."""
        self.walk_children(Reason.EVALUATE, 0)
        for covered in list(self.covered or ()):
            covered.cover_updated()

    def cover_changed(self) -> None:
        """Another entry is the cover now."""
        self._cover_event(changed=True)

    def cover_updated(self) -> None:
        """The cover forwards differently."""
        self._cover_event(changed=False)

    def back_walk(self, reason: Reason, depth: int) -> None:
        """The path-list has changed."""
        if depth > MAX_DEPTH:
            return
        if self.sources:
            self.reactivate(self.sources[0].source)
        self.walk_children(Reason.EVALUATE, depth + 1)

    def walk_children(self, reason: Reason, depth: int) -> None:
        """Let whoever resolves through this entry look again."""
        for child in list(self.children):
            child.back_walk(reason, depth)

    def loop_detect(self, seen: list[Entry]) -> bool:
        """Whether forwarding by this entry leads back to one already seen."""
        if self.parent is None:
            return False
        return self.parent.loop_detect([*seen, self])

    # What is contributed to the dataplane.

    def forwarding(self, chain: Chain) -> Dpo:
        """What packets of a chain meet when they resolve through this entry."""
        if chain is self.chain:
            row = self.load_balance
        else:
            chains = self.chains = self.chains if self.chains is not None else {}
            if chain not in chains:
                known = self.sources[0]
                hops = self._next_hops(known, chain)
                if chain not in chains:
                    chains[chain] = self.table.fib.load_balances.create(chain.protocol)
                self._fill(known, chains[chain], hops)
            row = chains[chain]
        if row < 0:
            return DROPS[chain.protocol]
        return Dpo(int(DpoType.LOAD_BALANCE), int(chain.protocol), row)

    def install(self, known: EntrySource) -> None:
        """Make the load-balance agree with a source's paths, and enter it in the table's forwarding."""
        chain = self.chain
        if known.flags & EntryFlag.EXCLUSIVE and known.path_list is not None:
            paths = known.path_list.best_paths()
            if len(paths) == 1 and paths[0].exclusive.type == DpoType.LOAD_BALANCE:
                # A client's own load-balance takes the place of the entry's.
                self._replace_load_balance(paths[0].exclusive.index)
                self.table.forwarding_update(self.prefix, self.load_balance)
                return
        if not self.owns_load_balance:
            self.load_balance, self.owns_load_balance = -1, True
        # An adjacency that comes to be meanwhile makes the entry look again, and so may be first.
        hops = self._next_hops(known, chain)
        new = self.load_balance < 0
        if new:
            self.load_balance = self.table.fib.load_balances.create(chain.protocol, self.table.hash_config(chain.protocol))
        self._fill(known, self.load_balance, hops)
        if new:
            self.table.forwarding_update(self.prefix, self.load_balance)
        if self.chains:
            for other, row in self.chains.items():
                self._fill(known, row, self._next_hops(known, other))

    def uninstall(self) -> None:
        """Take the entry out of the table's forwarding."""
        if self.load_balance >= 0:
            self.table.forwarding_remove(self.prefix)
            self._free_load_balance(self.load_balance, self.owns_load_balance)
            self.load_balance, self.owns_load_balance = -1, True

    def destroy(self) -> None:
        """The entry is gone from its table."""
        for row in (self.chains or {}).values():
            self._free_load_balance(row, True)
        self.chains = None
        self.table.fib.entries.remove(self.index)

    def _next_hops(self, known: EntrySource, chain: Chain) -> Sequence[NextHop]:
        """What packets of a chain may meet by a source's paths."""
        assert known.path_list is not None
        if known.extensions is None and chain < Chain.MPLS_NON_EOS:
            hops: Sequence[NextHop] = known.path_list.next_hops(chain)
        else:
            hops = collect(known.path_list, known.extensions, chain, self.prefix.carries)
        return known.behaviour.interpose(self, known, hops) if chain is self.chain else hops

    def _fill(self, known: EntrySource, row: int, hops: Sequence[NextHop]) -> None:
        path_list = known.path_list
        assert path_list is not None
        fib = self.table.fib
        balances = fib.load_balances
        balances.update(row, hops)
        urpf = path_list.urpf
        exempt = known.flags & EntryFlag.LOOSE_URPF_EXEMPT or self.find(Source.URPF_EXEMPT) is not None
        if exempt and not fib.urpfs.size[urpf]:
            urpf = fib.urpfs.create({0})
            fib.urpfs.locks[urpf] -= 1
        old = int(balances.urpf[row])
        if old != urpf:
            fib.urpfs.lock(urpf)
            balances.urpf[row] = urpf
            fib.urpfs.unlock(old)
        balances.entry_flags[row] = self.sources[0].flags

    def _replace_load_balance(self, row: int) -> None:
        if self.load_balance >= 0 and self.owns_load_balance:
            self._free_load_balance(self.load_balance, True)
        self.load_balance, self.owns_load_balance = row, False

    def _free_load_balance(self, row: int, owned: bool) -> None:
        if owned:
            self.table.fib.urpfs.unlock(int(self.table.fib.load_balances.urpf[row]))
            self.table.fib.load_balances.destroy(row)

    def _attach(self, path_list: PathList | None) -> None:
        self.parent = path_list
        if path_list is not None:
            path_list.add_child(self)
            path_list.loop_detect([])

    def _deactivate_source(self, source: int) -> None:
        known = self.find(source)
        if known is not None and known.state & SourceFlag.ACTIVE:
            self.deactivate(known)

    def _update_flags(self, known: EntrySource, routes: Sequence[RoutePath]) -> None:
        for route in routes:
            attached = route.flags & (PathFlag.ATTACHED | PathFlag.GLEAN) or (not route.address and route.interface >= 0)
            if attached and route.flags & (PathFlag.DVR | PathFlag.INTERFACE_RX | PathFlag.UDP_ENCAP):
                attached = False
            if known.source in (Source.API, Source.CLI):
                known.flags = known.flags | EntryFlag.ATTACHED if attached else known.flags & ~EntryFlag.ATTACHED
                if route.flags & PathFlag.DEAG:
                    known.flags |= EntryFlag.LOOSE_URPF_EXEMPT
            if attached and self.table.is_foreign(self.prefix, route.interface) and not known.flags & EntryFlag.NO_ATTACHED_EXPORT:
                known.flags |= EntryFlag.IMPORT
            else:
                known.flags &= ~EntryFlag.IMPORT

    def _cover_event(self, *, changed: bool) -> None:
        install, evaluate, best = True, False, None
        for position, known in enumerate(list(self.sources)):
            if not known.state & SourceFlag.ADDED:
                continue
            act = known.behaviour.cover_changed if changed else known.behaviour.cover_updated
            result = act(self, known)
            if position == 0:
                (install, evaluate), best = result, known.source
        if install and best is not None:
            self.reactivate(best)
        else:
            self.uninstall()
        if evaluate:
            self.walk_children(Reason.EVALUATE, 0)
