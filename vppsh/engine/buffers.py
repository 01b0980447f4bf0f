"""Packet buffers: one byte array for all packet data, one array per metadata field.

Counterpart of VPP's vlib/buffer.h and vnet/buffer.h. A buffer is a row of `data`; its packet begins
at byte `HEADROOM + current_data` of the row and is `current_length` bytes long there; longer packets
go on in `next_buffer`. Rows are an odd number of cache lines long, so that the headers of a vector do
not fight for the same cache sets, and begin so that an IPv4 header behind an Ethernet header is
aligned to 8 bytes.

Headers are read through column views: `column(dtype, at)` is a strided view with one item per buffer,
so `column(...)[rows]` is a view for a slice of buffers and one gather for an array of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.frame import Frame, Rows
from vppsh.registry import ColumnSpec

DATA_SIZE = 2048
HEADROOM = 130
STRIDE = 2240
NONE = -1
CACHE_LINE = 64
SMALLEST_COPY = 320

Indices = NDArray[np.int32]


class BufferFlag(enum.IntFlag):
    """Bits of a buffer's flags that have the same place in VPP (they show in traces)."""

    IS_TRACED = 1 << 0
    NEXT_PRESENT = 1 << 1
    TOTAL_LENGTH_VALID = 1 << 2
    L4_CHECKSUM_COMPUTED = 1 << 31
    L4_CHECKSUM_CORRECT = 1 << 30
    VLAN_2_DEEP = 1 << 29
    VLAN_1_DEEP = 1 << 28
    SPAN_CLONE = 1 << 27
    LOOP_COUNTER_VALID = 1 << 26
    LOCALLY_ORIGINATED = 1 << 25
    IS_IP4 = 1 << 24
    IS_IP6 = 1 << 23
    OFFLOAD = 1 << 22
    IS_NATED = 1 << 21
    L2_HDR_OFFSET_VALID = 1 << 20
    L3_HDR_OFFSET_VALID = 1 << 19
    L4_HDR_OFFSET_VALID = 1 << 18
    FLOW_REPORT = 1 << 17
    IS_DVR = 1 << 16
    QOS_DATA_VALID = 1 << 15
    GSO = 1 << 14


# Looking members up in an enumeration is slow: what every frame asks for is kept as a number.
_NEXT_PRESENT = np.uint32(BufferFlag.NEXT_PRESENT)

# Metadata that every packet has: name, dtype, value in a fresh buffer. `flow_hash`, `fib_index` and
# the adjacency indices are words 2, 3, 0 and 1 of VPP's opaque union, which features reuse.
COLUMNS = (
    ColumnSpec("current_data", "i4"),
    ColumnSpec("current_length", "i4"),
    ColumnSpec("flags", "u4"),
    ColumnSpec("rx_sw_if_index", "i4"),
    ColumnSpec("tx_sw_if_index", "i4", NONE),
    ColumnSpec("error", "i4"),
    ColumnSpec("trace", "i4", NONE),
    ColumnSpec("feature_pos", "i4"),
    ColumnSpec("adj_index", "i4"),
    ColumnSpec("adj_index_rx", "i4"),
    ColumnSpec("flow_hash", "u4"),
    ColumnSpec("fib_index", "i4", NONE),
    ColumnSpec("save_rewrite_length", "i4"),
    ColumnSpec("l2_hdr_offset", "i4"),
    ColumnSpec("l3_hdr_offset", "i4"),
    ColumnSpec("l4_hdr_offset", "i4"),
    ColumnSpec("next_buffer", "i4", NONE),
    ColumnSpec("total_length_rest", "i4"),
)


@cache
def _as_item(dtype: np.dtype) -> np.dtype:
    """The opaque item of a record's size."""
    return np.dtype((np.void, dtype.itemsize))


