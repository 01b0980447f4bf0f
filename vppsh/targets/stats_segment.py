"""VPP's stats segment: its counters in shared memory, read without asking VPP and without holding it up (vlib/stats/shared.h).

Who connects to VPP's stats socket is sent a descriptor of the memory. Version 2 of its layout, in the host's byte order:

    header     version, base, epoch, in_progress, directory: 8 bytes each; `base` is where VPP itself has the segment mapped
    pointer    an address of VPP's: less `base` it is an offset into the segment
    vector     elements, behind 8 bytes of which the first 4 are their number
    directory  a vector of entries of 144 bytes: type (4 bytes, 4 unused), value (8 bytes: a number, a pointer, two indices), name (128)
    counters   a pointer to a vector with a pointer for each thread: to a vector of numbers, or of pairs of packets and bytes

VPP writes on while others read. Before it moves anything it sets `in_progress`, and afterwards it raises `epoch`: what was read is
good when neither has happened meanwhile, and is else read again. Single counters are always whole.

The memory belongs to somebody else, so nothing in it is trusted: it is read with `pread` rather than mapped, because a mapping
of memory that its owner makes shorter kills the reader, and each place and size is checked before it is used.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vppsh.errors import TargetError

T = TypeVar("T")
Numbers = NDArray[np.uint64]

VERSION = 2
_HEADER = struct.Struct("=QQQQQ")
_LENGTH = struct.Struct("=I4x")
_ENTRY = np.dtype([("type", "=u4"), ("unused", "=u4"), ("value", "=u8"), ("name", "S128")])
# What no VPP reaches: more is a damaged segment, and would only fill our memory.
MOST_THREADS = 4096
MOST_NUMBERS = 1 << 24
MOST_NAMES = 1 << 18
LONGEST_NAME = 1024
# How long VPP may go on moving things (seconds), and how long nobody answers at its socket.
PATIENCE = 0.5
CONNECTING = 2.0


class StatsError(TargetError):
    """There is no stats segment, or it is not as it should be."""


class NotThereError(StatsError):
    """A segment that is as it should be does not have something."""


class Kind(IntEnum):
    """What an entry of the directory is."""

    SCALAR = 1
    SIMPLE = 2
    COMBINED = 3
    NAMES = 4
    EMPTY = 5
    SYMLINK = 6
    HISTOGRAM = 7
    RING = 8
    GAUGE = 9


@dataclass(frozen=True)
class _Header:
    """The first 40 bytes."""

    version: int
    base: int
    epoch: int
    in_progress: int
    directory: int


@dataclass(frozen=True)
class _Directory:
    """The entries as they were at one epoch: `at` is their offset, `rows` finds them by name."""

    at: int
    entries: NDArray[Any]
    rows: dict[str, int]


def connect(path: str) -> StatsSegment:
    """The segment that is handed out at a socket. Raises StatsError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(CONNECTING)
        try:
            connection.connect(path)
            process = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            descriptors = socket.recv_fds(connection, 1, 1, socket.MSG_CMSG_CLOEXEC)[1]
        except TimeoutError:
            raise StatsError(f"{path}: nobody hands out a stats segment") from None
        except OSError as error:
            raise StatsError(f"{path}: {error.strerror or error}") from error
    if not descriptors:
        raise StatsError(f"{path}: nobody hands out a stats segment")
    return StatsSegment(descriptors[0], path, process)


def beside(cli_socket: str, process: int) -> str:
    """Where a VPP with this CLI socket listens for readers of its counters; empty when there is no such place.

    That is what its configuration says (`statseg { socket-name PATH }`), if it can be read, or stats.sock beside its CLI socket.
    """
    places = [_configured(process), str(Path(cli_socket).parent / "stats.sock")]
    return next((place for place in places if place and Path(place).exists()), "")


def _configured(process: int) -> str:
    """The socket's name in the configuration that a process was started with."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_text(errors="replace").split("\0")
        text = Path(words[words.index("-c") + 1]).read_text(errors="replace") if "-c" in words else " ".join(words)
    except (OSError, IndexError):
        return ""
    text = " ".join(line.partition("#")[0] for line in text.splitlines())
    section = text.partition("statseg")[2].partition("{")[2].partition("}")[0].split()
    named = section.index("socket-name") + 1 if "socket-name" in section else len(section)
    return section[named] if named < len(section) else ""


class StatsSegment:
    """A segment, until `close`.

    where    the socket that it came from
    process  the process that listens there
    """

    def __init__(self, descriptor: int, where: str, process: int = 0) -> None:
        """Take over a descriptor of the memory; raises StatsError when it is no segment that is known."""
        self.where, self.process = where, process
        self._descriptor = descriptor
        self._directory: _Directory | None = None
        self._known: tuple[int, ...] = ()
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StatsError(f"{where}: what is handed out is no memory")
            self._header()
        except OSError as error:
            self.close()
            raise StatsError(f"{where}: {error.strerror}") from error
        except StatsError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the memory."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, collect: Callable[[Snapshot], T]) -> T:
        """What a function makes of the counters, which it sees as they are at one time. It may be called several times.

        Raises StatsError when the segment is damaged, or VPP does not stop moving things.
        """
        end = time.monotonic() + PATIENCE
        while True:
            before = self._header()
            if not before.in_progress:
                fault: StatsError | None = None
                try:
                    found = collect(Snapshot(self, before, self._entries(before)))
                except StatsError as error:  # places that are moved meanwhile look damaged
                    fault = error
                if self._header() == before:
                    if fault is not None:
                        raise fault
                    return found
            if time.monotonic() > end:
                raise StatsError(f"{self.where}: the stats segment does not come to rest")
            time.sleep(0.0005)

    def _header(self) -> _Header:
        header = _Header(*_HEADER.unpack(self.bytes_at(0, _HEADER.size)))
        if header.version != VERSION:
            raise StatsError(f"{self.where}: version {header.version} of the stats segment is not known, only {VERSION}")
        return header

    def _entries(self, header: _Header) -> _Directory:
        """The directory, read again when it changed."""
        at = header.directory - header.base
        count = self.length_at(at)
        known = (header.epoch, at, count)
        if self._directory is None or known != self._known:
            entries = np.frombuffer(self.bytes_at(at, count * _ENTRY.itemsize), _ENTRY)
            # Behind the NUL that ends a name, VPP leaves what was there before.
            names = [name.partition(b"\0")[0].decode(errors="replace") for name in entries["name"].tolist()]
            rows = {name: row for row, (name, kind) in enumerate(zip(names, entries["type"].tolist())) if kind not in (0, Kind.EMPTY)}
            self._directory, self._known = _Directory(at, entries, rows), known
        return self._directory

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Bytes of the memory; raises StatsError when they are not there."""
        try:
            size = os.fstat(self._descriptor).st_size
            if offset < 0 or offset + count > size:
                raise StatsError(f"{self.where}: the stats segment is damaged: {count} bytes at {offset:#x} of {size:#x}")
            data = os.pread(self._descriptor, count, offset)
        except OSError as error:
            raise StatsError(f"{self.where}: {error.strerror}") from error
        if len(data) < count:
            raise StatsError(f"{self.where}: the stats segment is damaged: it ends at {offset + len(data):#x}")
        return data

    def length_at(self, offset: int) -> int:
        """How many elements the vector at an offset has."""
        return int(_LENGTH.unpack(self.bytes_at(offset - _LENGTH.size, _LENGTH.size))[0])


