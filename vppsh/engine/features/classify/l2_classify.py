"""l2-input-classify, l2-output-classify: the next node of bridged packets by classifier tables (vnet/l2/l2_input_classify.c).

An interface has a table for IPv4, one for IPv6, one for the rest; the ethertype right behind the addresses decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.classify import ClassifyTables
from vppsh.engine.classify_lookup import NO_TABLE, classify
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.ethertypes import as_loaded
from vppsh.engine.features.ethernet.tags import HEADER_BYTES, WORD2, advance
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures, NextOutputFeatures
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.engine.wire import ethertype
from vppsh.registry import error, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DROP, ETHERNET_INPUT, IP4_INPUT, IP6_INPUT = range(4)
MISS, HIT, CHAIN_HIT, DROPS = range(4)
ERRORS = tuple(error(text, text) for text in ("Classify misses", "Classify hits", "Classify hits after chain walk", "L2 Classify Drops"))
IP4, IP6, OTHER = range(3)
KINDS = {as_loaded(ethertype.IP4): IP4, as_loaded(ethertype.IP6): IP6}
NO_TABLES = (NO_TABLE, NO_TABLE, NO_TABLE)


class L2Classifiers:
    """The tables of each interface, for IPv4, IPv6 and the rest: (n, 3) by sw_if_index, for input and for output."""

    def __init__(self, engine: Engine) -> None:
        self._l2 = engine.get(L2Interfaces)
        self._tables: dict[bool, NDArray[np.int32]] = {output: np.full((1, 3), NO_TABLE, np.int32) for output in (False, True)}
        engine.get(Interfaces).subscribe(self._changed)

    def enable(self, interface: Interface, output: bool, tables: tuple[int, int, int]) -> None:
        """Classify an interface's packets by these tables (NO_TABLE for none)."""
        index, known = interface.sw_if_index, self._tables[output]
        if index >= len(known):
            known = np.concatenate((known, np.full((index + 1 - len(known), 3), NO_TABLE, np.int32)))
            self._tables[output] = known
        known[index] = tables
        self._switch(interface, output, True)

    def disable(self, interface: Interface, output: bool) -> None:
        """Classify them no longer; the tables are kept."""
        self._switch(interface, output, False)

    def first(self, output: bool, sw_if_index: NDArray[np.int32], kinds: NDArray[np.intp]) -> NDArray[np.int32]:
        """The first table of each packet, by its interface and its kind."""
        known = self._tables[output]
        found: NDArray[np.int32] = known[np.minimum(sw_if_index, len(known) - 1), kinds]
        return np.where(sw_if_index < len(known), found, NO_TABLE).astype(np.int32)

    def _switch(self, interface: Interface, output: bool, on: bool) -> None:
        if output:
            self._l2.switch_output(interface, features.CLASSIFY_OUT, on)
        else:
            self._l2.switch_input(interface, features.CLASSIFY, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for known in self._tables.values():
                if interface.sw_if_index < len(known):
                    known[interface.sw_if_index] = NO_TABLE


class ClassifyTrace(Struct, frozen=True):
    """The interface, the first table, where the session lies (0 for none), the slot that was chosen."""

    sw_if_index: int
    table: int
    offset: int
    next_index: int


def format_classify_trace(view: Any, record: ClassifyTrace) -> str:
    """`l2-classify: sw_if_index 1, table 0, offset 4c0, next 11`."""
    return f"l2-classify: sw_if_index {record.sw_if_index}, table {record.table}, offset {record.offset:x}, next {record.next_index}"


def _classify(ctx: Context, frame: Frame, output: bool) -> Nexts:
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    sw_if_index = (buffers.tx_sw_if_index if output else buffers.rx_sw_if_index)[rows]
    loaded = buffers.load(frame, WORD2, HEADER_BYTES - WORD2.itemsize)
    kinds = np.full(frame.n, OTHER, np.intp)
    for kind, value in KINDS.items():
        kinds[loaded == kind] = value
    # Decide.
    first = ctx.get(L2Classifiers).first(output, sw_if_index, kinds)
    found = classify(ctx, rows, first, buffers.addresses(frame))
    slots = found.slots(ctx.get(ClassifyTables))
    bits = buffers.l2_features[rows] & np.uint32(features.ALL_BITS & ~(features.CLASSIFY_OUT if output else features.CLASSIFY))
    buffers.l2_features[rows] = bits
    nexts = ctx.get(NextOutputFeatures if output else NextFeatures).after(ctx, bits)
    named = slots < len(ctx.node.nexts)
    nexts[named] = slots[named]
    # Act.
    advances = found.advances()
    if advances.any():
        advance(buffers, rows, advances)
        frame.offset = None
    buffers.error[rows[named & (nexts == DROP)]] = ctx.error_base + DROPS
    # Report.
    for counter, those in ((MISS, found.missed), (HIT, found.hit), (CHAIN_HIT, found.chained)):
        ctx.count(counter, int(np.count_nonzero(those)))
    for position, index in ctx.traced(frame):
        session = found.session(position)
        offset = 0 if session is None else session.offset
        ctx.trace(index, ClassifyTrace(int(sw_if_index[position]), int(first[position]), offset, int(nexts[position])))
    return nexts


@node(
    "l2-input-classify", nexts=("error-drop", "ethernet-input-not-l2", "ip4-input", "ip6-input"), errors=ERRORS,
    trace=format_classify_trace,
)  # fmt: skip
def l2_input_classify(ctx: Context, frame: Frame) -> Nexts:
    """To where the session of a received packet says, or to the next feature."""
    return _classify(ctx, frame, output=False)


@node("l2-output-classify", nexts=("error-drop",), errors=ERRORS, trace=format_classify_trace)
def l2_output_classify(ctx: Context, frame: Frame) -> Nexts:
    """To where the session of a packet that leaves says, or to the next feature."""
    return _classify(ctx, frame, output=True)
