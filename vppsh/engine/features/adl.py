"""Allow/deny lists: an interface takes packets only from sources that a routing table calls its own (VPP's adl plugin).

adl-input stands in for ethernet-input: it looks at the EtherType alone and sends IP packets to the lists of their
version, one after the other if there are several. A source is allowed whose route in the list's table is `via local`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.counters import count_each
from vppsh.engine.features.ethernet.tags import HEADER_BYTES, advance
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.engine.wire import ethertype, ip4, ip6
from vppsh.registry import NodeSpec, column, error, feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PLACE = column("adl_place", "i4")
TYPE, TYPE_AT = np.dtype(">u2"), 12
ALLOWED, DROPPED = range(2)


class Family(enum.IntEnum):
    """The kinds of packets that have lists of their own; their numbers are the slots of the lists' nodes."""

    IP4 = 0
    IP6 = 1
    DEFAULT = 2


NEXTS = ("ip4-adl-allowlist", "ip6-adl-allowlist", "default-adl-allowlist", "ip4-input", "ip6-input", "ethernet-input", "error-drop")
INPUT, DROP = 3, 6
Table = int | None


class AllowLists:
    """The lists of all interfaces: for each kind of packets the indices of tables, in the order in which they are asked.

    length  int32 by family and sw_if_index: how many lists there are; the last column stands for all other interfaces, without any
    tables  int32 by family, sw_if_index and place
    """

    def __init__(self, engine: Engine) -> None:
        self._lists: dict[tuple[Family, int], list[int]] = {}
        self._rebuild()
        engine.get(Interfaces).subscribe(self._changed)

    def of(self, family: Family, sw_if_index: int) -> list[int]:
        """The tables that packets of an interface are looked up in."""
        return self._lists.get((family, sw_if_index), [])

    def set(self, interface: Interface, wanted: set[Family], tables: dict[Family, Table]) -> bool:
        """Add a list of a table for each kind that is wanted; False when there is no such table.

        As in VPP the kinds that are not wanted lose their list of that table; who has none of it loses all lists.
        """
        index = 0
        for family in Family:
            table = tables.get(family, index)
            if table is None:
                if family not in wanted:
                    continue
                self._rebuild()
                return False
            index = table
            lists = self._lists.setdefault((family, interface.sw_if_index), [])
            if family in wanted:
                lists.append(index)
            elif index in lists:
                lists.remove(index)
            else:
                lists.clear()
        self._rebuild()
        return True

    def _rebuild(self) -> None:
        size = 2 + max((index for _, index in self._lists), default=0)
        depth = max((len(each) for each in self._lists.values()), default=0)
        self.length: NDArray[np.int32] = np.zeros((len(Family), size), np.int32)
        self.tables: NDArray[np.int32] = np.zeros((len(Family), size, depth + 1), np.int32)
        for (family, index), lists in self._lists.items():
            self.length[family, index] = len(lists)
            self.tables[family, index, : len(lists)] = lists

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for family in Family:
                self._lists.pop((family, interface.sw_if_index), None)
            self._rebuild()


class AdlTrace(Struct, frozen=True):
    """The node as traces call it, the interface, the slot."""

    title: str
    sw_if_index: int
    next_index: int


def format_adl_trace(view: Any, record: AdlTrace) -> str:
    """`ADL_INPUT: sw_if_index 1, next index 0`."""
    return f"{record.title}: sw_if_index {record.sw_if_index}, next index {record.next_index}"


def _columns(lists: AllowLists, received: NDArray[np.int32]) -> NDArray[np.int32]:
    """The column of each packet's interface."""
    return np.minimum(received, lists.length.shape[1] - 1)


@node(
    "adl-input", nexts=NEXTS, trace=format_adl_trace,
    errors=(error("Allow/Deny packets processed", "Allow/Deny packets processed"),),
)  # fmt: skip
def adl_input(ctx: Context, frame: Frame) -> Nexts:
    """To the lists of a packet's kind, or past them."""
    buffers, lists = ctx.buffers, ctx.get(AllowLists)
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    types = buffers.load(frame, TYPE, TYPE_AT)
    families = np.full(frame.n, Family.DEFAULT, np.int32)
    families[types == ethertype.IP4] = Family.IP4
    families[types == ethertype.IP6] = Family.IP6
    listed = lists.length[families, _columns(lists, received)] > 0
    nexts = np.where(listed, families, families + INPUT).astype(np.int32)
    buffers.adl_place[rows] = 0
    advance(buffers, rows, np.where(families == Family.DEFAULT, 0, HEADER_BYTES).astype(np.int32))
    # Whoever comes next is not told that a device handed over the whole frame.
    frame.offset = frame.rx = None
    ctx.count(0, frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, AdlTrace("ADL_INPUT", int(received[position]), int(nexts[position])))
    return nexts


def _sources4(ctx: Context, frame: Frame, tables: NDArray[np.int32]) -> NDArray[np.int32]:
    return ctx.get(Fib).ip4.lookup(tables, ctx.buffers.load(frame, ip4.HEADER)["src"].astype(np.uint32))


def _sources6(ctx: Context, frame: Frame, tables: NDArray[np.int32]) -> NDArray[np.int32]:
    return ctx.get(Fib).ip6.lookup6(tables, ctx.buffers.load(frame, ip6.HEADER)["src"].astype(np.uint64))


def _allow_list(family: Family, look_up: Callable[[Context, Frame, NDArray[np.int32]], NDArray[np.int32]]) -> NodeSpec:
    name = family.name.lower()

    def allow(ctx: Context, frame: Frame) -> Nexts:
        """Drop what does not come from a source of the table."""
        buffers, lists = ctx.buffers, ctx.get(AllowLists)
        rows = frame.indices(buffers)
        # Load.
        received = buffers.rx_sw_if_index[rows]
        places = buffers.adl_place[rows]
        at = _columns(lists, received)
        tables = lists.tables[family, at, np.minimum(places, lists.tables.shape[2] - 1)]
        # Decide.
        found = look_up(ctx, frame, tables)
        balances = ctx.get(Fib).load_balances
        allowed = balances.dpo_type[found] == DpoType.RECEIVE
        more = places + 1 < lists.length[family, at]
        nexts = np.where(allowed, np.where(more, family, family + INPUT), DROP).astype(np.int32)
        # Act.
        count_each(balances.via_packets, balances.via_bytes, found.astype(np.intp), buffers.packet_length(rows) + HEADER_BYTES)
        buffers.adl_place[rows] = places + 1
        buffers.error[rows[~allowed]] = ctx.error_base + DROPPED
        # Report.
        ctx.count(ALLOWED, int(np.count_nonzero(allowed)))
        for position, index in ctx.traced(frame):
            ctx.trace(index, AdlTrace(f"{family.name}_ADL_ALLOWLIST", int(received[position]), int(nexts[position])))
        return nexts

    errors = tuple(error(text, text) for text in (f"{name} allowlist allowed", f"{name} allowlist dropped"))
    return node(f"{name}-adl-allowlist", nexts=NEXTS, errors=errors, trace=format_adl_trace)(allow)


@node("default-adl-allowlist", nexts=("error-drop",))
def default_adl_allowlist(ctx: Context, frame: Frame) -> Nexts:
    """A list of other packets allows none: VPP has no more than a stub here."""
    return 0


NODES = (_allow_list(Family.IP4, _sources4), _allow_list(Family.IP6, _sources6))
FEATURE = feature("device-input", "adl-input", before=("ethernet-input",))
