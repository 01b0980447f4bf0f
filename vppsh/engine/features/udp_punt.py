"""ip4-udp-punt and ip6-udp-punt: datagrams to ports whose traffic the host wants (vnet/ip/punt_node.c).

They listen at such ports, and so get the payload only: the headers come back by what they are long without
options.
"""

from __future__ import annotations

from collections.abc import Callable

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.registry import error, node

NEXTS = ("ip4-punt", "ip6-punt")
PUNT4, PUNT6 = range(2)
# VPP gives these counters no names of their own: their texts serve as names.
ERRORS = tuple(
    error(text, text)
    for text in (
        "no error", "udp port punt", "Socket RX", "Socket TX", "Socket RX error", "Socket TX error", "buffer allocation failure",
        "socket read failure", "invalid packet descriptor",
    )
)  # fmt: skip
UDP_PORT = 1


def _punt(header_bytes: int, slot: int) -> Callable[[Context, Frame], int]:
    """A node that brings the headers back."""

    def udp_punt(ctx: Context, frame: Frame) -> int:
        ctx.buffers.advance(frame, -(header_bytes + udp.HEADER.itemsize))
        ctx.buffers.error[frame.rows] = ctx.error_base + UDP_PORT
        return slot

    return udp_punt


NODES = (
    node("ip4-udp-punt", nexts=NEXTS, errors=ERRORS)(_punt(ip4.HEADER.itemsize, PUNT4)),
    node("ip6-udp-punt", nexts=NEXTS, errors=ERRORS)(_punt(ip6.HEADER.itemsize, PUNT6)),
)
