"""l2-learn: remembers which port each source address was heard on (vnet/l2/l2_learn.c; IEEE 802.1D, 7.8).

Packets whose address is known at their port, heard under the present sequence numbers and in this minute, are
told from the others by a few operations on the whole frame. The others are gone through one by one, as each
changes what the next one finds: that is how many a station sends once, when it appears or moves.

VPP looks four packets up at once: what the first of the four teaches, the other three do not know yet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import WORD8
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.addresses_trace import format_of, trace_addresses
from vppsh.engine.features.l2.bridge_domains import BridgeDomains
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.l2.input import of_port
from vppsh.engine.features.l2.l2fib import (
    BYTE,
    FLAGS_SHIFT,
    HALF,
    MAC_SHIFT,
    NO_INTERFACE,
    ONES,
    SEQUENCE_SHIFT,
    TIMESTAMP_SHIFT,
    EntryFlag,
    L2Fib,
    Words,
    make_entry,
)
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.registry import error, node

L2_FWD, DROP = range(2)
PACKETS, MISS, MAC_MOVE, MAC_MOVE_VIOLATE, LIMIT, HIT_UPDATE, FILTER_DROP = range(7)
ERRORS = tuple(
    error(text, text)
    for text in (
        "L2 learn packets", "L2 learn misses", "L2 mac moves", "L2 mac move violations", "L2 not learned due to limit",
        "L2 learn hit updates", "L2 filter mac drops",
    )
)  # fmt: skip

# A load from here has the last two bytes of the destination in front of the source.
SOURCE_AT = 4
NO_BD = np.uint64(ONES & ~HALF)
# What has to be as it is in an entry that is up to date; in a domain that forgets nothing, whatever the time.
CHECKED = np.uint64(ONES & ~(BYTE << FLAGS_SHIFT))
CHECKED_AGELESS = np.uint64(ONES & ~(BYTE << FLAGS_SHIFT | BYTE << TIMESTAMP_SHIFT))
NOT_LEARN = features.ALL_BITS & ~features.LEARN
SECONDS_PER_MINUTE = 60
TIMESTAMPS = 256
AT_ONCE, ONE_BY_ONE = 4, 8
UPDATES_PER_FRAME = 2


@node("l2-learn", nexts=("l2-fwd", "error-drop"), errors=ERRORS, trace=format_of("l2-learn"))
def l2_learn(ctx: Context, frame: Frame) -> Nexts:
    """Learn, then on to the next feature."""
    buffers, rows = ctx.buffers, frame.rows
    trace_addresses(ctx, frame)
    # Load.
    keys = buffers.load(frame, WORD8, SOURCE_AT) & NO_BD | of_port(buffers, frame, buffers.l2_bd_index)
    entries = ctx.get(L2Fib).find(keys)
    minute = int(ctx.now // SECONDS_PER_MINUTE) % TIMESTAMPS
    received = np.uint64(frame.rx) if frame.rx is not None else buffers.rx_sw_if_index[rows].astype(np.uint64)
    wanted = of_port(buffers, frame, buffers.l2_fib_sequence).astype(np.uint64) << np.uint64(SEQUENCE_SHIFT) | received
    ages = of_port(buffers, frame, buffers.l2_mac_age)
    checked: np.uint64 | Words = CHECKED_AGELESS
    if ages.any():
        wanted |= np.uint64(minute << TIMESTAMP_SHIFT)
        checked = np.where(ages != 0, CHECKED, CHECKED_AGELESS)
    # Decide.
    differs = (entries ^ wanted) & checked != 0
    ctx.count(PACKETS, frame.n)
    nexts = _after(ctx, frame)
    if differs.any():
        # What was configured at this port is never out of date.
        kept = (entries >> np.uint64(FLAGS_SHIFT) & np.uint64(EntryFlag.AGE_NOT) != 0) & ((entries ^ wanted) & np.uint64(NO_INTERFACE) == 0)
        differs &= ~kept | (entries == ONES)
        if differs.any():
            return _Lesson(ctx, frame, minute).take(keys, differs, nexts)
    return nexts


def _after(ctx: Context, frame: Frame) -> int | NDArray[np.int32]:
    """The slots of the features that come next."""
    buffers, rows = ctx.buffers, frame.rows
    bits = buffers.l2_features[rows] & np.uint32(NOT_LEARN)
    one = common(bits)
    buffers.l2_features[rows] = bits
    following = ctx.get(NextFeatures)
    return following.after(ctx, bits) if one is None else following.after_all(ctx, one)


class _Lesson:
    """What the packets of one frame teach."""

    def __init__(self, ctx: Context, frame: Frame, minute: int) -> None:
        self._ctx = ctx
        self._frame = frame
        self._minute = minute
        self._domains = ctx.get(BridgeDomains)
        self._updates = 0
        self._received = 0
        self._sequence = 0
        self._ages = False

    def take(self, keys: Words, differs: NDArray[np.bool_], nexts: int | NDArray[np.int32]) -> NDArray[np.int32]:
        """Go through the packets of which any with that address `differs`; the slots, with those to drop."""
        ctx, buffers, fib = self._ctx, self._ctx.buffers, self._ctx.get(L2Fib)
        n = self._frame.n
        rows = self._frame.indices(buffers)
        slots = np.full(n, nexts, np.int32) if isinstance(nexts, int) else nexts
        positions = np.flatnonzero(np.isin(keys, keys[differs]))
        chosen = keys[positions]
        known = dict(zip(chosen.tolist(), fib.find(chosen).tolist(), strict=True))
        grouped = max(0, -(-(n - ONE_BY_ONE) // AT_ONCE)) * AT_ONCE
        taught: dict[int, int] = {}
        fresh: dict[int, int] = {}
        group = -1
        columns = (chosen, rows[positions], buffers.rx_sw_if_index[rows[positions]])
        for position, key, row, received in zip(positions.tolist(), *(column.tolist() for column in columns), strict=True):
            if (mine := position // AT_ONCE if position < grouped else position) != group or position >= grouped:
                group = mine
                known.update(fresh)
                taught.update(fresh)
                fresh.clear()
            self._received, self._sequence = received, int(buffers.l2_fib_sequence[row])
            self._ages = bool(buffers.l2_mac_age[row])
            entry, fault = self._learn(key, known[key])
            if fault is not None:
                buffers.error[row] = ctx.error_base + fault
                slots[position] = DROP
            elif entry is not None:
                fresh[key] = entry
        taught.update(fresh)
        fib.update(taught)
        return slots

    def _learn(self, key: int, entry: int) -> tuple[int | None, int | None]:
        """What one packet makes of an entry, if anything; the error that it is dropped with."""
        flags = entry >> FLAGS_SHIFT & BYTE
        if entry == ONES:
            return self._add(key), None
        if entry & NO_INTERFACE == self._received:
            return self._refresh(key, entry, flags), None
        if flags & EntryFlag.FILTER:
            return None, FILTER_DROP
        if flags & EntryFlag.STATIC:
            return None, MAC_MOVE_VIOLATE
        if flags & EntryFlag.AGE_NOT:
            # It was configured; now it is learned.
            self._count_one(key)
        self._ctx.count(MAC_MOVE)
        return self._entry(), None

    def _add(self, key: int) -> int | None:
        self._ctx.count(MISS)
        domain = self._domains[key & HALF]
        if self._domains.learn_count >= self._domains.learn_limit or domain.learn_count >= domain.learn_limit:
            self._ctx.count(LIMIT)
            return None
        if not key >> MAC_SHIFT:
            return None
        self._count_one(key)
        return self._entry()

    def _refresh(self, key: int, entry: int, flags: int) -> int | None:
        older = self._minute - (entry >> TIMESTAMP_SHIFT & BYTE)
        flushed = entry >> SEQUENCE_SHIFT != self._sequence
        domain = self._domains[key & HALF]
        if not ((older and self._ages) or flushed) or flags & EntryFlag.AGE_NOT:
            return None
        if self._domains.learn_count > self._domains.learn_limit or domain.learn_count > domain.learn_limit:
            return None
        if self._updates > UPDATES_PER_FRAME and older == 1 and not flushed:
            # All stations become a minute older at once: that is spread over several frames.
            return None
        self._ctx.count(HIT_UPDATE)
        self._updates += 1
        return make_entry(self._received, flags, self._minute, self._sequence)

    def _entry(self) -> int:
        return make_entry(self._received, 0, self._minute, self._sequence)

    def _count_one(self, key: int) -> None:
        self._domains.learn_count += 1
        self._domains[key & HALF].learn_count += 1
