"""Classifier tables: sessions found by the masked bytes of a packet.

Counterpart of vnet/classify/vnet_classify.c. A table skips some vectors of 16 bytes from the packet's
current data, masks the next few and looks the result up; tables can be chained. As in VPP a session lies
in a bucket that a CRC-32C chooses, two to a page, and a bucket that overflows splits; that decides the
order of listings.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.engine.crc32c import crc32c
from vppsh.engine.exact_table import ExactTable

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

VECTOR = 16
WORD = 8
MAX_MATCH = 5
ENTRIES_PER_PAGE = 2
ENTRY_BYTES = 32
FIRST_OFFSET = 1216
CACHE_LINE = 64


class ClassifyError(enum.IntEnum):
    """What goes wrong, as VPP's API numbers it."""

    NO_SUCH_ENTRY = -6
    INVALID_VALUE = -7
    NO_SUCH_TABLE = -65
    NO_SUCH_TABLE2 = -66
    NO_SUCH_TABLE3 = -67
    TABLE_NOT_FOUND = -91
    INVALID_MEMORY_SIZE = -70


class ClassifyFailure(Exception):  # noqa: N818 - carries an error value
    """A table or session could not be changed."""

    def __init__(self, error: ClassifyError) -> None:
        super().__init__(error.name)
        self.error = error


@dataclass(slots=True)
class ClassifySession:
    """One entry of a table: what a packet with this key does, and how often one came."""

    key: bytes
    next_index: int = 0
    opaque: int = 0xFFFFFFFF
    advance: int = 0
    action: int = 0
    metadata: int = 0
    hits: int = 0
    last_heard: float = 0.0
    offset: int = 0


@dataclass(slots=True)
class Bucket:
    """Pages of two entries each; a linear bucket is searched as a whole."""

    offset: int
    slots: list[ClassifySession | None]
    linear: bool = False

    @property
    def pages(self) -> int:
        return len(self.slots) // ENTRIES_PER_PAGE


