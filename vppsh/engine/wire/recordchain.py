"""Where the records of a capture file begin, found for many parts of the file at once.

Each record tells only where the next one begins, so a file is a chain that has to be followed. Here
hundreds of places in the file are guessed to be beginnings of records, and the chains from all of them
are followed in step by numpy. A guess is believed only if the chain before it ends exactly there; so a
wrong one costs time and never a packet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SPAN = 32 << 20
MOST_LANES = 512
FEWEST_LANES = 16
SHORTEST_LANE = 4096
WALK = 1 << 14
# How many places in a row are looked at for the beginning of a record, and how many bytes are read from each.
FIRST_WINDOW = 256
LAST_WINDOW = 4096
REACH = 16

Positions = NDArray[np.int64]


class Records(Protocol):
    """What a capture format says about its records."""

    def size(self, at: int) -> int:
        """Bytes from a position to the next record; 0 where one must look closer: broken, cut off, or not a packet."""

    def sizes(self, at: Positions) -> Positions:
        """The same for many positions."""

    def likely(self, at: Positions, window: int) -> NDArray[np.bool_]:
        """Which of the `window` places from each position on look like the beginning of a record: (positions, window)."""

    def look(self, at: int) -> int:
        """Look closer at a record whose size is 0: bytes to the next one, or 0 at the end of the file; raises if it is broken."""


def chains(records: Records, start: int, stop: int) -> Iterator[Positions]:
    """The positions of the records from `start` to `stop`, in order, some thousands at a time."""
    lanes = MOST_LANES
    at = start
    while at < stop:
        if not records.size(at):
            size = records.look(at)
            if not size:
                return
            at += size
            continue
        end = min(at + SPAN, stop)
        found, at = _follow(records, _starts(records, at, end, stop, lanes), end)
        # Guesses that fail are not worth making so often; try again now and then.
        lanes = min(lanes * 2, MOST_LANES) if at >= end or lanes < FEWEST_LANES else lanes // 2
        yield found


def _follow(records: Records, starts: Positions, stop: int) -> tuple[Positions, int]:
    """Records from the first start on, and where the chain goes on: at `stop` or behind it unless something was in the way."""
    if len(starts) < FEWEST_LANES:
        return _walk(records, int(starts[0]), stop)
    limits = np.append(starts[1:], stop)
    ends = starts.copy()
    lane, at = np.arange(len(starts)), starts
    seen: list[tuple[Positions, Positions]] = []
    while len(lane):
        sizes = records.sizes(at)
        if not sizes.all():
            moving = sizes > 0
            lane, at, sizes = lane[moving], at[moving], sizes[moving]
        seen.append((lane, at))
        at = at + sizes
        ends[lane] = at
        running = at < limits[lane]
        if not running.all():
            lane, at = lane[running], at[running]
    broken = np.flatnonzero(ends != limits)
    # The last lane may end behind its limit: a record lies across it.
    good = int(broken[0]) + 1 if len(broken) else len(starts)
    positions = np.concatenate([at for _, at in seen])
    if good < len(starts):
        positions = positions[np.concatenate([lane for lane, _ in seen]) < good]
    positions.sort()
    return positions, int(ends[good - 1])


def _starts(records: Records, start: int, stop: int, end: int, lanes: int) -> Positions:
    """The known beginning and, a lane's length apart, guessed ones; `end` is that of the file."""
    length = max(SHORTEST_LANE, (stop - start) // lanes + 1)
    waiting = np.arange(start + length, stop, length)
    found = [np.array([start])]
    window, passed = FIRST_WINDOW, 0
    while passed < length and len(waiting := waiting[waiting + passed + window + REACH <= end]):
        rows, columns = np.nonzero(records.likely(waiting + passed, window))
        at = waiting[rows] + passed + columns
        sizes = records.sizes(at)
        # The next record must be sound too, or be the file's end.
        sound = (sizes > 0) & ((at + sizes == end) | (records.sizes(at + sizes) > 0))
        answered, first = np.unique(rows[sound], return_index=True)
        found.append(at[sound][first])
        waiting = np.delete(waiting, answered)
        passed += window
        window = min(2 * window, LAST_WINDOW)
    return np.unique(np.concatenate(found))


def _walk(records: Records, start: int, stop: int) -> tuple[Positions, int]:
    """The same, one record after the other."""
    found: list[int] = []
    at = start
    while at < stop and len(found) < WALK and (size := records.size(at)):
        found.append(at)
        at += size
    return np.array(found, np.int64), at
