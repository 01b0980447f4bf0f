"""l2-output: rewrites tags for the interface that a packet is to leave by, and hands it to that interface.

Counterpart of vnet/l2/l2_output.c.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import refresh_hints
from vppsh.engine.features.l2.input_vtr import TRACED_BYTES, HeaderTrace, format_header_trace
from vppsh.engine.features.l2.modes import TO_DROP, L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.registry import error, node

PACKETS, VTR_DROPS, MAPPING_DROPS = 0, 2, 5
ERRORS = tuple(
    error(text, text)
    for text in (
        "L2 output packets", "L2 EFP filter pre-rewrite drops", "L2 output tag rewrite drops", "L2 split horizon drops",
        "L2 output drops", "L2 Output interface not valid",
    )
)  # fmt: skip
BAD_INTERFACE_ERRORS = (error("L2 output to interface not in L2 mode or deleted", "L2 output to interface not in L2 mode or deleted"),)


@node("l2-output", nexts=("error-drop", "l2-output-bad-intf"), errors=ERRORS, trace=format_header_trace)
def l2_output(ctx: Context, frame: Frame) -> Nexts:
    """To `NAME-output` of each packet's tx interface."""
    buffers, interfaces = ctx.buffers, ctx.get(L2Interfaces)
    rows = frame.indices(buffers)
    sent = buffers.tx_sw_if_index[rows]
    nexts = interfaces.output_slot[sent]
    unmapped = nexts == TO_DROP
    buffers.error[rows[unmapped]] = ctx.error_base + MAPPING_DROPS
    for sw_if_index in set(sent[~unmapped].tolist()):
        rewrite = interfaces.output_rewrite(sw_if_index)
        if rewrite is not None:
            positions = np.flatnonzero(sent == sw_if_index)
            short = positions[rewrite.apply(buffers, rows[positions])]
            nexts[short] = TO_DROP
            buffers.error[rows[short]] = ctx.error_base + VTR_DROPS
    refresh_hints(buffers, frame)
    ctx.count(PACKETS, frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, HeaderTrace("l2-output", int(sent[position]), buffers.peek(index, TRACED_BYTES)))
    return nexts


@node("l2-output-bad-intf", nexts=("error-drop",), errors=BAD_INTERFACE_ERRORS)
def l2_output_bad_intf(ctx: Context, frame: Frame) -> Nexts:
    """Where packets end whose way out went back to layer 3."""
    ctx.buffers.error[frame.rows] = ctx.error_base
    return 0
