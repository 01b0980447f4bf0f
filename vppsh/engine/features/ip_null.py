"""ip4-null, ip6-null: black holes, some of which tell the sender.

VPP counterpart: vnet/dpo/ip_null_dpo.c. What a hole does is in the index that the lookup left (special.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.fib.special import NullAction, format_null, null_action
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.throttle import Throttle
from vppsh.engine.wire import icmp4, icmp6
from vppsh.registry import node

DROP, ICMP_ERROR = range(2)
PERIOD = 0.1
"""Seconds within which a pair of addresses is told once."""
IP4_MESSAGES = {NullAction.UNREACHABLE: (icmp4.DESTINATION_UNREACHABLE, 1), NullAction.PROHIBIT: (icmp4.DESTINATION_UNREACHABLE, 10)}
IP6_MESSAGES = {NullAction.UNREACHABLE: (icmp6.DESTINATION_UNREACHABLE, 0), NullAction.PROHIBIT: (icmp6.DESTINATION_UNREACHABLE, 1)}
IP4_ADDRESSES = np.dtype("u8")
IP4_ADDRESSES_AT = 12
IP6_ADDRESSES = np.dtype(("u8", 4))
IP6_ADDRESSES_AT = 8


class NullThrottle(Throttle):
    """One message for a pair of addresses per period, whatever the IP version."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, PERIOD)


class NullTrace(Struct, frozen=True):
    """The hole a packet fell into."""

    index: int


def format_null_trace(view: Any, record: NullTrace) -> str:
    """The hole, as VPP prints it."""
    return format_null(record.index)


def _refuse(
    ctx: Context, frame: Frame, messages: dict[NullAction, tuple[int, int]], keys: Callable[[], NDArray[np.uint64]]
) -> Nexts:  # fmt: skip
    """Drop packets, or let the ICMP error node drop them; `keys` makes a number of each packet's addresses."""
    rows = frame.rows
    holes = ctx.buffers.adj_index[rows]
    for _, index in ctx.traced(frame):
        ctx.trace(index, NullTrace(int(ctx.buffers.adj_index[index])))
    actions = {hole: null_action(hole) for hole in np.unique(holes).tolist()}
    if all(action is NullAction.DISCARD for action in actions.values()):
        return DROP
    passes = ctx.get(NullThrottle).passes(keys())
    nexts = np.full(frame.n, DROP, np.int32)
    indices = frame.indices(ctx.buffers)
    for hole, action in actions.items():
        if action is not NullAction.DISCARD:
            told = passes & (holes == hole)
            set_icmp_error(ctx.buffers, indices[told], messages[action])
            nexts[told] = ICMP_ERROR
    return nexts


@node("ip4-null", nexts=("ip4-drop", "ip4-icmp-error"), trace=format_null_trace)
def ip4_null(ctx: Context, frame: Frame) -> Nexts:
    """Drop IPv4 packets, and tell the sender if the route says so."""
    return _refuse(ctx, frame, IP4_MESSAGES, lambda: ctx.buffers.load(frame, IP4_ADDRESSES, IP4_ADDRESSES_AT))


@node("ip6-null", nexts=("ip6-drop", "ip6-icmp-error"), trace=format_null_trace)
def ip6_null(ctx: Context, frame: Frame) -> Nexts:
    """Drop IPv6 packets, and tell the sender if the route says so."""
    return _refuse(
        ctx, frame, IP6_MESSAGES, lambda: np.bitwise_xor.reduce(ctx.buffers.load(frame, IP6_ADDRESSES, IP6_ADDRESSES_AT), axis=1)
    )
