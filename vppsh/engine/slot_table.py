"""Tables by which a node sends packets on: from a number in the packet to a slot of the node.

A table is filled from `demux(node, number, target)` declarations, and by who registers later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class SlotTable:
    """The table of one node; a subclass says of which.

    node       the node that looks a number up
    size       how many numbers there are
    unwanted   the slot for what nobody wants
    slots      int32 (size,): the slot of each number
    """

    node: str
    size: int = 256
    unwanted: int

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph
        self.slots: NDArray[np.int32] = np.full(self.size, self.unwanted, np.int32)
        for each in engine.catalog.demuxes:
            if each.node == self.node:
                self.register(each.key, each.target)

    def register(self, number: int, name: str) -> None:
        """Send packets with a number to a node from now on."""
        self.slots[number] = self._graph.next_by_name(self.node, name)

    def unregister(self, number: int) -> None:
        """Nobody wants packets with a number any more."""
        self.slots[number] = self.unwanted

    def handlers(self) -> list[tuple[int, str]]:
        """(number, node) of what somebody wants, in order."""
        nexts = self._graph[self.node].nexts
        return [(number, nexts[int(slot)].name) for number, slot in enumerate(self.slots) if slot != self.unwanted]
