"""The engine's counters behind a stats socket, for clients of VPP's stats segment (vlib/stats).

What VPP's threads count, they count in the shared memory itself. Here counters are copied there while the dataplane has a pause, some tens
of times a second, once somebody has connected.
"""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from vppsh.engine.interface_format import combined_counters, simple_counters
from vppsh.engine.runtime import Runtime
from vppsh.registry import NodeKind
from vppsh.serve.listening import at_path
from vppsh.serve.segment import Contents, Segment

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOG = logging.getLogger(__name__)

# Seconds between copies, and between copies of what nodes count; VPP's default for the latter is 10, and none at all.
EVERY = 0.02
NODES_EVERY = 1.0
NODE_COUNTERS = ("clocks", "vectors", "calls", "suspends")
HEARTBEAT, BOOT, WORKERS = "/sys/heartbeat", "/sys/boottime", "/sys/num_worker_threads"
RATE, RATES, LOOPS = "/sys/vector_rate", "/sys/vector_rate_per_worker", "/sys/loops_per_worker"
# The first three are where VPP has them.
SCALARS, GAUGES = ("/sys/last_stats_clear", HEARTBEAT, BOOT), (RATE, WORKERS)


class StatsListener:
    """An engine's counters at a socket."""

    def __init__(self, engine: Engine, path: str) -> None:
        """Listen at a path; raises OutputFileError when it cannot be used."""
        self._engine = engine
        self._listener = at_path(path, socket.SOCK_SEQPACKET)
        self.waiting = self._listener.waiting
        self._segment: Segment | None = None
        self._shape: object = None
        self._due = self._nodes_due = 0.0
        self._begun = int(time.time())

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()
        if self._segment is not None:
            self._segment.close()

    def accept(self) -> None:
        """Hand the memory to whoever connects."""
        with suppress(OSError):  # who has gone again does not want it
            connection, _ = self._listener.accept()
            with connection:
                if self._segment is None:
                    self._segment = Segment()
                    self.publish(time.monotonic())
                socket.send_fds(connection, [b""], [self._segment.descriptor])

    def publish(self, now: float) -> float:
        """Copy what is due; the seconds until more is."""
        if self._segment is None:
            return inf
        if now >= self._due:
            self._due = now + EVERY
            self._copy(self._segment, now)
        return self._due - now

    def _copy(self, segment: Segment, now: float) -> None:
        engine, shape = self._engine, self._shape_now()
        if shape != self._shape:
            self._shape = shape
            try:
                segment.lay_out(self._contents())
            except ValueError:
                LOG.exception("counters are not published any more")
                self._due = inf
                return
            segment.counters[BOOT][...] = self._begun
            self._nodes_due = now
        counters = segment.counters
        counters["/node/errors"][:] = engine.errors.counts
        for name, both in combined_counters(engine.interfaces):
            counters[f"/if/{name}"][:, 0], counters[f"/if/{name}"][:, 1] = both.packets, both.bytes
        for name, counter in simple_counters(engine.interfaces):
            counters[f"/if/{name}"][:] = counter.value
        counters[HEARTBEAT][...] += 1
        if now >= self._nodes_due:
            self._nodes_due = now + NODES_EVERY
            self._copy_nodes(segment)

    def _copy_nodes(self, segment: Segment) -> None:
        nodes = list(self._engine.graph)
        indices = [node.index for node in nodes]
        for name in NODE_COUNTERS:
            segment.counters[f"/sys/node/{name}"][indices] = [getattr(node, name) for node in nodes]
        runtime = self._engine.get(Runtime)
        elapsed = max(self._engine.clock.now() - runtime.cleared_at, 1e-9)
        segment.counters[LOOPS][0] = int((self._engine.dispatcher.loops - runtime.loops_at) / elapsed)
        internal = [node for node in nodes if node.kind is NodeKind.INTERNAL]
        rate = sum(node.vectors for node in internal) // max(sum(node.calls for node in internal), 1)
        segment.counters[RATE][...] = segment.counters[RATES][0] = rate

    def _shape_now(self) -> object:
        """What the layout depends on."""
        engine = self._engine
        lengths = [len(engine.errors.counts), *(len(both.packets) for _, both in combined_counters(engine.interfaces))]
        lengths += [len(counter.value) for _, counter in simple_counters(engine.interfaces)]
        return [(each.sw_if_index, each.name) for each in engine.interfaces], [(node.index, node.name) for node in engine.graph], lengths

    def _contents(self) -> Contents:
        engine = self._engine
        nodes = {node.index: node.name for node in engine.graph}
        interfaces = {each.sw_if_index: each.name for each in engine.interfaces}
        combined = {f"/if/{name}": len(both.packets) for name, both in combined_counters(engine.interfaces)}
        simple = {f"/if/{name}": len(counter.value) for name, counter in simple_counters(engine.interfaces)}
        links = [(f"/err/{node}/{spec.name}", "/node/errors", index) for index, (node, spec) in enumerate(engine.errors)]
        links += [
            (f"/interfaces/{_flat(name)}/{counter.rpartition('/')[2]}", counter, index)
            for index, name in interfaces.items()
            for counter in (*combined, *simple)
        ]
        links += [(f"/nodes/{_flat(name)}/{what}", f"/sys/node/{what}", index) for index, name in nodes.items() for what in NODE_COUNTERS]
        size = max(nodes) + 1
        simple |= {"/node/errors": len(engine.errors.counts), LOOPS: 1, RATES: 1} | {f"/sys/node/{what}": size for what in NODE_COUNTERS}
        names = {
            "/if/names": [interfaces.get(index, "deleted") for index in range(max(interfaces) + 1)],
            "/sys/node/names": [nodes.get(index, "") for index in range(size)],
        }
        return Contents(SCALARS, GAUGES, simple, combined, names, links)


def _flat(name: str) -> str:
    """A name as one word of a path."""
    return name.replace("/", "_")
