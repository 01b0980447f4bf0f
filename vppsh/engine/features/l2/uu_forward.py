"""l2-uu-fwd: what is for unknown addresses goes to one port of the domain instead of all (vnet/l2/l2_uu_fwd.c)."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.l2.bridge_domains import BridgeDomains
from vppsh.engine.frame import Frame
from vppsh.registry import error, node

DROP, L2_OUTPUT = range(2)
PACKETS = 0
ERRORS = (error("L2 UU fwd", "L2 UU fwd"),)
NOBODY = -1


class UnknownForwardTrace(Struct, frozen=True):
    """The port that takes the packet."""

    sw_if_index: int


def format_unknown_forward_trace(view: Any, record: UnknownForwardTrace) -> str:
    """`l2-uu-fwd: sw_if_index 2`."""
    return f"l2-uu-fwd: sw_if_index {record.sw_if_index}"


@node("l2-uu-fwd", nexts=("error-drop", "l2-output"), errors=ERRORS, trace=format_unknown_forward_trace)
def l2_uu_fwd(ctx: Context, frame: Frame) -> Nexts:
    """To the domain's port for the unknown; ARP unicast forwarding sends packets here even when there is none."""
    buffers, domains = ctx.buffers, ctx.get(BridgeDomains)
    rows = frame.indices(buffers)
    bd_index = buffers.l2_bd_index[rows]
    ports = np.empty(frame.n, np.int32)
    for index in set(bd_index.tolist()):
        port = domains[index].uu_forward
        ports[bd_index == index] = NOBODY if port is None else port.sw_if_index
    buffers.tx_sw_if_index[rows] = ports
    ctx.count(PACKETS, frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, UnknownForwardTrace(int(ports[position])))
    return np.where(ports == NOBODY, DROP, L2_OUTPUT)
