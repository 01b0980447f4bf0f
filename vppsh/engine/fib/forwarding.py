"""The step that all lookups share: from load-balances to next nodes and object indices.

VPP counterpart: the second half of ip4_lookup_inline and its like (vnet/ip, vnet/mpls).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.counters import count_each
from vppsh.engine.fib.dpo import Dpos
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.tables import FibTables

FlowHash = Callable[["Context", Frame, NDArray[np.integer]], NDArray[np.uint32]]
"""`(ctx, frame, hash configuration of each packet) -> hash of each packet`."""

TYPES = 256


class DpoSlots:
    """Which slot of a node leads to the node of a DPO type, per node and protocol of the object."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dpos = engine.get(Dpos)
        self._slots: dict[tuple[int, int], NDArray[np.int32]] = {}

    def find(self, ctx: Context, kinds: NDArray[np.uint8], protocol: int) -> NDArray[np.int32]:
        """The slot of each type."""
        table = self._slots.setdefault((ctx.node.index, protocol), np.full(TYPES, -1, np.int32))
        slots: NDArray[np.int32] = table[kinds]
        if (slots < 0).any():
            for kind in set(kinds.tolist()):
                self.one(ctx, kind, protocol)
            slots = table[kinds]
        return slots

    def one(self, ctx: Context, kind: int, protocol: int) -> int:
        """The slot of one type."""
        table = self._slots.setdefault((ctx.node.index, protocol), np.full(TYPES, -1, np.int32))
        slot = int(table[kind])
        if slot < 0:
            graph = self._engine.graph
            slot = table[kind] = graph.next_by_name(ctx.node.name, self._dpos.node(kind, Protocol(protocol)))
        return int(slot)


def table_of(ctx: Context, frame: Frame, tables: FibTables) -> int | NDArray[np.int32]:
    """The table of each packet: of its receive interface, unless tx_sw_if_index names another."""
    buffers = ctx.buffers
    chosen = buffers.tx_sw_if_index[frame.rows]
    if frame.rx is not None and not np.count_nonzero(chosen != -1):
        return int(tables.fib_index_of[frame.rx])
    received = tables.fib_index_of[buffers.rx_sw_if_index[frame.rows]]
    each = np.where(chosen != -1, chosen, received)
    one = common(each)
    return each if one is None else one


def choose(
    ctx: Context, frame: Frame, found: NDArray[np.int32], protocol: Protocol, lengths: NDArray[np.int32], flow_hash: FlowHash,
    *, via: bool = False,
) -> int | NDArray[np.int32]:  # fmt: skip
    """Count at the load-balances that were found, choose a bucket of each, store its index; the next slots.

    found    load-balance of each packet
    lengths  bytes of each packet
    via      another load-balance led here: count as "via"
    """
    found = found.astype(np.intp)
    balances, slots, buffers = ctx.get(LoadBalances), ctx.get(DpoSlots), ctx.buffers
    packets, n_bytes = (balances.via_packets, balances.via_bytes) if via else (balances.packets, balances.bytes)
    one = common(found)
    if one is not None:
        packets[one] += frame.n
        n_bytes[one] += int(np.add.reduce(lengths))
        if balances.n_buckets[one] == 1:
            same_kind, same_protocol, index = balances.dpo[one].item()
            buffers.adj_index[frame.rows] = index
            return slots.one(ctx, same_kind, same_protocol)
    else:
        count_each(packets, n_bytes, found, lengths)
    dpos = balances.dpo.take(found)
    kinds, indices, protocols = dpos["type"], dpos["index"], dpos["protocol"]
    if balances.multipath:
        counts = balances.n_buckets.take(found)
        many = counts > 1
        if many.any():
            chosen = frame if many.all() else frame.pick(buffers, many)
            at = found[many]
            hashes = flow_hash(ctx, chosen, balances.hash_config[at])
            if via:
                # The same hash at every level would leave some of the ways unused.
                earlier = buffers.flow_hash[chosen.rows]
                hashes = np.where(earlier != 0, earlier >> np.uint32(1), hashes)
            buffers.flow_hash[chosen.rows] = hashes
            places = balances.offset[at] + (hashes & (counts[many] - 1).astype(np.uint32)).astype(np.int32)
            kinds[many], indices[many], protocols[many] = (
                balances.bucket_type[places], balances.bucket_index[places], balances.bucket_protocol[places],
            )  # fmt: skip
    buffers.adj_index[frame.rows] = indices
    kind, same = common(kinds), common(protocols)
    if kind is not None and same is not None:
        return slots.one(ctx, kind, same)
    nexts = np.empty(frame.n, np.int32)
    for each in np.unique(protocols).tolist():
        mine = protocols == each
        nexts[mine] = slots.find(ctx, kinds[mine], each)
    return nexts
