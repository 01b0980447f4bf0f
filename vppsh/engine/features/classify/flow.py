"""ip4-flow-classify, ip6-flow-classify: a session for every flow that is seen (vnet/classify/flow_classify_node.c).

A packet that has no session in its interface's table gets one, which counts from then on. Nothing happens to packets.
Tables count from the buffer's beginning; chains of tables are not followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import HEADROOM
from vppsh.engine.classify import VECTOR, ClassifyError, ClassifyFailure, ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.classify_lookup import ALL_ONES
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.registry import NodeSpec, error, feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NONE = -1
MISS, HIT = range(2)
TEXTS = ("Flow classify misses", "Flow classify hits", "Flow classify hits after chain walk", "Flow classify action drop")
PROTOCOLS = (Protocol.IP4, Protocol.IP6)


class FlowTables:
    """The table of each interface, by IP version; an interface that was ever given one is known, with NONE."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._tables = engine.get(ClassifyTables)
        self.of: dict[Protocol, dict[int, int]] = {protocol: {} for protocol in PROTOCOLS}
        engine.get(Interfaces).subscribe(self._changed)

    def set(self, interface: Interface, protocol: Protocol, table: int, on: bool) -> None:
        """Note the flows of an interface in a table, or no longer (ClassifyFailure); who has one keeps it, as in VPP."""
        if self._tables.find(table) is None:
            raise ClassifyFailure(ClassifyError.NO_SUCH_TABLE)
        index, tables = interface.sw_if_index, self.of[protocol]
        before = tables.setdefault(index, NONE)
        if on and before != NONE:
            return
        if not on and before != table:
            raise ClassifyFailure(ClassifyError.NO_SUCH_TABLE)
        tables[index] = table if on else NONE
        self._arcs.enable(f"{protocol.text}-unicast", f"{protocol.text}-flow-classify", index, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for tables in self.of.values():
                tables.pop(interface.sw_if_index, None)


class FlowTrace(Struct, frozen=True):
    """The interface, the slot, the table, and where in it the session lies that was there before."""

    sw_if_index: int
    next_index: int
    table: int
    offset: int


def format_flow_trace(view: Any, record: FlowTrace) -> str:
    """`FLOW_CLASSIFY: sw_if_index 1 next 2 table 0 offset 1216`."""
    return f"FLOW_CLASSIFY: sw_if_index {record.sw_if_index} next {record.next_index} table {record.table} offset {record.offset}"


def _note(ctx: Context, table: ClassifyTable, index: int) -> ClassifySession | None:
    """Count a packet at its session, made if need be and if there is room; the session that was there before."""
    start = HEADROOM + table.skip * VECTOR
    key = table.key_of(bytes(table.skip * VECTOR) + ctx.buffers.data[index, start : start + len(table.mask)].tobytes())
    known = table.sessions.get(key)
    session = known
    if session is None:
        session = ClassifySession(key, ALL_ONES, 0)
        try:
            table.add(session)
        except ClassifyFailure:
            return None
    session.hits += 1
    session.last_heard = ctx.now
    return known


def _flow_node(protocol: Protocol) -> NodeSpec:
    def flows(ctx: Context, frame: Frame) -> Nexts:
        """Note the flow of each packet."""
        buffers, tables = ctx.buffers, ctx.get(ClassifyTables)
        rows = frame.indices(buffers).tolist()
        received = buffers.rx_sw_if_index[frame.rows].tolist()
        of_interface = ctx.get(FlowTables).of[protocol]
        chosen = [tables.find(of_interface.get(index, NONE)) for index in received]
        before = [None if table is None else _note(ctx, table, index) for table, index in zip(chosen, rows, strict=True)]
        hits = sum(session is not None for session in before)
        ctx.count(HIT, hits)
        ctx.count(MISS, sum(table is not None for table in chosen) - hits)
        nexts = ctx.engine.arcs.next(ctx, frame)
        slots = np.broadcast_to(np.asarray(nexts), (frame.n,))
        for position, index in ctx.traced(frame):
            table, session = chosen[position], before[position]
            offset = NONE if session is None else session.offset
            ctx.trace(index, FlowTrace(received[position], int(slots[position]), NONE if table is None else table.index, offset))
        return nexts

    errors = tuple(error(text, text) for text in TEXTS)
    return node(f"{protocol.text}-flow-classify", nexts=("error-drop",), errors=errors, trace=format_flow_trace)(flows)


NODES = tuple(_flow_node(protocol) for protocol in PROTOCOLS)
FEATURES = tuple(feature(f"{ip}-unicast", f"{ip}-flow-classify", before=(f"{ip}-inacl",)) for ip in ("ip4", "ip6"))
