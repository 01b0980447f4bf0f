"""tcp-mss-clamping: lowers the maximum segment size that TCP's SYN segments offer, on the way in or out of an interface.

Counterpart of plugins/mss_clamp; the option is that of RFC 9293, 3.7.1, the checksum update RFC 1624.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import update
from vppsh.registry import FeatureSpec, NodeSpec, feature, info, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ERRORS = (info("clamped", "packets clamped"),)
CLAMPED = 0
UNSET = 0xFFFF
TCP_BYTES = 20
FLAGS_AT, DATA_OFFSET_AT, CHECKSUM_AT = 13, 12, 16
SYN = 0x02
END, NO_OPERATION, MSS, MSS_BYTES = 0, 1, 2, 4
BYTE, SHORT = np.dtype("u1"), np.dtype(">u2")
Places = NDArray[np.int64]


class Direction(enum.IntFlag):
    """Which packets of an interface are clamped."""

    NONE = 0
    RX = 1
    TX = 2
    BOTH = 3


class Clamp(Struct, frozen=True):
    """What an interface clamps of one IP version."""

    direction: Direction = Direction.NONE
    mss: int = UNSET


class ClampTrace(Struct, frozen=True):
    """The limit that applies to a packet, and whether it changed it."""

    mss: int
    clamped: bool


def format_clamp_trace(view: Any, record: ClampTrace) -> str:
    """`max mss: 1200 clamped: 1`."""
    return f"max mss: {record.mss} clamped: {int(record.clamped)}"


class MssClamps:
    """The clamps of an engine's interfaces.

    limits  by IP version, the largest segment of each interface by sw_if_index; UNSET where there is none
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clamps: dict[tuple[Protocol, int], Clamp] = {}
        self.limits: dict[Protocol, NDArray[np.int32]] = {each: np.full(64, UNSET, np.int32) for each in (Protocol.IP4, Protocol.IP6)}
        engine.interfaces.subscribe(self._changed)

    def of(self, protocol: Protocol, sw_if_index: int) -> Clamp:
        """What an interface clamps."""
        return self._clamps.get((protocol, sw_if_index), Clamp())

    def interfaces(self) -> list[int]:
        """The interfaces that clamp anything."""
        return sorted({sw_if_index for (_, sw_if_index), clamp in self._clamps.items() if clamp.direction})

    def set(self, protocol: Protocol, sw_if_index: int, clamp: Clamp) -> None:
        """Let an interface clamp this from now on."""
        before = self.of(protocol, sw_if_index).direction
        for side, role in ((Direction.RX, "in"), (Direction.TX, "out")):
            if (before ^ clamp.direction) & side:
                arc = f"{protocol.text}-{'unicast' if side is Direction.RX else 'output'}"
                self._engine.arcs.enable(arc, f"tcp-mss-clamping-{protocol.text}-{role}", sw_if_index, bool(clamp.direction & side))
        limits = self.limits[protocol]
        if sw_if_index >= len(limits):
            grown = np.full(max(2 * len(limits), sw_if_index + 1), UNSET, np.int32)
            grown[: len(limits)] = limits
            limits = self.limits[protocol] = grown
        limits[sw_if_index] = clamp.mss if clamp.direction else UNSET
        self._clamps[protocol, sw_if_index] = clamp

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for protocol, limits in self.limits.items():
                if self._clamps.pop((protocol, interface.sw_if_index), None) is not None:
                    limits[interface.sw_if_index] = UNSET


def _ip4_segments(ctx: Context, frame: Frame, starts: Places) -> Places:
    """Where the TCP header of each packet begins; -1 without one."""
    view = ctx.buffers.bytes_at(BYTE)
    long_enough = ctx.buffers.current_length[frame.rows] >= ip4.HEADER.itemsize + TCP_BYTES
    tcp = (view[starts + 9] == ip_protocol.TCP) & long_enough
    return np.where(tcp, starts + ip4.header_bytes(view[starts].astype(np.int64)), -1)


def _ip6_segments(ctx: Context, frame: Frame, starts: Places) -> Places:
    """Where the TCP header of each packet begins, if it follows the IPv6 header or a hop-by-hop header; -1 without one."""
    view = ctx.buffers.bytes_at(BYTE)
    following = view[starts + 6].astype(np.int64)
    at = starts + ip6.HEADER.itemsize
    extended = following == 0
    at = np.where(extended, at + (view[at + 1].astype(np.int64) + 1) * 8, at)
    following = np.where(extended, view[starts + ip6.HEADER.itemsize], following)
    return np.where(following == ip_protocol.TCP, at, -1)


