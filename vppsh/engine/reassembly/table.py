"""The packets that are being put together: as many at once as allowed, and each for as long as its fragments keep coming."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
from msgspec import Struct

from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MS_PER_S = 1000


class Limits(Struct, frozen=True):
    """How many packets at once, of how many fragments each; how long to wait for the next, how often to look, in ms."""

    assemblies: int = 1024
    fragments: int = 3
    timeout: int = 200
    walk_interval: int = 50


@dataclass(slots=True, eq=False)
class Waiting:
    """A packet of which fragments are missing.

    id          how many were begun before it
    slot        its place among those at work
    operations  how many steps of it were traced
    """

    key: Hashable
    id: int
    slot: int
    last_heard: float
    operations: int = field(default=0, init=False)

    @property
    def buffers(self) -> list[int]:
        """The first buffers of the fragments that wait."""
        raise NotImplementedError


W = TypeVar("W", bound=Waiting)


class Reassemblies(Generic[W]):
    """Those of one engine and IP version.

    kind       what they are
    walk_node  name of the process that drops what is not completed in time
    """

    kind: type[W]
    walk_node: ClassVar[str]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.limits = Limits()
        self._by_key: dict[Hashable, W] = {}
        self._slots: list[W | None] = []
        self._free: list[int] = []
        self._begun = 0
        self._walked = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[W]:
        """In the order of their places."""
        return (assembly for assembly in self._slots if assembly is not None)

    def find(self, key: Hashable) -> W | None:
        """The packet to which a fragment belongs."""
        return self._by_key.get(key)

    def begin(self, key: Hashable) -> W | None:
        """A new packet; None if there are too many."""
        if len(self) >= self.limits.assemblies:
            return None
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._slots)
            self._slots.append(None)
        assembly = self.kind(key, self._begun, slot, self._engine.clock.now())
        self._begun += 1
        self._by_key[key] = self._slots[slot] = assembly
        if len(self) == 1:
            self._engine.dispatcher.signal(self._engine.graph[self.walk_node], True)
        return assembly

    def count_begun(self, n: int) -> None:
        """So many were begun and completed elsewhere."""
        self._begun += n

    def is_late(self, assembly: W) -> bool:
        """Whether no fragment of a packet has come for too long."""
        return self._engine.clock.now() > assembly.last_heard + self.limits.timeout / MS_PER_S

    def close(self, assembly: W) -> None:
        """Forget a packet."""
        del self._by_key[assembly.key]
        self._slots[assembly.slot] = None
        self._free.append(assembly.slot)

    def drop(self, assembly: W) -> None:
        """Forget a packet and free its fragments."""
        self.free(assembly.buffers)
        self.close(assembly)

    def free(self, buffers: Iterable[int]) -> None:
        """Free fragments."""
        rows = np.array(list(buffers), np.int32)
        self._engine.buffers.free_packets(Frame(rows, len(rows)))

    @property
    def oldest(self) -> W:
        """The one that was begun first."""
        return next(iter(self._by_key.values()))

    def late(self) -> list[W]:
        """Those that are late, of a part at a time so that all are seen within a second."""
        end = self._walked + self.limits.assemblies * self.limits.walk_interval // MS_PER_S + 1
        part = self._slots[self._walked : end]
        self._walked = 0 if end > len(self._slots) else end
        return [assembly for assembly in part if assembly is not None and self.is_late(assembly)]

    @property
    def wait(self) -> float:
        """Seconds until the next look."""
        return self.limits.walk_interval / MS_PER_S if self._by_key else inf
