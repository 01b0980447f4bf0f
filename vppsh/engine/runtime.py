"""What `show runtime` says of nodes besides their own counts: since when they count, and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.rx_queues import POLLING, RxQueues
from vppsh.registry import NodeKind

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node


class Runtime:
    """When the counts of nodes were cleared, in seconds of the engine's clock and in rounds of its main loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.cleared_at = 0.0
        self.loops_at = 0

    def clear(self) -> None:
        """Let all nodes count from now on."""
        for node in self._engine.graph:
            node.clear_runtime()
        self.cleared_at = self._engine.clock.now()
        self.loops_at = self._engine.dispatcher.loops


def state_of(engine: Engine, node: Node) -> str:
    """A node's state in VPP's words."""
    if node.kind is NodeKind.INTERNAL:
        return "active"
    if node.kind is NodeKind.PROCESS:
        return "any wait" if engine.dispatcher.is_waiting(node) else "done"
    mode = engine.get(RxQueues).mode_of(node.name)
    if mode is not None:
        return "polling" if mode == POLLING else "interrupt wait"
    return "polling" if node.polling else "disabled"
