"""ip4-source-and-port-range-check-rx and -tx: may this source talk to this port? (VPP's ip4_source_and_port_range_check.c)

Routes of a table of one's own say to which ports packets from their prefix may go. An interface has its TCP
and UDP packets looked up there by their source, as they come in ("out" of the network behind it) or as they leave.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.dpo import Dpo, Dpos
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.rows import Rows
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, Source
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.wire import ip4
from vppsh.engine.wire.ip_protocol import TCP, UDP
from vppsh.engine.wire.text import format_ip4_address
from vppsh.registry import error, feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.entry import Entry
    from vppsh.engine.fib.table import FibTable

TO_DROP = 0
FAIL, OK = range(2)
ERRORS = (
    error("check_fail", "ip4 source and port range check bad packets"),
    error("check_ok", "ip4 source and port range check good packets"),
)
PORT = np.dtype(">u2")
DESTINATION_PORT_AT = 2
ETHERNET_BYTES = 14
NO_TABLE = -1
SLOTS = 8
"""VPP means to keep 64 ranges per prefix, in blocks of eight, but never gets beyond the first block."""


class Range(NamedTuple):
    """Ports from `low` to `high`, which is one too many, as VPP keeps it; in 16 bits, so that 65,536 is 0."""

    low: int
    high: int


class PortRanges(Rows):
    """The objects that routes of ranges lead to: a row each.

    low, high  uint16 (rows, SLOTS); a low of 0 is an empty slot
    kind       the type of these objects
    """

    low: NDArray[np.uint16]
    high: NDArray[np.uint16]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"low": (f"({SLOTS},)u2", 0), "high": (f"({SLOTS},)u2", 0)})
        nodes = {Protocol.IP4: "ip4-source-and-port-range-check-rx"}
        self.kind = engine.get(Dpos).new_type("dpo-source-and-port-range-check", nodes, self._format)

    def row_of(self, entry: Entry | None) -> int | None:
        """The ranges of a route, if it has any."""
        known = entry.find(Source.SPECIAL) if entry is not None else None
        if known is None or known.path_list is None:
            return None
        wanted = known.path_list.paths[0].exclusive
        return wanted.index if wanted.type == self.kind else None

    def ranges(self, row: int) -> list[Range]:
        """Those of a row, by slot."""
        return [Range(low, high) for low, high in zip(self.low[row].tolist(), self.high[row].tolist(), strict=True) if low]

    def add(self, table: FibTable, prefix: Prefix, ranges: Sequence[Range]) -> None:
        """Allow sources within a prefix further ports, as far as there are slots."""
        row = self.row_of(table.find(prefix))
        if row is None:
            row = self._allocate()
        empty = np.flatnonzero(self.low[row] == 0).tolist()
        for slot, (low, high) in zip(empty, ranges, strict=False):
            self.low[row, slot], self.high[row, slot] = low, high
        table.special_update(prefix, Source.SPECIAL, EntryFlag.NONE, Dpo(self.kind, int(Protocol.IP4), row))

    def remove(self, table: FibTable, prefix: Prefix, ranges: Sequence[Range]) -> None:
        """Take ranges away; without any, the route goes."""
        row = self.row_of(table.find(prefix))
        if row is None:
            return
        for low, high in ranges:
            same = np.flatnonzero((self.low[row] == low) & (self.high[row] == high))
            self.low[row, same[:1]] = self.high[row, same[:1]] = 0
        if not self.low[row].any():
            table.special_remove(prefix, Source.SPECIAL)
            self._release(row)

    def allow(self, rows: NDArray[np.integer], ports: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each row's ranges have each port; none has 0."""
        each = ports[:, None]
        inside: NDArray[np.bool_] = ((self.low[rows] <= each) & (each <= self.high[rows])).any(axis=1)
        return inside & (ports != 0)

    def _format(self, index: int, indent: int) -> str:
        return "allow " + ", ".join(f"{low}-{high - 1}" if high > low + 1 else str(low) for low, high in self.ranges(index))


class Side(enum.Enum):
    """Where packets are checked: node, arc, and how many bytes there are in front of their IP header."""

    RX = ("ip4-source-and-port-range-check-rx", "ip4-unicast", 0)
    TX = ("ip4-source-and-port-range-check-tx", "ip4-output", ETHERNET_BYTES)

    def __init__(self, node: str, arc: str, ahead: int) -> None:
        self.node, self.arc, self.ahead = node, arc, ahead


class Tables(NamedTuple):
    """The tables in which an interface looks sources up, NO_TABLE for none."""

    tcp_out: int = NO_TABLE
    udp_out: int = NO_TABLE
    tcp_in: int = NO_TABLE
    udp_in: int = NO_TABLE

    def of(self, side: Side) -> tuple[int, int]:
        """Those of TCP and of UDP on one side."""
        return self[:2] if side is Side.RX else self[2:]


