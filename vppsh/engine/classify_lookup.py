"""Classifier tables for whole frames: which session each packet of a frame meets in its chain of tables.

Packets of one table are looked up together: their bytes are gathered, masked and found by their words.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import HEADROOM, STRIDE
from vppsh.engine.classify import VECTOR, ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.context import Context
from vppsh.engine.exact_table import MISSING

NO_TABLE = -1
USE_CURRENT_DATA = 1
ALL_ONES = 0xFFFFFFFF
NO_SLOT = 0xFFFF


class Found(Struct, frozen=True):
    """What became of each packet of a frame.

    sessions  those that were met
    which     the place of each packet's session in `sessions`, -1 for none
    table     the last table that was looked into, -1 for none
    chained   the session was not in the first table
    """

    sessions: list[ClassifySession]
    which: NDArray[np.int32]
    table: NDArray[np.int32]
    chained: NDArray[np.bool_]

    @property
    def hit(self) -> NDArray[np.bool_]:
        hit: NDArray[np.bool_] = self.which >= 0
        return hit

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Packets that had a table, and met no session."""
        missed: NDArray[np.bool_] = (self.which < 0) & (self.table >= 0)
        return missed

    def session(self, position: int) -> ClassifySession | None:
        """The session of one packet."""
        return self.sessions[self.which[position]] if self.which[position] >= 0 else None

    def slots(self, tables: ClassifyTables) -> NDArray[np.int64]:
        """The next node's slot that session or last table names for each packet, NO_SLOT for none."""
        own = np.array([session.next_index & NO_SLOT for session in self.sessions] or [NO_SLOT])[self.which]
        missed = np.full(len(self.which), NO_SLOT)
        for index in set(self.table[self.missed].tolist()):
            table = tables.find(index)
            if table is not None:
                missed[self.table == index] = min(table.miss_next, NO_SLOT)
        slots: NDArray[np.int64] = np.where(self.hit, own, missed)
        return slots

    def advances(self) -> NDArray[np.int32]:
        """By how much each packet's session moves its start."""
        found = np.array([session.advance for session in self.sessions] or [0], np.int32)[self.which]
        return np.where(self.hit, found, 0).astype(np.int32)


def classify(
    ctx: Context, rows: NDArray[np.int32], first: NDArray[np.int32], base: NDArray[np.int64], *, current_data: bool = False
) -> Found:
    """Look packets up.

    first         index of each packet's first table, NO_TABLE for none
    base          where each packet's bytes begin that the tables count from
    current_data  tables may have a flag that says: from the packet's start, with an offset
    """
    tables = ctx.get(ClassifyTables)
    found = Found([], np.full(len(rows), -1, np.int32), first.astype(np.int32), np.zeros(len(rows), bool))
    start = rows.astype(np.int64) * STRIDE + HEADROOM + ctx.buffers.current_data[rows]
    for index in set(first.tolist()) - {NO_TABLE}:
        left = np.flatnonzero(first == index)
        for place, table in enumerate(tables.chain(index)):
            at = base[left]
            if current_data and table.current_data_flag == USE_CURRENT_DATA:
                at = start[left] + table.current_data_offset
            found.table[left] = table.index
            numbers = _numbers(ctx, table, at)
            hit = numbers != MISSING
            _note(ctx, found, table, left[hit], numbers[hit])
            found.chained[left[hit]] = place > 0
            left = left[~hit]
            if not len(left):
                break
    return found


def _numbers(ctx: Context, table: ClassifyTable, at: NDArray[np.int64]) -> NDArray[np.int32]:
    """The number of each packet's session in a table."""
    width = len(table.mask)
    data = gather(ctx.buffers, at + table.skip * VECTOR, width)[:, :width]
    masked = np.ascontiguousarray(data & np.frombuffer(table.mask, np.uint8))
    return table.lookup.find(masked.view(np.uint64))


def _note(ctx: Context, found: Found, table: ClassifyTable, positions: NDArray[np.intp], numbers: NDArray[np.int32]) -> None:
    """Remember sessions, and let them count."""
    for number in dict.fromkeys(numbers.tolist()):
        session = table.by_number[number]
        same = numbers == number
        session.hits += int(np.count_nonzero(same))
        session.last_heard = ctx.now
        found.which[positions[same]] = len(found.sessions)
        found.sessions.append(session)
