"""Checksums of TCP, UDP and ICMPv6 in buffers, a frame at a time.

Counterpart of ip4_tcp_udp_validate_checksum and ip6_tcp_udp_icmp_compute_checksum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4, ip6
from vppsh.engine.wire.checksum import Sums, adds_up, byte_sums, checksum, checksums

PseudoHeader = Callable[[bytes, int], bytes]
"""`(packet, length) -> what the checksum of its last `length` bytes covers besides them`."""


def ip4_l4_intact(buffers: BufferPool, frame: Frame) -> NDArray[np.bool_]:
    """Whether TCP or UDP, with its pseudo header, adds up; a packet that is shorter than its header says does not."""
    header = buffers.load(frame, ip4.HEADER)
    at = ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    length = header["length"] - at

    def pseudo_header(data: bytes, n: int) -> bytes:
        return ip4.pseudo_header(data, data[9], n)

    return _intact(buffers, frame, at, length, ip4.pseudo_header_sums(header, length), pseudo_header)


def ip6_l4_intact(buffers: BufferPool, frame: Frame) -> NDArray[np.bool_]:
    """The same for UDP, TCP or ICMPv6 right behind the IPv6 header."""
    header = buffers.load(frame, ip6.HEADER)
    at = np.full(frame.n, ip6.HEADER.itemsize, np.int64)
    length = header["payload_length"].astype(np.int64)

    def pseudo_header(data: bytes, n: int) -> bytes:
        return ip6.pseudo_header(data, data[6], n)

    return _intact(buffers, frame, at, length, ip6.pseudo_header_sums(header, header["protocol"], length), pseudo_header)


def ip6_l4_checksums(buffers: BufferPool, frame: Frame) -> NDArray[np.uint16]:
    """The checksums of packets whose payload lies behind the IPv6 header in one buffer, its checksum field zero."""
    header = buffers.load(frame, ip6.HEADER)
    length = header["payload_length"].astype(np.int64)
    rows = gather(buffers, buffers.addresses(frame, ip6.HEADER.itemsize), int(length.max()))
    return checksums(byte_sums(rows, length) + ip6.pseudo_header_sums(header, header["protocol"], length))


def _intact(
    buffers: BufferPool, frame: Frame, at: NDArray[np.int64], length: NDArray[np.int64], pseudo_sums: Sums, pseudo_header: PseudoHeader
) -> NDArray[np.bool_]:  # fmt: skip
    """Whether the `length` bytes from `at` on of each packet add up."""
    start = buffers.addresses(frame) + at
    simple = (length >= 0) & (length <= buffers.current_length[frame.rows] - at)
    here = np.where(simple, length, 0)
    sums = byte_sums(gather(buffers, start, int(here.max())), here) + pseudo_sums
    intact: NDArray[np.bool_] = adds_up(sums) & simple
    indices = frame.indices(buffers)
    for position in np.flatnonzero(~simple & (length >= 0)).tolist():
        begin, size = int(at[position]), int(length[position])
        # Such a packet may lie in several buffers.
        data = buffers.packet(int(indices[position]), begin + size)
        intact[position] = len(data) == begin + size and checksum(data[begin:], pseudo_header(data, size)) == 0
    return intact
