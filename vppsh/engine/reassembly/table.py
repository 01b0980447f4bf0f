"""The packets that are being put together: as many at once as allowed, and each for as long as its fragments keep coming."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vppsh.engine.frame import Frame

from .assembly import Assembly, Piece

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MS_PER_S = 1000


@dataclass(frozen=True)
class Limits:
    """How many packets at once, of how many fragments each; how long to wait for the next, how often to look, in ms."""

    assemblies: int = 1024
    fragments: int = 3
    timeout: int = 200
    walk_interval: int = 50


class Reassemblies:
    """Those of one engine and IP version.

    walk_node  name of the process that drops what is not completed in time
    """

    walk_node: ClassVar[str]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.limits = Limits()
        self._by_key: dict[Hashable, Assembly] = {}
        self._slots: list[Assembly | None] = []
        self._free: list[int] = []
        self._begun = 0
        self._walked = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Assembly]:
        """In the order of their places."""
        return (assembly for assembly in self._slots if assembly is not None)

    def find(self, key: Hashable) -> Assembly | None:
        """The packet to which a fragment belongs."""
        return self._by_key.get(key)

    def begin(self, key: Hashable) -> Assembly | None:
        """A new packet; None if there are too many."""
        if len(self) >= self.limits.assemblies:
            return None
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._slots)
            self._slots.append(None)
        assembly = Assembly(key, self._begun, slot, self._engine.clock.now())
        self._begun += 1
        self._by_key[key] = self._slots[slot] = assembly
        if len(self) == 1:
            self._engine.dispatcher.signal(self._engine.graph[self.walk_node], True)
        return assembly

    def is_late(self, assembly: Assembly) -> bool:
        """Whether no fragment of a packet has come for too long."""
        return self._engine.clock.now() > assembly.last_heard + self.limits.timeout / MS_PER_S

    def close(self, assembly: Assembly) -> None:
        """Forget a packet."""
        del self._by_key[assembly.key]
        self._slots[assembly.slot] = None
        self._free.append(assembly.slot)

    def drop(self, assembly: Assembly) -> None:
        """Forget a packet and free its fragments."""
        self.discard(*assembly.pieces)
        self.close(assembly)

    def discard(self, *pieces: Piece) -> None:
        """Free fragments."""
        self._engine.buffers.free_packets(Frame(np.array([piece.index for piece in pieces], np.int32), len(pieces)))

    def late(self) -> list[Assembly]:
        """Those that are late, of a part at a time so that all are seen within a second."""
        end = self._walked + self.limits.assemblies * self.limits.walk_interval // MS_PER_S + 1
        part = self._slots[self._walked : end]
        self._walked = 0 if end > len(self._slots) else end
        return [assembly for assembly in part if assembly is not None and self.is_late(assembly)]

    @property
    def wait(self) -> float:
        """Seconds until the next look."""
        return self.limits.walk_interval / MS_PER_S if self._by_key else inf
