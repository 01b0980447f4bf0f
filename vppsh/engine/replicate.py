"""Replicate objects: every packet goes to each of several objects (vnet/dpo/replicate_dpo.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.dpo import Dpo, Dpos, DpoType
from vppsh.engine.fib.rows import Rows
from vppsh.engine.fib.types import Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class Replicates(Rows):
    """The replicate objects of an engine.

    packets, bytes  what each was given
    """

    packets: NDArray[np.int64]
    bytes: NDArray[np.int64]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"packets": ("i8", 0), "bytes": ("i8", 0)})
        self._dpos = engine.get(Dpos)
        self._dpos.register(DpoType.REPLICATE, self._format)
        self._protocols: dict[int, Protocol] = {}
        self._buckets: dict[int, tuple[Dpo, ...]] = {}
        # Of the replicating nodes, towards those of the buckets.
        self._slots: dict[Protocol, dict[str, int]] = {}

    def create(self, protocol: Protocol) -> Dpo:
        """An object without buckets."""
        row = self._allocate()
        self._protocols[row] = protocol
        self._buckets[row] = ()
        return Dpo(int(DpoType.REPLICATE), int(protocol), row)

    def update(self, row: int, buckets: Sequence[Dpo]) -> None:
        """Set where packets go."""
        self._buckets[row] = tuple(buckets)
        for bucket in buckets:
            self._slot(row, bucket)

    def destroy(self, row: int) -> None:
        """Free an object."""
        del self._buckets[row], self._protocols[row]
        self._release(row)

    def buckets(self, row: int) -> tuple[Dpo, ...]:
        """Where packets go; nowhere if there is no such object."""
        return self._buckets.get(row, ())

    def format_bucket(self, row: int, bucket: Dpo, indent: int) -> str:
        """A bucket with its slot, `[@2]: ipv4-mcast: pg1: ...`."""
        return f"[@{self._slot(row, bucket)}]: {self._dpos.text(bucket, indent)}"

    def _slot(self, row: int, bucket: Dpo) -> int:
        protocol = self._protocols[row]
        slots = self._slots.setdefault(protocol, {self._dpos.node(DpoType.DROP, protocol): 0})
        return slots.setdefault(self._dpos.node(bucket.type, Protocol(bucket.protocol)), len(slots))

    def _format(self, row: int, indent: int) -> str:
        buckets = self._buckets[row]
        local = any(bucket.type == DpoType.RECEIVE for bucket in buckets)
        head = (
            f"dpo-replicate: [index:{row} buckets:{len(buckets)} flags:[{'has-local ' if local else 'none'}] "
            f"to:[{self.packets[row]}:{self.bytes[row]}]]"
        )
        pad = " " * (indent + 2)
        return "\n".join([head, *(f"{pad}[{number}] {self.format_bucket(row, each, indent + 6)}" for number, each in enumerate(buckets))])