@dataclass(slots=True)
class ClassifyTable:
    """A table: which bytes count (`mask`, after `skip` vectors of 16 bytes), its sessions, and where to go on.

    lookup     sessions of whole frames of packets, by the words of their keys
    by_number  the sessions that `lookup` names
    free_lists how many lists of free pages there are: one for each size up to the largest that was needed
    """

    index: int
    mask: bytes
    skip: int
    buckets: list[Bucket | None]
    memory_size: int
    next_table: int | None = None
    miss_next: int = 0xFFFFFFFF
    current_data_flag: int = 0
    current_data_offset: int = 0
    sessions: dict[bytes, ClassifySession] = field(default_factory=dict)
    used: int = FIRST_OFFSET
    free_pages: dict[int, list[int]] = field(default_factory=dict)
    free_lists: int = 0
    lookup: ExactTable = field(init=False)
    by_number: dict[int, ClassifySession] = field(default_factory=dict)
    _last_number: int = -1

    def __post_init__(self) -> None:
        self.lookup = ExactTable(len(self.mask) // WORD)

    @property
    def match(self) -> int:
        """How many vectors are compared."""
        return len(self.mask) // VECTOR

    def key_of(self, data: bytes) -> bytes:
        """The masked bytes of a packet that count."""
        start = self.skip * VECTOR
        taken = int.from_bytes(data[start : start + len(self.mask)].ljust(len(self.mask), b"\0"), "big")
        return (taken & int.from_bytes(self.mask, "big")).to_bytes(len(self.mask), "big")

    def find(self, data: bytes) -> ClassifySession | None:
        """The session of a packet."""
        return self.sessions.get(self.key_of(data))

    def hash_of(self, key: bytes) -> int:
        """VPP's hash of a masked key."""
        folded = 0
        for at in range(0, len(key), 8):
            folded ^= int.from_bytes(key[at : at + 8], "little")
        return crc32c(folded.to_bytes(8, "little"))

    def add(self, session: ClassifySession) -> None:
        """Put a session in, in place of one with the same key."""
        old = self.sessions.get(session.key)
        number, above = self._bucket_of(session.key)
        bucket = self.buckets[number]
        if bucket is None:
            bucket = self.buckets[number] = self._allocate(1)
        if old is not None:
            session.offset = old.offset
            bucket.slots[bucket.slots.index(old)] = session
        elif not self._place(bucket, session, above):
            self.buckets[number] = self._split(bucket, session)
        self.sessions[session.key] = session
        self._unlist(session.key)
        self._last_number += 1
        self.by_number[self._last_number] = session
        self.lookup.set(_words(session.key), self._last_number)

    def delete(self, key: bytes) -> None:
        """Take the session of a key out (ClassifyFailure when there is none)."""
        session = self.sessions.pop(key, None)
        if session is None:
            raise ClassifyFailure(ClassifyError.NO_SUCH_ENTRY)
        bucket = self.buckets[self._bucket_of(key)[0]]
        if bucket is not None:
            bucket.slots[bucket.slots.index(session)] = None
        self._unlist(key)

    def _unlist(self, key: bytes) -> None:
        words = _words(key)
        number = self.lookup.get(words)
        if number is not None:
            self.lookup.remove(words)
            del self.by_number[number]

    @property
    def linear_buckets(self) -> int:
        return sum(1 for bucket in self.buckets if bucket is not None and bucket.linear)

    def _bucket_of(self, key: bytes) -> tuple[int, int]:
        """Which bucket a key belongs to, and the bits of its hash that are left to choose a page."""
        value = self.hash_of(key)
        return value % len(self.buckets), value // len(self.buckets)

    def _place(self, bucket: Bucket, session: ClassifySession, above: int) -> bool:
        # The page number serves VPP as the number of the first slot to look at, so pages overlap.
        first = 0 if bucket.linear else above % bucket.pages
        last = len(bucket.slots) if bucket.linear else first + ENTRIES_PER_PAGE
        for slot in range(first, last):
            if bucket.slots[slot] is None:
                bucket.slots[slot] = session
                session.offset = bucket.offset + slot * (ENTRY_BYTES + len(self.mask))
                return True
        return False

    def _split(self, bucket: Bucket, new: ClassifySession) -> Bucket:
        """A bucket with more pages that holds one session more; linear when two doublings do not part them."""
        sessions = [*(session for session in bucket.slots if session is not None), new]
        for pages in () if bucket.linear else (2 * bucket.pages, 4 * bucket.pages):
            larger = self._allocate(pages)
            if all(self._place(larger, session, self._bucket_of(session.key)[1]) for session in sessions):
                self._release(bucket)
                return larger
            self._release(larger)
        larger = self._allocate(2 * bucket.pages)
        larger.linear = True
        for session in sessions:
            self._place(larger, session, 0)
        self._release(bucket)
        return larger

    def _allocate(self, pages: int) -> Bucket:
        self.free_lists = max(self.free_lists, pages.bit_length())
        free = self.free_pages.get(pages)
        if free:
            offset = free.pop()
        else:
            offset = self.used
            size = pages * ENTRIES_PER_PAGE * (ENTRY_BYTES + len(self.mask))
            self.used += -(-size // CACHE_LINE) * CACHE_LINE
        return Bucket(offset, [None] * (pages * ENTRIES_PER_PAGE))

    def _release(self, bucket: Bucket) -> None:
        self.free_pages.setdefault(bucket.pages, []).append(bucket.offset)


def _words(key: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(key[at : at + WORD], "little") for at in range(0, len(key), WORD))


class ClassifyTables:
    """The classifier tables of an engine, by index; the index that was freed last is given out first."""

    def __init__(self, engine: Engine) -> None:
        self._tables: dict[int, ClassifyTable] = {}
        self._free: list[int] = []

    def __iter__(self) -> Iterator[ClassifyTable]:
        return (self._tables[index] for index in sorted(self._tables))

    def find(self, index: int | None) -> ClassifyTable | None:
        """The table of that index, if there is one."""
        return None if index is None else self._tables.get(index)

    def add(self, mask: bytes, skip: int, buckets: int, memory_size: int, next_table: int | None = None) -> ClassifyTable:
        """A new table; `mask` is a whole number of vectors, the number of buckets is rounded up to a power of two."""
        if memory_size == 0:
            raise ClassifyFailure(ClassifyError.INVALID_MEMORY_SIZE)
        if buckets <= 0 or not 1 <= len(mask) // VECTOR <= MAX_MATCH:
            raise ClassifyFailure(ClassifyError.INVALID_VALUE)
        index = self._free.pop() if self._free else len(self._tables)
        rounded = 1 << (buckets - 1).bit_length()
        table = ClassifyTable(index, mask, skip, [None] * rounded, memory_size, next_table)
        self._tables[index] = table
        return table

    def delete(self, index: int | None, chain: bool = False) -> None:
        """Delete a table, with `chain` also those after it; a table that does not exist is passed over."""
        table = None if index is None else self._tables.pop(index, None)
        if table is not None:
            if chain:
                self.delete(table.next_table, chain=True)
            self._free.append(table.index)

    def chain(self, index: int | None) -> Iterator[ClassifyTable]:
        """A table and those after it."""
        while (table := self.find(index)) is not None:
            yield table
            index = table.next_table

    def hits(self, index: int, data: bytes) -> bool:
        """Whether a packet matches a session of a chain; the session counts the hit."""
        for table in self.chain(index):
            session = table.find(data)
            if session is not None:
                session.hits += 1
                return True
        return False

    def by_specificity(self, index: int) -> int:
        """Link a chain anew so that masks with more bits come first; the new first table."""
        tables = sorted(self.chain(index), key=lambda table: -int.from_bytes(table.mask, "big").bit_count())
        for table, following in zip(tables, [*tables[1:], None], strict=True):
            table.next_table = None if following is None else following.index
        return tables[0].index
