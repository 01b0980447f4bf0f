"""Packet traces: what each node saw of the packets that were chosen, in the order in which they came by.

Counterpart of vlib/trace.c. A node captures a small record of a traced packet; text is made from it
only when somebody asks (vppsh/engine/trace_text.py). A trace is known by its handle, an index that is
given out as from VPP's pool: the handle that was freed last comes first.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node


class Step(Struct, frozen=True):
    """What one node captured: when (seconds of the engine's clock), where, and its own record."""

    time: float
    node: Node
    record: Any


@dataclass(slots=True)
class Trace:
    """The steps of one packet (packets made from it, such as ICMP errors, add theirs)."""

    handle: int
    steps: list[Step] = field(default_factory=list)

    def visits(self, node: Node) -> bool:
        """Whether the packet came by a node."""
        return any(step.node is node for step in self.steps)


class FilterKind(enum.Enum):
    """What `trace filter` keeps."""

    NONE = "none"
    INCLUDE = "include"
    EXCLUDE = "exclude"


class TimestampFormat(enum.Enum):
    """How the times of steps are shown: since the engine's start, in seconds of Unix time, or as a date."""

    RELATIVE = "relative"
    UNIX = "unix"
    DATETIME = "datetime"


class TraceFilter(Struct, frozen=True):
    """Keep `count` of the traces that visit (or do not visit) a node."""

    kind: FilterKind = FilterKind.NONE
    node: Node | None = None
    count: int = 0

    def accepts(self, trace: Trace) -> bool:
        """Whether a trace passes, its count aside."""
        if self.kind is FilterKind.NONE or self.node is None:
            return True
        return trace.visits(self.node) is (self.kind is FilterKind.INCLUDE)


Chooser = Callable[[int], bool]


class Tracer:
    """The traces of an engine, and what decides which packets get one.

    choose  when set, a packet (buffer index) is traced only if it answers True: classifier or BPF filter
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._traces: dict[int, Trace] = {}
        self._free: list[int] = []
        self._loop = -1
        self.enabled = False
        self.verbose = False
        self.filter = TraceFilter()
        self.timestamps = TimestampFormat.RELATIVE
        self.choose: Chooser | None = None

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[Trace]:
        """Traces in the order of their handles."""
        return (self._traces[handle] for handle in sorted(self._traces))

    def find(self, handle: int) -> Trace | None:
        """The trace of that handle, if there is one."""
        return self._traces.get(handle)

    def by_time(self) -> list[Trace]:
        """Traces in the order in which their packets came by."""
        return sorted(self, key=lambda trace: trace.steps[0].time if trace.steps else 0.0)

    # Which packets.

    def limit(self, node: Node, count: int) -> None:
        """Let `count` more packets of an input node be traced; 0 takes back what is left."""
        if count == 0:
            node.trace_limit = node.trace_count = 0
        else:
            node.trace_limit += count
        self.enabled = True

    def set_filter(self, chosen: TraceFilter) -> None:
        """Set the filter; the limits go, so that no trace runs away."""
        self.filter = chosen
        self._clear_limits()

    def clear(self) -> None:
        """Drop all traces and stop tracing."""
        self.enabled = False
        self.choose = None
        self._clear_limits()
        self._traces.clear()
        self._free.clear()
        self._engine.buffers.trace[:] = -1

    def wants(self, node: Node) -> int:
        """How many more packets of an input node are to be traced."""
        return node.trace_limit - node.trace_count if self.enabled and node.trace_limit > node.trace_count else 0

    def start(self, node: Node, frame: Frame, limit: int | None = None) -> None:
        """Begin traces of the first packets of a fresh frame of an input node, as far as they are wanted."""
        wanted = self.wants(node) if limit is None else limit
        if not wanted:
            return
        buffers = self._engine.buffers
        started = 0
        for index in frame.indices(buffers).tolist():
            if started == wanted:
                break
            if self.begin(index):
                started += 1
        if limit is None:
            node.trace_count += started
        frame.traced = frame.traced or started > 0

    def begin(self, index: int) -> bool:
        """Give one packet a trace, unless the chooser refuses it (vlib_trace_buffer)."""
        if not self.enabled or (self.choose is not None and not self.choose(index)):
            return False
        loops = self._engine.dispatcher.loops
        if self._loop != loops:
            self._loop = loops
            self.apply_filter()
        handle = self._free.pop() if self._free else len(self._traces)
        self._traces[handle] = Trace(handle)
        buffers = self._engine.buffers
        while index >= 0:
            buffers.trace[index] = handle
            buffers.flags[index] |= np.uint32(BufferFlag.IS_TRACED)
            index = int(buffers.next_buffer[index]) if buffers.flags[index] & BufferFlag.NEXT_PRESENT else -1
        return True

    def apply_filter(self) -> None:
        """Drop the traces that do not pass the filter, and those beyond its count."""
        if self.filter.kind is FilterKind.NONE:
            return
        kept = 0
        for trace in list(self):
            if kept < self.filter.count and self.filter.accepts(trace):
                kept += 1
            else:
                self._drop(trace.handle)

    # What was seen.

    def add(self, node: Node, handle: int, record: Any) -> None:
        """Append a step; a trace that was dropped meanwhile takes no more."""
        trace = self._traces.get(handle)
        if trace is not None:
            trace.steps.append(Step(self._engine.seconds(self._engine.dispatcher.now_ns), node, record))

    def _drop(self, handle: int) -> None:
        del self._traces[handle]
        self._free.append(handle)

    def _clear_limits(self) -> None:
        for node in self._engine.graph:
            node.trace_limit = node.trace_count = 0
