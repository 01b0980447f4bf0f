"""What the host left for hardware to do when it handed a packet over: checksums to complete, long TCP segments to cut up.

The virtio-net header in front of such packets says what is missing (Virtio 1.2, 5.1.6). VPP carries that along in its buffers up to
the interface that a packet leaves by; here it is done at once, so that no node needs to know.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import DATA_SIZE, HEADROOM, BufferFlag, BufferPool, Indices
from vppsh.engine.frame import Frame, side_by_side
from vppsh.engine.header_offsets import link_layer
from vppsh.engine.wire import ip4, ip6
from vppsh.engine.wire.checksum import byte_sums, checksum, checksums, word_sums

VNET_HEADER = np.dtype(
    [("flags", "u1"), ("gso_type", "u1"), ("hdr_len", "u2"), ("gso_size", "u2"), ("csum_start", "u2"), ("csum_offset", "u2")]
)
NEEDS_CHECKSUM = 1
TCP4, TCP6 = 1, 4
GSO_TYPE = 0x7F  # without the bit for ECN
CHECKSUM_FIELD = np.dtype(">u2")
ETHERNET_BYTES = 14
# Of TCP's flags: only the first segment may say CWR, only the last one FIN and PSH.
FIN_PSH, CWR = 0x09, 0x80


def finish(
    buffers: BufferPool, frame: Frame, vnet: NDArray[np.void], bad: NDArray[np.bool_], *, ethernet: bool
) -> tuple[Frame, NDArray[np.integer]]:
    """Complete checksums and cut up long segments: the frame then, and which packet of the old one each packet is (of).

    vnet  the VNET_HEADER of each packet
    bad   packets that are not to be looked at; those that make no sense are marked as well, and all of them left out of the frame
    """
    rows = frame.indices(buffers)
    long = np.isin(vnet["gso_type"] & GSO_TYPE, (TCP4, TCP6))
    bad |= (vnet["gso_type"] != 0) & ~long
    plain = np.flatnonzero((vnet["flags"] & NEEDS_CHECKSUM != 0) & ~long & ~bad)
    if len(plain):
        starts, offsets = (vnet[name][plain].astype(np.int64) for name in ("csum_start", "csum_offset"))
        complete_checksums(buffers, frame.pick(buffers, plain), starts, offsets)
    pieces: dict[int, Indices] = {}
    for position in np.flatnonzero(long & ~bad).tolist():
        cut = cut_up(buffers, int(rows[position]), vnet[position], ethernet=ethernet)
        if cut is None:
            bad[position] = True
        else:
            pieces[position] = cut
            buffers.free_packets(frame.pick(buffers, np.array([position])))
    kept = np.flatnonzero(~bad)
    if not pieces:
        return (frame if len(kept) == frame.n else frame.pick(buffers, kept)), kept
    parts = [pieces.get(position, rows[position : position + 1]) for position in kept.tolist()]
    positions = np.repeat(kept, [len(part) for part in parts])
    chosen = np.concatenate(parts)
    return Frame(side_by_side(chosen), len(chosen), offset=frame.offset, rx=frame.rx), positions


def complete_checksums(buffers: BufferPool, frame: Frame, starts: NDArray[np.integer], offsets: NDArray[np.integer]) -> None:
    """Complete checksums whose fields hold the sum of the pseudo header.

    starts   where what is summed begins, in bytes from each packet's start; it goes on to the packet's end
    offsets  where the field is, in bytes from there
    """
    base = buffers.addresses(frame) + starts
    lengths = buffers.current_length[frame.rows] - starts
    usable = (lengths >= offsets + CHECKSUM_FIELD.itemsize) & (offsets >= 0)
    lengths = np.where(usable, lengths, 0)
    fields = checksums(byte_sums(gather(buffers, base, int(lengths.max())), lengths))
    indices = frame.indices(buffers)
    for position in np.flatnonzero(buffers.flags[indices] & BufferFlag.NEXT_PRESENT).tolist():
        fields[position] = checksum(buffers.packet(int(indices[position]))[int(starts[position]) :])
    fields[fields == 0] = 0xFFFF  # a zero would mean that UDP has none; to TCP both are the same
    buffers.bytes_at(CHECKSUM_FIELD)[(base + offsets)[usable]] = fields[usable]


def cut_up(buffers: BufferPool, index: int, header: np.void, *, ethernet: bool) -> Indices | None:
    """The packets that one long TCP segment becomes, each with at most `gso_size` bytes of payload; they begin where it did.

    None when that cannot be done: the header makes no sense, or the pool has too few buffers.
    """
    data = np.frombuffer(buffers.packet(index), np.uint8)
    l4, size = int(header["csum_start"]), int(header["gso_size"])
    l3 = link_layer(data[: ETHERNET_BYTES + 8].tobytes())[0] if ethernet else 0
    version = 4 if int(header["gso_type"]) & GSO_TYPE == TCP4 else 6
    least = l3 + (ip4.HEADER if version == 4 else ip6.HEADER).itemsize
    if not least <= l4 <= len(data) - 20 or not size:
        return None
    head = l4 + (int(data[l4 + 12]) >> 4) * 4
    if head > len(data):
        return None
    count = max(-(-(len(data) - head) // size), 1)
    payload = np.zeros((count, size), np.uint8)
    payload.reshape(-1)[: len(data) - head] = data[head:]
    lengths = np.full(count, head + size)
    lengths[-1] = len(data) - (count - 1) * size
    packets = np.concatenate((np.broadcast_to(data[:head], (count, head)), payload), axis=1)
    _number(packets, lengths, version, l3, l4, size)
    start = int(buffers.current_data[index])
    if packets.shape[1] > DATA_SIZE - start:
        return None
    rows = buffers.allocate_indices(count)
    if len(rows) < count:
        buffers.release(rows)
        return None
    buffers.reset(rows)
    # What lay in front of the segment lies in front of each packet: traces show it.
    buffers.data[rows, : HEADROOM + start] = buffers.data[index, : HEADROOM + start]
    buffers.data[rows, HEADROOM + start : HEADROOM + start + packets.shape[1]] = packets
    buffers.current_data[rows] = start
    buffers.current_length[rows] = lengths
    buffers.flags[rows] = BufferFlag.TOTAL_LENGTH_VALID
    buffers.rx_sw_if_index[rows] = buffers.rx_sw_if_index[index]
    return rows


def _number(packets: NDArray[np.uint8], lengths: NDArray[np.int64], version: int, l3: int, l4: int, size: int) -> None:
    """Give segments their lengths, sequence numbers, flags and checksums."""
    count = len(packets)
    order = np.arange(count)

    def field(at: int, kind: str) -> NDArray[np.integer]:
        width = np.dtype(kind).itemsize
        return np.ascontiguousarray(packets[:, at : at + width]).view(kind)[:, 0]

    def put(at: int, values: NDArray[np.integer], kind: str) -> None:
        width = np.dtype(kind).itemsize
        packets[:, at : at + width] = values.astype(kind).view(np.uint8).reshape(count, width)

    put(l4 + 4, field(l4 + 4, ">u4").astype(np.int64) + order * size & 0xFFFFFFFF, ">u4")
    packets[:-1, l4 + 13] &= 0xFF ^ FIN_PSH
    packets[1:, l4 + 13] &= 0xFF ^ CWR
    put(l4 + 16, np.zeros(count, np.int64), ">u2")
    payload = lengths - l4
    if version == 4:
        put(l3 + 2, lengths - l3, ">u2")
        put(l3 + 4, field(l3 + 4, ">u2").astype(np.int64) + order & 0xFFFF, ">u2")
        put(l3 + 10, np.zeros(count, np.int64), ">u2")
        packets[:, l3 + 10 : l3 + 12] = checksums(word_sums(np.ascontiguousarray(packets[:, l3:l4]))).view(np.uint8).reshape(count, 2)
        pseudo = [ip4.pseudo_header(packets[0, l3:l4].tobytes(), int(packets[0, l3 + 9]), int(length)) for length in payload]
    else:
        put(l3 + 4, lengths - l3 - ip6.HEADER.itemsize, ">u2")
        pseudo = [ip6.pseudo_header(packets[0, l3:l4].tobytes(), int(packets[0, l3 + 6]), int(length)) for length in payload]
    sums = byte_sums(np.ascontiguousarray(packets[:, l4:]), payload)
    sums += word_sums(np.frombuffer(b"".join(pseudo), np.uint8).reshape(count, -1))
    packets[:, l4 + 16 : l4 + 18] = checksums(sums).view(np.uint8).reshape(count, 2)
