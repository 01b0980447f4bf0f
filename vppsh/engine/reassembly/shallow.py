"""Shallow virtual reassembly: fragments stay as they are, but all of them know the ports that only the first one has.

Counterpart of vnet/ip/reass/ip4_sv_reass.c and ip6_sv_reass.c. Fragments wait until the first one has come, or
in the extended mode also the last one; from then on each goes on at once.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from msgspec import Struct

from vppsh.engine.l4_fields import FRAGMENT, LATER_FRAGMENT, TRUNCATED

from .table import Limits, Reassemblies, Waiting

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vppsh.engine.context import Context
    from vppsh.engine.engine import Engine


@dataclass(slots=True, eq=False)
class Shallow(Waiting):
    """One packet: its fragments that wait, each with whether it is a later one, and what the first one says."""

    cached: list[tuple[int, bool]] = field(default_factory=list)
    ports: int = 0
    first: int = 0
    first_seen: bool = False
    last_seen: bool = False

    @property
    def buffers(self) -> list[int]:
        """Where the fragments lie."""
        return [index for index, _ in self.cached]


class Action(enum.Enum):
    """What happens to a fragment, as traces tell it."""

    CACHE = "[cached]"
    FIRST = "[first-frag-seen, {0}]"
    LAST = "[last-frag-seen]"
    FORWARD = "[forward, {0}]"
    FREE_LATE = "[free, timed out]"
    FREE_OLDEST = "[free, LRU pressure]"
    FREE_FAULTY = "[free, error occurred]"


# Those of these that VPP shows without saying which packet they are about.
ANONYMOUS = (Action.FREE_LATE, Action.FREE_OLDEST, Action.FREE_FAULTY)


class ShallowTrace(Struct, frozen=True):
    """A step, or with a text of its own something else: which packet and step, ports and protocol."""

    action: Action | str
    id: int = 0
    operation: int = 0
    ports: int = 0
    first: int = 0


def format_shallow_trace(view: Any, record: ShallowTrace) -> str:
    """`reass id: 0, op id: 1 [forward, ip proto=17, src_port=3333, dst_port=4444]`."""
    truncated = " [l4-hdr-truncated]" if record.first & TRUNCATED else ""
    if isinstance(record.action, str):
        return record.action + truncated
    flow = f"ip proto={record.first & 0xFF}, src_port={record.ports >> 16}, dst_port={record.ports & 0xFFFF}"
    text = record.action.value.format(flow) + truncated
    return text if record.action in ANONYMOUS else f"reass id: {record.id}, op id: {record.operation} {text}"


class Outcome(enum.Enum):
    """Why a packet is given up."""

    TOO_MANY_FRAGMENTS = enum.auto()
    UNKNOWN_PROTOCOL = enum.auto()


class ShallowReassemblies(Reassemblies[Shallow]):
    """Those of one engine and IP version.

    extended      how often the extended mode was asked for, counted as VPP does, in 32 bits
    traces_frees  whether traces tell of packets that are given up
    """

    kind = Shallow
    traces_frees: ClassVar[bool]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.limits = Limits(timeout=100, walk_interval=10_000)
        self.extended = 0

    def extend(self, on: bool) -> None:
        """Ask for the extended mode, or no longer."""
        self.extended = (self.extended + (1 if on else -1)) & 0xFFFFFFFF

    def is_complete(self, flow: Shallow) -> bool:
        """Whether its fragments need not wait."""
        return flow.first_seen and (flow.last_seen or not self.extended)

    def open(self, ctx: Context, key: Hashable, index: int) -> Shallow:
        """The packet that a fragment belongs to; the oldest one makes way for a new one when there are too many."""
        flow = self.find(key)
        if flow is not None and self.is_late(flow):
            self.give_up(ctx, flow, index, Action.FREE_LATE)
            flow = None
        if flow is None:
            if len(self) >= self.limits.assemblies:
                self.give_up(ctx, self.oldest, index, Action.FREE_OLDEST)
            flow = self.begin(key)
            assert flow is not None, "there was room"
        flow.last_heard = ctx.now
        return flow

    def give_up(self, ctx: Context, flow: Shallow, index: int, action: Action) -> None:
        """Drop a packet's fragments."""
        if self.traces_frees:
            note(ctx, flow, action, index)
        self.drop(flow)

    def take(
        self, ctx: Context, flow: Shallow, index: int, said: tuple[int, int] | None, *, is_first: bool, is_last: bool
    ) -> Outcome | list[int]:
        """One fragment: the buffers that go on because of it.

        said  ports and protocol, of a first fragment; None if it says none
        """
        if self.is_complete(flow):
            return self._forward(ctx, flow, [(index, not is_first)])
        flow.cached.append((index, not is_first))
        if is_first:
            if said is None:
                return Outcome.UNKNOWN_PROTOCOL
            flow.ports, flow.first = said
            flow.first_seen = True
            note(ctx, flow, Action.FIRST, index)
        if is_last:
            flow.last_seen = True
            note(ctx, flow, Action.LAST, index)
        if not self.is_complete(flow):
            note(ctx, flow, Action.CACHE, index)
            return Outcome.TOO_MANY_FRAGMENTS if len(flow.cached) > self.limits.fragments else []
        cached, flow.cached = flow.cached, []
        return self._forward(ctx, flow, cached)

    @staticmethod
    def _forward(ctx: Context, flow: Shallow, fragments: list[tuple[int, bool]]) -> list[int]:
        buffers = ctx.buffers
        for index, is_later in fragments:
            buffers.l4_ports[index] = flow.ports
            buffers.l4_first[index] = np.uint32(flow.first | FRAGMENT | (LATER_FRAGMENT if is_later else 0))
            note(ctx, flow, Action.FORWARD, index)
        return [index for index, _ in fragments]


def note(ctx: Context, flow: Shallow, action: Action, index: int) -> None:
    """Add a step to the trace of a fragment that has one."""
    if ctx.buffers.trace[index] >= 0:
        ctx.trace(index, ShallowTrace(action, flow.id, flow.operations, flow.ports, flow.first))
        flow.operations += 1
