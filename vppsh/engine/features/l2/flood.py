"""l2-flood: a copy for every other port of the bridge domain (vnet/l2/l2_flood.c).

The packet itself goes to the first target, copies of it to the others. A BVI comes last, and takes its header off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import copy_packets
from vppsh.engine.context import Context
from vppsh.engine.features.l2.addresses_trace import addresses_of, format_of
from vppsh.engine.features.l2.bridge_domains import BridgeDomains, Target
from vppsh.engine.features.l2.bvi_input import Fault, to_bvi
from vppsh.engine.frame import Frame
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
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    # Load: which ports, by where a packet came in.
    lists, which = _targets(ctx, rows)
    counts = np.array([len(targets) for targets in lists])[which]
    # Act.
    ctx.count(PACKETS, frame.n)
    alone = rows[counts == 0]
    if len(alone):
        buffers.error[alone] = ctx.error_base + NO_MEMBERS
        ctx.enqueue(DROP, alone, offset=frame.offset, rx=frame.rx, traced=frame.traced)
    source = np.repeat(np.arange(frame.n), counts)
    if not len(source):
        return
    place = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    out = rows[source]
    is_copy = place > 0
    copies = copy_packets(buffers, out[is_copy])
    out[np.flatnonzero(is_copy)[: len(copies)]] = copies
    ports, to_bvis = _chosen(lists, which[source], place)
    if len(copies) < np.count_nonzero(is_copy):
        kept = ~is_copy
        kept[np.flatnonzero(is_copy)[: len(copies)]] = True
        ctx.count(REPLICATION_FAILURE, len(np.unique(source[~kept])))
        out, ports, to_bvis = out[kept], ports[kept], to_bvis[kept]
    if frame.traced:
        for index in out[buffers.trace[out] >= 0].tolist():
            ctx.trace(index, addresses_of(ctx, index))
    if not to_bvis.any():
        buffers.tx_sw_if_index[out] = ports
        ctx.enqueue(L2_OUTPUT, out, offset=frame.offset, rx=frame.rx, traced=frame.traced)
        return
    switched = out[~to_bvis]
    buffers.tx_sw_if_index[switched] = ports[~to_bvis]
    ctx.enqueue(L2_OUTPUT, switched, offset=frame.offset, rx=frame.rx, traced=frame.traced)
    for bvi in set(ports[to_bvis].tolist()):
        _route(ctx, out[to_bvis & (ports == bvi)], bvi, frame.traced)


def _targets(ctx: Context, rows: NDArray[np.int32]) -> tuple[list[tuple[Target, ...]], NDArray[np.intp]]:
    """The lists of targets that occur, and which of them each packet has."""
    buffers, domains = ctx.buffers, ctx.get(BridgeDomains)
    columns = (buffers.l2_bd_index[rows], buffers.rx_sw_if_index[rows], buffers.l2_shg[rows])
    bd_index, received, shg = (common(column) for column in columns)
    if bd_index is not None and received is not None and shg is not None:
        return [domains[bd_index].targets(received, shg)], np.zeros(len(rows), np.intp)
    found, which = np.unique(np.stack(columns).astype(np.int64), axis=1, return_inverse=True)
    lists = [domains[index].targets(received, shg) for index, received, shg in found.T.tolist()]
    return lists, which.reshape(-1)


def _chosen(
    lists: list[tuple[Target, ...]], which: NDArray[np.intp], place: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The port of each copy, and whether it is a BVI."""
    longest = max(len(targets) for targets in lists)
    ports = np.zeros((len(lists), longest), np.int32)
    bvis = np.zeros((len(lists), longest), bool)
    for row, targets in enumerate(lists):
        ports[row, : len(targets)] = [target.sw_if_index for target in targets]
        bvis[row, : len(targets)] = [target.bvi for target in targets]
    return ports[which, place], bvis[which, place]


def _route(ctx: Context, rows: NDArray[np.int32], bvi: int, traced: bool) -> None:
    """Hand packets to the BVI of their domain."""
    slots, faults = to_bvi(ctx, rows, bvi)
    bad = faults != Fault.NONE
    errors = np.where(faults == Fault.BAD_MAC, BVI_BAD_MAC, BVI_ETHERTYPE)
    ctx.buffers.error[rows[bad]] = ctx.error_base + errors[bad]
    slots[bad] = DROP
    for slot in dict.fromkeys(slots.tolist()):
        ctx.enqueue(slot, rows[slots == slot], traced=traced)
