"""Writing pcap files, with the header that VPP writes (vppinfra/pcap.c: microseconds, 65536 as the largest packet).

Only whole records go to the file. When it cannot take any more (a full disk), it is cut back to the last
record that did fit, so what was captured until then can be read.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire.pcaprecords import LINK_ETHERNET, RECORD_HEADER
from vppsh.engine.wire.ranges import Integers, copy_ranges, items
from vppsh.errors import OutputFileError

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAX_PACKET_SIZE = 1 << 16
FLUSH_AT = 1 << 20

HEADER = struct.Struct("<IHHIIII")
RECORD = np.dtype([("seconds", "<u4"), ("microseconds", "<u4"), ("length", "<u4"), ("original", "<u4")])


class PcapWriter:
    """A pcap file that is being written; an existing one of that name is replaced.

    packets  how many are in the file or about to be
    """

    def __init__(self, path: str | Path, link_type: int = LINK_ETHERNET) -> None:
        self.path = Path(path)
        self.packets = 0
        self._pending = bytearray(HEADER.pack(MAGIC_MICROSECONDS, 2, 4, 0, 0, MAX_PACKET_SIZE, link_type))
        self._pending_packets = 0
        self._written = 0
        self._broken: OutputFileError | None = None
        try:
            # Without a buffer of its own: what it takes is in the file.
            self._file = self.path.open("wb", buffering=0)
        except OSError as error:
            raise OutputFileError(f"{self.path}: {error.strerror}") from error
        self.flush()

    def write(
        self, source: NDArray[np.uint8], offsets: Integers, lengths: Integers, times: NDArray[np.int64], originals: Integers | None = None
    ) -> None:
        """Add packets: `lengths[i]` bytes at `source[offsets[i]]` of a flat array, captured at `times[i]` nanoseconds since 1970."""
        if self._broken:
            raise self._broken
        records = np.empty(len(lengths), RECORD)
        records["seconds"], rest = np.divmod(times, 1_000_000_000)
        records["microseconds"] = rest // 1000
        records["length"] = lengths
        records["original"] = lengths if originals is None else originals
        sizes = lengths.astype(np.int64) + RECORD_HEADER
        ends = np.cumsum(sizes)
        out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
        starts = ends - sizes
        if len(starts):
            items(out, RECORD_HEADER)[starts] = records.view(f"V{RECORD_HEADER}")
        copy_ranges(source, offsets, out, starts + RECORD_HEADER, lengths)
        self._pending += out.data
        self._pending_packets += len(lengths)
        self.packets += len(lengths)
        if len(self._pending) >= FLUSH_AT:
            self.flush()

    def add(self, packet: bytes, time: int, original: int | None = None) -> None:
        """Add one packet."""
        length = np.array([len(packet)])
        originals = None if original is None else np.array([original])
        self.write(np.frombuffer(packet, np.uint8), np.zeros(1, np.int64), length, np.array([time]), originals)

    def flush(self) -> None:
        """Put everything added so far into the file."""
        if self._broken:
            raise self._broken
        rest = memoryview(self._pending)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            rest.release()
            raise self._give_up(error) from error
        rest.release()
        self._written += len(self._pending)
        self._pending.clear()
        self._pending_packets = 0

    def close(self) -> None:
        """Put the last packets into the file and let go of it; a second time does nothing."""
        if self._file.closed:
            return
        self.flush()
        self._file.close()

    def _give_up(self, error: OSError) -> OutputFileError:
        """Cut the file back to whole records and say what is in it."""
        self.packets -= self._pending_packets
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(self._written)
        self._file.close()
        self._pending.clear()
        self._broken = OutputFileError(f"{self.path}: {error.strerror}; {self.packets} packets are in the file")
        return self._broken
