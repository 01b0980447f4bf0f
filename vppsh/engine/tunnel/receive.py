"""What nodes that take packets out of tunnels share: finding the tunnel by the outer addresses, receiving by its interface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.exact_table import Key, Words
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

# Outer addresses as they lie in memory, source first: nothing is gained by turning them.
IP4_ENDS, IP4_ENDS_AT = np.dtype("<u8"), 12
IP6_ENDS, IP6_ENDS_AT = np.dtype(("<u8", (4,))), 8
NEAR_END = np.uint64(0xFFFFFFFF << 32)
"""Of the word of IPv4 addresses, the part that is the destination of received packets: our end of the tunnel."""
WORD_BYTES = 8


def ends_key(protocol: Protocol, near: int, far: int) -> Key:
    """The first words of the key of a tunnel whose packets come from the far end to the near one."""
    size = protocol.bits // 8
    data = far.to_bytes(size, "big") + near.to_bytes(size, "big")
    return tuple(int.from_bytes(data[at : at + WORD_BYTES], "little") for at in range(0, len(data), WORD_BYTES))


def ends_of(ctx: Context, frame: Frame, protocol: Protocol) -> Words:
    """The same of received packets, (n, words)."""
    if protocol is Protocol.IP4:
        return ctx.buffers.load(frame, IP4_ENDS, IP4_ENDS_AT).reshape(frame.n, 1)
    return ctx.buffers.load(frame, IP6_ENDS, IP6_ENDS_AT)


def receive(ctx: Context, frame: Frame, interfaces: NDArray[np.int32]) -> None:
    """Let the packets of a frame come in by the interfaces of their tunnels, and count them there."""
    buffers, counter = ctx.buffers, ctx.engine.interfaces.rx
    lengths, one = buffers.packet_length(frame.rows), common(interfaces)
    frame.rx = one
    if one is None:
        buffers.rx_sw_if_index[frame.rows] = interfaces
        counter.add_each(interfaces, lengths)
    else:
        buffers.rx_sw_if_index[frame.rows] = one
        counter.add(one, frame.n, int(np.add.reduce(lengths)))
