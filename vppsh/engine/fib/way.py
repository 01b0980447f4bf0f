"""What hands packets straight to the paths of a path-list, whatever their destination: a redirect, a cross-connect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import path_list as path_lists
from .dpo import DROPS, Dpo, DpoType
from .fib import Fib
from .load_balance import NextHop
from .path import CHAIN_OF
from .types import Protocol, RoutePath

if TYPE_CHECKING:
    from vppsh.engine.adjacency import Reason
    from vppsh.engine.engine import Engine


class Way:
    """The paths, and what packets of a protocol meet on them.

    node  the node whose packets go this way
    slot  of that node, towards the node of `dpo`
    """

    def __init__(self, engine: Engine, protocol: Protocol, routes: Sequence[RoutePath], flags: int, node: str, child_name: str) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._balance: int | None = None
        self._flags = flags
        self.protocol = protocol
        self.node = node
        self.child_name = child_name
        self.dpo: Dpo = DROPS[protocol]
        self.slot = 0
        self.path_list = path_lists.create(self._fib, flags, routes)
        self._begin()

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """A path has changed."""
        self._stack()

    def replace(self, routes: Sequence[RoutePath]) -> None:
        """Take other paths."""
        self.path_list.unfollow(self)
        self.path_list = path_lists.create(self._fib, self._flags, routes)
        self._begin()

    def destroy(self) -> None:
        """Let go of the paths."""
        self.path_list.unfollow(self)
        self._replace_balance(None)

    def text(self, indent: int = 0) -> str:
        """What the paths come to."""
        return f"[@{self.slot}]: {self._fib.dpos.text(self.dpo, indent)}"

    def _begin(self) -> None:
        self.path_list.follow(self)
        self._stack()

    def _stack(self) -> None:
        """Take over what the paths forward to: one of them as it is, several by a load-balance."""
        protocol, chain = self.protocol, CHAIN_OF[self.protocol]
        hops = [NextHop(path.forwarding(chain), path.weight, path.index) for path in self.path_list.paths if path.is_resolved]
        row = None
        if len(hops) > 1:
            row = self._fib.load_balances.create(protocol)
            self._fib.load_balances.update(row, hops)
            self.dpo = Dpo(int(DpoType.LOAD_BALANCE), int(protocol), row)
        else:
            self.dpo = hops[0].dpo if hops else DROPS[protocol]
        self._replace_balance(row)
        target = self._fib.dpos.node(self.dpo.type, Protocol(self.dpo.protocol))
        self.slot = self._engine.graph.next_by_name(self.node, target)

    def _replace_balance(self, row: int | None) -> None:
        if self._balance is not None:
            self._fib.load_balances.destroy(self._balance)
        self._balance = row
