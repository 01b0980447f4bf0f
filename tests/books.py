"""Double-entry bookkeeping for an engine: no packet gets lost, none is counted twice, and nobody writes where another reads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.frame import Frame, Rows
from vppsh.engine.interfaces import LOCAL_DEVICE, Interface

if TYPE_CHECKING:
    from vppsh.engine.buffers import BufferPool
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

ENDS = ("drop", "punt", "null-node")
ABSORBS = ("reassembly", "-frag", "-icmp-echo-reply", "arping")
"""Parts of the names of nodes that end packets otherwise: they make others of them, keep them, or were waiting for them."""
MAKES = (*ABSORBS, "icmp-error", "replicate", "-glean", "-arp", "discover-neighbor", "adj-incomplete", "l2-flood")
"""The same for nodes that make packets."""


class UnbalancedError(AssertionError):
    """The books do not balance."""


class Books:
    """Watches an engine from now on.

    ended    packets by end (drop or punt), node and text of the reason
    sent     packets by the tx node that they ended in
    visited  packets by node
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.sent: Counter[str] = Counter()
        self.visited: Counter[str] = Counter()
        self._freed = 0
        self._is_free = np.ones(engine.buffers.count, bool)
        self._last_seen = np.full(engine.buffers.count, -1)
        self._overhear(engine.buffers)
        dispatch = engine.dispatcher._dispatch

        def dispatch_watched(node: Node, frame: Frame) -> None:
            self._open(node, frame)
            given, before, self._freed = frame.n, sum(node.next_vectors), 0
            dispatch(node, frame)
            self._close(node, given, sum(node.next_vectors) - before)

        # Objects of one engine only: what they are asked for is looked up on the instance first.
        vars(engine.dispatcher)["_dispatch"] = dispatch_watched

    def _overhear(self, pool: BufferPool) -> None:
        """Learn of all that is taken from the pool and given back."""
        free, release, allocate = pool.free_packets, pool.release, pool.allocate

        def free_packets(frame: Frame) -> None:
            self._freed += frame.n
            free(frame)

        def release_seen(rows: Rows) -> None:
            again = self._is_free[rows]
            if again.any() or (isinstance(rows, np.ndarray) and len(np.unique(rows)) < len(rows)):
                raise UnbalancedError(f"buffers {pool.indices[rows][again] if again.any() else rows} were freed twice")
            self._is_free[rows] = True
            release(rows)

        def allocate_seen(wanted: int) -> Rows | None:
            rows = allocate(wanted)
            if rows is not None:
                self._is_free[rows] = False
                self._last_seen[rows] = -1
            return rows

        vars(pool).update(free_packets=free_packets, release=release_seen, allocate=allocate_seen)

    def _open(self, node: Node, frame: Frame) -> None:
        """A node is about to handle a frame."""
        buffers = self.engine.buffers
        rows = frame.indices(buffers)
        if frame.n != len(rows) or not frame.n:
            raise UnbalancedError(f"a frame of {frame.n} packets with {len(rows)} buffers came to {node.name}")
        if self._is_free[rows].any():
            raise UnbalancedError(f"buffers that are free came to {node.name}")
        if frame.offset is not None and (buffers.current_data[rows] != frame.offset).any():
            raise UnbalancedError(f"a frame came to {node.name} whose packets do not begin at its offset")
        if frame.rx is not None and (buffers.rx_sw_if_index[rows] != frame.rx).any():
            raise UnbalancedError(f"a frame came to {node.name} whose packets did not come in by its interface")
        self.visited[node.name] += frame.n
        self._last_seen[rows] = node.index
        if node.name in ENDS:
            for error, n in zip(*np.unique(buffers.error[rows], return_counts=True)):
                owner, spec = self.engine.errors.spec(int(error))
                self.ended[node.name, owner, spec.text] += int(n)

    def _close(self, node: Node, given: int, handed_on: int) -> None:
        """The node has handled its frame."""
        if handed_on + self._freed != given and not any(each in node.name for each in MAKES):
            raise UnbalancedError(f"{node.name} got {given} packets, handed on {handed_on} and freed {self._freed}")
        if self._freed and node.name not in ENDS and not any(each in node.name for each in ABSORBS):
            if node.name not in self._devices():
                raise UnbalancedError(f"{self._freed} packets ended in {node.name}")
            self.sent[node.name] += self._freed

    def _devices(self) -> set[str]:
        return {each.hardware.tx.name for each in self.engine.interfaces if each.is_hardware and leaves(each)}

    def check_pool(self, *, settled: bool) -> None:
        """Every buffer is free at most once, and, when nothing is held any more, exactly once."""
        pool = self.engine.buffers
        parts = [*pool._loose, *(pool.indices[start:stop] for start, stop in pool._runs)]
        free = np.concatenate(parts) if parts else pool.indices[:0]
        if len(np.unique(free)) != len(free) or len(free) != pool.free:
            raise UnbalancedError(f"{len(free)} buffers are free, {len(np.unique(free))} different ones; {pool.free} are said to be")
        if settled and len(free) != pool.count:
            lost = np.setdiff1d(pool.indices, free)
            places = Counter("no node" if at < 0 else self.engine.graph.at(at).name for at in self._last_seen[lost].tolist())
            raise UnbalancedError(f"{len(lost)} buffers are lost, last seen in {dict(places)}")


def leaves(interface: Interface) -> bool:
    """Whether packets end at the interface's tx node, instead of being handed on inside or dropped."""
    device_class = interface.hardware.device_class
    return device_class is not LOCAL_DEVICE and not device_class.tx_nexts
