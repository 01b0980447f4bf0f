"""SPAN: copies of what an interface receives or sends go to another one (vnet/span; a port mirror of a switch).

Device mirrors lie on the arcs device-input and interface-output, mirrors of layer 2 among the features of a bridged
or cross-connected interface. A copy is never copied again. A GRE tunnel with ERSPAN as the other interface takes the
copies to a collector.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffer_data import copy_packets
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures, NextOutputFeatures
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.registry import error, feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ERRORS = (error("SPAN incoming packets processed", "SPAN incoming packets processed"),)
CLONE = np.uint32(BufferFlag.SPAN_CLONE)


class Level(enum.Enum):
    """Where packets are copied."""

    DEVICE = "device"
    L2 = "l2"


class Direction(enum.IntFlag):
    """Which packets are copied."""

    NONE = 0
    RX = 1
    TX = 2
    BOTH = 3


@dataclass
class Mirrors:
    """Of one level and direction: by interface the interfaces that get copies, in the order of their indices."""

    ports: dict[int, list[int]] = field(default_factory=dict)

    def set(self, source: int, destination: int | None, on: bool) -> tuple[bool, bool]:
        """Copy to an interface or not (None: to no interface any more); whether there was a copy before, and is one now."""
        before = self.ports.get(source, [])
        kept = [port for port in before if destination is not None and port != destination]
        after = sorted([*kept, destination]) if on and destination is not None else kept
        if after:
            self.ports[source] = after
        else:
            self.ports.pop(source, None)
        return bool(before), bool(after)


class Spans:
    """All mirrors of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._interfaces = engine.get(Interfaces)
        self._l2 = engine.get(L2Interfaces)
        self.mirrors = {(level, way): Mirrors() for level in Level for way in (Direction.RX, Direction.TX)}
        self._interfaces.subscribe(self._changed)

    def set(self, source: Interface, destination: Interface | None, level: Level, ways: Direction) -> None:
        """Copy what an interface receives or sends to another one; NONE: neither; None: to no interface any more."""
        for way in (Direction.RX, Direction.TX):
            port = None if destination is None else destination.sw_if_index
            before, after = self.mirrors[level, way].set(source.sw_if_index, port, way in ways)
            if before != after:
                self._switch(source, level, way, after)

    def directions(self, source: int, destination: int, level: Level) -> Direction:
        """Which packets of one interface another one gets copies of."""
        ways = Direction.NONE
        for way in (Direction.RX, Direction.TX):
            if destination in self.mirrors[level, way].ports.get(source, ()):
                ways |= way
        return ways

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Source and destination of every mirror."""
        return sorted({(source, port) for mirrors in self.mirrors.values() for source, ports in mirrors.ports.items() for port in ports})

    def _switch(self, source: Interface, level: Level, way: Direction, on: bool) -> None:
        index = source.sw_if_index
        if level is Level.DEVICE and way is Direction.RX:
            self._arcs.enable("device-input", "span-input", index, on)
        elif level is Level.DEVICE:
            self._arcs.enable("interface-output", "span-output", index, on)
        elif way is Direction.RX:
            self._l2.switch_input(source, features.SPAN, on)
        else:
            self._l2.switch_output(source, features.SPAN_OUT, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        """Who is gone is neither copied nor gets copies."""
        if change is not Change.DELETED:
            return
        for source, port in self.pairs:
            if interface.sw_if_index in (source, port):
                for level in Level:
                    self.set(self._interfaces[source], self._interfaces[port], level, Direction.NONE)


class SpanTrace(Struct, frozen=True):
    """From where to where a copy went."""

    interfaces: Interfaces
    source: int
    destination: int


def format_span_trace(view: Any, record: SpanTrace) -> str:
    """`SPAN: mirrored pg0 -> pg2`, with the names that they have now."""
    known = record.interfaces
    names = [known[index].name if index in known else "DELETED" for index in (record.source, record.destination)]
    return f"SPAN: mirrored {names[0]} -> {names[1]}"


Copies = dict[int, list[NDArray[np.int32]]]


def _copy(ctx: Context, frame: Frame, level: Level, way: Direction) -> Copies:
    """The copies of a frame's packets, by the interface that gets them."""
    buffers, ports = ctx.buffers, ctx.get(Spans).mirrors[level, way].ports
    rows = frame.indices(buffers)
    sources = (buffers.rx_sw_if_index if way is Direction.RX else buffers.tx_sw_if_index)[rows]
    fresh = buffers.flags[rows] & CLONE == 0
    made: Copies = {}
    for source in set(sources[fresh].tolist()) & ports.keys():
        originals = rows[fresh & (sources == source)]
        for port in ports[source]:
            copies = copy_packets(buffers, originals)
            buffers.tx_sw_if_index[copies] = port
            buffers.flags[copies] |= CLONE
            made.setdefault(port, []).append(copies)
    for position, index in ctx.traced(frame):
        if fresh[position]:
            source = int(sources[position])
            for port in ports.get(source, ()):
                ctx.trace(index, SpanTrace(ctx.engine.interfaces, source, port))
    return made


