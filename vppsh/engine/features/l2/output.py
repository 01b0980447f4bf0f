"""l2-output: rewrites tags for the interface that a packet is to leave by, and hands it to that interface.

Counterpart of vnet/l2/l2_output.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import refresh_hints
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextOutputFeatures
from vppsh.engine.features.l2.input_vtr import TRACED_BYTES, HeaderTrace, format_header_trace
from vppsh.engine.features.l2.modes import TO_DROP, L2Interfaces
from vppsh.engine.features.l2.tag_rewrite import Rewrite
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.registry import error, node

PACKETS, EFP_DROPS, VTR_DROPS, SHG_DROPS, DROPS, MAPPING_DROPS = range(6)
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
    """To `NAME-output` of each packet's tx interface, or to the first output feature that it has."""
    buffers = ctx.buffers
    sent = buffers.tx_sw_if_index[frame.rows]
    one = common(sent)
    nexts = _alike(ctx, frame, one) if one is not None else _each(ctx, frame, sent)
    ctx.count(PACKETS, frame.n)
    for _, index in ctx.traced(frame):
        ctx.trace(index, HeaderTrace("l2-output", int(buffers.tx_sw_if_index[index]), buffers.peek(index, TRACED_BYTES)))
    return nexts


def _alike(ctx: Context, frame: Frame, port: int) -> Nexts:
    """Packets that leave by one interface."""
    interfaces = ctx.get(L2Interfaces)
    slot = int(interfaces.output_slot[port])
    bits = int(interfaces.output_features[port]) & ~features.OUTPUT
    if slot != TO_DROP and not bits and not interfaces.output_shg[port] and interfaces.output_rewrite(port) is None:
        return slot
    return _each(ctx, frame, ctx.buffers.tx_sw_if_index[frame.rows])


def _each(ctx: Context, frame: Frame, sent: NDArray[np.int32]) -> NDArray[np.int32]:
    """Packets of several interfaces, or with features."""
    buffers, interfaces = ctx.buffers, ctx.get(L2Interfaces)
    rows = frame.indices(buffers)
    bits = interfaces.output_features[sent]
    nexts = interfaces.output_slot[sent]
    featured = bits & np.uint32(features.ALL_BITS & ~features.OUTPUT) != 0
    if featured.any():
        buffers.l2_features[rows[featured]] = bits[featured]
        nexts[featured] = ctx.get(NextOutputFeatures).after(ctx, bits[featured])
    unmapped = nexts == TO_DROP
    buffers.error[rows[unmapped]] = ctx.error_base + MAPPING_DROPS
    rewritten = False
    for sw_if_index in set(sent[~unmapped].tolist()):
        rewrite = interfaces.output_rewrite(sw_if_index)
        if rewrite is not None:
            positions = np.flatnonzero(sent == sw_if_index)
            foreign = positions[_foreign(interfaces, buffers, rows[positions], sw_if_index)]
            short = positions[rewrite.apply(buffers, rows[positions])]
            nexts[short] = nexts[foreign] = TO_DROP
            buffers.error[rows[short]] = ctx.error_base + VTR_DROPS
            buffers.error[rows[foreign]] = ctx.error_base + EFP_DROPS
            rewritten = True
    if rewritten:
        refresh_hints(buffers, frame)
    groups = interfaces.output_shg[sent]
    if groups.any():
        own = ~unmapped & (groups != 0) & (groups == buffers.l2_shg[rows])
        nexts[own] = TO_DROP
        buffers.error[rows[own]] = ctx.error_base + SHG_DROPS
    return nexts


def _foreign(interfaces: L2Interfaces, buffers: BufferPool, rows: NDArray[np.int32], sw_if_index: int) -> NDArray[np.bool_]:
    """Which packets lack the tags that the interface's own packets get on input: its EFP filter refuses them."""
    own = interfaces.input_rewrite(sw_if_index)
    if isinstance(own, Rewrite) and interfaces.output_features[sw_if_index] & np.uint32(features.EFP_FILTER_OUT):
        return ~own.carried(buffers, rows)
    return np.zeros(len(rows), bool)


@node("l2-output-bad-intf", nexts=("error-drop",), errors=BAD_INTERFACE_ERRORS)
def l2_output_bad_intf(ctx: Context, frame: Frame) -> Nexts:
    """Where packets end whose way out went back to layer 3."""
    ctx.buffers.error[frame.rows] = ctx.error_base
    return 0
