"""Paths: one way to forward, and what it resolved to.

VPP counterpart: vnet/fib/fib_path.c. A path belongs to a path-list, holds on to what it resolves
through (an adjacency or, when recursive, another entry) and passes changes from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vppsh.engine.adjacency import Adjacency, Reason

from .dpo import DROPS, INVALID, Dpo, DpoType
from .path_kind import Kind, share_key
from .special import LookupInput, NullAction, null_dpo
from .types import (
    KEPT_PATH_FLAGS,
    NO_INTERFACE,
    OPER_FLAG_NAMES,
    PATH_FLAG_NAMES,
    Chain,
    EntryFlag,
    OperFlag,
    PathFlag,
    Prefix,
    Protocol,
    RoutePath,
    Source,
    flag_names,
    format_address,
)

if TYPE_CHECKING:
    from .entry import Entry
    from .fib import Fib
    from .path_list import PathList

CHAIN_OF = (Chain.IP4, Chain.IP6, Chain.MPLS_NON_EOS, Chain.IP4, Chain.IP4, Chain.IP4)
"""The chain of a protocol. By position: the hash of an enum's member costs more than the rest of a dictionary's look-up."""


class Path:
    """One path of a path-list.

    flags  how it was configured (PathFlag), `oper` what became of it (OperFlag)
    dpo    what it forwards to
    via    the entry through which a recursive path resolves
    """

    __slots__ = (
        "address", "adjacency", "connected", "dpo", "exclusive", "flags", "index", "interface", "kind", "label", "linked",
        "oper", "path_list", "preference", "protocol", "rpf_id", "share_key", "table", "via", "weight",
    )  # fmt: skip

    def __init__(self, path_list: PathList, route: RoutePath) -> None:
        self.path_list = path_list
        self.index = path_list.fib.paths.add(self)
        self.share_key = share_key(route)
        self.kind = Kind(self.share_key[0])
        self.protocol = route.protocol
        self.weight = route.weight or 1
        self.preference = route.preference
        self.flags = route.flags & KEPT_PATH_FLAGS
        self.address = route.address
        self.interface = route.interface
        self.table = route.table
        self.rpf_id = route.rpf_id if route.flags & PathFlag.RPF_ID else -1
        self.label = (route.local_label, route.local_eos)
        self.connected: Prefix | None = route.connected
        self.exclusive = Dpo(*route.dpo) if route.dpo else INVALID
        self.oper = 0
        self.dpo = INVALID
        self.adjacency: Adjacency | None = None
        self.linked: dict[Protocol, Adjacency] | None = None
        self.via: Entry | None = None

    @property
    def fib(self) -> Fib:
        """The FIB it belongs to."""
        return self.path_list.fib

    @property
    def is_permanent_drop(self) -> bool:
        """Whether it was configured to drop, or its interface is gone."""
        return bool(self.flags & PathFlag.DROP or self.oper & OperFlag.DROP)

    @property
    def is_resolved(self) -> bool:
        """Whether packets can take it."""
        return (
            self.dpo is not INVALID
            and self.oper & (OperFlag.RESOLVED | OperFlag.RECURSIVE_LOOP) == OperFlag.RESOLVED
            and not self.is_permanent_drop
        )

    @property
    def is_looped(self) -> bool:
        """Whether it resolves through itself."""
        return bool(self.oper & OperFlag.RECURSIVE_LOOP)

    @property
    def can_loop(self) -> bool:
        """Whether it resolves through another entry: itself, or by the tunnel that it leaves by."""
        return self.kind is Kind.RECURSIVE or (self.adjacency is not None and self.adjacency.midchain is not None)

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"path:{self.index}"

    @property
    def chain(self) -> Chain:
        """The chain whose packets it forwards without further ado."""
        if self.protocol is Protocol.MPLS and self.kind is Kind.RECURSIVE and self.label[1]:
            return Chain.MPLS_EOS
        return CHAIN_OF[self.protocol]

    def identity(self) -> tuple[Any, ...]:
        """What makes two paths the same way; also their order within a preference."""
        kind = self.kind
        if kind is Kind.ATTACHED_NEXT_HOP:
            what: tuple[Any, ...] = (self.address, self.interface)
        elif kind in (Kind.ATTACHED, Kind.INTERFACE_RX):
            what = (self.interface,)
        elif kind is Kind.RECURSIVE:
            what = (self.address, self.label, self.table)
        elif kind is Kind.DEAG:
            what = (self.table, self.rpf_id)
        else:
            what = self.exclusive if kind is Kind.EXCLUSIVE else ()
        return (int(kind), int(self.protocol), what)

    def matches(self, route: RoutePath) -> bool:
        """Whether a description means this path."""
        if self.weight != route.weight:
            return False
        kind = self.kind
        if kind is Kind.ATTACHED_NEXT_HOP:
            return self.address == route.address and self.interface == route.interface
        if kind in (Kind.ATTACHED, Kind.INTERFACE_RX):
            return self.interface == route.interface
        if kind is Kind.RECURSIVE:
            return (self.address, self.label, self.table) == (route.address, (route.local_label, route.local_eos), route.table)
        if kind is Kind.DEAG:
            return self.table == route.table and self.rpf_id == route.rpf_id
        if kind is Kind.EXCLUSIVE:
            return route.dpo is not None and self.exclusive == Dpo(*route.dpo)
        return kind is Kind.SPECIAL or bool(route.flags & PathFlag.LOCAL)

    def resolve(self) -> None:
        """Find out where packets go."""
        self.oper |= OperFlag.RESOLVED
        if self.is_permanent_drop:
            self.dpo = DROPS[self.protocol]
            self.oper &= ~OperFlag.RESOLVED
            return
        kind = self.kind
        if kind is Kind.ATTACHED_NEXT_HOP:
            self._hold(self.next_hop_adjacency(self.protocol))
            if not self.fib.interface_is_up(self.interface):
                self.oper &= ~OperFlag.RESOLVED
        elif kind is Kind.ATTACHED:
            if not self.fib.interface_is_up(self.interface):
                self.oper &= ~OperFlag.RESOLVED
            adjacency = self._attached_adjacency()
            if adjacency is None:
                self.dpo = DROPS[self.protocol]
            else:
                self._hold(adjacency)
        elif kind is Kind.RECURSIVE:
            table = self.fib.tables(self.protocol)[self.table]
            table.lock(Source.RECURSIVE)
            self.via = table.special_add(self._via_prefix(), Source.RECURSIVE, EntryFlag.NONE)
            self.via.children[self] = None
            self._update_recursive()
        elif kind is Kind.DEAG:
            lookup = LookupInput.SOURCE if self.flags & PathFlag.SOURCE_LOOKUP else LookupInput.DESTINATION
            self.dpo = self.fib.lookups.create(self.protocol, self.table, lookup)
        elif kind is Kind.RECEIVE:
            self.dpo = self.fib.receives.create(self.protocol, self.interface, self.address)
        elif kind is Kind.INTERFACE_RX:
            self.dpo = self.fib.interface_receives.create(self.protocol, self.interface)
        elif kind is Kind.EXCLUSIVE:
            self.dpo = self.exclusive
        elif self.flags & PathFlag.ICMP_PROHIBIT:
            self.dpo = null_dpo(self.protocol, NullAction.PROHIBIT)
        elif self.flags & PathFlag.ICMP_UNREACH:
            self.dpo = null_dpo(self.protocol, NullAction.UNREACHABLE)
        else:
            self.dpo = DROPS[self.protocol]

    def unresolve(self) -> None:
        """Let go of what it resolved through."""
        if self.is_permanent_drop:
            return
        if self.via is not None:
            via, self.via = self.via, None
            via.children.pop(self, None)
            table = self.fib.tables(self.protocol)[self.table]
            table.special_remove(via.prefix, Source.RECURSIVE)
            table.unlock(Source.RECURSIVE)
        elif self.adjacency is not None:
            self._release()
        elif self.dpo.type == DpoType.RECEIVE and self.kind is Kind.RECEIVE:
            self.fib.receives.destroy(self.dpo)
        elif self.kind is Kind.DEAG and self.dpo is not INVALID:
            self.fib.lookups.destroy(self.dpo)
        elif self.kind is Kind.INTERFACE_RX and self.dpo is not INVALID:
            self.fib.interface_receives.destroy(self.dpo)
        self.dpo = INVALID
        self.oper &= ~OperFlag.RESOLVED

    def destroy(self) -> None:
        """Take the path away."""
        self.unresolve()
        self.fib.paths.remove(self.index)

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """What it resolves through has changed."""
        if self.kind is Kind.RECURSIVE:
            if reason is Reason.EVALUATE:
                self._update_recursive()
            elif reason in (Reason.CHANGED, Reason.GOING_DOWN):
                return
        elif self.kind is Kind.ATTACHED_NEXT_HOP:
            if not self._next_hop_changed(reason):
                return
        elif reason is Reason.UP:
            self.oper |= OperFlag.RESOLVED
        elif reason is Reason.DOWN:
            self.oper &= ~OperFlag.RESOLVED
        if reason is Reason.DELETED:
            self.unresolve()
            self.oper |= OperFlag.DROP
        self.path_list.back_walk(reason, depth)

    def _next_hop_changed(self, reason: Reason) -> bool:
        """Take a change of the neighbour in; whether the path-list must hear of it."""
        resolved = bool(self.oper & OperFlag.RESOLVED)
        if reason is Reason.UP:
            self.oper |= OperFlag.RESOLVED
            return not resolved
        if reason in (Reason.DOWN, Reason.GOING_DOWN):
            self.oper &= ~OperFlag.RESOLVED
            return resolved
        if reason is Reason.CHANGED and self.adjacency is not None:
            self.dpo = self.adjacency.dpo
            up = self.fib.interface_is_up(self.interface)
            self.oper = self.oper | OperFlag.RESOLVED if up else self.oper & ~OperFlag.RESOLVED
            return up
        return True

    def loop_detect(self, seen: list[Entry]) -> bool:
        """Whether the path leads back to an entry it was reached through."""
        if self.is_permanent_drop:
            return self.is_looped
        if self.adjacency is not None and self.dpo.is_adjacency:
            looped = self.adjacency.loop_detect(seen)
            self.oper = self.oper | OperFlag.RECURSIVE_LOOP if looped else self.oper & ~OperFlag.RECURSIVE_LOOP
            return looped
        if self.kind is not Kind.RECURSIVE or self.via is None:
            return self.is_looped
        if any(entry is self.via for entry in seen):
            self.oper |= OperFlag.RECURSIVE_LOOP
            self.dpo = DROPS[self.protocol]
        elif self.via.loop_detect(seen):
            self.oper |= OperFlag.RECURSIVE_LOOP
        else:
            self.oper &= ~OperFlag.RECURSIVE_LOOP
        return self.is_looped

    def forwarding(self, chain: Chain) -> Dpo:
        """What packets of a chain meet."""
        if self.chain is chain:
            return self.dpo
        if self.kind is Kind.ATTACHED_NEXT_HOP:
            return self._linked_adjacency(chain.protocol).dpo
        if self.kind is Kind.RECURSIVE and self.via is not None:
            return self.recursive_dpo(chain)
        if self.kind is Kind.EXCLUSIVE:
            return self.exclusive
        return self.dpo

    def resolving_interface(self) -> int:
        """The interface packets leave by, as far as one can be named."""
        if self.kind in (Kind.ATTACHED_NEXT_HOP, Kind.ATTACHED, Kind.RECEIVE):
            return self.interface
        if self.kind is Kind.RECURSIVE and self.is_resolved and self.via is not None:
            return self.via.resolving_interface()
        return self.fib.urpf_interface(self.dpo)

    def contribute_urpf(self, interfaces: set[int]) -> None:
        """Add the interfaces from which answers may come."""
        if self.kind in (Kind.ATTACHED_NEXT_HOP, Kind.ATTACHED):
            interfaces.add(self.interface)
        elif self.kind is Kind.RECURSIVE:
            if self.via is not None and not self.is_looped and self.via.parent is not None:
                interfaces.update(self.fib.urpfs.interfaces[self.via.parent.urpf])
        elif self.kind in (Kind.EXCLUSIVE, Kind.SPECIAL):
            interface = self.fib.urpf_interface(self.dpo)
            if interface != NO_INTERFACE:
                interfaces.add(interface)

    def format(self, indent: int) -> str:
        """The path as `show ip fib` prints it, without a newline at its end."""
        pad = " " * (indent + 2)
        flags = f" oper-flags:{flag_names(self.oper, OPER_FLAG_NAMES)}" if self.oper else ""
        flags += f" cfg-flags:{flag_names(self.flags, PATH_FLAG_NAMES)}" if self.flags else ""
        head = (
            f"{' ' * indent}path:[{self.index}] pl-index:{self.path_list.index} {self.protocol.text} weight={self.weight} "
            f"pref={self.preference} {self.kind.text}: {flags}\n{pad}"
        )
        return head + self._format_body(indent)

    def _format_body(self, indent: int) -> str:
        gone = self.oper & OperFlag.DROP
        if self.kind is Kind.ATTACHED_NEXT_HOP:
            where = f"if_index:{self.interface}" if gone else self.fib.interface_name(self.interface)
            if not gone and self.fib.is_point_to_point(self.interface):
                where += " (p2p)"
            # VPP prints the next hop as whichever family it looks like: a broadcast is all ones of IPv6.
            family = Protocol.IP6 if self.address >> 32 else self.protocol
            text = f"{format_address(family, self.address)} {where}\n"
            if self.dpo is INVALID:
                return text + " " * (indent + 2) + "unresolved"
            return text + " " * indent + self.fib.dpos.format(self.dpo, 13, column=indent)
        if self.kind is Kind.ATTACHED:
            # VPP looks for the interface where paths with a next hop have it, and finds none.
            return "if_index:0" if gone else f" {self.fib.interface_name(self.interface)}"
        if self.kind is Kind.RECURSIVE:
            eos = "eos" if self.label[1] else "neos"
            via = f"{self.label[0]} {eos}" if self.protocol is Protocol.MPLS else format_address(self.protocol, self.address)
            entry = self.via.index if self.via is not None else -1
            return f"via {via} in fib:{self.table} via-fib:{entry} via-dpo:[{self.fib.dpos.type_name(self.dpo.type)}:{self.dpo.index}]"
        if self.kind is Kind.DEAG:
            return f" {'m' if self.flags & PathFlag.RPF_ID else ''}fib-index:{self.table}"
        return self.fib.dpos.format(self.dpo, indent + 2) if self.dpo is not INVALID else ""

    def _via_prefix(self) -> Prefix:
        if self.protocol is Protocol.MPLS:
            return Prefix(Protocol.MPLS, self.label[0] << 1 | self.label[1], 21)
        return Prefix(self.protocol, self.address, self.protocol.bits)

    def next_hop_adjacency(self, link: Protocol) -> Adjacency:
        """The adjacency of a link type towards the next hop, held once more than before."""
        next_hop = 0 if self.fib.is_point_to_point(self.interface) else self.address
        return self.fib.adjacencies.neighbor(self.protocol, link, next_hop, self.interface)

    def _attached_adjacency(self) -> Adjacency | None:
        if self.fib.is_nbma(self.interface):
            return None
        if self.fib.is_point_to_point(self.interface):
            return self.fib.adjacencies.neighbor(self.protocol, self.protocol, 0, self.interface)
        return self.fib.adjacencies.glean(self.protocol, self.interface, self.connected)

    def _hold(self, adjacency: Adjacency) -> None:
        self.adjacency = adjacency
        adjacency.children[self] = None
        self.dpo = adjacency.dpo

    def _linked_adjacency(self, link: Protocol) -> Adjacency:
        """The adjacency of another link type towards the same next hop, held as long as the path."""
        linked = self.linked = self.linked if self.linked is not None else {}
        if link not in linked:
            linked[link] = self.next_hop_adjacency(link)
        return linked[link]

    def _release(self) -> None:
        if self.adjacency is not None:
            adjacency, self.adjacency = self.adjacency, None
            adjacency.children.pop(self, None)
            for held in (adjacency, *(self.linked or {}).values()):
                self.fib.adjacencies.unlock(held)
            self.linked = None

    def _update_recursive(self) -> None:
        self.dpo = self.recursive_dpo(self.chain)

    def recursive_dpo(self, chain: Chain) -> Dpo:
        """What packets of a chain meet at the entry that the path resolves through."""
        via = self.via
        assert via is not None
        drop = DROPS[chain.protocol]
        dpo = via.forwarding(chain)
        resolved = not (
            self.is_looped
            or (self.flags & PathFlag.RESOLVE_HOST and via.best_source >= Source.RECURSIVE)
            or (self.flags & PathFlag.RESOLVE_ATTACHED and not via.flags & EntryFlag.ATTACHED)
        )
        if not resolved:
            dpo = drop
        elif dpo.is_drop or (dpo.type == DpoType.LOAD_BALANCE and self.fib.load_balances.is_drop(dpo.index)):
            resolved = False
        self.oper = self.oper | OperFlag.RESOLVED if resolved else self.oper & ~OperFlag.RESOLVED
        return dpo
