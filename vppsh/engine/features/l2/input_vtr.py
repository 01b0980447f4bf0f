"""l2-input-vtr: rewrites the tags of received packets (vnet/l2/l2_input_vtr.c)."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import refresh_hints
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import error, node

DROP = 0
DROPS = 1
ERRORS = tuple(error(text, text) for text in ("L2 inverter packets", "L2 input tag rewrite drops"))
TRACED_BYTES = 24


class HeaderTrace(Struct, frozen=True):
    """The interface of a packet, and its first bytes behind the rewriting."""

    node: str
    sw_if_index: int
    data: bytes


def format_header_trace(view: Any, record: HeaderTrace) -> str:
    """VPP's `l2-output: sw_if_index 3 dst ... src ... data 81 00 00 07 ...`."""
    destination, source = format_ethernet_address(record.data[:6]), format_ethernet_address(record.data[6:12])
    data = " ".join(f"{octet:02x}" for octet in record.data[12:TRACED_BYTES])
    return f"{record.node}: sw_if_index {record.sw_if_index} dst {destination} src {source} data {data}"


@node("l2-input-vtr", nexts=("error-drop",), errors=ERRORS, trace=format_header_trace)
def l2_input_vtr(ctx: Context, frame: Frame) -> Nexts:
    """Rewrite, then on to the next feature."""
    buffers, interfaces = ctx.buffers, ctx.get(L2Interfaces)
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    bits = buffers.l2_features[rows] & ~np.uint32(features.VTR)
    buffers.l2_features[rows] = bits
    nexts = ctx.get(NextFeatures).after(ctx, bits)
    for sw_if_index in set(received.tolist()):
        rewrite = interfaces.input_rewrite(sw_if_index)
        if rewrite is not None:
            positions = np.flatnonzero(received == sw_if_index)
            short = positions[rewrite.apply(buffers, rows[positions])]
            nexts[short] = DROP
            buffers.error[rows[short]] = ctx.error_base + DROPS
    refresh_hints(buffers, frame)
    for position, index in ctx.traced(frame):
        ctx.trace(index, HeaderTrace("l2-input-vtr", int(received[position]), buffers.peek(index, TRACED_BYTES)))
    return nexts
