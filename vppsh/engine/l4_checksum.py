"""Checking the TCP and UDP checksums of IPv4 packets, a frame at a time (ip4_tcp_udp_validate_checksum)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4
from vppsh.engine.wire.checksum import adds_up, byte_sums, checksum


def l4_intact(buffers: BufferPool, frame: Frame) -> NDArray[np.bool_]:
    """Whether TCP or UDP, with its pseudo header, adds up; a packet that is shorter than its header says does not."""
    header = buffers.load(frame, ip4.HEADER)
    at = ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    length = header["length"] - at
    start = buffers.addresses(frame) + at
    simple = (length >= 0) & (length <= buffers.current_length[frame.rows] - at)
    here = np.where(simple, length, 0)
    sums = byte_sums(gather(buffers, start, int(here.max())), here) + ip4.pseudo_header_sums(header, length)
    intact = adds_up(sums) & simple
    indices = frame.indices(buffers)
    for position in np.flatnonzero(~simple & (length >= 0)).tolist():
        intact[position] = _one_intact(buffers, int(indices[position]), int(at[position]), int(length[position]))
    return intact


def _one_intact(buffers: BufferPool, index: int, at: int, length: int) -> bool:
    """The same for one packet, which may lie in several buffers."""
    data = buffers.packet(index, at + length)
    return len(data) == at + length and checksum(data[at:], ip4.pseudo_header(data, data[9], length)) == 0
