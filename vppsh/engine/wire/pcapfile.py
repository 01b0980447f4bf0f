"""Capture files: pcap and pcapng, read without loading them.

`blocks()` yields columns that say where packets lie, and `copy_ranges(file.data, packets.offset, ...)`
(ranges.py) takes their bytes from there. Large files are mapped, so that memory stays that of one block of
packets; those may not get shorter while they are in use. Compressed files and pipes are not read.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire.pcapng import SECTION_HEADER, PcapngRecords
from vppsh.engine.wire.pcaprecords import MAGICS, CaptureFile, CaptureInterface, Packets, PcapRecords, link_type_name
from vppsh.errors import InputFileError

# What people name by mistake, by the first bytes.
OTHER_KINDS = (
    (b"\x1f\x8b", "gzip-compressed: gunzip it first"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed: unzstd it first"),
    (b"\xfd7zXZ", "xz-compressed: unxz it first"),
    (b"BZh", "bzip2-compressed: bunzip2 it first"),
    (b"\x34\xcd\xb2\xa1", "a pcap of the modified kind (magic a1b2cd34), which is not supported"),
    (b"\xa1\xb2\xcd\x34", "a pcap of the modified kind (magic a1b2cd34), which is not supported"),
    (b"snoop\0\0\0", "a snoop capture, which is not supported"),
)


# Files up to this size are held in memory: they may change on disk.
HELD_BYTES = 1 << 26


class PcapFile:
    """A capture file; it stays open for as long as this object or an array of its bytes is in use.

    data        the whole file as uint8 bytes
    interfaces  link types and snap lengths: one for pcap, those declared so far for pcapng
    cut_off     a sentence about the last record when the file ends within it, else None; known once all is read
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = CaptureFile(self.path, _open(self.path))
        self._records = self._open(bytes(self._file.content[:8]))

    def _open(self, begin: bytes) -> PcapRecords | PcapngRecords:
        if begin[:4] in MAGICS:
            return PcapRecords(self._file)
        if begin[:4] == SECTION_HEADER.to_bytes(4, "big"):
            return PcapngRecords(self._file)
        for magic, kind in OTHER_KINDS:
            if begin.startswith(magic):
                raise InputFileError(f"{self.path}: {kind}")
        raise InputFileError(f"{self.path}: byte 0: neither pcap nor pcapng: it begins with {begin[:4].hex(' ')}")

    @property
    def data(self) -> NDArray[np.uint8]:
        """The bytes of the file."""
        return self._file.data

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self._file.size

    @property
    def interfaces(self) -> list[CaptureInterface]:
        """The interfaces declared so far."""
        return self._file.interfaces

    @property
    def cut_off(self) -> str | None:
        """What is missing of the last record."""
        return self._file.cut_off

    def blocks(self, link_types: Collection[int] | None = None) -> Iterator[Packets]:
        """The packets from the first on, as columns of some thousands; with `link_types`, packets of any other raise."""
        for packets in self._records.blocks():
            if link_types is not None:
                self._require(packets, link_types)
            yield packets

    def packets(self, link_types: Collection[int] | None = None) -> Packets:
        """All packets: 26 bytes of memory for each."""
        return Packets.join(list(self.blocks(link_types)))

    def bytes_of(self, packets: Packets, position: int) -> bytes:
        """One packet's captured bytes."""
        start = int(packets.offset[position])
        return self._file.content[start : start + int(packets.length[position])]

    def _require(self, packets: Packets, link_types: Collection[int]) -> None:
        for number, interface in enumerate(self.interfaces):
            if interface.link_type not in link_types and (packets.interface == number).any():
                wanted = " or ".join(link_type_name(each) for each in link_types)
                raise self._file.fault(interface.at, f"link type {link_type_name(interface.link_type)}: only {wanted} can be used here")


def _open(path: Path) -> mmap.mmap | bytes:
    try:
        # Asked before it is opened: a pipe would make us wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputFileError(f"{path}: not a regular file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise InputFileError(f"{path}: the file is empty")
            return file.read() if size <= HELD_BYTES else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror}") from error
