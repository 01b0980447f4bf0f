"""l2-input-acl, l2-output-acl: classifier tables as access lists of layer 2 interfaces (vnet/l2/l2_in_out_acl.c)."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.classify import ClassifyTables
from vppsh.engine.classify_lookup import classify
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.classify.acls import InOutAcls, Kind
from vppsh.engine.features.ethernet.tags import advance
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures, NextOutputFeatures
from vppsh.engine.frame import Frame
from vppsh.registry import error, node

DENY = 0
NONE, MISS, HIT, CHAIN_HIT, TABLE_MISS, SESSION_DENY = range(6)
INPUT_ERRORS, OUTPUT_ERRORS = (
    tuple(
        error(text, text)
        for text in (
            f"valid {way} ACL packets", f"{way} ACL misses", f"{way} ACL hits", f"{way} ACL hits after chain walk",
            f"{way} ACL table-miss drops", f"{way} ACL session deny drops",
        )
    )
    for way in ("input", "output")
)  # fmt: skip


class AclTrace(Struct, frozen=True):
    """The interface, the slot that was chosen, the last table, where in it the session lies (-1 for none)."""

    output: bool
    sw_if_index: int
    next_index: int
    table: int
    offset: int


def format_acl_trace(view: Any, record: AclTrace) -> str:
    """`INACL: sw_if_index 1, next_index 0, table 0, offset 1216`."""
    name = "OUTACL" if record.output else "INACL"
    return f"{name}: sw_if_index {record.sw_if_index}, next_index {record.next_index}, table {record.table}, offset {record.offset}"


def _filter(ctx: Context, frame: Frame, output: bool) -> Nexts:
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    sw_if_index = (buffers.tx_sw_if_index if output else buffers.rx_sw_if_index)[rows]
    bits = buffers.l2_features[rows] & np.uint32(features.ALL_BITS & ~(features.ACL_OUT if output else features.ACL))
    buffers.l2_features[rows] = bits
    # Decide.
    found = classify(
        ctx, rows, ctx.get(InOutAcls).first(Kind.L2, output, sw_if_index), buffers.addresses(frame), current_data=True
    )  # fmt: skip
    nexts = ctx.get(NextOutputFeatures if output else NextFeatures).after(ctx, bits)
    denied = found.slots(ctx.get(ClassifyTables)) == DENY
    nexts[denied] = DENY
    # Act.
    advances = found.advances()
    if advances.any():
        advance(buffers, rows, advances)
        frame.offset = None
    looked_up = found.table >= 0
    errors = np.where(denied, np.where(found.hit, SESSION_DENY, TABLE_MISS), NONE)
    buffers.error[rows[looked_up]] = ctx.error_base + errors[looked_up]
    # Report.
    for counter, those in ((MISS, found.missed), (HIT, found.hit), (CHAIN_HIT, found.chained)):
        ctx.count(counter, int(np.count_nonzero(those)))
    for position, index in ctx.traced(frame):
        session = found.session(position)
        offset = -1 if session is None else session.offset
        ctx.trace(index, AclTrace(output, int(sw_if_index[position]), int(nexts[position]), int(found.table[position]), offset))
    return nexts


@node("l2-input-acl", nexts=("error-drop",), errors=INPUT_ERRORS, trace=format_acl_trace)
def l2_input_acl(ctx: Context, frame: Frame) -> Nexts:
    """Drop what the table of the receiving interface denies."""
    return _filter(ctx, frame, output=False)


@node("l2-output-acl", nexts=("error-drop",), errors=OUTPUT_ERRORS, trace=format_acl_trace)
def l2_output_acl(ctx: Context, frame: Frame) -> Nexts:
    """Drop what the table of the sending interface denies."""
    return _filter(ctx, frame, output=True)
