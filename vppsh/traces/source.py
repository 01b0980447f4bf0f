"""Where traces come from: text, JSON lines, captures, dispatch traces; compressed by gzip, from a pipe; a running VPP."""

from __future__ import annotations

import codecs
import gzip
import io
import itertools
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from vppsh.errors import InputFileError, TargetError
from vppsh.traces.captures import Record, is_capture, read_capture
from vppsh.traces.dispatch import LINK_VPP, read_dispatch
from vppsh.traces.jsonl import read_lines
from vppsh.traces.model import Packet
from vppsh.traces.received import read_packets
from vppsh.traces.text import BLOCK, Item, read_text

# Every packet that has a trace: `show trace` stops at 50 of each thread unless told otherwise.
SHOW = "show trace max 1000000"
# Control characters that neither texts nor terminals have; where they are more than few, it is no text.
UNPRINTED = bytes({*range(32)} - set(b"\0\a\b\t\n\v\f\r\x1b"))
SAMPLE, ENOUGH, ODD_SHARE = 4096, 64, 0.05
GZIP = b"\x1f\x8b"
OTHER_COMPRESSED = (
    (b"\x28\xb5\x2f\xfd", "zstd-compressed: unzstd it first"),
    (b"\xfd7zXZ", "xz-compressed: unxz it first"),
    (b"BZh", "bzip2-compressed: bunzip2 it first"),
)
JSON_BEGIN = b'{"vppsh-trace"'


class TraceFile:
    """A file that is read once, from its begin to its end.

    name      as the user gave it; `-` is standard input
    size      bytes of the file, 0 when it is not known
    progress  if set, called with the bytes read so far, now and then
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.progress: Callable[[int], None] | None = None
        self._raw = _open(name)
        self.size = _size(self._raw)
        try:
            self._stream = self._unpacked()
        except OSError as error:
            self.__exit__()
            raise InputFileError(f"{name}: {error.strerror}") from error
        except InputFileError:
            self.__exit__()
            raise

    def __enter__(self) -> TraceFile:
        """The file itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of it."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()

    def _unpacked(self) -> io.BufferedReader:
        begin = _peek(self._raw)
        for magic, kind in OTHER_COMPRESSED:
            if begin.startswith(magic):
                raise InputFileError(f"{self.name}: {kind}")
        if begin.startswith(GZIP):
            return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=self._raw)), BLOCK)
        return self._raw

    @property
    def begin(self) -> bytes:
        """The first bytes."""
        return _peek(self._stream)

    @property
    def is_capture(self) -> bool:
        """Whether it is a pcap or pcapng, of packets or of a dispatch trace."""
        return is_capture(self.begin)

    def packets(self) -> Iterator[Packet]:
        """The packets. Raises InputFileError when the file cannot be read as what it seems to be."""
        return (item for item in self.items() if isinstance(item, Packet))

    def items(self) -> Iterator[Item]:
        """The packets and, of a text, what stands between them."""
        try:
            begin = _peek(self._stream)
            if is_capture(begin):
                yield from self._captured()
            elif begin.lstrip().startswith(JSON_BEGIN):
                yield from read_lines(self._lines(), self.name)
            elif _is_binary(_peek(self._stream, SAMPLE)):
                raise InputFileError(f"{self.name}: neither a text nor a capture")
            else:
                yield from read_text(self._blocks(), self.name)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputFileError(f"{self.name}: the compressed data is damaged or cut off: {error}") from error
        except OSError as error:
            raise InputFileError(f"{self.name}: {error.strerror or error}") from error

    def _captured(self) -> Iterator[Packet]:
        records = self._reported(read_capture(self._stream, self.name))
        first = next(records, None)
        if first is None:
            return
        read = read_dispatch if first.link_type == LINK_VPP else read_packets
        yield from read(itertools.chain([first], records), self.name)

    def _reported(self, records: Iterator[Record]) -> Iterator[Record]:
        for number, record in enumerate(records):
            if number % 4096 == 0:
                self._report()
            yield record

    def _lines(self) -> Iterator[str]:
        for number, line in enumerate(self._stream):
            if number % 4096 == 0:
                self._report()
            yield line.decode(errors="surrogateescape")

    def _blocks(self) -> Iterator[str]:
        """The text, some megabytes at a time; bytes that are no text are kept (surrogateescape)."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        while block := self._stream.read1(BLOCK):
            self._report()
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)

    def _report(self) -> None:
        if self.progress is not None and self.size:
            self.progress(self._raw.tell())


class LiveTrace:
    """The trace buffer of a running VPP, asked for through its CLI socket; used like a TraceFile."""

    size = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self.progress: Callable[[int], None] | None = None

    def __enter__(self) -> LiveTrace:
        """Itself: the connection is made when the answer is read, and ends with it."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left open."""

    def packets(self) -> Iterator[Packet]:
        """The packets."""
        return (item for item in self.items() if isinstance(item, Packet))

    def items(self) -> Iterator[Item]:
        """The packets and what stands between them. Raises TargetError when VPP cannot be reached."""
        from vppsh.targets.cli_socket import SocketTarget

        decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        pieces = SocketTarget(self.name).once(SHOW)
        # Lines come with carriage returns, as to any terminal.
        yield from read_text((decoder.decode(piece).replace("\r", "") for piece in pieces), self.name)


def open_trace(name: str) -> TraceFile | LiveTrace:
    """A file, `-` for standard input, or the CLI socket of a running VPP."""
    return LiveTrace(name) if _is_live(name) else TraceFile(name)


def _is_live(name: str) -> bool:
    try:
        return name != "-" and Path(name).is_socket()
    except (OSError, ValueError):
        return False


def live_answers(names: Sequence[str]) -> Callable[[str], str | None] | None:
    """Asks the running VPP whose CLI socket is the only source; None when files are read.

    The answer is None when VPP refused the line or cannot be reached any more: the trace is in hand, and worth more than the answer.
    """
    if len(names) != 1 or not _is_live(names[0]):
        return None

    def ask(line: str) -> str | None:
        from vppsh.targets.cli_socket import SocketTarget
        from vppsh.targets.verdict import refused

        try:
            answer = b"".join(SocketTarget(names[0]).once(line)).decode(errors="surrogateescape").replace("\r", "")
        except TargetError:
            return None
        return None if refused(line, answer) else answer

    return ask


def _open(name: str) -> io.BufferedReader:
    if name == "-":
        return cast(io.BufferedReader, sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except (OSError, ValueError) as error:
        raise InputFileError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def _size(stream: io.BufferedReader) -> int:
    try:
        return os.fstat(stream.fileno()).st_size if stream.seekable() else 0
    except OSError:
        return 0


def _peek(stream: io.BufferedReader, most: int = 64) -> bytes:
    """The first bytes of a stream, which stay in it."""
    return stream.peek(16)[:most]


def _is_binary(begin: bytes) -> bool:
    """Whether bytes are no text, whatever a terminal may have left in one."""
    return len(begin) >= ENOUGH and len(begin.translate(None, UNPRINTED)) < len(begin) * (1 - ODD_SHARE)
