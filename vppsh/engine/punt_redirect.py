"""Where punted packets go instead of to the host: per interface they came in by, or for all others alike.

Counterpart of vnet/ip/ip_punt_drop.c. Interface 0, by which nothing ever comes in, stands for all interfaces without
a redirect of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import PathListFlag, Protocol, RoutePath
from vppsh.engine.fib.way import Way

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ANY = 0
NONE = -1
PROTOCOLS = (Protocol.IP4, Protocol.IP6)


class Redirect(Way):
    """One redirect."""

    def __init__(self, engine: Engine, protocol: Protocol, routes: Sequence[RoutePath], index: int) -> None:
        super().__init__(engine, protocol, routes, PathListFlag.NO_URPF, node_name(protocol), f"ip-punt-redirect:{index}")
        self.index = index

    def format(self) -> str:
        """The paths and what they come to."""
        return f" {self.path_list.format(2)} forwarding\n  {self.text()}\n"


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
