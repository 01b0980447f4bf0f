"""What the nodes that send ICMP errors share: the note of which error it is, and sending the messages.

The note is kept where VPP keeps it: in the flow hash and the word behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import copy_first
from vppsh.engine.buffers import BufferPool, Indices
from vppsh.engine.frame import Frame, Rows

if TYPE_CHECKING:
    from vppsh.engine.context import Context

TO_DROP, LOOKUP = range(2)

Answer = Callable[["Context", Indices, int | None], NDArray[np.bool_]]
"""`(ctx, copies of packets, their common offset) -> which of them became a message that can be sent`."""


def set_icmp_error(buffers: BufferPool, rows: Rows, kind: tuple[int, int], data: int | np.ndarray = 0) -> None:
    """Note which message to send: (type, code) and its second word (icmp4_error_set_vnet_buffer and icmp6's)."""
    buffers.flow_hash[rows] = (buffers.flow_hash[rows] & np.uint32(0xFFFF0000)) | np.uint32(kind[0] | kind[1] << 8)
    buffers.fib_index[rows] = data


def tell_senders(ctx: Context, frame: Frame, told: NDArray[np.bool_], dropped: int, in_front: int, answer: Answer) -> None:
    """Send messages about the packets that are `told` of; what becomes of the packets themselves is not decided here.

    A message is made of a copy of its packet, in the same trace, to which `answer` adds `in_front` bytes.
    The others count as the error `dropped`.
    """
    buffers = ctx.buffers
    throttled = frame.n - int(np.count_nonzero(told))
    if throttled:
        ctx.count(dropped, throttled)
    copies = copy_first(buffers, frame.indices(buffers)[told])
    if len(copies):
        sent = answer(ctx, copies, frame.offset)
        offset = None if frame.offset is None else frame.offset - in_front
        ctx.enqueue(LOOKUP, copies[sent], offset=offset, rx=frame.rx, traced=frame.traced)
        ctx.enqueue(TO_DROP, copies[~sent], offset=offset, rx=frame.rx, traced=frame.traced)
