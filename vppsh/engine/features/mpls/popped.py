"""What is remembered of the label that was popped last, where VPP remembers it: in the word of the FIB index.

The counterpart of vnet_buffer(b)->mpls: TTL and class (EXP) where a stack entry has them, above them whether the label
to be pushed next takes the place of this one, and the protocol of the payload.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Rows
from vppsh.engine.wire import mpls

TTL_AND_EXP, FIRST = np.uint32(0xEFF), np.uint32(1 << 16)
PAYLOAD_SHIFT = 24
NOT_FIRST = np.int32(~0x00FF0000)
NOT_PAYLOAD = np.int32(0x00FFFFFF)


def remember(buffers: BufferPool, rows: Rows, entries: NDArray[np.uint32]) -> None:
    """Note TTL and class of stack entries that are popped; what is pushed next takes their place."""
    buffers.fib_index[rows] = (entries & TTL_AND_EXP | FIRST).view(np.int32)


def ttl(buffers: BufferPool, rows: Rows) -> NDArray[np.uint8]:
    """The TTL of the popped labels."""
    return mpls.ttl(buffers.fib_index[rows]).astype(np.uint8)


def exp(buffers: BufferPool, rows: Rows) -> NDArray[np.uint8]:
    """The class of the popped labels."""
    return mpls.exp(buffers.fib_index[rows]).astype(np.uint8)


def is_first(buffers: BufferPool, rows: Rows) -> NDArray[np.bool_]:
    """Whether a label pushed now takes the place of the popped one."""
    return buffers.fib_index[rows] & ~NOT_FIRST != 0


def not_first(buffers: BufferPool, rows: Rows) -> None:
    """Labels pushed from now on are further ones."""
    buffers.fib_index[rows] &= NOT_FIRST


def set_payload(buffers: BufferPool, rows: Rows, protocol: Protocol) -> None:
    """Note the protocol that labels are pushed on."""
    buffers.fib_index[rows] = buffers.fib_index[rows] & NOT_PAYLOAD | np.int32(protocol << PAYLOAD_SHIFT)


def payload(buffers: BufferPool, rows: Rows) -> NDArray[np.int32]:
    """The protocol that labels were pushed on."""
    return buffers.fib_index[rows] >> PAYLOAD_SHIFT & np.int32(7)
