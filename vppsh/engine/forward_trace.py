"""What lookup and rewrite nodes of both IP versions capture of a traced packet (ip4_forward_next_trace and ip6's)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.tables import FibTables

INDENT = 2


class InputTrace(Struct, frozen=True):
    """The header as it came in."""

    data: bytes


class ForwardTrace(Struct, frozen=True):
    """Where a packet goes: the table (or the tx interface), the object found, the flow hash, the header."""

    fib_index: int
    dpo_index: int
    flow_hash: int
    data: bytes

    @property
    def summary(self) -> str:
        """The line that ip4-drop, ip6-receive and their like share."""
        return f"  fib:{self.fib_index} adj:{self.dpo_index} flow:0x{self.flow_hash:08x}"


def trace_input(ctx: Context, frame: Frame, size: int) -> None:
    """Capture the headers of traced packets."""
    for _, index in ctx.traced(frame):
        ctx.trace(index, InputTrace(ctx.buffers.peek(index, size)))


def format_adjacency(view: Engine, index: int, head: str) -> str:
    """The adjacency of a traced packet as it is now, behind what a trace says before it (and two spaces before that)."""
    adjacencies = view.get(Adjacencies)
    adjacency = adjacencies.find(index)
    return head + (adjacencies.format(adjacency, INDENT + len(head)) if adjacency else "<invalid adjacency>")


def trace_forward(ctx: Context, frame: Frame, tables: FibTables, size: int, *, received: bool = False) -> None:
    """Capture what was decided for traced packets; `received`: the object of the source lookup instead."""
    if not frame.traced:
        return
    buffers = ctx.buffers
    for _, index in ctx.traced(frame):
        tx = int(buffers.tx_sw_if_index[index])
        table = tx if tx >= 0 else int(tables.fib_index_of[int(buffers.rx_sw_if_index[index])])
        dpo = int((buffers.adj_index_rx if received else buffers.adj_index)[index])
        ctx.trace(index, ForwardTrace(table, dpo, int(buffers.flow_hash[index]), buffers.peek(index, size)))
