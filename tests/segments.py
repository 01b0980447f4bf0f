"""A stats segment as VPP lays it out (vlib/stats/shared.h, version 2), and a socket that hands it out."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vppsh.targets.stats_segment import Kind

# Where a VPP would have it mapped; VPP's heap begins a page behind the header.
BASE = 0x1_3000_0000
PAGE = 4096
ENTRY = struct.Struct("=I4xQ128s")
HEADER = struct.Struct("=QQQQQ")


class Segment:
    """The memory, written as VPP writes it.

    descriptor  of the memory
    memory      for tests that damage it
    """

    def __init__(self, size: int = 4 << 20) -> None:
        self.descriptor = os.memfd_create("stat segment")
        os.ftruncate(self.descriptor, size)
        self.memory = mmap.mmap(self.descriptor, size)
        self._free = PAGE
        self._entries: list[tuple[int, int, str]] = []
        self._epoch = self._depth = 0
        with self.changing():
            for name in ("last_stats_clear", "heartbeat", "boottime"):
                self._add(f"/sys/{name}", Kind.SCALAR, 0)

    def close(self) -> None:
        """Let go of the memory."""
        self.memory.close()
        os.close(self.descriptor)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Things move: readers are told so before and after, once when several move together."""
        self._head(in_progress=1)
        self._depth += 1
        yield
        self._depth -= 1
        if self._depth:
            return
        at = self._vector([ENTRY.pack(kind, value, name.encode()) for kind, value, name in self._entries], ENTRY.size, 8)
        self._epoch += 1
        self._head(directory=BASE + at)

    def simple(self, name: str, *threads: Sequence[int]) -> None:
        """Counters of packets, a sequence for each thread."""
        with self.changing():
            rows = [self._vector([struct.pack("=Q", count) for count in row], 8, 64) for row in threads]
            self._put(name, Kind.SIMPLE, self._pointers(rows))

    def combined(self, name: str, *threads: Sequence[tuple[int, int]]) -> None:
        """Counters of packets and bytes, a sequence for each thread."""
        with self.changing():
            rows = [self._vector([struct.pack("=QQ", *pair) for pair in row], 16, 64) for row in threads]
            self._put(name, Kind.COMBINED, self._pointers(rows))

    def names(self, name: str, texts: Sequence[str]) -> None:
        """Texts by index, each with a NUL behind it; an empty one is no pointer."""
        with self.changing():
            rows = [self._vector([text.encode() + b"\0"], len(text.encode()) + 1, 8, count=len(text.encode()) + 1) for text in texts]
            self._put(name, Kind.NAMES, self._pointers([row if text else 0 for row, text in zip(rows, texts)]))

    def gauge(self, name: str, value: int) -> None:
        """A number."""
        with self.changing():
            self._put(name, Kind.GAUGE, value)

    def symlink(self, name: str, to: str, index: int) -> None:
        """A name for one of the counters of an entry."""
        with self.changing():
            self._put(name, Kind.SYMLINK, [each[2] for each in self._entries].index(to) | index << 32)

    def remove(self, name: str) -> None:
        """The place stays, and is of type EMPTY."""
        with self.changing():
            self._entries = [(Kind.EMPTY, 0, "") if entry[2] == name else entry for entry in self._entries]

    def count(self, name: str, thread: int, index: int, *numbers: int) -> None:
        """Set a counter where it is, as workers do: readers are not told."""
        value = next(entry[1] for entry in self._entries if entry[2] == name)
        row = struct.unpack_from("=Q", self.memory, value - BASE + 8 * thread)[0] - BASE
        struct.pack_into(f"={len(numbers)}Q", self.memory, row + 8 * len(numbers) * index, *numbers)

    def _put(self, name: str, kind: Kind, value: int) -> None:
        known = [each[2] for each in self._entries]
        if name in known:
            self._entries[known.index(name)] = (kind, value, name)
        else:
            self._add(name, kind, value)

    def _add(self, name: str, kind: Kind, value: int) -> None:
        self._entries.append((kind, value, name))

    def _pointers(self, offsets: Sequence[int]) -> int:
        return BASE + self._vector([struct.pack("=Q", BASE + offset if offset else 0) for offset in offsets], 8, 64)

    def _vector(self, elements: Sequence[bytes], size: int, align: int, count: int | None = None) -> int:
        """A vector in new memory; where its elements begin."""
        at = (self._free + 8 + align - 1) // align * align
        data = b"".join(elements)
        struct.pack_into("=IBBBB", self.memory, at - 8, len(elements) if count is None else count, 1, 0, 0, 0)
        self.memory[at : at + len(data)] = data
        self._free = at + len(data)
        return at

    def _head(self, in_progress: int = 0, directory: int | None = None) -> None:
        before = HEADER.unpack_from(self.memory)[4]
        HEADER.pack_into(self.memory, 0, 2, BASE, self._epoch, in_progress, before if directory is None else directory)


@contextmanager
def handed_out(path: Path, segment: Segment) -> Iterator[None]:
    """Hand the segment out at a path to whoever connects."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    rights = struct.pack("i", segment.descriptor)
                    connection.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        path.unlink(missing_ok=True)
