"""Lines of a file that may be compressed by gzip, read from any place on: what is behind is not kept in memory.

Of compressed files the state of the decompressor is kept every few megabytes, as zran.c in zlib's examples does; one
state takes some 40 kB. A file that was cut off ends where it was cut off.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, Self

BLOCK = 1 << 18
# It may hold a thousand times as much.
PACKED_BLOCK = 1 << 15
STRIDE = 4 << 20
KEPT = 4
GZIP = 31
MAGIC = b"\x1f\x8b"


class _Decompressor(Protocol):
    """What zlib.decompressobj() gives; the class has no public name."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes) -> bytes: ...

    def copy(self) -> Self: ...


class _Point(NamedTuple):
    """A place that reading can begin at: what comes out from there on, what goes in, and the state of what is between."""

    out: int
    into: int
    state: _Decompressor


class LineFile:
    """A file of lines.

    cut  why the file ends before its end; empty when it does not
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when it cannot be opened."""
        self._file: BinaryIO = path.open("rb")
        self.compressed = self._file.read(2) == MAGIC
        self._points = [_Point(0, 0, zlib.decompressobj(GZIP))] if self.compressed else []
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self.cut = ""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def first(self, most: int) -> bytes:
        """The first line, or as much of it as was wanted."""
        found = b""
        for block in self._blocks():
            found += block
            if b"\n" in block or len(found) > most:
                break
        self.cut = ""
        return found.partition(b"\n")[0][:most]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every whole line with where it begins. To be read to the end once, before anything is read from between."""
        begun, rest = 0, [b""]
        for block in self._blocks():
            first, *others = block.split(b"\n")
            rest.append(first)
            for following in others:
                line = b"".join(rest)
                yield begun, line
                begun += len(line) + 1
                rest = [following]
        if any(rest):
            self.cut = self.cut or "its last line is not whole"

    def line_at(self, begun: int) -> bytes:
        """The line that begins at a place which `lines` gave."""
        if not self.compressed:
            self._file.seek(begun)
            return self._file.readline().rstrip(b"\n")
        number = bisect_right(self._points, begun, key=lambda point: point.out) - 1
        start, found = begun - self._points[number].out, []
        while number < len(self._points):
            chunk = self._chunk(number)
            end = chunk.find(b"\n", start)
            found.append(chunk[start:] if end < 0 else chunk[start:end])
            if end >= 0:
                break
            start, number = 0, number + 1
        return b"".join(found)

    def _blocks(self) -> Iterator[bytes]:
        self._file.seek(0)
        if not self.compressed:
            while block := self._file.read(BLOCK):
                yield block
            return
        ended = False
        try:
            for point, block in _decompressed(self._file, self._points[0]):
                yield block
                ended = point.state.eof
                if point.out - self._points[-1].out >= STRIDE:
                    self._points.append(point._replace(state=point.state.copy()))
        except zlib.error as error:
            self.cut = f"what is compressed in it is damaged ({error})"
            return
        if not ended:
            self.cut = "it was not ended"

    def _chunk(self, number: int) -> bytes:
        """What comes out between a point and the next."""
        chunk = self._chunks.pop(number, None)
        if chunk is None:
            chunk = b"".join(self._between(number))
        self._chunks[number] = chunk
        while len(self._chunks) > KEPT:
            self._chunks.popitem(last=False)
        return chunk

    def _between(self, number: int) -> Iterator[bytes]:
        point = self._points[number]
        wanted = self._points[number + 1].out - point.out if number + 1 < len(self._points) else None
        self._file.seek(point.into)
        try:
            for _, block in _decompressed(self._file, point):
                yield block if wanted is None else block[:wanted]
                if wanted is not None:
                    wanted -= len(block)
                    if wanted <= 0:
                        return
        except zlib.error:
            return  # `lines` met the same place and told


def _decompressed(file: BinaryIO, point: _Point) -> Iterator[tuple[_Point, bytes]]:
    """What comes out from a point on, each time with the point behind it; another compressed file may follow in the same one."""
    out, into, state = point.out, point.into, point.state.copy()
    while data := file.read(PACKED_BLOCK):
        while data:
            if state.eof:
                state = zlib.decompressobj(GZIP)
            block = state.decompress(data)
            unused = state.unused_data if state.eof else b""
            out, into = out + len(block), into + len(data) - len(unused)
            data = unused
            yield _Point(out, into, state), block
