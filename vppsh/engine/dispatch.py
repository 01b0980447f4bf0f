"""The main loop: input nodes are polled, then waiting frames go through the graph, one node at a time.

Counterpart of vlib/main.c. A node has at most one open frame waiting for it; packets from several
nodes join it until it is full, and waiting frames are handled in the order in which they were opened.
A frame whose packets all take the same next is handed on whole.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.frame import Frame
from vppsh.registry import NodeKind

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

Sleep = Generator[float, object, None]

ROUND_FRAMES = 4096
"""Frames handled before inputs and interruptions are looked at again; ordinary traffic waits in far fewer."""


class Dispatcher:
    """The waiting frames of an engine, its input nodes and its processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._descriptors = engine.descriptors
        self._waiting: deque[tuple[Node, Frame]] = deque()
        self._inputs: list[Node] = []
        self._sleeping: list[tuple[float, int, Node]] = []
        self._processes: dict[Node, Sleep] = {}
        self._ticket = 0
        self.now_ns = 0
        self.loops = 0

    def start(self) -> None:
        """Find the input nodes and begin every process."""
        self._inputs = [node for node in self._engine.graph if node.kind in (NodeKind.PRE_INPUT, NodeKind.INPUT)]
        self._inputs.sort(key=lambda node: node.kind is not NodeKind.PRE_INPUT)
        for node in self._engine.graph:
            if node.kind is NodeKind.PROCESS:
                self.begin(node)

    def begin(self, node: Node) -> None:
        """Begin a process, at the start or when its node is added."""
        self._processes[node] = node.function(node.context)
        self._resume(node, None)

    # Frames.

    def put(self, node: Node, slot: int, frame: Frame) -> None:
        """Hand a frame to a next node of `node`."""
        node.next_vectors[slot] += frame.n
        target = node.nexts[slot]
        waiting = target.pending
        if waiting is None and frame.n <= self._engine.vector_size:
            self._open(target, frame)
        elif waiting is not None and waiting.n + frame.n <= self._engine.vector_size:
            waiting.join(frame, self._engine.buffers)
        else:
            self._fill(target, frame)

    def send(self, target: Node, frame: Frame) -> None:
        """Let a frame of its own wait for a node that is nobody's next (vlib_put_frame_to_node)."""
        self._waiting.append((target, frame))

    def _open(self, target: Node, frame: Frame) -> None:
        target.pending = frame
        self._waiting.append((target, frame))

    def _fill(self, target: Node, frame: Frame) -> None:
        """Fill up the frame that waits, and open as many more as are needed."""
        buffers, limit = self._engine.buffers, self._engine.vector_size
        positions = np.arange(frame.n)
        while len(positions):
            waiting = target.pending
            if waiting is None or waiting.n >= limit:
                self._open(target, frame.pick(buffers, positions[:limit]))
                positions = positions[limit:]
            else:
                room = limit - waiting.n
                waiting.join(frame.pick(buffers, positions[:room]), buffers)
                positions = positions[room:]

    def run_waiting(self) -> None:
        """Handle waiting frames until there are none, or for one round: packets that go in a circle must not keep us here."""
        waiting = self._waiting
        for _ in range(ROUND_FRAMES):
            if not waiting:
                break
            node, frame = waiting.popleft()
            if node.pending is frame:
                node.pending = None
            self._dispatch(node, frame)

    def _dispatch(self, node: Node, frame: Frame) -> None:
        capture = self._engine.dispatch_capture
        if capture is not None:
            capture(node, frame)
        n = frame.n
        begin = self.now_ns = perf_counter_ns()
        try:
            nexts = node.function(node.context, frame)
        except Exception as error:
            # A fault of ours. What became of the packets is not known: they are lost, the dataplane is not.
            if self._engine.fault_capture is not None:
                self._engine.fault_capture(error)
            if self._engine.on_fault is None:
                raise
            self._engine.on_fault(node, frame, error)
            nexts = None
        spent = perf_counter_ns() - begin
        node.clocks += spent
        node.calls += 1
        node.vectors += n
        if spent > node.max_clocks:
            node.max_clocks, node.max_vectors = spent, n
        if nexts is not None:
            self.hand_on(node, frame, nexts)

    def hand_on(self, node: Node, frame: Frame, nexts: int | np.ndarray) -> None:
        """Send the packets of a frame to the slots that a node answers for them: one for all, or one for each."""
        if type(nexts) is int:
            self.put(node, nexts, frame)
        else:
            self._split(node, frame, np.asarray(nexts))

    def _split(self, node: Node, frame: Frame, nexts: np.ndarray) -> None:
        """Send each packet to its own next, in the order in which the nexts appear."""
        first = int(nexts[0])
        same = nexts == first
        if same.all():
            self.put(node, first, frame)
            return
        buffers = self._engine.buffers
        self.put(node, first, frame.pick(buffers, same))
        left = np.flatnonzero(~same)
        while len(left):
            slots = nexts[left]
            first = int(slots[0])
            same = slots == first
            self.put(node, first, frame.pick(buffers, left[same]))
            left = left[~same]

    # Input nodes and processes.

    def step(self) -> bool:
        """One round of the main loop; False when nothing was there to do."""
        self.loops += 1
        worked = False
        while self._sleeping and self._sleeping[0][0] <= self._engine.clock.now():
            _, _, node = heapq.heappop(self._sleeping)
            self._resume(node, None)
            worked = True
        descriptors = self._descriptors
        descriptors.poll()
        for node in self._inputs:
            if node.polling or node in descriptors.pending:
                begin = self.now_ns = perf_counter_ns()
                n = node.function(node.context)
                spent = perf_counter_ns() - begin
                node.clocks += spent
                node.calls += 1
                node.vectors += n
                if spent > node.max_clocks:
                    node.max_clocks, node.max_vectors = spent, n
                worked = worked or n > 0
        if self._waiting:
            self.run_waiting()
            worked = True
        return worked

    def is_waiting(self, node: Node) -> bool:
        """Whether a process has not ended."""
        return node in self._processes

    @property
    def busy(self) -> bool:
        """Whether work is left that has an end."""
        return bool(self._waiting) or any(node.busy for node in self._inputs)

    @property
    def next_wake(self) -> float | None:
        """When the next process wakes up, in seconds of the engine's clock."""
        return self._sleeping[0][0] if self._sleeping else None

    def signal(self, node: Node, event: object) -> None:
        """Wake a process with an event: what its `yield` gives."""
        if node in self._processes:
            self._sleeping = [entry for entry in self._sleeping if entry[2] is not node]
            heapq.heapify(self._sleeping)
            self._resume(node, event)

    def _resume(self, node: Node, event: object) -> None:
        process = self._processes[node]
        begin = perf_counter_ns()
        try:
            delay = process.send(event) if event is not None else next(process)
        except StopIteration:
            del self._processes[node]
        else:
            self._ticket += 1
            heapq.heappush(self._sleeping, (self._engine.clock.now() + delay, self._ticket, node))
        node.clocks += perf_counter_ns() - begin
        node.calls += 1
        node.suspends += 1
