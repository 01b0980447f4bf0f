"""The engine: a whole dataplane as one object.

It knows nothing of a terminal, and two of them in one process share nothing. Tables that features
need are state classes: `engine.get(Neighbors)` is this engine's instance, made when first asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, TypeVar

import numpy as np

from vppsh.engine.arcs import Arcs
from vppsh.engine.buffers import BufferPool
from vppsh.engine.clock import Clock, RealClock
from vppsh.engine.context import Context
from vppsh.engine.descriptors import Descriptors
from vppsh.engine.dispatch import Dispatcher
from vppsh.engine.errors import ErrorTable
from vppsh.engine.frame import Frame
from vppsh.engine.graph import Graph, Node
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.tracing import Tracer
from vppsh.registry import Catalog, discover

T = TypeVar("T")

DEFAULT_VECTOR_SIZE = 256
MAX_VECTOR_SIZE = 4096
IDLE_WAIT = 0.01


class Engine:
    """An embedded vector dataplane.

    catalog      what nodes, arcs, features and columns there are (default: all that vppsh has)
    clock        where time comes from
    random       where randomness comes from
    vector_size  how many packets a frame may grow to under load

    dispatch_capture, rx_capture, tx_capture and drop_capture are called with every frame that is handled, that
    comes in by Ethernet, that is sent (with the sw_if_index of the output node, None in interface-output), or
    that is dropped, while set. on_fault is called when a node raises, which then loses its frame; without it
    the exception goes on. Before that fault_capture is, while set. `waiting`, while set, is called in the place of sleeping
    between rounds, with the seconds that it may take, for who has other things to do. `runs` counts how often the
    dataplane was set going.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        *,
        clock: Clock | None = None,
        random: np.random.Generator | None = None,
        vector_size: int = DEFAULT_VECTOR_SIZE,
        buffers: int = 16384,
    ) -> None:
        if not 1 <= vector_size <= MAX_VECTOR_SIZE:
            raise ValueError(f"vector size {vector_size} is not between 1 and {MAX_VECTOR_SIZE}")
        catalog = discover() if catalog is None else catalog
        self.catalog = catalog
        self.clock: Clock = RealClock() if clock is None else clock
        self.random = np.random.default_rng() if random is None else random
        self.vector_size = vector_size
        self.interrupted = False
        self.runs = 0
        self.dispatch_capture: Callable[[Node, Frame], None] | None = None
        self.rx_capture: Callable[[Frame], None] | None = None
        self.tx_capture: Callable[[Frame, int | None], None] | None = None
        self.drop_capture: Callable[[Frame], None] | None = None
        self.fault_capture: Callable[[Exception], None] | None = None
        self.waiting: Callable[[float], None] | None = None
        self.on_fault: Callable[[Node, Frame, Exception], None] | None = None
        self._state: dict[type, Any] = {}
        self._start_ns = perf_counter_ns() - int(self.clock.now() * 1e9)
        self.buffers = BufferPool(max(buffers, 4 * vector_size), catalog.columns)
        self.descriptors = self.get(Descriptors)
        self.dispatcher = Dispatcher(self)
        self.tracer = Tracer(self)
        self.graph = Graph(catalog, lambda node: Context(self, node))
        self.errors: ErrorTable = self.graph.errors
        self.arcs = Arcs(self, catalog)
        self.interfaces = self.get(Interfaces)
        for table in catalog.tables:
            self.get(table.kind)
        self.dispatcher.start()

    def get(self, kind: type[T]) -> T:
        """This engine's instance of a state class, made as `kind(engine)` when first asked for."""
        state = self._state.get(kind)
        if state is None:
            state = self._state[kind] = kind(self)  # type: ignore[call-arg]  # a state class takes its engine
        return state

    def seconds(self, at_ns: int) -> float:
        """A moment of `perf_counter_ns` in seconds of the engine's clock; a clock that is not real says only now."""
        return (at_ns - self._start_ns) / 1e9 if isinstance(self.clock, RealClock) else self.clock.now()

    def interrupt(self) -> None:
        """Stop what is running at the next opportunity (Ctrl-C)."""
        self.interrupted = True

    def step(self) -> bool:
        """One round of the main loop; False when nothing was there to do."""
        return self.dispatcher.step()

    def run_until_idle(self, at_most: float = math.inf) -> None:
        """Let the dataplane run until all work that has an end is done, or for so many seconds; endless work gets one round."""
        self.interrupted = False
        self.runs += 1
        end = self.clock.now() + at_most
        self.dispatcher.step()
        while self.dispatcher.busy and not self.interrupted and self.clock.now() < end:
            # What a step did not do it may have found to be done.
            if not self.dispatcher.step() and self.dispatcher.busy:
                self._wait(self._pause(self.clock.now() + IDLE_WAIT))

    def run_for(self, seconds: float) -> None:
        """Let the dataplane run for that long on its clock."""
        self.interrupted = False
        end = self.clock.now() + seconds
        while not self.interrupted and self.clock.now() < end:
            if not self.dispatcher.step():
                self._wait(self._pause(end))
        if not self.interrupted:
            self.run_until_idle()

    def _wait(self, seconds: float) -> None:
        if self.waiting is not None:
            self.waiting(seconds)
        else:
            self.descriptors.sleep(seconds)

    def _pause(self, end: float) -> float:
        wake = self.dispatcher.next_wake
        until = end if wake is None else min(end, wake)
        return min(max(until - self.clock.now(), 0.0), IDLE_WAIT)