class Snapshot:
    """A segment at one time, as far as it is not changed meanwhile; see `StatsSegment.read`."""

    def __init__(self, segment: StatsSegment, header: _Header, directory: _Directory) -> None:
        self._segment, self._base, self._directory = segment, header.base, directory
        self.epoch = header.epoch

    def __contains__(self, name: str) -> bool:
        return name in self._directory.rows

    def number(self, name: str) -> int:
        """A gauge, a time stamp or the heartbeat."""
        row = self._row(name, Kind.SCALAR, Kind.GAUGE)
        return self._numbers(self._directory.at + row * _ENTRY.itemsize + 8, 1).tolist()[0]

    def simple(self, name: str) -> Numbers:
        """Counters of packets, of all threads together, by index."""
        return self._sum(self._pointer(name, Kind.SIMPLE), 1)[:, 0]

    def combined(self, name: str) -> Numbers:
        """Counters of packets and bytes, of all threads together, by index: an array of shape (n, 2)."""
        return self._sum(self._pointer(name, Kind.COMBINED), 2)

    def names(self, name: str) -> list[str]:
        """Texts by index; empty where there is none."""
        pointers = self._vector(self._pointer(name, Kind.NAMES), 1, MOST_NAMES)[:, 0].tolist()
        return [self._text(pointer - self._base) if pointer else "" for pointer in pointers]

    def parts(self, name: str) -> dict[int, str]:
        """Under which names single counters of an entry stand in the directory (`/err/node/reason`), by index."""
        row = self._row(name, Kind.SIMPLE, Kind.COMBINED)
        entries, names = self._directory.entries, list(self._directory.rows)
        rows = np.fromiter(self._directory.rows.values(), np.intp, len(names))
        values = entries["value"][rows]
        found = np.flatnonzero((entries["type"][rows] == Kind.SYMLINK) & (values & np.uint64(0xFFFFFFFF) == row))
        return {index: names[at] for at, index in zip(found.tolist(), (values[found] >> np.uint64(32)).tolist())}

    def _row(self, name: str, *kinds: Kind) -> int:
        row = self._directory.rows.get(name)
        if row is None:
            raise NotThereError(f"{self._segment.where}: the stats segment has no {name}")
        kind = int(self._directory.entries["type"][row])
        if kind not in kinds:
            raise NotThereError(f"{self._segment.where}: {name} is of type {kind} in the stats segment, not {kinds[0].value}")
        return row

    def _pointer(self, name: str, kind: Kind) -> int:
        """Where an entry points to, as an offset; -1 when VPP has not put anything there yet."""
        pointer = int(self._directory.entries["value"][self._row(name, kind)])
        return pointer - self._base if pointer else -1

    def _sum(self, offset: int, width: int) -> Numbers:
        """Vectors of all threads added up; those of some may be shorter."""
        threads = self._vector(offset, 1, MOST_THREADS)[:, 0].tolist()
        rows, left = [], MOST_NUMBERS
        for pointer in threads:
            if pointer:
                rows.append(self._vector(pointer - self._base, width, left))
                left -= len(rows[-1])
        total = np.zeros((max((len(row) for row in rows), default=0), width), np.uint64)
        for row in rows:
            total[: len(row)] += row
        return total

    def _vector(self, offset: int, width: int, most: int) -> Numbers:
        """A vector of so many numbers an element, as an array of shape (n, width)."""
        count = self._segment.length_at(offset) if offset != -1 else 0
        if count > most:
            raise StatsError(f"{self._segment.where}: the stats segment is damaged: a vector of {count} elements at {offset:#x}")
        return self._numbers(offset, count * width).reshape(count, width)

    def _numbers(self, offset: int, count: int) -> Numbers:
        return np.frombuffer(self._segment.bytes_at(offset, 8 * count), np.uint64) if count else np.zeros(0, np.uint64)

    def _text(self, offset: int) -> str:
        count = min(self._segment.length_at(offset), LONGEST_NAME)
        return self._segment.bytes_at(offset, count).partition(b"\0")[0].decode(errors="replace")
