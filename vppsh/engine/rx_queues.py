"""The queues that devices receive by: which node reads each, and how it is told of packets.

Counterpart of vnet/interface/rx_queue.c. The mode is what was asked for and what listings show; whatever it is, a node waits for
its descriptors and never polls in vain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.interfaces import Interface

POLLING, INTERRUPT, ADAPTIVE = "polling", "interrupt", "adaptive"
MODES = (POLLING, INTERRUPT, ADAPTIVE)


@dataclass(eq=False)
class RxQueue:
    """One queue of a device.

    node   the input node that reads it
    modes  those that the device can do
    """

    interface: Interface
    node: str
    mode: str
    number: int = 0
    modes: tuple[str, ...] = MODES


class RxQueues:
    """The queues of an engine, and the mode of new ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.default_mode = POLLING
        self._queues: list[RxQueue] = []

    def __iter__(self) -> Iterator[RxQueue]:
        """As VPP lists them: by node, interface and number."""
        graph = self._engine.graph
        yield from sorted(self._queues, key=lambda queue: (graph[queue.node].index, queue.interface.hardware.hw_if_index, queue.number))

    def of(self, interface: Interface) -> list[RxQueue]:
        """The queues of a hardware interface."""
        return [queue for queue in self if queue.interface is interface]

    def mode_of(self, node: str) -> str | None:
        """How a node is told of packets; None if it reads no queue."""
        modes = [queue.mode for queue in self._queues if queue.node == node]
        return (POLLING if POLLING in modes else INTERRUPT) if modes else None

    def add(self, queue: RxQueue) -> None:
        """A device has got a queue."""
        self._queues.append(queue)

    def remove(self, interface: Interface) -> None:
        """A device is going away."""
        self._queues = [queue for queue in self._queues if queue.interface is not interface]
