"""The packets of a capture file as a stream's packets, over and over.

Counterpart of pg_pcap_read and pg_stream_fill_replay in VPP's pg. The position in the file goes on when the stream is
enabled again. Beyond VPP, files of the other byte order, with nanoseconds, and pcapng files are read.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.pg.layout import MAX_PACKET_BYTES
from vppsh.engine.wire.pcapfile import PcapFile
from vppsh.engine.wire.pcaprecords import LINK_ETHERNET, LINK_RAW_IP
from vppsh.engine.wire.ranges import Integers, copy_ranges
from vppsh.errors import CommandError, InputFileError

FILE_HEADER_BYTES = 24
MAGICS = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")
# Frames, and IP packets under each of the numbers that are used for them.
LINK_TYPES = (LINK_ETHERNET, 12, LINK_RAW_IP, 228, 229)
ZEROS = np.zeros(MAX_PACKET_BYTES, np.uint8)
ZEROS.flags.writeable = False


class Batch(Struct, frozen=True):
    """Some packets.

    raw      the memory they lie in, one-dimensional
    offsets  where each begins
    lengths  how long each is
    stored   how many bytes of each are there, when some are not: what is missing counts as zeros
    """

    raw: NDArray[np.uint8]
    offsets: Integers
    lengths: Integers
    stored: Integers | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, part: slice | Integers) -> Batch:
        return Batch(self.raw, self.offsets[part], self.lengths[part], None if self.stored is None else self.stored[part])

    def copy(self, skip: int, lengths: Integers, target: NDArray[np.uint8], places: Integers) -> None:
        """Write `lengths` bytes of each packet, beginning `skip` bytes into it, to its place in `target`, one-dimensional."""
        if self.stored is None:
            copy_ranges(self.raw, self.offsets + skip, target, places, lengths)
            return
        there = np.clip(self.stored - skip, 0, lengths)
        copy_ranges(self.raw, self.offsets + np.minimum(skip, self.stored), target, places, there)
        copy_ranges(ZEROS, np.zeros(len(self), np.int64), target, places + there, lengths - there)


class Recording(Struct, frozen=True):
    """All packets of a file."""

    packets: Batch

    def __len__(self) -> int:
        return len(self.packets)

    def batch(self, first: int, n: int) -> Batch:
        """`n` packets from number `first` on; behind the last comes the first again."""
        packets = self.packets
        if first + n <= len(packets):
            return packets[first : first + n]
        return packets[(first + np.arange(n)) % len(packets)]


def read_recording(name: str) -> Recording:
    """The packets of a file; refused in VPP's words where it has some."""
    _check_header(name)
    try:
        file = PcapFile(name)
        packets = file.packets(LINK_TYPES)
    except InputFileError as error:
        raise CommandError(str(error)) from error
    if file.cut_off:
        raise CommandError(f"short read `{name}'")
    return recording(file.data, packets.offset, packets.length.astype(np.int64), packets.original.astype(np.int64), name)


def recording(raw: NDArray[np.uint8], offsets: Integers, stored: Integers, lengths: Integers, name: str) -> Recording:
    """Packets of which `stored` bytes each were captured, and which had `lengths` bytes on the wire."""
    longest = int(lengths.max(initial=0))
    if longest > MAX_PACKET_BYTES:
        raise CommandError(f"packet of {longest} bytes in `{name}'")
    return Recording(Batch(raw, offsets, lengths, None if (stored >= lengths).all() else stored))


def _check_header(name: str) -> None:
    path = Path(name)
    try:
        if path.is_fifo():
            raise CommandError(f"open `{name}': a pipe would make the dataplane wait")
        file = os.open(path, os.O_RDONLY)
    except (OSError, ValueError) as error:
        raise CommandError(f"open `{name}': {getattr(error, 'strerror', None) or error}") from error
    try:
        header = os.read(file, FILE_HEADER_BYTES)
    except OSError as error:
        raise CommandError(f"read file header `{name}': {error.strerror}") from error
    finally:
        os.close(file)
    if len(header) < FILE_HEADER_BYTES:
        # VPP names the last error there was, which has nothing to do with the file.
        raise CommandError(f"read file header `{name}': Operation not supported")
    if header[:4] not in MAGICS:
        raise CommandError(f"bad magic `{name}'")


def bytes_counted(batch: Batch, buffer_bytes: int) -> int:
    """What VPP counts as received for a batch of a recording: it adds up as many buffers as there are packets.

    As long as every packet fits into one buffer that is the sum of the lengths. Chains count again at every buffer,
    and push packets at the end out of the sum.
    """
    if not len(batch) or int(batch.lengths.max()) <= buffer_bytes:
        return int(batch.lengths.sum())
    segments = -(-batch.lengths // buffer_bytes)
    before = np.arange(int(segments.sum())) - np.repeat(np.cumsum(segments) - segments, segments)
    return int((np.repeat(batch.lengths, segments) - before * buffer_bytes)[: len(batch)].sum())