def _option_place(options: bytes) -> int:
    """Where the value of the first whole MSS option lies; -1 if there is none before the end or a broken option."""
    at = 0
    while at < len(options) and options[at] != END:
        if options[at] == NO_OPERATION:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if not 2 <= size <= len(options) - at:
            return -1
        if options[at] == MSS and size == MSS_BYTES:
            return at + 2
        at += size
    return -1


def _value_places(ctx: Context, frame: Frame, segments: Places, ends: Places) -> Places:
    """Where each SYN segment's MSS value lies, -1 without one; nearly always it is the first option."""
    view = ctx.buffers.bytes_at(BYTE)
    places = np.full(frame.n, -1, np.int64)
    whole = np.flatnonzero((segments >= 0) & (segments + TCP_BYTES <= ends))
    syn = whole[view[segments[whole] + FLAGS_AT] & SYN != 0]
    first = segments[syn] + TCP_BYTES
    size = (view[segments[syn] + DATA_OFFSET_AT].astype(np.int64) >> 4) * 4 - TCP_BYTES
    fits = (size > 0) & (first + size <= ends[syn])
    usual = fits & (size >= MSS_BYTES) & (view[first] == MSS) & (view[first + 1] == MSS_BYTES)
    places[syn[usual]] = first[usual] + 2
    odd = fits & ~usual
    for position, start, length in zip(syn[odd].tolist(), first[odd].tolist(), size[odd].tolist(), strict=True):
        found = _option_place(view[start : start + length].tobytes())
        places[position] = start + found if found >= 0 else -1
    return places


def _clamper(protocol: Protocol, side: Direction, find: Callable[[Context, Frame, Places], Places]) -> Callable[[Context, Frame], Nexts]:
    def clamp(ctx: Context, frame: Frame) -> Nexts:
        buffers = ctx.buffers
        rows = frame.indices(buffers)
        # Load.
        interfaces = buffers.rx_sw_if_index[rows] if side is Direction.RX else buffers.tx_sw_if_index[rows]
        limits = ctx.get(MssClamps).limits[protocol][interfaces]
        begin = rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows]
        starts = begin + buffers.save_rewrite_length[rows] if side is Direction.TX else begin
        # Decide.
        values = _value_places(ctx, frame, segments := find(ctx, frame, starts), begin + buffers.current_length[rows])
        shorts = buffers.bytes_at(SHORT)
        clamped = (values >= 0) & (shorts[np.maximum(values, 0)] > limits)
        # Act.
        if np.count_nonzero(clamped):
            at, value = segments[clamped] + CHECKSUM_AT, values[clamped]
            lower = limits[clamped].astype(SHORT)
            shorts[at] = update(shorts[at], (shorts[value], lower))
            shorts[value] = lower
            ctx.count(CLAMPED, int(np.count_nonzero(clamped)))
        # Report.
        for position, index in ctx.traced(frame):
            ctx.trace(index, ClampTrace(int(limits[position]), bool(clamped[position])))
        return ctx.engine.arcs.next(ctx, frame)

    return clamp


def _declared(protocol: Protocol, find: Callable[[Context, Frame, Places], Places]) -> tuple[NodeSpec | FeatureSpec, ...]:
    """The nodes of one IP version, and where they stand on its arcs."""
    ip = protocol.text
    inward, outward = f"tcp-mss-clamping-{ip}-in", f"tcp-mss-clamping-{ip}-out"
    declare = {"nexts": ("error-drop",), "errors": ERRORS, "trace": format_clamp_trace}
    return (
        node(inward, **declare)(_clamper(protocol, Direction.RX, find)),
        node(outward, **declare)(_clamper(protocol, Direction.TX, find)),
        feature(f"{ip}-unicast", inward, before=(f"{ip}-lookup",)),
        feature(f"{ip}-output", outward, before=("interface-output",)),
    )


IP4 = _declared(Protocol.IP4, _ip4_segments)
IP6 = _declared(Protocol.IP6, _ip6_segments)
