"""l2-flood: a copy for every other port of the bridge domain (vnet/l2/l2_flood.c).

The packet itself goes to the first target, copies of it to the others. A BVI comes last, and takes its header off.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import copy_packets
from vppsh.engine.context import Context
from vppsh.engine.features.l2.addresses_trace import addresses_of, format_of
from vppsh.engine.features.l2.bridge_domains import BridgeDomains, Target
from vppsh.engine.features.l2.bvi_input import Fault, to_bvi
from vppsh.engine.frame import Frame, side_by_side
from vppsh.engine.uniform import common
from vppsh.registry import error, node

L2_OUTPUT, DROP = range(2)
PACKETS, REPLICATION_FAILURE, NO_MEMBERS, BVI_BAD_MAC, BVI_ETHERTYPE = range(5)
ERRORS = tuple(
    error(text, text)
    for text in (
        "L2 flood packets", "L2 replication failures", "L2 replication complete", "BVI L3 mac mismatch",
        "BVI packet with unhandled ethertype",
    )
)  # fmt: skip


@node("l2-flood", nexts=("l2-output", "error-drop"), errors=ERRORS, trace=format_of("l2-flood"))
def l2_flood(ctx: Context, frame: Frame) -> None:
    """Copy, and send every copy to its port."""
    ctx.count(PACKETS, frame.n)
    for targets, rows in _groups(ctx, frame):
        if targets:
            _flood(ctx, frame, targets, rows)
        else:
            ctx.buffers.error[rows] = ctx.error_base + NO_MEMBERS
            ctx.enqueue(DROP, rows, offset=frame.offset, rx=frame.rx, traced=frame.traced)


def _groups(ctx: Context, frame: Frame) -> Iterator[tuple[tuple[Target, ...], NDArray[np.int32]]]:
    """The packets that came in by the same port of the same domain, and where they go."""
    buffers, domains = ctx.buffers, ctx.get(BridgeDomains)
    rows = frame.indices(buffers)
    columns = (buffers.l2_bd_index[frame.rows], buffers.rx_sw_if_index[frame.rows], buffers.l2_shg[frame.rows])
    bd_index, received, shg = (common(column) for column in columns)
    if bd_index is not None and received is not None and shg is not None:
        yield domains[bd_index].targets(received, shg), rows
        return
    found, which = np.unique(np.stack(columns).astype(np.int64), axis=1, return_inverse=True)
    for place, (index, port, group) in enumerate(found.T.tolist()):
        yield domains[index].targets(port, group), rows[which.reshape(-1) == place]


def _flood(ctx: Context, frame: Frame, targets: tuple[Target, ...], rows: NDArray[np.int32]) -> None:
    """One frame for each target; VPP mixes them packet by packet, but each port gets its copies in the same order."""
    buffers = ctx.buffers
    parts = [rows, *(copy_packets(buffers, rows) for _ in targets[1:])]
    if len(parts[-1]) < len(rows):
        ctx.count(REPLICATION_FAILURE, len(rows) - len(parts[-1]))
    if frame.traced:
        for part in parts:
            for index in part[buffers.trace[part] >= 0].tolist():
                ctx.trace(index, addresses_of(ctx, index))
    for target, part in zip(targets, parts, strict=True):
        if not len(part):
            continue
        if target.bvi:
            _route(ctx, part, target.sw_if_index, frame.traced)
        else:
            chosen = side_by_side(part)
            buffers.tx_sw_if_index[chosen] = target.sw_if_index
            ctx.enqueue(L2_OUTPUT, chosen, offset=frame.offset, rx=frame.rx, traced=frame.traced)


def _route(ctx: Context, rows: NDArray[np.int32], bvi: int, traced: bool) -> None:
    """Hand packets to the BVI of their domain."""
    slots, faults = to_bvi(ctx, rows, bvi)
    bad = faults != Fault.NONE
    errors = np.where(faults == Fault.BAD_MAC, BVI_BAD_MAC, BVI_ETHERTYPE)
    ctx.buffers.error[rows[bad]] = ctx.error_base + errors[bad]
    slots[bad] = DROP
    for slot in dict.fromkeys(slots.tolist()):
        ctx.enqueue(slot, rows[slots == slot], traced=traced)
