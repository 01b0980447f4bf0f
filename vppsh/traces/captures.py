"""Reading pcap and pcapng from a stream: compressed ones and pipes too, a record at a time.

The dataplane reads files in numpy columns (engine/wire/pcapfile.py), which is for replaying millions of packets; here
comments and the names of interfaces matter, and that numpy need not be loaded. RFC: draft-ietf-opsawg-pcap, -pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from vppsh.errors import InputFileError

# First bytes: byte order, nanoseconds a tick.
MAGICS = (
    (b"\xd4\xc3\xb2\xa1", "<", 1000),
    (b"\xa1\xb2\xc3\xd4", ">", 1000),
    (b"\x4d\x3c\xb2\xa1", "<", 1),
    (b"\xa1\xb2\x3c\x4d", ">", 1),
)
SECTION = b"\x0a\x0d\x0d\x0a"
BYTE_ORDER_MAGIC = 0x1A2B3C4D
INTERFACE, SIMPLE, ENHANCED = 1, 3, 6
COMMENT, IF_NAME, IF_TSRESOL, IF_TSOFFSET = 1, 2, 9, 14
MAX_BLOCK = 1 << 24
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """A packet of a capture file.

    time       nanoseconds since 1970
    length     how many bytes the packet had
    interface  the name of the interface, as far as the file knows it
    """

    time: int
    data: bytes
    length: int
    link_type: int
    interface: str = ""
    comment: str = ""


@dataclass(slots=True)
class _Interface:
    link_type: int
    snap: int
    name: str = ""
    ticks: int = 1_000_000
    offset: int = 0


def is_capture(begin: bytes) -> bool:
    """Whether a file that begins so is a pcap or pcapng."""
    return begin[:4] == SECTION or any(begin.startswith(magic) for magic, _, _ in MAGICS)


def read_capture(stream: BinaryIO, name: str) -> Iterator[Record]:
    """The records of a stream. Raises InputFileError for what is no capture; one that is cut off ends with its last whole record."""
    begin = stream.read(4)
    for magic, order, tick in MAGICS:
        if begin == magic:
            return _pcap(stream, order, tick, name)
    if begin == SECTION:
        return _Pcapng(stream, name).records()
    raise InputFileError(f"{name}: neither pcap nor pcapng: it begins with {begin.hex(' ')}")


def _pcap(stream: BinaryIO, order: str, tick: int, name: str) -> Iterator[Record]:
    rest = stream.read(20)
    if len(rest) < 20:
        raise InputFileError(f"{name}: cut off within the header of a pcap file")
    link_type = struct.unpack(f"{order}I", rest[16:20])[0] & 0xFFFF
    header = struct.Struct(f"{order}IIII")
    at = 24
    while len(head := stream.read(16)) == 16:
        seconds, fraction, captured, length = header.unpack(head)
        if captured > MAX_BLOCK:
            raise InputFileError(f"{name}: byte {at}: a packet of {captured} bytes: this is no pcap record")
        data = stream.read(captured)
        if len(data) < captured:
            return
        at += 16 + captured
        yield Record(seconds * SECOND + fraction * tick, data, length, link_type)


class _Pcapng:
    """The blocks of a pcapng file whose first four bytes have been read."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._order = "<"
        self._interfaces: list[_Interface] = []

    def records(self) -> Iterator[Record]:
        """The packets of all sections."""
        kind: bytes = SECTION
        while len(kind) == 4:
            if kind == SECTION:
                body = self._section()
            else:
                body = self._block(self._stream.read(4))
            if body is None:
                return
            record = None if kind == SECTION else self._take(struct.unpack(f"{self._order}I", kind)[0], body)
            if record is not None:
                yield record
            kind = self._stream.read(4)

    def _section(self) -> bytes | None:
        length, magic = self._stream.read(4), self._stream.read(4)
        if len(magic) < 4:
            return None
        self._order = "<" if struct.unpack("<I", magic)[0] == BYTE_ORDER_MAGIC else ">"
        if struct.unpack(f"{self._order}I", magic)[0] != BYTE_ORDER_MAGIC:
            raise InputFileError(f"{self._name}: a pcapng section without its byte order mark")
        self._interfaces = []
        return self._block(length, taken=4)

    def _block(self, length: bytes, taken: int = 0) -> bytes | None:
        """A block's body (without the first `taken` bytes of it); None where the file is cut off."""
        if len(length) < 4:
            return None
        size = struct.unpack(f"{self._order}I", length)[0]
        if size < 12 or size > MAX_BLOCK:
            raise InputFileError(f"{self._name}: a pcapng block of {size} bytes cannot be")
        body = self._stream.read(size - 12 - taken)
        return body if len(body) == size - 12 - taken and len(self._stream.read(4)) == 4 else None

    def _take(self, kind: int, body: bytes) -> Record | None:
        if kind == INTERFACE and len(body) >= 8:
            self._add(body)
        elif kind == ENHANCED and len(body) >= 20:
            number, high, low, captured, length = struct.unpack_from(f"{self._order}IIIII", body)
            interface = self._interface(number)
            options = self._options(body, 20 + (captured + 3 & ~3))
            ticks = high << 32 | low
            time = ticks * SECOND // interface.ticks + interface.offset * SECOND
            comment = options.get(COMMENT, b"").decode(errors="replace")
            return Record(time, body[20 : 20 + captured], length, interface.link_type, interface.name, comment)
        elif kind == SIMPLE and len(body) >= 4:
            length = struct.unpack_from(f"{self._order}I", body)[0]
            interface = self._interface(0)
            captured = min(length, interface.snap or length)
            return Record(0, body[4 : 4 + captured], length, interface.link_type, interface.name)
        return None

    def _add(self, body: bytes) -> None:
        link_type, _, snap = struct.unpack_from(f"{self._order}HHI", body)
        options = self._options(body, 8)
        interface = _Interface(link_type, snap, options.get(IF_NAME, b"").decode(errors="replace"))
        if options.get(IF_TSRESOL):
            exponent = options[IF_TSRESOL][0]
            interface.ticks = 1 << (exponent & 0x7F) if exponent & 0x80 else 10**exponent
        if len(options.get(IF_TSOFFSET, b"")) == 8:
            interface.offset = struct.unpack(f"{self._order}q", options[IF_TSOFFSET])[0]
        self._interfaces.append(interface)

    def _interface(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise InputFileError(f"{self._name}: a packet of interface {number}, which the file does not declare")
        return self._interfaces[number]

    def _options(self, body: bytes, at: int) -> dict[int, bytes]:
        """The options of a block, the first of each kind."""
        found: dict[int, bytes] = {}
        while at + 4 <= len(body):
            code, length = struct.unpack_from(f"{self._order}HH", body, at)
            if code == 0:
                break
            found.setdefault(code, body[at + 4 : at + 4 + length])
            at += 4 + (length + 3 & ~3)
        return found
