"""Counters in shared memory as VPP lays them out for readers of its stats segment; see `vppsh.targets.stats_segment` for the layout."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

VERSION = 2
# Addresses in the memory are those that it would have here; no reader asks more of them than that they fit together.
BASE = 0x1_3000_0000
# Memory that is not written is not taken.
SIZE = 1 << 28
LONGEST_NAME = 127
_PAGE = 4096
_ALIGN = 64
_SCALAR, _SIMPLE, _COMBINED, _NAMES, _SYMLINK, _GAUGE = 1, 2, 3, 4, 6, 9
_HEADER = struct.Struct("=QQQQQ")
_VECTOR = struct.Struct("=IBBBB")
_ENTRY = np.dtype([("type", "=u4"), ("unused", "=u4"), ("value", "=u8"), ("name", f"S{LONGEST_NAME + 1}")])


@dataclass(frozen=True)
class Contents:
    """What stands in a segment.

    scalars, gauges   names of numbers
    simple, combined  how many counters there are, by name
    names             texts by index, by name; an empty one is none
    links             single counters by a name of their own: (name, of which entry, index)
    """

    scalars: Sequence[str] = ()
    gauges: Sequence[str] = ()
    simple: Mapping[str, int] = field(default_factory=dict)
    combined: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    links: Sequence[tuple[str, str, int]] = ()


class Segment:
    """The memory, for one writer and any number of readers.

    descriptor  what readers are given
    counters    arrays in the memory, by name: shape (n,) of simple counters, (n, 2) of combined ones, () of numbers
    """

    def __init__(self) -> None:
        """Take memory that has nothing in it; raises OSError."""
        self.descriptor = os.memfd_create("stat segment")
        os.ftruncate(self.descriptor, SIZE)
        self._memory = mmap.mmap(self.descriptor, SIZE)
        self._header: Numbers = np.frombuffer(self._memory, np.uint64, 5)
        self._free = _PAGE
        self.counters: dict[str, Numbers] = {}
        self.lay_out(Contents())

    def close(self) -> None:
        """Let go of the memory; readers keep it as it is."""
        os.close(self.descriptor)

    def lay_out(self, contents: Contents) -> None:
        """Put other contents in, all of them zero. Raises ValueError when the memory does not hold them."""
        with self._changing():
            self._free, self.counters = _PAGE, {}
            entries = [(_SCALAR, 0, name) for name in contents.scalars] + [(_GAUGE, 0, name) for name in contents.gauges]
            numbers = len(entries)
            entries += [(_SIMPLE, self._counted(name, (count,)), name) for name, count in contents.simple.items()]
            entries += [(_COMBINED, self._counted(name, (count, 2)), name) for name, count in contents.combined.items()]
            entries += [(_NAMES, self._texts(texts), name) for name, texts in contents.names.items()]
            rows = {name: row for row, (_, _, name) in enumerate(entries)}
            entries += [(_SYMLINK, rows[of] | index << 32, name) for name, of, index in contents.links]
            table = np.zeros(len(entries), _ENTRY)
            table["type"] = [kind for kind, _, _ in entries]
            table["value"] = [value for _, value, _ in entries]
            table["name"] = [name.encode()[:LONGEST_NAME] for _, _, name in entries]
            at = self._vector(len(entries), _ENTRY.itemsize)
            self._memory[at : at + table.nbytes] = table.tobytes()
            for row, (_, _, name) in enumerate(entries[:numbers]):
                self.counters[name] = np.frombuffer(self._memory, np.uint64, 1, at + row * _ENTRY.itemsize + 8).reshape(())
            self._header[4] = BASE + at

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Readers look away meanwhile, and look anew afterwards."""
        epoch = int(self._header[2])
        self._header[:4] = VERSION, BASE, epoch, 1
        yield
        self._header[2] = epoch + 1
        self._header[3] = 0

    def _counted(self, name: str, shape: tuple[int, ...]) -> int:
        """Counters of one thread; where the vector of threads is."""
        count = int(np.prod(shape))
        at = self._vector(shape[0], 8 * (count // max(shape[0], 1)))
        self.counters[name] = np.frombuffer(self._memory, np.uint64, count, at).reshape(shape)
        self.counters[name][...] = 0
        return self._pointers([at])

    def _texts(self, texts: Sequence[str]) -> int:
        places = []
        for text in texts:
            data = text.encode() + b"\0"
            places.append(self._vector(len(data), 1) if text else 0)
            if text:
                self._memory[places[-1] : places[-1] + len(data)] = data
        return self._pointers(places)

    def _pointers(self, places: Sequence[int]) -> int:
        """A vector of pointers, none for a 0; its address."""
        at = self._vector(len(places), 8)
        self._memory[at : at + 8 * len(places)] = np.array([BASE + place if place else 0 for place in places], np.uint64).tobytes()
        return BASE + at

    def _vector(self, count: int, size: int) -> int:
        """Room for elements of so many bytes, and their number before them."""
        at = (self._free + _VECTOR.size + _ALIGN - 1) // _ALIGN * _ALIGN
        self._free = at + count * size
        if self._free > SIZE:
            raise ValueError(f"more counters than {SIZE >> 20} MB hold")
        _VECTOR.pack_into(self._memory, at - _VECTOR.size, count, 1, 0, 0, 0)
        return at
