"""Cross-connects of layer 3: everything that comes in by an interface takes the same paths.

Counterpart of plugins/l3xc/l3xc.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import PathListFlag, Protocol, RoutePath
from vppsh.engine.fib.way import Way
from vppsh.engine.interfaces import Change, Interface

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PROTOCOLS = (Protocol.IP4, Protocol.IP6)
FLAGS = PathListFlag.SHARED | PathListFlag.NO_URPF


class CrossConnect(Way):
    """The paths of what comes in by one interface."""

    def __init__(self, engine: Engine, protocol: Protocol, sw_if_index: int, routes: Sequence[RoutePath], index: int) -> None:
        super().__init__(engine, protocol, routes, FLAGS, node_name(protocol), f"l3xc:{index}")
        self.sw_if_index = sw_if_index
        self.index = index

    def format(self) -> str:
        """The paths and what they come to."""
        return f"l3xc:[{self.index}]: {self._fib.interface_name(self.sw_if_index)}\n{self.path_list.format(4)}\n  {self.text(4)}\n"


class CrossConnects:
    """The cross-connects of an engine, one per interface and protocol at most."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = Pool()
        self._of: dict[tuple[Protocol, int], CrossConnect] = {}
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[CrossConnect]:
        yield from sorted(self._of.values(), key=lambda each: each.index)

    def find(self, protocol: Protocol, sw_if_index: int) -> CrossConnect | None:
        """That of an interface, if it has one."""
        return self._of.get((protocol, sw_if_index))

    def set(self, protocol: Protocol, sw_if_index: int, routes: Sequence[RoutePath]) -> None:
        """Let everything that comes in by an interface take these paths, and no others any more."""
        known = self.find(protocol, sw_if_index)
        if known is not None:
            known.replace(routes)
            return
        # It is told of changes from its first moment on, so it knows its number by then.
        index = self._pool.add(None)
        self._pool.items[index] = self._of[protocol, sw_if_index] = CrossConnect(self._engine, protocol, sw_if_index, routes, index)
        self._engine.arcs.enable(f"{protocol.text}-unicast", node_name(protocol), sw_if_index)

    def remove(self, protocol: Protocol, sw_if_index: int) -> None:
        """Let what comes in by an interface be routed again, if it was not."""
        known = self._of.pop((protocol, sw_if_index), None)
        if known is None:
            return
        self._engine.arcs.enable(f"{protocol.text}-unicast", node_name(protocol), sw_if_index, False)
        known.destroy()
        self._pool.remove(known.index)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for protocol in PROTOCOLS:
                self.remove(protocol, interface.sw_if_index)


def node_name(protocol: Protocol) -> str:
    """The node that packets of a protocol meet."""
    return f"l3xc-input-{protocol.text}"
