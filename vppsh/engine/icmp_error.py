"""Notes for the nodes that send ICMP errors, kept where VPP keeps them: in the flow hash and the word behind it."""

from __future__ import annotations

import numpy as np

from vppsh.engine.buffers import BufferPool
from vppsh.engine.frame import Rows


def set_icmp_error(buffers: BufferPool, rows: Rows, kind: tuple[int, int], data: int | np.ndarray = 0) -> None:
    """Note which message to send: (type, code) and its second word (icmp4_error_set_vnet_buffer and icmp6's)."""
    buffers.flow_hash[rows] = (buffers.flow_hash[rows] & np.uint32(0xFFFF0000)) | np.uint32(kind[0] | kind[1] << 8)
    buffers.fib_index[rows] = data
