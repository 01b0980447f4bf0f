"""Unicast reverse path forwarding checks: does a packet come from where its source is reached? (RFC 3704; VPP's plugins/urpf)

Strict: the source must be reached by the interface that the packet came in by (rx), or must not be by the one
it leaves by (tx). Loose: it must be reached at all. A check looks in the interface's table, or in a given one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.wire import ip4, ip6
from vppsh.registry import FeatureSpec, error, feature, node

TO_DROP = 0
ERRORS = (error("drop", "uRPF Drop"),)
DROP = 0
FIRST_OCTET = np.dtype("u1")
IP4_DESTINATION_AT, IP6_DESTINATION_AT = 16, 24
IP4_BROADCAST = 0xFFFFFFFF
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)
Found = tuple[NDArray[np.int32], NDArray[np.bool_]]


class Mode(enum.Enum):
    """How strict a check is."""

    OFF = "off"
    LOOSE = "loose"
    STRICT = "strict"


class Side(enum.Enum):
    """Where packets are checked: as they come in, or as they leave."""

    RX = "rx"
    TX = "tx"


ARCS = {Side.RX: "unicast", Side.TX: "output"}
PROTOCOLS = (Protocol.IP4, Protocol.IP6)


def _name(protocol: Protocol, side: Side, mode: Mode) -> str:
    return f"{protocol.text}-{side.value}-urpf-{mode.value}"


class Check(Struct, frozen=True):
    """What an interface checks, and in which table; `own` when that is not simply the interface's."""

    mode: Mode
    fib_index: int
    own: bool


class Urpf:
    """The checks of an engine's interfaces.

    tables  int32 by sw_if_index, per protocol and side: where sources are looked up
    """

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._fib = engine.get(Fib)
        self._checks: dict[tuple[Protocol, Side, int], Check] = {}
        self.tables: dict[tuple[Protocol, Side], NDArray[np.int32]] = {
            (protocol, side): np.zeros(64, np.int32) for protocol in PROTOCOLS for side in Side
        }
        self._fib.bind_watchers.append(self._bound)
        engine.interfaces.subscribe(self._interface_changed)

    def configure(self, protocol: Protocol, side: Side, sw_if_index: int, mode: Mode, fib_index: int | None) -> None:
        """Check the packets of an interface from now on, in a table, or in the interface's own."""
        key = (protocol, side, sw_if_index)
        table = self._fib.tables(protocol).index_of_interface(sw_if_index) if fib_index is None else fib_index
        old, new = self._checks.get(key, Check(Mode.OFF, 0, False)), Check(mode, table, fib_index is not None)
        self._note(key, new)
        if (old.mode, old.fib_index) == (new.mode, new.fib_index):
            return
        for check, enabled in ((old, False), (new, True)):
            if check.mode is not Mode.OFF:
                self._arcs.enable(f"{protocol.text}-{ARCS[side]}", _name(protocol, side, check.mode), sw_if_index, enabled)

    def _note(self, key: tuple[Protocol, Side, int], check: Check) -> None:
        protocol, side, sw_if_index = key
        known = self.tables[protocol, side]
        if sw_if_index >= len(known):
            known = self.tables[protocol, side] = np.concatenate((known, np.zeros(max(len(known), sw_if_index + 1), np.int32)))
        known[sw_if_index] = check.fib_index
        self._checks[key] = check

    def _bound(self, protocol: Protocol, sw_if_index: int, old: int, new: int) -> None:
        for side in Side:
            check = self._checks.get((protocol, side, sw_if_index))
            if check is not None and not check.own:
                self._note((protocol, side, sw_if_index), Check(check.mode, new, False))

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for protocol in PROTOCOLS:
                for side in Side:
                    self._checks.pop((protocol, side, interface.sw_if_index), None)


class UrpfTrace(Struct, frozen=True):
    """The list of interfaces that a source is reached by, and the table that says so."""

    urpf: int
    fib_index: int


def format_urpf_trace(view: Any, record: UrpfTrace) -> str:
    """`uRPF:17 fib:0`."""
    return f"uRPF:{record.urpf} fib:{record.fib_index}"


