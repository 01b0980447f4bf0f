"""The traces of the IPv6 path: what is captured, and its text (vnet/ip/ip6_forward.c)."""

from __future__ import annotations

from typing import Any

from vppsh.engine import forward_trace
from vppsh.engine.context import Context
from vppsh.engine.fib.fib import Fib
from vppsh.engine.forward_trace import ForwardTrace, InputTrace, format_adjacency
from vppsh.engine.frame import Frame
from vppsh.engine.wire.ip6 import format_ip6_header
from vppsh.engine.wire.text import format_hex_bytes

INPUT_BYTES = 64
FORWARD_BYTES = 124


def format_input_trace(view: Any, record: InputTrace) -> str:
    """The header."""
    return format_ip6_header(record.data, 2)


def format_lookup_trace(view: Any, record: ForwardTrace) -> str:
    """The table, what was found there, the flow hash, then the header."""
    return f"fib {record.fib_index} dpo-idx {record.dpo_index} flow hash: 0x{record.flow_hash:08x}\n  {format_ip6_header(record.data, 2)}"


def format_forward_trace(view: Any, record: ForwardTrace) -> str:
    """The form that ip6-drop, ip6-receive, ip6-glean and their like share."""
    return f"{record.summary}\n  {format_ip6_header(record.data, 2)}"


def format_rewrite_trace(view: Any, record: ForwardTrace) -> str:
    """The interface and the adjacency, then the packet's first bytes as they leave."""
    text = format_adjacency(view, record.dpo_index, f"tx_sw_if_index {record.fib_index} adj-idx {record.dpo_index} : ")
    return f"{text} flow hash: 0x{record.flow_hash:08x}\n  {format_hex_bytes(record.data, 2)}"


def trace_input(ctx: Context, frame: Frame) -> None:
    """Capture the headers of traced packets."""
    forward_trace.trace_input(ctx, frame, INPUT_BYTES)


def trace_forward(ctx: Context, frame: Frame, *, received: bool = False) -> None:
    """Capture what was decided for traced packets (ip6_forward_next_trace)."""
    forward_trace.trace_forward(ctx, frame, ctx.get(Fib).ip6, FORWARD_BYTES, received=received)
