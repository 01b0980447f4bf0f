"""l3xc-input-ip4, l3xc-input-ip6: what an interface receives takes the paths of its cross-connect (plugins/l3xc/l3xc_node.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.cross_connects import PROTOCOLS, CrossConnects, node_name
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.registry import error, feature, node

DROP = 0
# Counted by nobody, but `show node` lists them.
ERRORS = {Protocol.IP4: (error("no_match", "no match"), error("matched", "matched")), Protocol.IP6: ()}


class CrossConnectTrace(Struct, frozen=True):
    """The cross-connect, and the object that its paths come to."""

    index: int
    balance: int


def format_cross_connect_trace(view: Any, record: CrossConnectTrace) -> str:
    """`l3xc-index:0 lb-index:4`."""
    return f"l3xc-index:{record.index} lb-index:{record.balance}"


def _through(protocol: Protocol) -> Callable[[Context, Frame], Nexts]:
    """The function of one of the nodes."""

    def cross_connect(ctx: Context, frame: Frame) -> Nexts:
        buffers, cross_connects = ctx.buffers, ctx.get(CrossConnects)
        interfaces = buffers.rx_sw_if_index[frame.rows]
        rows = frame.indices(buffers)
        nexts = np.full(frame.n, DROP, np.int32)
        for interface in np.unique(interfaces).tolist():
            found = cross_connects.find(protocol, interface)
            if found is None:
                continue
            mine = interfaces == interface
            buffers.adj_index[rows[mine]] = found.dpo.index
            nexts[mine] = found.slot
            for position, index in ctx.traced(frame):
                if mine[position]:
                    ctx.trace(index, CrossConnectTrace(found.index, found.dpo.index))
        return nexts

    return cross_connect


NODES = tuple(
    node(node_name(protocol), nexts=("error-drop",), errors=ERRORS[protocol], trace=format_cross_connect_trace)(_through(protocol))
    for protocol in PROTOCOLS
)
FEATURES = tuple(feature(f"{protocol.text}-unicast", node_name(protocol), before=(f"{protocol.text}-lookup",)) for protocol in PROTOCOLS)