def _look_up(ctx: Context, frame: Frame, protocol: Protocol, tables: NDArray[np.int32], ahead: int) -> Found:
    """The load-balance of each source, and whether the destination is a group or everybody."""
    fib = ctx.get(Fib)
    if protocol is Protocol.IP4:
        header = ctx.buffers.load(frame, ip4.HEADER, ahead)
        destination = header["dst"]
        return fib.ip4.lookup(tables, header["src"].astype(np.uint32)), (destination >> 28 == 0xE) | (destination == IP4_BROADCAST)
    first = ctx.buffers.load(frame, FIRST_OCTET, ahead + IP6_DESTINATION_AT)
    sources = ctx.buffers.load(frame, ip6.HEADER, ahead)["src"].astype(np.uint64)
    return fib.ip6.lookup6(tables, sources), first == 0xFF


def _check(ctx: Context, frame: Frame, protocol: Protocol, side: Side, mode: Mode, ahead: int) -> NDArray[np.bool_]:
    """Which packets of a frame pass, `ahead` bytes lying in front of their headers."""
    buffers, fib = ctx.buffers, ctx.get(Fib)
    interfaces = (buffers.rx_sw_if_index if side is Side.RX else buffers.tx_sw_if_index)[frame.rows]
    tables = ctx.get(Urpf).tables[protocol, side][interfaces]
    found, passes = _look_up(ctx, frame, protocol, tables, ahead)
    lists = fib.load_balances.urpf[found]
    for position, index in ctx.traced(frame):
        ctx.trace(index, UrpfTrace(int(lists[position]), int(tables[position])))
    reached = (lists >= 0) & (fib.urpfs.size[lists] > 0)
    if mode is Mode.LOOSE:
        return passes | reached
    by_interface = (lists >= 0) & fib.urpfs.allows(lists, interfaces)
    if side is Side.RX:
        return passes | by_interface
    return passes | (reached & ~by_interface) | (buffers.flags[frame.rows] & OURS != 0)


def _urpf(protocol: Protocol, side: Side, mode: Mode) -> Callable[[Context, Frame], Nexts]:
    """The function of one of the nodes."""

    def check_sources(ctx: Context, frame: Frame) -> Nexts:
        buffers = ctx.buffers
        if side is Side.RX:
            passes = _check(ctx, frame, protocol, side, mode, 0)
        else:
            ahead = buffers.save_rewrite_length[frame.rows]
            passes = np.zeros(frame.n, bool)
            for each in np.unique(ahead).tolist():
                mine = ahead == each
                passes[mine] = _check(ctx, frame.pick(buffers, mine), protocol, side, mode, int(each))
        if passes.all():
            return ctx.engine.arcs.next(ctx, frame)
        nexts = np.full(frame.n, TO_DROP, np.int32)
        if passes.any():
            nexts[passes] = ctx.engine.arcs.next(ctx, frame.pick(buffers, passes))
        buffers.error[frame.indices(buffers)[~passes]] = ctx.error_base + DROP
        return nexts

    return check_sources


NODES = tuple(
    node(_name(protocol, side, mode), nexts=(f"{protocol.text}-drop",), errors=ERRORS, trace=format_urpf_trace)(_urpf(protocol, side, mode))
    for protocol in PROTOCOLS
    for side in Side
    for mode in (Mode.LOOSE, Mode.STRICT)
)


def _features(protocol: Protocol) -> tuple[FeatureSpec, ...]:
    """Their places on the arcs of one protocol."""
    received, lookup = f"{protocol.text}-unicast", f"{protocol.text}-lookup"
    strict = _name(protocol, Side.RX, Mode.STRICT)
    return (
        feature(received, _name(protocol, Side.RX, Mode.LOOSE), before=(strict,)),
        feature(received, strict, before=(lookup,)),
        *(feature(f"{protocol.text}-output", _name(protocol, Side.TX, mode)) for mode in (Mode.LOOSE, Mode.STRICT)),
    )


FEATURES = tuple(each for protocol in PROTOCOLS for each in _features(protocol))