class PortRangeChecks:
    """What the interfaces of an engine check: every time that an interface asks for it is one more check."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._checks: dict[tuple[Side, int], list[Tables]] = {}
        engine.interfaces.subscribe(self._interface_changed)

    def set(self, sw_if_index: int, tables: Tables, on: bool) -> None:
        """Begin a check of an interface's packets, or end one that was begun with the same tables."""
        for side in Side:
            if tables.of(side) == (NO_TABLE, NO_TABLE):
                continue
            checks = self._checks.setdefault((side, sw_if_index), [])
            if on:
                checks.append(tables)
            elif tables in checks:
                checks.remove(tables)
            else:
                continue
            self._arcs.enable(side.arc, side.node, sw_if_index, on)

    def of(self, side: Side, sw_if_index: int) -> list[Tables]:
        """Those of an interface, in the order in which packets meet them."""
        return self._checks.get((side, sw_if_index), [])

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for side in Side:
                self._checks.pop((side, interface.sw_if_index), None)


class PortRangeTrace(Struct, frozen=True):
    """What was looked up where, and what came of it."""

    passes: bool
    bypass: bool
    is_tcp: bool
    source: int
    port: int
    fib_index: int


def format_port_range_trace(view: Any, record: PortRangeTrace) -> str:
    """`fib 1 src ip 10.0.0.2 UDP dst port 53: PASS`."""
    if record.bypass:
        return "PASS (bypass case)"
    address = format_ip4_address(record.source.to_bytes(4, "big"))
    protocol, verdict = "TCP" if record.is_tcp else "UDP", "PASS" if record.passes else "FAIL"
    return f"fib {record.fib_index} src ip {address} {protocol} dst port {record.port}: {verdict}"


def _tables(ctx: Context, frame: Frame, side: Side, is_tcp: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The table of each packet's check, and whether it came here for a check at all and not by a route of ranges."""
    buffers, arc, checks = ctx.buffers, ctx.engine.arcs[side.arc], ctx.get(PortRangeChecks)
    interfaces = (buffers.rx_sw_if_index if side is Side.RX else buffers.tx_sw_if_index)[frame.rows]
    places = buffers.feature_pos[frame.rows] - 1
    tables = np.full(frame.n, NO_TABLE, np.int32)
    checked = np.zeros(frame.n, bool)
    for sw_if_index in np.unique(interfaces).tolist():
        configured = checks.of(side, sw_if_index)
        if not configured:
            continue
        # An interface with several checks has the node several times in a row.
        first = int(arc.chain[sw_if_index]) + arc.on(sw_if_index).index(side.node)
        for place, each in enumerate(configured, first):
            mine = (interfaces == sw_if_index) & (places == place)
            of_tcp, of_udp = each.of(side)
            tables[mine] = np.where(is_tcp[mine], of_tcp, of_udp)
            checked |= mine
    return tables, checked


def _check(ctx: Context, frame: Frame, side: Side) -> Nexts:
    """Both nodes."""
    # Load.
    buffers, fib, ranges = ctx.buffers, ctx.get(Fib), ctx.get(PortRanges)
    header = buffers.load(frame, ip4.HEADER, side.ahead)
    protocol, source = header["protocol"], header["src"].astype(np.uint32)
    behind = ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    ports = buffers.bytes_at(PORT)[buffers.addresses(frame, side.ahead + DESTINATION_PORT_AT) + behind]
    # Decide.
    is_tcp = protocol == TCP
    tables, checked = _tables(ctx, frame, side, is_tcp)
    bypass = (~is_tcp & (protocol != UDP)) | (source >> 28 == 0xE) | (source == 0xFFFFFFFF)
    found = fib.ip4.lookup(np.maximum(tables, 0), source)
    balances = fib.load_balances
    governed = (tables >= 0) & (balances.n_buckets[found] == 1) & (balances.dpo_type[found] == ranges.kind)
    allowed = governed & ranges.allow(np.where(governed, balances.dpo_index[found], 0), ports)
    passes = checked & (bypass | allowed)
    # Act: as in VPP, who passes takes the error along, for nodes that drop without one of their own.
    judged = ~(checked & bypass)
    buffers.error[frame.indices(buffers)[judged]] = ctx.error_base + FAIL
    ctx.count(OK, int(np.count_nonzero(passes & judged)))
    # Report.
    for position, index in ctx.traced(frame):
        ctx.trace(
            index,
            PortRangeTrace(
                bool(passes[position]), not judged[position], bool(is_tcp[position]), int(source[position]), int(ports[position]),
                int(tables[position]),
            ),
        )  # fmt: skip
    if passes.all():
        return ctx.engine.arcs.next(ctx, frame)
    nexts = np.full(frame.n, TO_DROP, np.int32)
    if passes.any():
        nexts[passes] = ctx.engine.arcs.next(ctx, frame.pick(buffers, passes))
    return nexts


@node(Side.RX.node, nexts=("ip4-drop",), errors=ERRORS, trace=format_port_range_trace)
def ip4_source_and_port_range_check_rx(ctx: Context, frame: Frame) -> Nexts:
    """What comes in, by the tables for what goes out of the network behind the interface."""
    return _check(ctx, frame, Side.RX)


@node(Side.TX.node, nexts=("ip4-drop",), errors=ERRORS, trace=format_port_range_trace)
def ip4_source_and_port_range_check_tx(ctx: Context, frame: Frame) -> Nexts:
    """What leaves, by the tables for what goes into the network behind the interface."""
    return _check(ctx, frame, Side.TX)


FEATURES = (
    feature(Side.RX.arc, Side.RX.node, before=("ipsec4-input-feature", "ip4-lookup")),
    feature(Side.TX.arc, Side.TX.node, before=("ipsec4-output-feature", "interface-output")),
)
