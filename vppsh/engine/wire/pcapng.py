"""The blocks of a pcapng file (draft-ietf-opsawg-pcapng): sections, interfaces, enhanced, simple and old packets.

Blocks that hold no packets (names, statistics, secrets, custom ones) are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire.pcaprecords import MAX_PACKET, NANOSECONDS_PER_SECOND, CaptureFile, CaptureInterface, Packets
from vppsh.engine.wire.ranges import items
from vppsh.engine.wire.recordchain import Positions, chains

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OLD_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

SMALLEST_BLOCK = 12
SMALLEST_OF = {SECTION_HEADER: 28, INTERFACE_DESCRIPTION: 20, OLD_PACKET: 32, SIMPLE_PACKET: 16, ENHANCED_PACKET: 32}
# Secrets and custom blocks may be long, packets may not.
LARGEST_BLOCK = 1 << 28
# The fixed part of a packet block, up to its packet's bytes.
PACKET_HEADER = 28

OPTION_END = 0
OPTION_NAME = 2
OPTION_RESOLUTION = 9
OPTION_OFFSET = 14
MICROSECONDS = 6


class PcapngRecords:
    """The blocks of a pcapng file; byte order and interfaces are those of the section that is being read."""

    def __init__(self, file: CaptureFile) -> None:
        self.file = file
        self._first_interface = 0
        self._clocks: list[tuple[int, int]] = []
        if file.size < SMALLEST_OF[SECTION_HEADER]:
            raise file.fault(0, f"a pcapng header is {SMALLEST_OF[SECTION_HEADER]} bytes long, the file has {file.size}")
        self._set_order("<")

    def _set_order(self, order: str) -> None:
        self._order = order
        self._words = np.ndarray((max(0, self.file.size - 3),), f"{order}u4", self.file.data.data, strides=(1,))
        self._head = struct.Struct(f"{order}II")
        self._packet = np.dtype([(name, f"{order}u4") for name in ("type", "size", "interface", "high", "low", "length", "original")])

    # The chain of blocks.

    def size(self, at: int) -> int:
        """Bytes of a whole block that is neither section nor interface, else 0."""
        return int(self.sizes(np.array([at]))[0])

    def sizes(self, at: Positions) -> Positions:
        """The same for many positions."""
        last = self.file.size - SMALLEST_BLOCK
        there = np.minimum(at, last)
        kinds, sizes = self._words[there], self._words[there + 4].astype(np.int64)
        sound = (sizes >= SMALLEST_BLOCK) & (sizes % 4 == 0) & (at <= last) & (sizes <= self.file.size - at) & (sizes <= LARGEST_BLOCK)
        sound &= (kinds != SECTION_HEADER) & (kinds != INTERFACE_DESCRIPTION)
        # A block ends with its size once more.
        ends = np.where(sound, there + sizes - 4, 0)
        return np.where(sound & (self._words[ends] == sizes), sizes, 0)

    def likely(self, at: Positions, window: int) -> NDArray[np.bool_]:
        """Where an enhanced packet block begins; blocks lie at multiples of four."""
        places = items(self.file.data, window + 4)[at]
        kinds = np.ndarray((len(at), window), self._words.dtype, places.data, strides=(window + 4, 1))
        likely: NDArray[np.bool_] = (kinds == ENHANCED_PACKET) & ((at[:, None] + np.arange(window)) % 4 == 0)
        return likely

    def look(self, at: int) -> int:
        """Take in a section or an interface; tell what is wrong with anything else."""
        file = self.file
        if file.size - at < SMALLEST_BLOCK:
            return file.end_early(at, SMALLEST_BLOCK)
        kind, size = self._head.unpack_from(file.content, at)
        if kind == SECTION_HEADER:
            order = BYTE_ORDERS.get(bytes(file.content[at + 8 : at + 12]))
            if order is None:
                raise file.fault(at + 8, "a section of unknown byte order")
            self._set_order(order)
            size = self._head.unpack_from(file.content, at)[1]
        if size < SMALLEST_OF.get(kind, SMALLEST_BLOCK) or size % 4 or size > LARGEST_BLOCK:
            raise file.fault(at, f"a block of {size} bytes: this is no pcapng block")
        if size > file.size - at:
            if at == 0:
                raise file.fault(0, f"the file ends within its header of {size} bytes")
            return file.end_early(at, size)
        again = self._head.unpack_from(file.content, at + size - 8)[1]
        if again != size:
            raise file.fault(at, f"a block of {size} bytes that says {again} at its end")
        if kind == SECTION_HEADER:
            self._section(at)
        else:
            self._interface(at, size)
        return int(size)

    def _section(self, at: int) -> None:
        major, minor = struct.unpack_from(f"{self._order}HH", self.file.content, at + 12)
        if major != 1:
            raise self.file.fault(at + 12, f"pcapng version {major}.{minor} is unknown (1.0 is current)")
        self._first_interface = len(self.file.interfaces)

    def _interface(self, at: int, size: int) -> None:
        link_type, snap_length = struct.unpack_from(f"{self._order}HxxI", self.file.content, at + 8)
        name, resolution, offset = "", MICROSECONDS, 0
        for code, value in self._options(at + 16, at + size - 4):
            if code == OPTION_NAME:
                name = value.rstrip(b"\0").decode(errors="replace")
            elif code == OPTION_RESOLUTION and value:
                resolution = value[0]
            elif code == OPTION_OFFSET and len(value) == 8:
                offset = struct.unpack(f"{self._order}q", value)[0]
        if len(self.file.interfaces) > 0xFFFF:
            raise self.file.fault(at, "more than 65536 interfaces")
        self._clocks.append((resolution, offset))
        self.file.interfaces.append(CaptureInterface(link_type, snap_length, at, name))

    def _options(self, at: int, end: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= end:
            code, length = struct.unpack_from(f"{self._order}HH", self.file.content, at)
            if code == OPTION_END:
                return
            if at + 4 + length > end:
                raise self.file.fault(at, f"an option of {length} bytes in a block that has {end - at - 4} left")
            yield code, bytes(self.file.content[at + 4 : at + 4 + length])
            at += 4 + (length + 3) // 4 * 4

    # The packets in the blocks.

    def blocks(self) -> Iterator[Packets]:
        """The packets, some thousands at a time."""
        for at in chains(self, 0, self.file.size):
            kinds = self._words[at]
            if not (kinds == ENHANCED_PACKET).all():
                at = at[(kinds == ENHANCED_PACKET) | (kinds == SIMPLE_PACKET) | (kinds == OLD_PACKET)]
            if len(at):
                yield self._packets(at)

    def _packets(self, at: Positions) -> Packets:
        words, kinds = self._words, self._words[at]
        sizes = words[at + 4].astype(np.int64)
        minimum = np.where(kinds == SIMPLE_PACKET, SMALLEST_OF[SIMPLE_PACKET], SMALLEST_OF[ENHANCED_PACKET])
        self._refuse(at, sizes < minimum, "a packet block of {} bytes is too short", sizes)
        # A simple block of less than 28 bytes has no such header; the last bytes of the file are read for it instead.
        headers = items(self.file.data, PACKET_HEADER)[np.minimum(at, self.file.size - PACKET_HEADER)].view(self._packet)
        interface, length, original = (headers[name].astype(np.int64) for name in ("interface", "length", "original"))
        time = headers["high"].astype(np.uint64) << np.uint64(32) | headers["low"]
        header = np.full(len(at), PACKET_HEADER)
        if (simple := kinds == SIMPLE_PACKET).any():
            original[simple] = words[at[simple] + 8]
            snap = self.file.interfaces[self._first_interface].snap_length if len(self.file.interfaces) > self._first_interface else 0
            length[simple] = np.minimum(original[simple], snap or MAX_PACKET)
            interface[simple], time[simple], header[simple] = 0, 0, 12
        if (old := kinds == OLD_PACKET).any():
            interface[old] = interface[old] & 0xFFFF if self._order == "<" else interface[old] >> 16
        known = len(self.file.interfaces) - self._first_interface
        self._refuse(at, interface >= known, "a packet of interface {}, which its section does not declare", interface)
        self._refuse(at, length > MAX_PACKET, f"a packet of {{}} bytes (the most is {MAX_PACKET})", length)
        self._refuse(at, length > sizes - header - 4, "a packet of {} bytes in a block that is too short for it", length)
        interface += self._first_interface
        snaps = np.array([each.snap_length or MAX_PACKET for each in self.file.interfaces])
        self._refuse(at, length > snaps[interface], "a packet of {} bytes is longer than its interface's snap length", length)
        return Packets(
            at + header, length.astype(np.uint32), original.astype(np.uint32), self._times(time, interface), interface.astype(np.uint16)
        )

    def _refuse(self, at: Positions, wrong: NDArray[np.bool_], text: str, values: NDArray[np.int64]) -> None:
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self.file.fault(int(at[first]), text.format(values[first]))

    def _times(self, ticks: NDArray[np.uint64], interface: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds, by the clock of each packet's interface."""
        time = np.zeros(len(ticks), np.int64)
        for number in np.unique(interface).tolist():
            resolution, offset = self._clocks[number]
            chosen = interface == number
            time[chosen] = nanoseconds(ticks[chosen], resolution) + offset * NANOSECONDS_PER_SECOND
        return time


def nanoseconds(ticks: NDArray[np.uint64], resolution: int) -> NDArray[np.int64]:
    """Ticks of an if_tsresol: negative powers of ten, or of two when the top bit is set."""
    per_second = 1 << (resolution & 0x7F) if resolution & 0x80 else 10 ** (resolution & 0x7F)
    if per_second > 1 << 63:
        return np.zeros(len(ticks), np.int64)
    seconds, rest = np.divmod(ticks, np.uint64(per_second))
    if per_second <= NANOSECONDS_PER_SECOND and not NANOSECONDS_PER_SECOND % per_second:
        fraction = rest.astype(np.int64) * (NANOSECONDS_PER_SECOND // per_second)
    elif not per_second % NANOSECONDS_PER_SECOND:
        fraction = (rest // np.uint64(per_second // NANOSECONDS_PER_SECOND)).astype(np.int64)
    else:
        fraction = (rest.astype(np.float64) * (NANOSECONDS_PER_SECOND / per_second)).astype(np.int64)
    return seconds.astype(np.int64) * NANOSECONDS_PER_SECOND + fraction
