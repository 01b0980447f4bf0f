"""What became of packets: how many left by which interface, how many were dropped or punted and why.

A tally watches the last nodes of a packet's way from the moment it is made until it is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL_DEVICE, Interface

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

Sink = Callable[["Node", Frame], None]


@dataclass
class Reason:
    """Packets that were dropped or punted for the same reason."""

    node: str
    text: str
    packets: int


@dataclass
class Sent:
    """Packets and bytes that left by an interface."""

    interface: str
    packets: int = 0
    bytes: int = 0


@dataclass
class Result:
    """The sums of a tally."""

    sent: list[Sent] = field(default_factory=list)
    dropped: list[Reason] = field(default_factory=list)
    punted: list[Reason] = field(default_factory=list)

    @property
    def packets_out(self) -> int:
        return sum(each.packets for each in self.sent)

    @property
    def packets_dropped(self) -> int:
        return sum(each.packets for each in self.dropped)

    @property
    def packets_punted(self) -> int:
        return sum(each.packets for each in self.punted)


class Tally:
    """Counts what ends at drop, at punt and at the tx nodes of devices.

    on_sent  also called with every frame that reaches a tx node
    """

    def __init__(self, engine: Engine, on_sent: Sink | None = None) -> None:
        self._engine = engine
        self._on_sent = on_sent
        self._reasons: dict[str, np.ndarray] = {name: np.zeros(0, np.int64) for name in ("drop", "punt")}
        self._sent: dict[Node, Sent] = {}
        self._tx = {each.hardware.tx: each.name for each in engine.interfaces if each.is_hardware and _leaves(each)}
        self._before = engine.dispatch_capture
        engine.dispatch_capture = self._watch

    def close(self) -> Result:
        """Stop watching; what was seen."""
        self._engine.dispatch_capture = self._before
        sent = sorted(self._sent.values(), key=lambda each: -each.packets)
        return Result(sent, self._of("drop"), self._of("punt"))

    def _watch(self, node: Node, frame: Frame) -> None:
        if self._before is not None:
            self._before(node, frame)
        buffers = self._engine.buffers
        if node.name in self._reasons:
            self._reasons[node.name] = _added(self._reasons[node.name], np.bincount(buffers.error[frame.rows]))
        elif node in self._tx:
            sent = self._sent.setdefault(node, Sent(self._tx[node]))
            sent.packets += frame.n
            sent.bytes += int(buffers.packet_length(frame.rows).sum())
            if self._on_sent is not None:
                self._on_sent(node, frame)

    def _of(self, end: str) -> list[Reason]:
        reasons = []
        for index, n in enumerate(self._reasons[end].tolist()):
            if n:
                node, spec = self._engine.errors.spec(index)
                reasons.append(Reason(node, spec.text, n))
        return sorted(reasons, key=lambda each: -each.packets)


def _leaves(interface: Interface) -> bool:
    """Whether packets end at the interface's tx node, instead of being handed on inside or dropped."""
    device_class = interface.hardware.device_class
    return device_class is not LOCAL_DEVICE and not device_class.tx_nexts


def _added(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Element-wise sum of counts of any two lengths."""
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    total: np.ndarray = longer.astype(np.int64)
    total[: len(shorter)] += shorter
    return total
