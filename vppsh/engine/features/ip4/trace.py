"""What the nodes of the IPv4 path capture of a traced packet, and its text (vnet/ip/ip4_forward.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.context import Context
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.wire.ip4 import format_ip4_header
from vppsh.engine.wire.text import format_hex_bytes

INPUT_BYTES = 64
FORWARD_BYTES = 60
REWRITE_BYTES = 56


@dataclass(frozen=True, slots=True)
class InputTrace:
    """The header as it came in."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ForwardTrace:
    """Where a packet goes: the table (or the tx interface), the object found, the flow hash, the header.

    adjacency  the text of the adjacency, where one is used
    """

    fib_index: int
    dpo_index: int
    flow_hash: int
    data: bytes
    adjacency: str = ""


def format_input_trace(view: Any, record: InputTrace) -> str:
    return format_ip4_header(record.data, 2)


def format_lookup_trace(view: Any, record: ForwardTrace) -> str:
    return (
        f"fib {record.fib_index} dpo-idx {record.dpo_index} flow hash: 0x{record.flow_hash:08x}\n"
        f"  {format_ip4_header(record.data, 2)}"
    )  # fmt: skip


def format_forward_trace(view: Any, record: ForwardTrace) -> str:
    """The form that ip4-drop, ip4-receive, ip4-glean and their like share."""
    return (
        f"  fib:{record.fib_index} adj:{record.dpo_index} flow:0x{record.flow_hash:08x}\n"
        f"  {format_ip4_header(record.data, 2)}"
    )  # fmt: skip


def format_rewrite_trace(view: Any, record: ForwardTrace) -> str:
    return (
        f"tx_sw_if_index {record.fib_index} dpo-idx {record.dpo_index} : {record.adjacency} flow hash: 0x{record.flow_hash:08x}\n"
        f"  {format_hex_bytes(record.data[:REWRITE_BYTES], 2)}"
    )


def trace_input(ctx: Context, frame: Frame) -> None:
    """Capture the headers of traced packets."""
    for _, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(ctx.buffers.peek(index, INPUT_BYTES)))


def trace_forward(ctx: Context, frame: Frame, *, adjacency: bool = False, received: bool = False) -> None:
    """Capture what was decided for traced packets (ip4_forward_next_trace); `received`: the RX adjacency."""
    if not frame.traced:
        return
    buffers, fib, adjacencies = ctx.buffers, ctx.get(Fib), ctx.get(Adjacencies)
    for _, index in ctx.traced(frame):
        tx = int(buffers.tx_sw_if_index[index])
        table = tx if tx >= 0 else fib.ip4.index_of_interface(int(buffers.rx_sw_if_index[index]))
        dpo = int((buffers.adj_index_rx if received else buffers.adj_index)[index])
        text = ""
        if adjacency:
            found = adjacencies.find(dpo)
            text = adjacencies.format(found) if found else "<invalid adjacency>"
        ctx.trace(index, ForwardTrace(table, dpo, int(buffers.flow_hash[index]), buffers.peek(index, FORWARD_BYTES), text))
