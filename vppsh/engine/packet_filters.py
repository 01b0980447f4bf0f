"""Which packets `trace add ... filter` and `pcap trace ... filter` choose: by classifier tables or by BPF.

Counterpart of the filter functions of vlib/trace.h and vnet/classify/trace_classify.h. One function is
chosen for traces and one for captures; the chains of classifier tables are those of `classify filter`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.bpf_trace_filter import BpfTraceFilter
from vppsh.engine.classify import VECTOR, ClassifyTables

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PCAP = 0
"""Under this number, that of local0, `chains` holds the tables of `classify filter pcap`."""


class FilterFunction(Struct, frozen=True):
    """A way to choose packets.

    accepts  `(engine, buffer index, first classifier table or None) -> bool`
    """

    name: str
    description: str
    priority: int
    accepts: Callable[[Engine, int, int | None], bool]


def classified(engine: Engine, index: int, table: int | None) -> bool:
    """Whether a packet matches a chain of tables; without a table none does (vnet_is_packet_traced)."""
    tables = engine.get(ClassifyTables)
    first = tables.find(table)
    if first is None:
        return False
    reach = max((each.skip + each.match) * VECTOR for each in tables.chain(first.index))
    return tables.hits(first.index, engine.buffers.peek(index, reach))


def bpf_accepted(engine: Engine, index: int, table: int | None) -> bool:
    """Whether a packet passes the BPF filter, after the tables if there are any; all do when it is not set."""
    if table is not None and not classified(engine, index, table):
        return False
    return engine.get(BpfTraceFilter).accepts(engine.buffers, index)


BPF = FilterFunction("bpf_trace_filter", "bpf based trace filter", 10, bpf_accepted)
CLASSIFIER = FilterFunction("vnet_is_packet_traced", "classifier based filter", 50, classified)
FUNCTIONS = (BPF, CLASSIFIER)


class PacketFilters:
    """The chosen functions, and the chains of tables that they are asked with.

    trace, pcap  the function for traces, and for captures
    trace_chain  first table of `classify filter trace`
    chains       first table by sw_if_index, from 0 (captures) up; None where there is none
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.trace = self.pcap = max(FUNCTIONS, key=lambda function: function.priority)
        self.trace_chain: int | None = None
        self.chains: list[int | None] = []

    def accepts_trace(self, index: int) -> bool:
        """Whether a packet is to be traced."""
        return self.trace.accepts(self._engine, index, self.trace_chain)

    def chain(self, sw_if_index: int) -> int | None:
        """The first table for an interface."""
        return self.chains[sw_if_index] if sw_if_index < len(self.chains) else None

    def set_chain(self, sw_if_index: int, table: int | None) -> None:
        """Set the first table for an interface; None deletes the whole chain."""
        if table is None:
            self._engine.get(ClassifyTables).delete(self.chain(sw_if_index), chain=True)
        else:
            self.chains += [None] * (sw_if_index + 1 - len(self.chains))
        if sw_if_index < len(self.chains):
            self.chains[sw_if_index] = table

    def set_trace_chain(self, table: int | None) -> None:
        """Set the first table for traces; None deletes the whole chain."""
        if table is None:
            self._engine.get(ClassifyTables).delete(self.trace_chain, chain=True)
        self.trace_chain = table
