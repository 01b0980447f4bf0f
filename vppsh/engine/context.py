"""What a node sees of its engine while it handles a frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.frame import Frame, Rows, side_by_side

if TYPE_CHECKING:
    from vppsh.engine.buffers import BufferPool
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

T = TypeVar("T")

Nexts = int | NDArray[np.integer] | None


class Context:
    """A node's own view: buffers, tables, errors, traces, next nodes.

    error_base  add an error's position in the node's declaration to it, and store the sum in `buffers.error`
    slot_of     int32 by node index: the slot of this node that leads there, -1 if none
    """

    __slots__ = ("_slots", "buffers", "engine", "error_base", "node", "vector_size")

    def __init__(self, engine: Engine, node: Node) -> None:
        self.engine = engine
        self.node = node
        self.buffers: BufferPool = engine.buffers
        self.vector_size = engine.vector_size
        self.error_base = 0
        self._slots: NDArray[np.int32] = np.full(0, -1, np.int32)

    def bind(self) -> None:
        """Take over what the graph found out when it connected the node."""
        self.error_base = self.node.error_base

    def get(self, kind: type[T]) -> T:
        """The engine's instance of a state class."""
        return self.engine.get(kind)

    @property
    def now(self) -> float:
        """Seconds on the engine's clock."""
        return self.engine.clock.now()

    # Packets that do not simply follow their frame.

    def enqueue(self, slot: int, rows: Rows, *, offset: int | None = None, rx: int | None = None, traced: bool = False) -> None:
        """Send packets to a next node, besides what the node returns for its frame."""
        if isinstance(rows, np.ndarray):
            n = len(rows)
            rows = side_by_side(rows)
        else:
            n = rows.stop - rows.start
        if n:
            self.engine.dispatcher.put(self.node, slot, Frame(rows, n, offset=offset, rx=rx, traced=traced))

    def enqueue_frame(self, slot: int, frame: Frame) -> None:
        """Send a frame to a next node, besides what the node returns."""
        if frame.n:
            self.engine.dispatcher.put(self.node, slot, frame)

    def hand_on(self, nexts: int | NDArray[np.integer], frame: Frame) -> None:
        """Send a frame on at once as if a node had answered `nexts`: for who makes packets that are to come behind it."""
        self.engine.dispatcher.hand_on(self.node, frame, nexts)

    def slots(self, targets: NDArray[np.integer]) -> NDArray[np.int32]:
        """The slots of this node that lead to the nodes of those indices."""
        highest = int(targets.max())
        if highest >= len(self._slots) or (self._slots[targets] < 0).any():
            self._slots = np.full(max(64, highest + 1, len(self._slots)), -1, np.int32)
            graph = self.engine.graph
            for index in set(targets.tolist()):
                graph.add_next(self.node, graph.at(index))
            for target, slot in self.node.slots.items():
                if target.index < len(self._slots):
                    self._slots[target.index] = slot
        found: NDArray[np.int32] = self._slots[targets]
        return found

    def own_slots(self, slots: int | NDArray[np.int32], drop: int = 0) -> int | NDArray[np.int32]:
        """Slots noted in a table for the node that its rows are meant for; `drop` for those that this node does not have.

        A stream can bring packets here that no lookup gave a row to, so that theirs may be another node's.
        """
        n_slots = len(self.node.nexts)
        if isinstance(slots, int):
            return slots if slots < n_slots else drop
        return slots if int(slots.max()) < n_slots else np.where(slots < n_slots, slots, np.int32(drop))

    # Counting.

    def count(self, error: int, n: int = 1) -> None:
        """Count `n` at one of the node's errors at once, without a drop."""
        self.engine.errors.counts[self.error_base + error] += n

    # Traces.

    def traced(self, frame: Frame) -> Iterator[tuple[int, int]]:
        """(position in the frame, buffer index) of each traced packet."""
        if not frame.traced:
            return
        rows = frame.indices(self.buffers)
        for position in np.flatnonzero(self.buffers.trace[rows] >= 0).tolist():
            yield position, int(rows[position])

    def trace(self, index: int, record: Any) -> None:
        """Add what this node saw of a traced buffer to its trace."""
        self.engine.tracer.add(self.node, int(self.buffers.trace[index]), record)
