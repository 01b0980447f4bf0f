"""llc-input and snap-input: 802.3 frames, whose LLC and SNAP headers say what they carry.

Counterpart of vnet/llc/node.c and vnet/snap/node.c; IEEE 802.2. A feature takes a service access point with
`demux("llc-input", sap, node)`, a SNAP protocol with `demux("snap-input", oui << 16 | protocol, node)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.wire import llc, snap
from vppsh.engine.wire.llc import format_llc_header_with_length
from vppsh.engine.wire.snap import format_snap_header
from vppsh.registry import demux, error, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

SNAP_SAP = 0xAA
SNAP_FRAMES = demux("llc-input", SNAP_SAP, "snap-input")
TRACED_BYTES = 32

LLC_DROP = 1
LLC_NEXTS = ("error-punt", "error-drop")
LLC_NONE, LLC_UNKNOWN_PROTOCOL = range(2)
LLC_ERRORS = tuple(error(text, text) for text in ("no error", "unknown llc ssap/dsap", "control != 0x3"))

SNAP_DROP, SNAP_ETHERNET_TYPE = 0, 2
SNAP_NEXTS = ("error-drop", "error-punt", "ethernet-input-type")
OUI_BYTES = 3
SNAP_UNKNOWN_PROTOCOL = 1
SNAP_ERRORS = tuple(error(text, text) for text in ("no error", "unknown oui/snap protocol"))


class LlcProtocols:
    """The slots of llc-input by service access point, and of snap-input by organisation and protocol."""

    def __init__(self, engine: Engine) -> None:
        self.by_sap: NDArray[np.int32] = np.full(256, LLC_DROP, np.int32)
        self.by_protocol: dict[int, int] = {}
        for spec in engine.catalog.demuxes:
            if spec.node == "llc-input":
                self.by_sap[spec.key] = engine.graph.next_by_name(spec.node, spec.target)
            elif spec.node == "snap-input":
                self.by_protocol[spec.key] = engine.graph.next_by_name(spec.node, spec.target)


class HeaderTrace(Struct, frozen=True):
    """The first bytes of a packet."""

    data: bytes


def format_llc_trace(view: Any, record: HeaderTrace) -> str:
    """`LLC snap -> snap`."""
    return format_llc_header_with_length(record.data)


def format_snap_trace(view: Any, record: HeaderTrace) -> str:
    """`SNAP cisco cdp`."""
    return format_snap_header(record.data)


def _trace(ctx: Context, frame: Frame) -> None:
    for _, index in ctx.traced(frame):
        ctx.trace(index, HeaderTrace(ctx.buffers.peek(index, TRACED_BYTES)))


def _advance(ctx: Context, frame: Frame, by: NDArray[np.int32]) -> None:
    rows = frame.indices(ctx.buffers)
    ctx.buffers.current_data[rows] += by
    ctx.buffers.current_length[rows] -= by
    frame.offset = None


@node("llc-input", nexts=LLC_NEXTS, errors=LLC_ERRORS, trace=format_llc_trace)
def llc_input(ctx: Context, frame: Frame) -> Nexts:
    """Go by the destination's service access point."""
    _trace(ctx, frame)
    header = ctx.buffers.load(frame, llc.HEADER)
    nexts = ctx.get(LlcProtocols).by_sap[header["dst_sap"]]
    # The control field of anything but unnumbered frames is two bytes long.
    extended = header["control"] & llc.UNNUMBERED != llc.UNNUMBERED
    _advance(ctx, frame, (llc.HEADER.itemsize + extended).astype(np.int32))
    ctx.buffers.error[frame.rows] = ctx.error_base + np.where(nexts == LLC_DROP, LLC_UNKNOWN_PROTOCOL, LLC_NONE)
    return nexts


@node("snap-input", nexts=SNAP_NEXTS, errors=SNAP_ERRORS, trace=format_snap_trace)
def snap_input(ctx: Context, frame: Frame) -> Nexts:
    """Go by the ethertype when the organisation is Ethernet's, otherwise by organisation and protocol."""
    _trace(ctx, frame)
    header = ctx.buffers.load(frame, snap.HEADER)
    first, second, third = (header["oui"][:, octet].astype(np.int64) for octet in range(3))
    oui = first << 16 | second << 8 | third
    ethernet = oui == snap.OUI_ETHERNET
    nexts = np.where(ethernet, SNAP_ETHERNET_TYPE, SNAP_DROP).astype(np.int32)
    keys = oui << 16 | header["protocol"]
    for key, slot in ctx.get(LlcProtocols).by_protocol.items():
        nexts[~ethernet & (keys == key)] = slot
    # The ethertype is left for ethernet-input-type.
    _advance(ctx, frame, np.where(ethernet, OUI_BYTES, snap.HEADER.itemsize).astype(np.int32))
    ctx.buffers.error[frame.rows] = ctx.error_base + SNAP_UNKNOWN_PROTOCOL
    return nexts
