"""ethernet-input: finds the interface of the tags, checks the destination address, goes by the ethertype.

Counterpart of vnet/ethernet/node.c; IEEE 802.3, 802.1Q, 802.1ad. A frame of one port with one ethertype and
no address but the port's takes a few whole-column operations. `single` has the rest of what devices hand
over, `general` what other nodes send here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.ethertypes import ERRORS, NEXTS, Ethertypes
from vppsh.engine.features.ethernet.general import ETHERNET, ETHERTYPE_ONLY, NOT_BRIDGED, input_from_anywhere
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.ethernet.single import bridged_from_port, input_from_port
from vppsh.engine.features.ethernet.tags import HEADER_BYTES, L2_L3_VALID, TAG_TYPES, WORD2, WORD4, one_of
from vppsh.engine.frame import Frame
from vppsh.engine.wire.ethernet import format_ethernet_header
from vppsh.registry import column, node, table

# How long the link-layer header of a bridged packet is.
L2_LEN = column("l2_len", "i4")
PORTS = table(Ports)

# The header and the two bytes behind it: numpy copies items of this size fast.
HEAD = np.dtype("V16")
ADDRESS_BYTES = 6
ETHERTYPE_AT = 12
TRACED_BYTES = 32
SINGLE_INTERFACE = 1


class InputTrace(Struct, frozen=True):
    """The first bytes of a packet, and the port when a device said that the whole frame came in there."""

    data: bytes
    hw_if_index: int | None
    sw_if_index: int | None


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's `frame: flags 0x1, hw-if-index 1, sw-if-index 1` and the header."""
    header = format_ethernet_header(record.data)
    if record.hw_if_index is None:
        return header
    return f"frame: flags 0x{SINGLE_INTERFACE:x}, hw-if-index {record.hw_if_index}, sw-if-index {record.sw_if_index}\n  {header}"


def _trace(ctx: Context, frame: Frame) -> None:
    hw_if_index = None if frame.rx is None else ctx.engine.interfaces[frame.rx].hardware.hw_if_index
    for _, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(ctx.buffers.peek(index, TRACED_BYTES), hw_if_index, frame.rx))


@node("ethernet-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace, index=739)
def ethernet_input(ctx: Context, frame: Frame) -> Nexts:
    """Packets that begin with an Ethernet header."""
    engine, buffers, rows = ctx.engine, ctx.buffers, frame.rows
    if frame.traced:
        _trace(ctx, frame)
    if engine.rx_capture is not None:
        engine.rx_capture(frame)
    ports = ctx.get(Ports)
    port = None if frame.rx is None else ports.find(frame.rx)
    if port is None:
        return input_from_anywhere(ctx, frame, ETHERNET, ctx.error_base)
    # Load. Comparing the bytes of a column with a repeated value is the cheapest way to see that all are the same.
    n = frame.n
    heads = buffers.load(frame, HEAD).tobytes()
    # Decide. When all routed traffic is that of tunnels and bridges, addresses do not matter.
    hardware, routed = port.hardware, not port.l2
    checked = (hardware.l2_count == 0 or hardware.l3_count > 0) if routed else hardware.l3_count > 0
    kind = heads[ETHERTYPE_AT:HEADER_BYTES]
    ethertype = int.from_bytes(kind, "little")
    if heads == heads[: HEAD.itemsize] * n:
        alike = not checked or heads[:ADDRESS_BYTES] == port.mac_bytes
    else:
        alike = buffers.load(frame, WORD2, ETHERTYPE_AT).tobytes() == kind * n and (
            not checked
            or (
                buffers.load(frame, WORD4).tobytes() == port.mac_bytes[:4] * n
                and buffers.load(frame, WORD2, 4).tobytes() == port.mac_bytes[4:] * n
            )
        )
    if not (alike and routed and ethertype not in TAG_TYPES):
        untagged = not routed and not one_of(buffers.load(frame, WORD2, ETHERTYPE_AT), TAG_TYPES).any()
        return bridged_from_port(ctx, frame) if untagged else input_from_port(ctx, frame, port, checked)
    # Act.
    if frame.offset is None:
        start = buffers.current_data[rows]
        buffers.l2_hdr_offset[rows] = start
        buffers.current_data[rows] = buffers.l3_hdr_offset[rows] = start + HEADER_BYTES
    else:
        buffers.l2_hdr_offset[rows] = frame.offset
        frame.offset += HEADER_BYTES
        buffers.current_data[rows] = buffers.l3_hdr_offset[rows] = frame.offset
    lengths, flags = buffers.current_length[rows], buffers.flags[rows]
    lengths -= HEADER_BYTES
    flags |= L2_L3_VALID
    if not isinstance(rows, slice):
        buffers.current_length[rows], buffers.flags[rows] = lengths, flags
    return int(ctx.get(Ethertypes).slots[ethertype])


@node("ethernet-input-type", sibling_of="ethernet-input", errors_of="ethernet-input")
def ethernet_input_type(ctx: Context, frame: Frame) -> Nexts:
    """Packets that begin with an ethertype, such as SNAP leaves them."""
    return input_from_anywhere(ctx, frame, ETHERTYPE_ONLY, ctx.error_base)


@node("ethernet-input-not-l2", sibling_of="ethernet-input", errors_of="ethernet-input", trace=format_input_trace)
def ethernet_input_not_l2(ctx: Context, frame: Frame) -> Nexts:
    """Packets that a bridge gives away to be routed."""
    for _, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(ctx.buffers.peek(index, TRACED_BYTES), None, None))
    return input_from_anywhere(ctx, frame, NOT_BRIDGED, ctx.error_base)
