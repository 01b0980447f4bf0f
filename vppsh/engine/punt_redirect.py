"""Where punted packets go instead of to the host: per interface they came in by, or for all others alike.

Counterpart of vnet/ip/ip_punt_drop.c. Interface 0, by which nothing ever comes in, stands for all interfaces without
a redirect of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib import path_list as path_lists
from vppsh.engine.fib.dpo import DROPS, Dpo, DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import NextHop
from vppsh.engine.fib.path import CHAIN_OF
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import PathListFlag, Protocol, RoutePath

if TYPE_CHECKING:
    from vppsh.engine.adjacency import Reason
    from vppsh.engine.engine import Engine

ANY = 0
NONE = -1
PROTOCOLS = (Protocol.IP4, Protocol.IP6)


class Redirect:
    """One redirect: its paths, and what packets meet on them.

    slot  of the redirecting node, towards the node of `dpo`
    """

    # A path-list asks this of its children: load-balances of many plain ones it rewrites itself.
    is_plain = False

    def __init__(self, engine: Engine, protocol: Protocol, routes: Sequence[RoutePath], index: int) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._balance: int | None = None
        self.protocol = protocol
        self.index = index
        self.dpo: Dpo = DROPS[protocol]
        self.slot = 0
        self.path_list = path_lists.create(self._fib, PathListFlag.NO_URPF, routes)
        self.path_list.add_child(self)  # type: ignore[arg-type]  # it asks nothing of entries that this one cannot answer
        self._stack()

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"ip-punt-redirect:{self.index}"

    def back_walk(self, reason: Reason, depth: int) -> None:
        """A path has changed."""
        self._stack()

    def destroy(self) -> None:
        """Let go of the paths."""
        self.path_list.remove_child(self)  # type: ignore[arg-type]  # as above
        self._replace_balance(None)

    def format(self) -> str:
        """The paths and what they come to."""
        return f" {self.path_list.format(2)} forwarding\n  [@{self.slot}]: {self._fib.dpos.text(self.dpo, 0)}\n"

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
        self.slot = self._engine.graph.next_by_name(node_name(protocol), target)

    def _replace_balance(self, row: int | None) -> None:
        if self._balance is not None:
            self._fib.load_balances.destroy(self._balance)
        self._balance = row


class PuntRedirects:
    """The redirects of an engine.

    by_rx  int32 by sw_if_index, per protocol: the redirect's number, `NONE` without one
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._redirects = Pool()
        self._count = dict.fromkeys(PROTOCOLS, 0)
        self.by_rx: dict[Protocol, NDArray[np.int32]] = {protocol: np.full(1, NONE, np.int32) for protocol in PROTOCOLS}

    def __getitem__(self, index: int) -> Redirect:
        redirect: Redirect = self._redirects.items[index]
        return redirect

    def add(self, protocol: Protocol, sw_if_index: int, routes: Sequence[RoutePath]) -> None:
        """Redirect what comes in by an interface; a redirect that is there already is replaced."""
        known = self.by_rx[protocol]
        if sw_if_index >= len(known):
            grown = np.full(sw_if_index + 1, NONE, np.int32)
            grown[: len(known)] = known
            known = self.by_rx[protocol] = grown
        # A redirect is told of changes from its first moment on, so it knows its number by then.
        index = self._redirects.add(None)
        self._redirects.items[index] = Redirect(self._engine, protocol, routes, index)
        self._forget(protocol, sw_if_index)
        known[sw_if_index] = index
        self._count[protocol] += 1
        if self._count[protocol] == 1:
            self._engine.arcs.enable(f"{protocol.text}-punt", node_name(protocol), ANY)

    def remove(self, protocol: Protocol, sw_if_index: int) -> None:
        """Redirect it no longer, if it was."""
        if self._forget(protocol, sw_if_index) and not self._count[protocol]:
            self._engine.arcs.enable(f"{protocol.text}-punt", node_name(protocol), ANY, False)

    def each(self, protocol: Protocol) -> list[tuple[int, Redirect]]:
        """The redirects of a protocol by interface."""
        return [(sw_if_index, self[index]) for sw_if_index, index in enumerate(self.by_rx[protocol].tolist()) if index != NONE]

    def find(self, protocol: Protocol, interfaces: NDArray[np.int32]) -> NDArray[np.int32]:
        """The redirect of packets from these interfaces: their own, else that of all, else `NONE`."""
        known = self.by_rx[protocol]
        own = known[np.where(interfaces < len(known), interfaces, ANY)]
        return np.where(own == NONE, known[ANY], own)

    def _forget(self, protocol: Protocol, sw_if_index: int) -> bool:
        known = self.by_rx[protocol]
        index = int(known[sw_if_index]) if sw_if_index < len(known) else NONE
        if index == NONE:
            return False
        known[sw_if_index] = NONE
        self[index].destroy()
        self._redirects.remove(index)
        self._count[protocol] -= 1
        return True


def node_name(protocol: Protocol) -> str:
    """The node that redirects packets of a protocol."""
    return f"{protocol.text}-punt-redirect"
