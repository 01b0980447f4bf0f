"""The l2fib: which port an address of a bridge domain was heard on, or is to be sent to.

Counterpart of the mac table in vnet/l2/l2_fib.c. A key is a bridge domain's index and a MAC address in one
64-bit word, an entry another word, both laid out as in VPP; what is not there is answered with a word of ones.
The table is two arrays, hashed with open addressing, so that a whole frame is looked up or learned at once.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.crc32c import crc32c

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

Words = NDArray[np.uint64]

ONES = 0xFFFF_FFFF_FFFF_FFFF
MISSING = np.uint64(ONES)
NO_INTERFACE = 0xFFFF_FFFF
# No key: the broadcast address is never learned, and no domain has the highest index.
_UNUSED = np.uint64(ONES)
_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)
_SMALLEST = 10
_WORD_BITS = 64
VPP_BUCKETS = 256 * 1024

FLAGS_SHIFT, TIMESTAMP_SHIFT, SEQUENCE_SHIFT = 32, 40, 48
MAC_SHIFT = 16
BYTE, HALF = 0xFF, 0xFFFF


class EntryFlag(enum.IntFlag):
    """What kind of entry it is; the last two mark news for clients of VPP's API."""

    STATIC = 1 << 0
    AGE_NOT = 1 << 1
    BVI = 1 << 2
    FILTER = 1 << 3
    LEARN_EVENT = 1 << 4
    LEARN_MOVE = 1 << 5


FLAG_TEXTS = ("static", "age-not", "bvi", "filter", "learn-event", "learn-move")


class Entry(Struct, frozen=True):
    """An entry, taken apart.

    sw_if_index  -1 for a filter
    timestamp    minutes of the engine's clock when it was last heard of, modulo 256
    sequence     the flush counts of domain and interface at that time
    """

    mac: bytes
    bd_index: int
    sw_if_index: int
    flags: int
    timestamp: int
    sequence: int


def make_key(mac: bytes, bd_index: int) -> int:
    """The word for an address of a domain."""
    return bd_index | int.from_bytes(mac, "little") << MAC_SHIFT


def make_entry(sw_if_index: int, flags: int = 0, timestamp: int = 0, sequence: int = 0) -> int:
    """The word of an entry."""
    return sw_if_index | flags << FLAGS_SHIFT | timestamp << TIMESTAMP_SHIFT | sequence << SEQUENCE_SHIFT


def format_flags(flags: int) -> str:
    """`static age-not `, or `none`."""
    return "".join(f"{text} " for bit, text in enumerate(FLAG_TEXTS) if flags >> bit & 1) or "none"


def _read(key: int, entry: int) -> Entry:
    sw_if_index = entry & NO_INTERFACE
    return Entry(
        (key >> MAC_SHIFT).to_bytes(6, "little"), key & HALF, -1 if sw_if_index == NO_INTERFACE else sw_if_index,
        entry >> FLAGS_SHIFT & BYTE, entry >> TIMESTAMP_SHIFT & BYTE, entry >> SEQUENCE_SHIFT,
    )  # fmt: skip


class L2Fib:
    """The table of an engine.

    scan_seconds  how long it took to look for entries to forget, the last time
    """

    def __init__(self, engine: Engine) -> None:
        self.scan_seconds = 0.0
        self.clear()

    def __len__(self) -> int:
        return self._live

    def clear(self) -> None:
        """Forget everything."""
        self._live = 0
        self._serial = 0
        self._allocate(_SMALLEST)

    def find(self, keys: Words) -> Words:
        """The entry of each key, or MISSING."""
        at = self._home(keys)
        there = self._keys[at]
        lost = np.flatnonzero((there != keys) & (there != _UNUSED))
        while len(lost):
            at[lost] = at[lost] + 1 & self._last
            there = self._keys[at[lost]]
            lost = lost[(there != keys[lost]) & (there != _UNUSED)]
        entries: Words = self._entries[at]
        return entries

    def get(self, key: int) -> int | None:
        """One entry, if there is one."""
        entry = int(self.find(np.array([key], np.uint64))[0])
        return None if entry == ONES else entry

    def update(self, entries: dict[int, int]) -> None:
        """Add entries, or change them."""
        if not entries:
            return
        if self._used + len(entries) > len(self._keys) >> 1:
            self._grow(len(entries))
        keys, words = np.array(list(entries), np.uint64), np.array(list(entries.values()), np.uint64)
        at, left = self._home(keys), np.arange(len(keys))
        while len(left):
            here, wanted = at[left], keys[left]
            free = self._keys[here] == _UNUSED
            # Where two want one place the last gets it, and the other goes on.
            self._keys[here[free]] = wanted[free]
            settled = self._keys[here] == wanted
            self._used += int(np.count_nonzero(settled & free))
            left = left[~settled]
            at[left] = at[left] + 1 & self._last
        new = self._entries[at] == MISSING
        n_new = int(np.count_nonzero(new))
        self._serials[at[new]] = np.arange(self._serial, self._serial + n_new)
        self._serial += n_new
        self._live += n_new
        self._entries[at] = words

    def remove(self, keys: Iterable[int]) -> None:
        """Forget keys; their places stay taken until the table grows."""
        words = np.array(list(keys), np.uint64)
        at, left = self._home(words), np.arange(len(words))
        while len(left):
            there = self._keys[at[left]]
            left = left[(there != words[left]) & (there != _UNUSED)]
            at[left] = at[left] + 1 & self._last
        known = at[(self._keys[at] == words) & (self._entries[at] != MISSING)]
        self._entries[known] = MISSING
        self._live -= len(known)

    def items(self) -> tuple[Words, Words]:
        """The keys and their entries, in no order."""
        live = np.flatnonzero(self._entries != MISSING)
        return self._keys[live], self._entries[live]

    def entries(self) -> list[Entry]:
        """What is there, in the order in which a walk over VPP's table meets it: by bucket, and there by age."""
        live = np.flatnonzero(self._entries != MISSING)
        keys, words, serials = self._keys[live].tolist(), self._entries[live].tolist(), self._serials[live].tolist()
        places = [(crc32c(key.to_bytes(8, "little")) % VPP_BUCKETS, serial) for key, serial in zip(keys, serials, strict=True)]
        return [_read(keys[position], words[position]) for position in sorted(range(len(keys)), key=places.__getitem__)]

    def _home(self, keys: Words) -> NDArray[np.intp]:
        home: NDArray[np.intp] = (keys * _FACTOR >> self._shift).astype(np.intp)
        return home

    def _allocate(self, bits: int) -> None:
        size = 1 << bits
        self._keys: Words = np.full(size, _UNUSED)
        self._entries: Words = np.full(size, MISSING)
        self._serials: NDArray[np.int64] = np.zeros(size, np.int64)
        self._last = size - 1
        self._shift = np.uint64(_WORD_BITS - bits)
        self._used = 0

    def _grow(self, more: int) -> None:
        """Make room: a table that is a quarter full at most, without the places of what was forgotten."""
        live = np.flatnonzero(self._entries != MISSING)
        live = live[np.argsort(self._serials[live])]
        known = dict(zip(self._keys[live].tolist(), self._entries[live].tolist(), strict=True))
        self._allocate(max(_SMALLEST, (4 * (len(known) + more)).bit_length()))
        self._live = self._serial = 0
        self.update(known)
