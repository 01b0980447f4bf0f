"""What packets that leave a tunnel take over from the outer header (tunnel_decap_fixup in vnet/tunnel/tunnel_dp.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.wire.checksum import update

ECN = np.uint8(3)
FIRST = np.dtype(">u2")
WORD = np.dtype(">u4")
CHECKSUM_AT = 10
ECN_SHIFT = 20


def copy_ecn_to_ip4(ctx: Context, frame: Frame, classes: NDArray[np.uint8]) -> None:
    """Replace the congestion bits of inner IPv4 headers by those of outer traffic classes."""
    buffers = ctx.buffers
    old = buffers.load(frame, FIRST).copy()
    new = (old & ~np.uint16(ECN) | classes & ECN).astype(FIRST)
    sums = update(buffers.load(frame, FIRST, CHECKSUM_AT), (old, new))
    buffers.store(frame, FIRST, new)
    buffers.store(frame, FIRST, sums, CHECKSUM_AT)


def copy_ecn_to_ip6(ctx: Context, frame: Frame, classes: NDArray[np.uint8]) -> None:
    """The same for inner IPv6 headers."""
    first = ctx.buffers.load(frame, WORD).astype(np.uint32)
    marks = (classes & ECN).astype(np.uint32) << np.uint32(ECN_SHIFT)
    ctx.buffers.store(frame, WORD, first & ~np.uint32(int(ECN) << ECN_SHIFT) | marks)