def _send(ctx: Context, made: Copies, offset: int | None, level: Level) -> None:
    """Copies to the output of their interfaces, without a trace of their own."""
    interfaces, graph = ctx.engine.interfaces, ctx.engine.graph
    for port in sorted(made):
        rows = np.concatenate(made[port])
        if level is Level.L2:
            ctx.buffers.l2_features[rows] = features.OUTPUT
        if len(rows):
            target = graph["l2-output"] if level is Level.L2 else interfaces[port].hardware.output
            ctx.engine.dispatcher.send(target, Frame(rows, len(rows), offset=offset))


def _mirror_device(ctx: Context, frame: Frame, way: Direction) -> None:
    offset = frame.offset
    made = _copy(ctx, frame, Level.DEVICE, way)
    # ethernet-input is not told any more that a device handed over the whole frame.
    frame.rx = None
    ctx.hand_on(ctx.engine.arcs.next(ctx, frame), frame)
    _send(ctx, made, offset, Level.DEVICE)


def _mirror_l2(ctx: Context, frame: Frame, way: Direction, done: int, following: NextFeatures) -> None:
    buffers, offset = ctx.buffers, frame.offset
    made = _copy(ctx, frame, Level.L2, way)
    bits = buffers.l2_features[frame.rows] & np.uint32(features.ALL_BITS & ~done)
    buffers.l2_features[frame.rows] = bits
    ctx.hand_on(following.after(ctx, bits), frame)
    _send(ctx, made, offset, Level.L2)


@node("span-input", nexts=("error-drop",), errors=ERRORS, trace=format_span_trace)
def span_input(ctx: Context, frame: Frame) -> None:
    """Copy what a device received."""
    _mirror_device(ctx, frame, Direction.RX)


@node("span-output", nexts=("error-drop",), errors=ERRORS, trace=format_span_trace)
def span_output(ctx: Context, frame: Frame) -> None:
    """Copy what a device sends."""
    _mirror_device(ctx, frame, Direction.TX)


@node("span-l2-input", nexts=("error-drop",), errors=ERRORS, trace=format_span_trace)
def span_l2_input(ctx: Context, frame: Frame) -> None:
    """Copy what a port of a bridge domain received."""
    _mirror_l2(ctx, frame, Direction.RX, features.SPAN, ctx.get(NextFeatures))


@node("span-l2-output", nexts=("error-drop",), errors=ERRORS, trace=format_span_trace)
def span_l2_output(ctx: Context, frame: Frame) -> None:
    """Copy what a port of a bridge domain sends."""
    _mirror_l2(ctx, frame, Direction.TX, features.SPAN_OUT, ctx.get(NextOutputFeatures))


ON_INPUT = feature("device-input", "span-input", before=("ethernet-input",))
ON_OUTPUT = feature("interface-output", "span-output", before=("interface-output-arc-end",))
