"""File descriptors of devices: while something can be read from one, the input node that reads it runs.

Counterpart of VPP's interrupt mode (vlib/file.h and the rx queues of vnet/interface/rx_queue.c). All descriptors are in one
epoll set, which has a descriptor of its own: a prompt waits for that one besides its keys, and for nothing when idle.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from vppsh.engine.clock import RealClock

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node


class Descriptors:
    """The descriptors that an engine's devices want to read from, and the node of each.

    pending  by node, the descriptors that it is to read in this round of the main loop
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._epoll: select.epoll | None = None
        self._nodes: dict[int, Node] = {}
        self.pending: dict[Node, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def watch(self, descriptor: int, node: Node) -> None:
        """Let an input node run whenever the descriptor can be read, or has failed."""
        if self._epoll is None:
            self._epoll = select.epoll()
        if descriptor not in self._nodes:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._nodes[descriptor] = node

    def ignore(self, descriptor: int) -> None:
        """Forget a descriptor; it must still be open."""
        if self._epoll is not None and self._nodes.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def poll(self) -> None:
        """Find out what can be read now."""
        self.pending = {}
        if self._epoll is not None and self._nodes:
            for descriptor, _ in self._epoll.poll(0):
                self.pending.setdefault(self._nodes[descriptor], []).append(descriptor)

    def fileno(self) -> int | None:
        """The descriptor that can be read while any of these can; None when there are none."""
        return self._epoll.fileno() if self._epoll is not None and self._nodes else None

    def sleep(self, seconds: float) -> None:
        """Let time pass on the engine's clock, at most until there is something to read."""
        descriptor = self.fileno()
        if descriptor is None or not isinstance(self._engine.clock, RealClock):
            self._engine.clock.sleep(seconds)
        else:
            select.select([descriptor], [], [], seconds)
