"""l2-rw: rewrites bytes of bridged packets that a classifier table finds (vnet/l2/l2_rw.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import HEADROOM
from vppsh.engine.classify import VECTOR
from vppsh.engine.classify_lookup import ALL_ONES, NO_TABLE, classify
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.registry import error, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ERRORS = (error("Unknown error", "Unknown error"),)
NO_ENTRY = -1
NOT_REWRITE = np.uint32(features.ALL_BITS & ~features.RW)


@dataclass
class RewriteEntry:
    """Bytes to put into a packet where `mask` has ones, from `skip` vectors of 16 bytes on; how often that was done."""

    mask: bytes
    value: bytes
    skip: int
    hits: int = 0


class RewriteConfig(Struct, frozen=True):
    """The table that an interface's packets are looked up in, and the entry for those that it has no session for."""

    table: int
    miss: int


class L2Rewrites:
    """The entries of an engine, and the interfaces that use them."""

    def __init__(self, engine: Engine) -> None:
        self._l2 = engine.get(L2Interfaces)
        self.entries: dict[int, RewriteEntry] = {}
        self._free: list[int] = []
        self.configs: dict[int, RewriteConfig] = {}
        engine.get(Interfaces).subscribe(self._changed)

    def add(self, mask: bytes, value: bytes, skip: int, index: int | None = None) -> bool:
        """A new entry, or another one at an index; False when there is none at that."""
        vectors, offset = divmod(skip, VECTOR)
        length = -(-(offset + len(mask)) // VECTOR) * VECTOR
        masked = bytes(one & other for one, other in zip(mask, value, strict=True))
        mask, value = ((bytes(offset) + data).ljust(length, b"\0") for data in (mask, masked))
        entry = RewriteEntry(mask, value, vectors)
        if index is None:
            index = self._free.pop() if self._free else len(self.entries)
        elif index not in self.entries:
            return False
        self.entries[index] = entry
        return True

    def remove(self, index: int) -> bool:
        """Take an entry away; False when there is none."""
        if self.entries.pop(index, None) is None:
            return False
        self._free.append(index)
        return True

    def configure(self, interface: Interface, config: RewriteConfig) -> None:
        """Rewrite an interface's packets; without a table no longer."""
        self.configs[interface.sw_if_index] = config
        self._l2.switch_input(interface, features.RW, config.table != NO_TABLE)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            self.configs.pop(interface.sw_if_index, None)


class RewriteTrace(Struct, frozen=True):
    """The interface, its table, the entry (-1 for none)."""

    sw_if_index: int
    table: int
    entry: int


def format_rewrite_trace(view: Any, record: RewriteTrace) -> str:
    """`l2-rw: sw_if_index 1, table 0, entry 0`."""
    return f"l2-rw: sw_if_index {record.sw_if_index}, table {record.table}, entry {record.entry}"


@node("l2-rw", nexts=("error-drop",), errors=ERRORS, trace=format_rewrite_trace)
def l2_rw(ctx: Context, frame: Frame) -> Nexts:
    """Rewrite what a session, or the lack of one, says; then on to the next feature."""
    buffers, rewrites = ctx.buffers, ctx.get(L2Rewrites)
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    first, entries = np.full(frame.n, NO_TABLE, np.int32), np.full(frame.n, NO_ENTRY, np.int32)
    for index in set(received.tolist()):
        config = rewrites.configs.get(index)
        if config is not None:
            chosen = received == index
            first[chosen], entries[chosen] = config.table, config.miss
    found = classify(ctx, rows, first, buffers.addresses(frame))
    opaque = [NO_ENTRY if session.opaque == ALL_ONES else session.opaque for session in found.sessions] or [NO_ENTRY]
    entries[found.hit] = np.array(opaque, np.int64)[found.which][found.hit]
    for number in set(entries.tolist()) & rewrites.entries.keys():
        _rewrite(ctx, rows[entries == number], rewrites.entries[number])
    bits = buffers.l2_features[rows] & NOT_REWRITE
    buffers.l2_features[rows] = bits
    for position, index in ctx.traced(frame):
        ctx.trace(index, RewriteTrace(int(received[position]), int(first[position]), int(entries[position])))
    return ctx.get(NextFeatures).after(ctx, bits)


def _rewrite(ctx: Context, rows: np.ndarray, entry: RewriteEntry) -> None:
    """Put an entry's bytes into packets."""
    buffers = ctx.buffers
    entry.hits += len(rows)
    mask, value = np.frombuffer(entry.mask, np.uint8), np.frombuffer(entry.value, np.uint8)
    columns = (HEADROOM + buffers.current_data[rows] + entry.skip * VECTOR)[:, None] + np.arange(len(mask))
    at = (rows[:, None], np.minimum(columns, buffers.data.shape[1] - 1))
    buffers.data[at] = buffers.data[at] & ~mask | value
