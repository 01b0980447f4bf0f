"""Making packets: a template copied for a whole vector, changing fields written over it, computed fields last.

Counterpart of VPP's pg/input.c. Packets of a stream are numbered from its definition on; ranges go on with the
number, so that they continue where they stopped when the stream is enabled again. Streams without ranges are one
packet, copied; streams whose ranges come round soon are made once, and copied from then on; others of one length are
patched (`patch`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.pg.computed import Lengths, Packets
from vppsh.engine.pg.edit import MASK64, EditKind
from vppsh.engine.pg.layout import Range, Template
from vppsh.engine.pg.patch import Patch, patch

Values = NDArray[np.uint64] | NDArray[np.uint32]
MASK32 = (1 << 32) - 1

CYCLE_PACKETS = 1 << 16
CYCLE_BYTES = 1 << 22
STOCK_PACKETS = 1 << 12
STOCK_BYTES = 1 << 18
ROOM = 8
"""Bytes a masked write may touch beyond the last byte of its field."""


@dataclass(frozen=True)
class Sizes:
    """How long packets are: all `low`, or from `low` to `high` ascending or at random."""

    low: int
    high: int
    kind: EditKind = EditKind.FIXED

    def __post_init__(self) -> None:
        if self.low == self.high and self.kind is not EditKind.FIXED:
            object.__setattr__(self, "kind", EditKind.FIXED)

    def of(self, first: int, n: int, random: np.random.Generator) -> Lengths:
        """The lengths of `n` packets, the first of which is number `first`."""
        if self.kind is EditKind.INCREMENT:
            return self.low + (first + np.arange(n)) % (self.high - self.low + 1)
        if self.kind is EditKind.RANDOM:
            return random.integers(self.low, self.high, n, endpoint=True)
        return np.full(n, self.low)


class Write:
    """A range's place in a packet, as VPP's input.c finds it.

    Whole words of 1, 2, 4 or 8 bytes are stored as they are. Anything else goes through a mask over the next larger
    word, which moves bit fields (a VLAN id is shifted by 4) and leaves fields of more than 8 bytes as they were.
    """

    def __init__(self, changing: Range) -> None:
        self.low, self.high = changing.low, changing.high
        self.random = changing.kind is EditKind.RANDOM
        end = changing.field.lsb + 8
        self.at, odd = divmod(end - changing.field.bits, 8)
        width = end - 8 * self.at
        self.whole = odd == 0 and end % 8 == 0 and width in (8, 16, 32, 64)
        size = width if self.whole else max(1 << (width - 1).bit_length(), 8)
        self.lost = size > 64
        self.size = size // 8
        self.mask = ((1 << width) - 1 & ~((1 << odd) - 1)) << (size - width)
        self.shift = odd + size - width

    @property
    def touched(self) -> list[int]:
        """The bytes it changes."""
        if self.lost:
            return []
        bits = (1 << 8 * self.size) - 1 if self.whole else self.mask
        return [self.at + byte for byte in range(self.size) if bits >> 8 * (self.size - 1 - byte) & 0xFF]

    @property
    def period(self) -> int:
        """After how many packets the values start over; 0 when they never do."""
        if self.lost or self.high <= self.low:
            return 1
        return 0 if self.random else self.high - self.low + 1

    def values(self, first: int, n: int, random: np.random.Generator) -> Values:
        """The values of `n` packets, the first of which is number `first`."""
        if self.high <= self.low:
            return np.full(n, self.low, np.uint64)
        if self.random:
            return random.integers(self.low, self.high, n, np.uint32 if self.high <= MASK32 else np.uint64, endpoint=True)
        span = self.high - self.low + 1
        counted = np.arange(n, dtype=np.uint64) + np.uint64(first % span)
        return np.uint64(self.low) + (counted if span > MASK64 else counted % np.uint64(span))

    def apply(self, packets: Packets, values: Values) -> None:
        """Write one value per packet; uint8 (n, at least ROOM more than the packet's length)."""
        if self.lost:
            return
        word = packets[:, self.at : self.at + self.size].view(f">u{self.size}")[:, 0]
        if self.whole:
            word[:] = values
        else:
            mask = np.uint64(self.mask & MASK64)
            word[:] = (word.astype(np.uint64) & ~mask) | values.astype(np.uint64) << np.uint64(self.shift)


class Generator:
    """Makes the packets of one stream, in order.

    number  how many have been made since the stream was defined
    """

    def __init__(self, template: Template, sizes: Sizes, random: np.random.Generator) -> None:
        self.template = template
        self.number = 0
        self._random = random
        self._writes = [Write(changing) for changing in template.ranges]
        self._data = np.frombuffer(template.data, np.uint8)
        self.resize(sizes)

    def resize(self, sizes: Sizes) -> None:
        """Give packets other lengths from the next one on; growing ones begin with the smallest."""
        self.sizes = sizes
        self._since = self.number
        self._period = self._count_period()
        self._cycle: NDArray[np.void] | None = None
        self._stock: NDArray[np.void] = np.zeros(0, f"V{sizes.low}")
        self._stock_first = self.number
        self._patch = self._make_patch() if sizes.kind is EditKind.FIXED and self._period == 0 else None

    def _count_period(self) -> int:
        """After how many packets the same ones come again; 0 when they are too many, or not always the same."""
        periods = [write.period for write in self._writes]
        if self.sizes.kind is not EditKind.FIXED or 0 in periods:
            return 0
        period = math.lcm(*periods)
        return period if period <= CYCLE_PACKETS and period * self.sizes.low <= CYCLE_BYTES else 0

    def whole(self, n: int) -> NDArray[np.void] | None:
        """The next `n` packets as one item each (one item alone when all are the same); None when lengths vary: use `fill`.

        An item of a packet's length is what numpy copies fastest.
        """
        if self.sizes.kind is not EditKind.FIXED:
            return None
        first = self.number
        self.number += n
        if not self._period:
            return self._from_stock(first, n)
        if self._cycle is None:
            self._cycle = self._made(0, self._period)
        at = first % self._period
        if self._period == 1:
            return self._cycle
        return self._cycle[at : at + n] if at + n <= self._period else self._cycle[(at + np.arange(n)) % self._period]

    def fill(self, packets: Packets) -> Lengths | int:
        """Make as many packets as there are rows, uint8 (n, at least the longest + ROOM); their length, or lengths.

        Bytes of a row beyond its packet's length are undefined.
        """
        n = len(packets)
        items = self.whole(n)
        if items is not None:
            packets[:, : self.sizes.low].view(items.dtype)[:, 0] = items
            return self.sizes.low
        self._begin(packets, self.number)
        lengths = self.sizes.of(self.number - self._since, n, self._random)
        self._compute(packets, lengths)
        self.number += n
        return lengths

    def _from_stock(self, first: int, n: int) -> NDArray[np.void]:
        """Packets `first` and following, made in ever larger vectors, as a small one costs nearly as much as a large one."""
        at = first - self._stock_first
        left = self._stock[at:]
        if len(left) < n:
            most = min(2 * len(self._stock), STOCK_PACKETS, STOCK_BYTES // self.sizes.low)
            fresh = self._made(first + len(left), max(n - len(left), most))
            self._stock = left = np.concatenate((left, fresh)) if len(left) else fresh
            self._stock_first = first
        return left[:n]

    def _made(self, first: int, n: int) -> NDArray[np.void]:
        """Packets of one length, as items."""
        length = self.sizes.low
        packets = np.zeros((n, length + ROOM), np.uint8)
        self._begin(packets, first)
        self._compute(packets, np.full(n, length))
        return packets[:, :length].view(f"V{length}")[:, 0]

    def _begin(self, packets: Packets, first: int) -> None:
        """What does not change, then the ranges."""
        if self._patch is None:
            self._copy_template(packets)
        else:
            self._patch.copy_to(packets)
        for write in self._writes:
            write.apply(packets, write.values(first, len(packets), self._random))

    def _compute(self, packets: Packets, lengths: Lengths) -> None:
        """Lengths and checksums."""
        if self._patch is not None:
            self._patch.finish(packets)
        else:
            for computation in self.template.computations:
                computation.apply(packets, lengths)

    def _make_patch(self) -> Patch | None:
        packet = np.zeros((1, self.sizes.low + ROOM), np.uint8)
        self._copy_template(packet)
        touched = [byte for write in self._writes for byte in write.touched]
        return patch(packet, self.sizes.low, touched, self.template.computations)

    def _copy_template(self, packets: Packets) -> None:
        known = min(len(self._data), packets.shape[1])
        packets[:, :known] = self._data[:known]
        packets[:, known : self.sizes.high + ROOM] = 0
