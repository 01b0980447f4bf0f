"""interface-output and the end of its arc: to the interface that a packet's tx_sw_if_index names.

Counterpart of vnet/interface_output.c; the nodes of single interfaces are made in vppsh.engine.interface_output.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Interfaces
from vppsh.registry import arc, feature, node

OUTPUT_ARC = arc("interface-output", end="interface-output-arc-end")
ARC_END = feature("interface-output", "interface-output-arc-end")


def _to_node(ctx: Context, frame: Frame, role: str) -> Nexts:
    """The slots of the output or tx nodes of the packets' tx interfaces; what is for no interface is dropped."""
    wanted = ctx.buffers.tx_sw_if_index[frame.rows]
    first = int(wanted[0])
    if (wanted == first).all():
        return _slot(ctx, first, role)
    found, where = np.unique(wanted, return_inverse=True)
    nexts: np.ndarray = np.array([_slot(ctx, index, role) for index in found.tolist()])[where]
    return nexts


def _slot(ctx: Context, sw_if_index: int, role: str) -> int:
    interfaces, graph = ctx.get(Interfaces), ctx.engine.graph
    known = sw_if_index in interfaces
    return graph.add_next(ctx.node, getattr(interfaces[sw_if_index].hardware, role) if known else graph["error-drop"])


@node("interface-output", index=743)
def interface_output(ctx: Context, frame: Frame) -> Nexts:
    """To `NAME-output` of each packet's tx interface."""
    if ctx.engine.tx_capture is not None:
        ctx.engine.tx_capture(frame, None)
    return _to_node(ctx, frame, "output")


@node("interface-output-arc-end", nexts=("error-drop",), index=742)
def interface_output_arc_end(ctx: Context, frame: Frame) -> Nexts:
    """Behind the features: to `NAME-tx` of each packet's tx interface."""
    return _to_node(ctx, frame, "tx")
