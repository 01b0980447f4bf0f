"""What a capture file holds, and the records of the classic pcap format.

Formats: draft-ietf-opsawg-pcap (magic a1b2c3d4 with microseconds, a1b23c4d with nanoseconds, either byte order).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.wire.ranges import items
from vppsh.engine.wire.recordchain import Positions, chains
from vppsh.errors import InputFileError

# Magic number in the file's first four bytes: byte order, nanoseconds per tick.
MAGICS: Mapping[bytes, tuple[str, int]] = MappingProxyType(
    {
        b"\xd4\xc3\xb2\xa1": ("<", 1000),
        b"\xa1\xb2\xc3\xd4": (">", 1000),
        b"\x4d\x3c\xb2\xa1": ("<", 1),
        b"\xa1\xb2\x3c\x4d": (">", 1),
    }
)
FILE_HEADER = 24
RECORD_HEADER = 16
# The most that libpcap takes for a packet; with more, the file is broken or no capture.
MAX_PACKET = 262144
NANOSECONDS_PER_SECOND = 1_000_000_000
YEAR = 366 * 86400

LINK_ETHERNET = 1
LINK_RAW_IP = 101
LINK_VPP = 280
LINK_TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "NULL",
        1: "ETHERNET",
        6: "TOKEN_RING",
        8: "SLIP",
        9: "PPP",
        12: "RAW",
        50: "PPP_HDLC",
        101: "RAW_IP",
        104: "C_HDLC",
        105: "IEEE802_11",
        107: "FRELAY",
        108: "LOOP",
        113: "LINUX_SLL",
        117: "PFLOG",
        119: "PRISM",
        127: "IEEE802_11_RADIOTAP",
        147: "USER0",
        187: "BLUETOOTH_HCI_H4",
        189: "USB_LINUX",
        192: "PPI",
        195: "IEEE802_15_4",
        220: "USB_LINUX_MMAPPED",
        227: "CAN_SOCKETCAN",
        228: "IPV4",
        229: "IPV6",
        239: "NFLOG",
        253: "NETLINK",
        276: "LINUX_SLL2",
        280: "VPP_DISPATCH",
    }
)


def link_type_name(number: int) -> str:
    """`1 (ETHERNET)`: the number, and the name of the link types that one meets."""
    return f"{number} ({LINK_TYPE_NAMES[number]})" if number in LINK_TYPE_NAMES else str(number)


class CaptureInterface(Struct, frozen=True):
    """Where packets of a file were captured; a pcap file has one, a pcapng file any number.

    at  the byte of the file that declares it, for messages
    """

    link_type: int
    snap_length: int
    at: int
    name: str = ""


class Packets(Struct, frozen=True):
    """Some packets of a file, as columns.

    offset     int64: where the captured bytes begin in the file
    length     uint32: how many were captured
    original   uint32: how many the packet had
    time       int64: nanoseconds since 1970
    interface  uint16: position in the file's list of interfaces
    """

    offset: NDArray[np.int64]
    length: NDArray[np.uint32]
    original: NDArray[np.uint32]
    time: NDArray[np.int64]
    interface: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, rows: slice) -> Packets:
        return Packets(self.offset[rows], self.length[rows], self.original[rows], self.time[rows], self.interface[rows])

    @staticmethod
    def join(parts: list[Packets]) -> Packets:
        """All packets of the parts, in order."""
        if len(parts) == 1:
            return parts[0]
        none = Packets(np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.uint16))
        parts = parts or [none]
        return Packets(
            np.concatenate([part.offset for part in parts]),
            np.concatenate([part.length for part in parts]),
            np.concatenate([part.original for part in parts]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.interface for part in parts]),
        )


class CaptureFile:
    """The bytes of a file, and what was found out about it; formats read their records from here.

    interfaces  the interfaces declared so far
    cut_off     what is missing of the last record, as a sentence; None when the file is whole
    """

    def __init__(self, path: Path, content: mmap.mmap | bytes) -> None:
        self.path = path
        self.content = content
        self.size = len(content)
        self.data: NDArray[np.uint8] = np.frombuffer(content, np.uint8)
        self.interfaces: list[CaptureInterface] = []
        self.cut_off: str | None = None

    def fault(self, at: int, text: str) -> InputFileError:
        """An error about a place in the file."""
        return InputFileError(f"{self.path}: byte {at}: {text}")

    def end_early(self, at: int, wanted: int) -> int:
        """Take note of a last record of which only a part is there."""
        self.cut_off = f"{self.path}: byte {at}: the file ends {self.size - at} bytes into a record of {wanted}"
        return 0


class PcapRecords:
    """The records of a classic pcap file: seconds, fraction, captured length, original length, bytes."""

    def __init__(self, file: CaptureFile) -> None:
        self.file = file
        order, self._tick = MAGICS[bytes(file.content[:4])]
        if file.size < FILE_HEADER:
            raise file.fault(0, f"a pcap header is {FILE_HEADER} bytes long, the file has {file.size}")
        major, minor, snap_length, link_type = struct.unpack_from(f"{order}HH8xII", file.content, 4)
        if major != 2:
            raise file.fault(4, f"pcap version {major}.{minor} is unknown (2.4 is current)")
        # The upper bits of the field tell about frame check sequences.
        file.interfaces.append(CaptureInterface(link_type & 0xFFFF, snap_length, 0))
        self._snap = snap_length or MAX_PACKET
        self._longest = min(self._snap, MAX_PACKET)
        self._header = np.dtype([(name, f"{order}u4") for name in ("seconds", "fraction", "length", "original")])
        self._length = struct.Struct(f"{order}I")
        self._words = np.ndarray((max(0, file.size - 3),), f"{order}u4", file.data.data, strides=(1,))
        # A record is recognised by a time of at most a year after the first one's, among other things.
        self._first = self._words[FILE_HEADER] if file.size >= FILE_HEADER + RECORD_HEADER else np.uint32(0)
        self._fractions = NANOSECONDS_PER_SECOND // self._tick

    def blocks(self) -> Iterator[Packets]:
        """The packets, some thousands at a time."""
        for at in chains(self, FILE_HEADER, self.file.size):
            headers = items(self.file.data, RECORD_HEADER)[at].view(self._header)
            time = headers["seconds"].astype(np.int64) * NANOSECONDS_PER_SECOND + headers["fraction"].astype(np.int64) * self._tick
            length, original = headers["length"].astype(np.uint32), headers["original"].astype(np.uint32)
            yield Packets(at + RECORD_HEADER, length, original, time, np.zeros(len(at), np.uint16))

    def size(self, at: int) -> int:
        """Bytes of a whole record with a sound length, else 0."""
        if at + RECORD_HEADER > self.file.size:
            return 0
        length: int = self._length.unpack_from(self.file.content, at + 8)[0]
        size = RECORD_HEADER + length
        return size if length <= self._longest and at + size <= self.file.size else 0

    def sizes(self, at: Positions) -> Positions:
        """The same for many positions."""
        last = self.file.size - RECORD_HEADER
        lengths = self._words[np.minimum(at, last) + 8].astype(np.int64)
        sound = (lengths <= self._longest) & (lengths <= last - at)
        return np.where(sound, lengths + RECORD_HEADER, 0)

    def likely(self, at: Positions, window: int) -> NDArray[np.bool_]:
        """Where four fields make sense as a record's header: lengths in order, a fraction of a second, a time not far off."""
        places = items(self.file.data, window + RECORD_HEADER)[at]
        fields = np.ndarray((4, len(at), window), self._words.dtype, places.data, strides=(4, window + RECORD_HEADER, 1))
        seconds, fraction, length, original = fields
        likely: NDArray[np.bool_] = (original <= MAX_PACKET) & (length <= original) & (length > 0)
        likely &= fraction < self._fractions
        likely &= seconds - self._first < YEAR
        return likely

    def look(self, at: int) -> int:
        """The end of the file, tidy or not; a length that cannot be raises."""
        left = self.file.size - at
        if left < RECORD_HEADER:
            return self.file.end_early(at, RECORD_HEADER)
        length = self._length.unpack_from(self.file.content, at + 8)[0]
        if length > MAX_PACKET:
            raise self.file.fault(at, f"a packet of {length} bytes: this is no pcap record (the most is {MAX_PACKET})")
        if length > self._snap:
            raise self.file.fault(at, f"a packet of {length} bytes is longer than the file's snap length of {self._snap}")
        return self.file.end_early(at, RECORD_HEADER + length)
