"""The `NAME-output` node of a hardware interface: counts, checks the state, hands on to `NAME-tx`.

Counterpart of vnet/interface_output.c. The node belongs to one interface, so that most of its work is
done once per frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
from vppsh.engine.wire.text import format_hex_bytes
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.interfaces import Interface, Interfaces

DROP, TX = range(2)
OUTPUT_ERRORS = (
    error("interface_down", "interface is down"),
    error("interface_deleted", "interface is deleted"),
    error("no_tx_queue", "no tx queue available"),
)
INTERFACE_DOWN, INTERFACE_DELETED, NO_TX_QUEUE = range(3)

TRACED_BYTES = 128 - 8


class OutputTrace(Struct, frozen=True):
    """What an output node saw: the interface the packet is to leave by, the buffer's flags, the first bytes of the packet."""

    interfaces: Interfaces
    sw_if_index: int
    ethernet: bool
    flags: int
    data: bytes


def format_output_trace(view: Any, record: OutputTrace) -> str:
    """VPP's `pg1 flags 0x00180001` and the packet below it; the name is the one the interface has now."""
    if record.sw_if_index < 0:
        return ""
    if record.sw_if_index in record.interfaces:
        text = f"{record.interfaces[record.sw_if_index].name} flags 0x{record.flags:08x}"
    else:
        text = f"sw_if_index: {record.sw_if_index} "
    format_packet = format_ethernet_header_with_length if record.ethernet else format_hex_bytes
    return f"{text}\n  {format_packet(record.data, 2)}"


def output_node_of(interface: Interface, interfaces: Interfaces) -> Callable[[Context, Frame], Nexts]:
    """The function of an interface's output node."""
    own = interface.sw_if_index
    hardware = interface.hardware

    def interface_output(ctx: Context, frame: Frame) -> Nexts:
        buffers = ctx.buffers
        rows = frame.rows
        for _, index in ctx.traced(frame):
            leaves_by, flags = int(buffers.tx_sw_if_index[index]), int(buffers.flags[index])
            ctx.trace(index, OutputTrace(interfaces, leaves_by, hardware.hardware_class.ethernet, flags, buffers.peek(index, TRACED_BYTES)))
        if ctx.engine.tx_capture is not None:
            ctx.engine.tx_capture(frame, own)
        if not (interface.admin_up and hardware.link_up):
            exists = own in interfaces and interfaces[own] is interface
            buffers.error[rows] = ctx.error_base + (INTERFACE_DOWN if exists else INTERFACE_DELETED)
            return DROP
        lengths = buffers.packet_length(rows)
        interfaces.tx.add(own, frame.n, int(lengths.sum()))
        arc = interfaces.output_arc
        featured = arc.used and arc.chain[own] >= 0
        if featured or interface.subs:
            tx_sw_if_index = buffers.tx_sw_if_index[rows]
            others = (tx_sw_if_index != own) & (tx_sw_if_index >= 0)
            if others.any():
                interfaces.tx.add_each(tx_sw_if_index[others], lengths[others])
        if featured:
            return ctx.engine.arcs.start(arc, ctx, frame, own, TX)
        return TX

    return interface_output
