"""ip4- and ip6-mfib-forward-lookup, -rpf: finds the entry of a packet's group, and whether it may come in here.

Counterpart of vnet/mfib/mfib_forward.c. The reverse path check asks whether the entry accepts packets from
the receive interface; those that pass are replicated to where the entry forwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4 import errors as ip4_errors
from vppsh.engine.features.ip6 import errors as ip6_errors
from vppsh.engine.fib import types as fib_types
from vppsh.engine.fib.dpo import DROPS
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import DpoSlots, table_of
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.mfib.entry import MfibEntry
from vppsh.engine.mfib.tables import Mfib
from vppsh.engine.mfib.text import format_interface_flags
from vppsh.engine.mfib.types import EntryFlag, InterfaceFlag
from vppsh.engine.wire import ip4
from vppsh.registry import node, table

RPF, DROP = 0, 0
NO_INTERFACE = -1

# Where source and destination lie in the header, one behind the other.
FLOWS = {Protocol.IP4: (np.dtype("V8"), 12), Protocol.IP6: (np.dtype("V32"), 8)}
RPF_FAILURES = {Protocol.IP4: ip4_errors.RPF_FAILURE, Protocol.IP6: ip6_errors.RPF_FAILURE}


class LookupTrace(Struct, frozen=True):
    """The table, and the entry that was found."""

    fib_index: int
    entry: int


class RpfTrace(Struct, frozen=True):
    """The entry, and what it says of the receive interface."""

    entry: int
    sw_if_index: int
    flags: InterfaceFlag


def format_lookup_trace(view: Any, record: LookupTrace) -> str:
    """`fib 0 entry 8`."""
    return f"fib {record.fib_index} entry {record.entry}"


def format_rpf_trace(view: Any, record: RpfTrace) -> str:
    """`entry 8 itf 1 flags Accept,`."""
    return f"entry {record.entry} itf {record.sw_if_index} flags {format_interface_flags(record.flags)}"


def _lookup(protocol: Protocol) -> Callable[[Context, Frame], Nexts]:
    def mfib_forward_lookup(ctx: Context, frame: Frame) -> Nexts:
        buffers, tables = ctx.buffers, ctx.get(Fib).tables(protocol)
        rows = frame.rows
        buffers.fib_index[rows] = table_of(ctx, frame, tables)
        fib_indices = tables.fib_index_of[buffers.rx_sw_if_index[rows]]
        dtype, at = FLOWS[protocol]
        found = ctx.get(Mfib).lookup(protocol, fib_indices, buffers.load(frame, dtype, at))
        buffers.adj_index[rows] = found
        for position, index in ctx.traced(frame):
            ctx.trace(index, LookupTrace(int(fib_indices[position]), int(found[position])))
        return RPF

    return mfib_forward_lookup


def _from_neighbors(ctx: Context, frame: Frame, protocol: Protocol, entry: MfibEntry, sw_if_index: int, mine: NDArray[np.bool_]) -> bool:
    """Whether the control plane wants to hear of senders on links of ours, and one of these packets is from there; not so for IPv6."""
    if not entry.flags & EntryFlag.CONNECTED or protocol is Protocol.IP6:
        return False
    fib = ctx.get(Fib)
    sources = ctx.buffers.load(frame.pick(ctx.buffers, mine), ip4.HEADER)["src"].astype(np.uint32)
    found = fib.ip4.lookup(int(fib.ip4.fib_index_of[sw_if_index]), sources)
    return bool((fib.load_balances.entry_flags[found] & fib_types.EntryFlag.ATTACHED).any())


def _rpf(protocol: Protocol) -> Callable[[Context, Frame], Nexts]:
    def mfib_forward_rpf(ctx: Context, frame: Frame) -> Nexts:
        buffers, mfib = ctx.buffers, ctx.get(Mfib)
        rows = frame.rows
        found, received = buffers.adj_index[rows].copy(), buffers.rx_sw_if_index[rows]
        nexts, errors = np.full(frame.n, DROP), np.full(frame.n, RPF_FAILURES[protocol])
        pairs, where = np.unique(found.astype(np.int64) << 32 | received, return_inverse=True)
        flags = [InterfaceFlag(0)] * len(pairs)
        for number, pair in enumerate(pairs.tolist()):
            entry, sw_if_index = mfib.find(pair >> 32), pair & 0xFFFFFFFF
            if entry is None:
                continue
            flags[number] = entry.accept_flags(sw_if_index)
            mine = where == number
            if entry.signals(flags[number]) or _from_neighbors(ctx, frame, protocol, entry, sw_if_index, mine):
                entry.signal(sw_if_index)
            if entry.accepts(sw_if_index):
                errors[mine] = NO_INTERFACE
                nexts[mine] = DROP if entry.dpo == DROPS[protocol] else ctx.get(DpoSlots).one(ctx, entry.dpo.type, entry.dpo.protocol)
                buffers.adj_index[frame.indices(buffers)[mine]] = entry.dpo.index
        refused = errors != NO_INTERFACE
        buffers.error[rows] = np.where(refused, ctx.error_base + errors, 0)
        for position, index in ctx.traced(frame):
            sw_if_index = int(received[position])
            entry = mfib.find(int(found[position]))
            known = sw_if_index if entry is not None and sw_if_index in entry.interfaces else NO_INTERFACE
            ctx.trace(index, RpfTrace(int(found[position]), known, flags[int(where[position])]))
        return nexts

    return mfib_forward_rpf


NODES = (
    node("ip4-mfib-forward-lookup", nexts=("ip4-mfib-forward-rpf",), trace=format_lookup_trace)(_lookup(Protocol.IP4)),
    node("ip4-mfib-forward-rpf", nexts=("ip4-drop",), errors_of="ip4-input", trace=format_rpf_trace)(_rpf(Protocol.IP4)),
    node("ip6-mfib-forward-lookup", nexts=("ip6-mfib-forward-rpf",), trace=format_lookup_trace)(_lookup(Protocol.IP6)),
    node("ip6-mfib-forward-rpf", nexts=("ip6-drop",), errors_of="ip6-input", trace=format_rpf_trace)(_rpf(Protocol.IP6)),
)
MFIB = table(Mfib)