class BufferPool:
    """`count` buffers and their metadata columns (one attribute each).

    data      (count, STRIDE) uint8, all packet bytes
    memory    the same, flat, for system calls that read and write packets
    free      how many buffers can still be allocated
    """

    current_data: NDArray[np.int32]
    current_length: NDArray[np.int32]
    flags: NDArray[np.uint32]
    rx_sw_if_index: NDArray[np.int32]
    tx_sw_if_index: NDArray[np.int32]
    error: NDArray[np.int32]
    trace: NDArray[np.int32]
    feature_pos: NDArray[np.int32]
    adj_index: NDArray[np.int32]
    adj_index_rx: NDArray[np.int32]
    flow_hash: NDArray[np.uint32]
    fib_index: NDArray[np.int32]
    save_rewrite_length: NDArray[np.int32]
    l2_hdr_offset: NDArray[np.int32]
    l3_hdr_offset: NDArray[np.int32]
    l4_hdr_offset: NDArray[np.int32]
    next_buffer: NDArray[np.int32]
    total_length_rest: NDArray[np.int32]

    def __init__(self, count: int = 16384, columns: Iterable[ColumnSpec] = ()) -> None:
        self.count = count
        raw = np.zeros(count * STRIDE + 64, np.uint8)
        start = -raw.ctypes.data % 64
        self._bytes = raw[start : start + count * STRIDE]
        self.data = self._bytes.reshape(count, STRIDE)
        self.memory: memoryview = self._bytes.data
        self.indices: Indices = np.arange(count, dtype=np.int32)
        # Every slice of buffers is seen as indices through it: who changed that would change other frames.
        self.indices.flags.writeable = False
        self.fresh: dict[str, int] = {}
        self._kinds: list[tuple[str, np.dtype]] = []
        self._columns: NDArray[np.uint32] = np.zeros((0, count), np.uint32)
        self._fresh: NDArray[np.uint32] = np.zeros((0, 1), np.uint32)
        self.add_columns((*COLUMNS, *columns))
        self._views: dict[tuple[np.dtype, int], np.ndarray] = {}
        self._flat: dict[np.dtype, np.ndarray] = {}
        self._runs: list[tuple[int, int]] = [(0, count)]
        self._loose: list[Indices] = []
        self.free = count

    def add_columns(self, specs: Iterable[ColumnSpec]) -> None:
        """Give every buffer more metadata fields, of four bytes each (they are rows of one array: reset in one go)."""
        for spec in specs:
            dtype = np.dtype(spec.dtype)
            if spec.name in self.fresh or hasattr(self, spec.name):
                raise ValueError(f"buffer column {spec.name} exists already")
            if dtype.itemsize != 4:
                raise ValueError(f"buffer column {spec.name}: {dtype} is not of four bytes")
            self.fresh[spec.name] = spec.default
            fresh = np.array([[spec.default]], dtype).view(np.uint32)
            self._fresh = np.concatenate((self._fresh, fresh))
            self._columns = np.concatenate((self._columns, np.broadcast_to(fresh, (1, self.count))))
            self._kinds.append((spec.name, dtype))
        for row, (name, dtype) in enumerate(self._kinds):
            setattr(self, name, self._columns[row].view(dtype))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> np.ndarray:
            """The columns that features declare."""

    # Allocation: runs of neighbouring buffers first, so that a frame is a slice.

    def allocate(self, wanted: int) -> Rows | None:
        """Up to `wanted` buffers side by side (a slice), or an index array, or None if there are none."""
        if self._runs:
            start, stop = self._runs.pop()
            if stop - start < wanted and (self._loose or self._runs):
                self._runs.append((start, stop))
                self._compact(wanted)
                start, stop = self._runs.pop()
            if stop - start > wanted:
                self._runs.append((start + wanted, stop))
                stop = start + wanted
            self.free -= stop - start
            return slice(start, stop)
        if not self._loose:
            return None
        self._compact(wanted)
        return self.allocate(wanted)

    def allocate_indices(self, wanted: int) -> Indices:
        """Exactly `wanted` buffers, or fewer when the pool runs out; never a slice."""
        parts: list[Indices] = []
        while wanted > 0 and (rows := self.allocate(wanted)) is not None:
            parts.append(self.indices[rows])
            wanted -= len(parts[-1])
        return np.concatenate(parts) if parts else self.indices[:0]

    def release(self, rows: Rows) -> None:
        """Give buffers back, without looking at chains; see `free_packets` for whole packets."""
        if isinstance(rows, slice):
            start, stop = rows.start, rows.stop
            self.free += stop - start
            if self._runs and self._runs[-1][0] == stop:
                stop = self._runs.pop()[1]
            elif self._runs and self._runs[-1][1] == start:
                start = self._runs.pop()[0]
            if stop > start:
                self._runs.append((start, stop))
        elif len(rows):
            self.free += len(rows)
            self._loose.append(rows)

    def free_packets(self, frame: Frame) -> None:
        """Give back the packets of a frame, the rest of their chains included."""
        if (self.flags[frame.rows] & _NEXT_PRESENT).any():
            for index in frame.indices(self):
                tail = []
                while self.flags[index] & _NEXT_PRESENT and (index := int(self.next_buffer[index])) >= 0:
                    tail.append(index)
                if tail:
                    self.release(np.array(tail, np.int32))
        self.release(frame.rows)

    def _compact(self, wanted: int) -> None:
        """Gather all free buffers into runs, the one that serves `wanted` on top."""
        free = np.concatenate([*self._loose, *(self.indices[start:stop] for start, stop in self._runs)])
        free.sort()
        breaks = np.flatnonzero(np.diff(free) != 1)
        starts = free[np.concatenate(([0], breaks + 1))].tolist()
        stops = (free[np.concatenate((breaks, [len(free) - 1]))] + 1).tolist()
        self._loose = []
        self._runs = sorted(zip(starts, stops, strict=True), key=lambda run: (min(run[1] - run[0], wanted), -run[0]))

    def reset(self, rows: Rows) -> None:
        """Give the metadata of buffers the values of a fresh packet."""
        self._columns[:, rows] = self._fresh

    def copy(self, source: Rows, to: Rows) -> None:
        """Give buffers the metadata and the bytes of others, one to one and none of them among the others.

        Bytes are copied up to the end of the longest packet, and some more, which traces of short packets show.
        """
        self._columns[:, to] = self._columns[:, source] if isinstance(source, slice) else self._columns.take(source, axis=1)
        end = HEADROOM + int((self.current_data[source] + self.current_length[source]).max(initial=0))
        end = min(max(-(-end // CACHE_LINE) * CACHE_LINE, SMALLEST_COPY), STRIDE)
        self.data[to, :end] = self.data[source, :end]

    # Access to packet bytes.

    def column(self, dtype: np.dtype, at: int) -> np.ndarray:
        """One item of `dtype` per buffer, `at` bytes from the place of current_data = 0."""
        view = self._views.get((dtype, at))
        if view is None:
            if not 0 <= HEADROOM + at <= STRIDE - dtype.itemsize:
                raise ValueError(f"{dtype} at {at} does not lie within a buffer")
            view = np.ndarray((self.count,), dtype, self._bytes.data, HEADROOM + at, (STRIDE,))
            self._views[dtype, at] = view
        return view

    def bytes_at(self, dtype: np.dtype) -> np.ndarray:
        """Items of `dtype` at every byte address of the pool (stride 1); index it with `addresses`."""
        view = self._flat.get(dtype)
        if view is None:
            view = np.ndarray((self._bytes.size - dtype.itemsize + 1,), dtype, self._bytes.data, 0, (1,))
            self._flat[dtype] = view
        return view

    def addresses(self, frame: Frame, at: int = 0) -> NDArray[np.int64]:
        """The byte address of each packet's current data, plus `at`: an index into `bytes_at`."""
        rows = frame.indices(self)
        return rows.astype(np.int64) * STRIDE + self.current_data[rows] + (HEADROOM + at)

    def load(self, frame: Frame, dtype: np.dtype, at: int = 0) -> np.ndarray:
        """The header of `dtype` that begins `at` bytes into each packet: a view or a copy, not to be changed."""
        if dtype.names is not None:
            # Records are copied field by field; the same bytes as one item, seen as a record afterwards, several times faster.
            return self.load(frame, _as_item(dtype), at).view(dtype)
        if frame.offset is not None:
            return self.column(dtype, frame.offset + at)[frame.rows]
        return self.bytes_at(dtype)[self.addresses(frame, at)]

    def store(self, frame: Frame, dtype: np.dtype, values: np.ndarray | int | float, at: int = 0) -> None:
        """Write one item per packet, `at` bytes into it."""
        if frame.offset is not None:
            self.column(dtype, frame.offset + at)[frame.rows] = values
        else:
            self.bytes_at(dtype)[self.addresses(frame, at)] = values

    def advance(self, frame: Frame, by: int) -> None:
        """Move the start of every packet of a frame by `by` bytes (negative: prepend)."""
        self.current_length[frame.rows] -= by
        if frame.offset is None:
            self.current_data[frame.rows] += by
        else:
            frame.offset += by
            self.current_data[frame.rows] = frame.offset

    def packet(self, index: int, limit: int | None = None) -> bytes:
        """The bytes of one packet, its chain included, at most `limit`."""
        parts, left = [], limit if limit is not None else 1 << 30
        while index >= 0 and left > 0:
            start = HEADROOM + int(self.current_data[index])
            part = self.data[index, start : start + min(int(self.current_length[index]), left)].tobytes()
            parts.append(part)
            left -= len(part)
            index = int(self.next_buffer[index]) if self.flags[index] & _NEXT_PRESENT else NONE
        return b"".join(parts)

    def peek(self, index: int, length: int, at: int = 0) -> bytes:
        """`length` bytes of a buffer's row from current data on, whatever the packet's length (as VPP's traces copy)."""
        start = HEADROOM + int(self.current_data[index]) + at
        return self.data[index, max(start, 0) : start + length].tobytes()

    def packet_length(self, rows: Rows) -> NDArray[np.int32]:
        """The whole length of each packet, chains included (vlib_buffer_length_in_chain)."""
        lengths: NDArray[np.int32] = self.current_length[rows]
        flags = self.flags[rows]
        if np.bitwise_or.reduce(flags) & _NEXT_PRESENT:
            lengths = lengths + np.where(flags & _NEXT_PRESENT, self.total_length_rest[rows], 0)
        return lengths
