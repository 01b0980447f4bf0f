"""Rings of descriptors in shared memory, seen as arrays: a burst is one copy of the descriptors and one of the bytes.

Counterpart of the rings of VPP's plugins/memif. The slave's memory holds everything: first the rings, then a buffer for each
descriptor. What the other side writes is never trusted: descriptors are copied first and then checked.
"""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

COOKIE = 0x3E31F20
HEADER_BYTES = 128
FLAGS_AT, HEAD_AT, TAIL_AT = 4, 6, 64
MASK_INTERRUPTS, NEXT = 1, 1
DESCRIPTOR = np.dtype([("flags", "<u2"), ("region", "<u2"), ("length", "<u4"), ("offset", "<u4"), ("metadata", "<u4")])
WRAP = 1 << 16


class MemifError(Exception):
    """The other side, or the host, does not do what the protocol wants; the text is what it is told."""


@dataclass(eq=False)
class Region:
    """A piece of shared memory."""

    descriptor: int
    size: int
    memory: mmap.mmap = field(init=False)
    bytes: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        """See to it that the descriptor is closed at last."""
        weakref.finalize(self, os.close, self.descriptor)

    def attach(self) -> None:
        """Map it (MemifError)."""
        try:
            if os.fstat(self.descriptor).st_size < self.size:
                raise MemifError("region is larger than its memory")
            self.memory = mmap.mmap(self.descriptor, self.size)
        except (OSError, ValueError, OverflowError) as error:
            raise MemifError(f"mmap: {getattr(error, 'strerror', None) or error}") from error
        self.bytes = np.frombuffer(self.memory, np.uint8)


def make_region(name: str, size: int) -> Region:
    """Fresh memory that can be given to another process (MemifError)."""
    try:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        os.ftruncate(descriptor, size)
    except OSError as error:
        raise MemifError(f"memory: {error.strerror}") from error
    region = Region(descriptor, size)
    region.attach()
    return region


def ring_bytes(log2_size: int) -> int:
    """How much memory a ring takes."""
    return HEADER_BYTES + (DESCRIPTOR.itemsize << log2_size)


@dataclass(eq=False)
class Queue:
    """One ring, and the descriptor by which its reader is woken.

    s2m      from the slave to the master
    done     slave-to-master: the head that was read; master-to-slave: the tail
    packets  read or written; interrupts: how often it was woken
    """

    s2m: bool
    index: int
    region: int
    offset: int
    log2_size: int
    wakeup: int
    head: NDArray[np.uint16] = field(init=False)
    tail: NDArray[np.uint16] = field(init=False)
    flags: NDArray[np.uint16] = field(init=False)
    descriptors: NDArray[np.void] = field(init=False)
    done: int = 0
    packets: int = 0
    interrupts: int = 0
    full: int = 0
    most_full: int = 0

    def __post_init__(self) -> None:
        """See to it that the descriptor is closed at last."""
        weakref.finalize(self, os.close, self.wakeup)

    @property
    def size(self) -> int:
        """How many descriptors there are."""
        return 1 << self.log2_size

    def attach(self, regions: list[Region]) -> None:
        """Look into the memory (MemifError)."""
        if self.region >= len(regions) or self.offset % 2 or self.offset + ring_bytes(self.log2_size) > regions[self.region].size:
            raise MemifError(f"ring {self.index} lies outside of its region")
        memory = regions[self.region].memory
        word = np.dtype("<u2")
        self.flags, self.head, self.tail = (
            np.ndarray((1,), word, memory, self.offset + at) for at in (FLAGS_AT, HEAD_AT, TAIL_AT)
        )  # fmt: skip
        self.descriptors = np.ndarray((self.size,), DESCRIPTOR, memory, self.offset + HEADER_BYTES)

    def begin(self, regions: list[Region], buffers_at: int, buffer_size: int) -> None:
        """Fill a fresh ring: a buffer for each descriptor."""
        np.ndarray((1,), "<u4", regions[self.region].memory, self.offset)[0] = COOKIE
        self.descriptors["region"] = 0
        self.descriptors["offset"] = buffers_at + np.arange(self.size) * buffer_size
        self.descriptors["length"] = buffer_size

    def check(self, regions: list[Region]) -> None:
        """Whether the other side has made the ring (MemifError)."""
        if np.ndarray((1,), "<u4", regions[self.region].memory, self.offset)[0] != COOKIE:
            raise MemifError(f"wrong cookie on tx ring {self.index}")

    def slots(self, start: int, n: int) -> NDArray[np.int64]:
        """The positions of `n` descriptors from a running number on."""
        return (start + np.arange(n)) & (self.size - 1)

    def wake(self) -> None:
        """Tell the reader, unless it does not want to be told."""
        if not int(self.flags[0]) & MASK_INTERRUPTS:
            try:
                os.eventfd_write(self.wakeup, 1)
            except BlockingIOError:
                return  # told often enough

    def hush(self) -> None:
        """Take note of having been woken."""
        try:
            os.eventfd_read(self.wakeup)
            self.interrupts += 1
        except BlockingIOError:
            return  # woken for another reason


def between(start: int, end: int) -> int:
    """How far a running number of 16 bits is ahead of another one."""
    return (end - start) % WRAP
