"""Midchain adjacencies: those of tunnels, whose packets go on to wherever the tunnel's far end is.

VPP counterpart: vnet/adj/adj_midchain.c and adj_midchain_delegate.c. A midchain writes the outer headers in
front of a packet; what depends on the packet (lengths, checksums, copied fields) its fixup then fills in, for
whole frames. It is stacked on what the FIB entry of the far end forwards by, and restacked when that changes,
so that a change of the underlay moves the tunnel; a tunnel whose far end is reached through itself drops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import MIDCHAINS, Adjacency, Kind, Reason, RewriteFlag
from vppsh.engine.context import Context
from vppsh.engine.fib.dpo import DROPS, Dpo, Dpos, DpoType
from vppsh.engine.fib.fib import IP_PROTOCOLS, Fib
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.fib.path import CHAIN_OF
from vppsh.engine.fib.types import Chain, Prefix, Protocol, flag_names
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.tunnel.template_hash import hash_of_header
from vppsh.engine.uniform import common

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.entry import Entry

Data = int | NDArray[np.int64]
Fixup = Callable[[Context, Frame, Data], None]
"""`(ctx, frame, data)`: completes the headers that were just put in front of the packets of a frame.

`data` is the number that came with the rewrite (tunnel flags, an address ...): one for all packets, or one each.
"""
InnerHash = Callable[[Context, Frame, NDArray[np.integer], int], NDArray[np.uint32]]
"""`(ctx, frame, hash configuration of each packet, where the inner header begins) -> flow hash of each packet`."""

TX_NODE = "adj-midchain-tx"
# Operations on members of an enumeration are slow: what every frame asks for is kept as a number.
INNER_HASH = np.uint8(RewriteFlag.FIXUP_FLOW_HASH)


class Attribute:
    """How a midchain was set up (VPP's adj_flags_t); names as `show adj` prints them."""

    NONE = 0
    IP_STACK = 1 << 1
    LOOPED = 1 << 2
    FIXUP_IP4_IN_IP4 = 1 << 3
    FIXUP_FLOW_HASH = 1 << 4


ATTRIBUTE_NAMES = ("walk-active", "midchain-ip-stack", "midchain-looped", "midchain-ip4o4-hdr-fixup", "midchain-flow-hash")


class Endpoint(Struct, frozen=True):
    """Where the outer packets of a tunnel go: an address of a table."""

    fib_index: int
    prefix: Prefix


class Encap(Struct, frozen=True):
    """How packets of one adjacency are encapsulated.

    header      what is written in front of them; empty while the far end is not known
    fixup       completes it; `data` is handed to it
    attributes  see Attribute
    endpoint    the far end; None: packets are dropped
    eager       the far end is followed while the interface is down, too
    stack       stacks the adjacency where there is no far end to follow
    """

    header: bytes = b""
    fixup: Fixup | None = None
    data: int = 0
    attributes: int = Attribute.NONE
    endpoint: Endpoint | None = None
    eager: bool = False
    stack: Callable[[Adjacency], None] | None = None


Describe = Callable[[Adjacency], Encap]


class Midchain:
    """What a midchain adjacency is stacked on.

    entry    the FIB entry of the far end while the midchain is stacked on it
    tracked  the entry that it follows
    dpo      the next object, and `slot` that of its node in adj-midchain-tx
    release  lets go of the next object, if that is this midchain's own
    """

    __slots__ = ("adjacency", "attributes", "dpo", "entry", "release", "slot", "stacks", "tracked")

    def __init__(self, adjacency: Adjacency, attributes: int, stacks: Midchains) -> None:
        self.adjacency = adjacency
        self.attributes = attributes
        self.stacks = stacks
        self.entry: Entry | None = None
        self.tracked: Entry | None = None
        self.dpo = DROPS[adjacency.link]
        self.release: Callable[[], None] | None = None
        self.slot = 0

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"adj:{self.adjacency.index}"

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """The far end is reached in another way."""
        self.stacks.restack(self.adjacency)

    def loop_detect(self, seen: list[Entry]) -> bool:
        """Whether the far end is one of the entries through which the adjacency was reached."""
        looped = any(entry is self.entry for entry in seen)
        self.attributes = self.attributes | Attribute.LOOPED if looped else self.attributes & ~Attribute.LOOPED
        return looped

    def format_attributes(self) -> str:
        """The attributes as `show adj` prints them."""
        return flag_names(self.attributes, ATTRIBUTE_NAMES).replace(",", " ") or "None"

    def format_delegate(self) -> str:
        """What the midchain follows, as `show adj` prints it."""
        return f"\n  {{MIDCHAIN:[fib-entry:{self.tracked.index}]}}" if self.tracked is not None else ""


class Midchains:
    """The midchains of an engine.

    slot   int32 by adjacency: slot of adj-midchain-tx that leads to the next object's node
    next   int32 by adjacency: the next object's index
    fixup  uint8 by adjacency: which of `fixups`
    data   int64 by adjacency: what the fixup is given
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._dpos = engine.get(Dpos)
        self._adjacencies = engine.get(Adjacencies)
        self._describe: dict[int, Describe] = {}
        self.fixups: list[Fixup | None] = [None]
        self.slot: NDArray[np.int32] = np.zeros(64, np.int32)
        self.next: NDArray[np.int32] = np.zeros(64, np.int32)
        self.fixup: NDArray[np.uint8] = np.zeros(64, np.uint8)
        self.data: NDArray[np.int64] = np.zeros(64, np.int64)
        self._adjacencies.freed.append(self._freed)
        engine.interfaces.subscribe(self._interface_changed)

    # Interfaces whose adjacencies are midchains.

    def attach(self, interface: Interface, describe: Describe, output: str = "tunnel-output") -> None:
        """Let the adjacencies of an interface be built as `describe` says; behind features packets go to `output`."""
        index = interface.sw_if_index
        for arc in ("ip4-output", "ip6-output", "mpls-output", "ethernet-output"):
            if self._engine.arcs.find(arc) is not None:
                self._engine.arcs.set_end(arc, index, output)
        self._describe[index] = describe
        for adjacency in self.of(index):
            self.update(adjacency)

    def detach(self, interface: Interface) -> None:
        """The interface is going away."""
        self._describe.pop(interface.sw_if_index, None)

    def of(self, sw_if_index: int) -> list[Adjacency]:
        """The neighbour adjacencies of an interface."""
        return [adjacency for protocol in IP_PROTOCOLS for adjacency in self._adjacencies.of_interface(sw_if_index, protocol)]

    def update(self, adjacency: Adjacency) -> None:
        """Build an adjacency as its interface describes it (again), and stack it."""
        describe = self._describe.get(adjacency.interface)
        if describe is None or adjacency.kind is Kind.GLEAN:
            return
        encap = describe(adjacency)
        self.set_rewrite(adjacency, encap.header, encap.fixup, encap.data, encap.attributes)
        self._stack_as(adjacency, encap, eager=encap.eager)

    def update_towards(self, sw_if_index: int, next_hop: Prefix) -> None:
        """Build the adjacencies towards a next hop again."""
        for adjacency in self._adjacencies.towards(sw_if_index, next_hop.protocol, next_hop.address):
            self.update(adjacency)

    def _stack_as(self, adjacency: Adjacency, encap: Encap, *, eager: bool = False) -> None:
        link_up = self._engine.interfaces[adjacency.interface].hardware.link_up
        if encap.stack is not None:
            encap.stack(adjacency)
        elif encap.endpoint is not None and (link_up or eager):
            self.follow(adjacency, encap.endpoint)
        elif encap.header or (adjacency.midchain is not None and adjacency.midchain.tracked is not None):
            self.unstack(adjacency)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        describe = self._describe.get(interface.sw_if_index)
        if change is Change.DELETED:
            self.detach(interface)
        elif describe is not None and change in (Change.ADMIN, Change.LINK):
            for adjacency in self.of(interface.sw_if_index):
                self._stack_as(adjacency, describe(adjacency))

    # Single adjacencies.

    def set_rewrite(
        self, adjacency: Adjacency, header: bytes, fixup: Fixup | None = None, data: int = 0, attributes: int = Attribute.NONE
    ) -> None:
        """Make an adjacency a midchain that writes a header; what completes it is settled the first time, as in VPP."""
        if adjacency.kind not in MIDCHAINS:
            self._set_up(adjacency, fixup, data, attributes)
        # To VPP one that sends multicast into a tunnel is like any other.
        self._adjacencies.set_rewrite(adjacency, Kind.MIDCHAIN, header)

    def set_fixup(self, adjacency: Adjacency, fixup: Fixup | None, data: int = 0) -> None:
        """Let another function complete the headers of an adjacency."""
        if fixup not in self.fixups:
            self.fixups.append(fixup)
        row = self._row(adjacency)
        self.fixup[row], self.data[row] = self.fixups.index(fixup), data

    def set_output(self, adjacency: Adjacency, node: str) -> None:
        """Send the packets of an adjacency to a node of its own behind the rewrite (IPsec, WireGuard)."""
        graph = self._engine.graph
        rewrite = graph[self._dpos.node(adjacency.dpo.type, adjacency.link)]
        self._adjacencies.next_slot[adjacency.index] = graph.add_next(rewrite, graph[node])

    def follow(self, adjacency: Adjacency, endpoint: Endpoint) -> None:
        """Stack an adjacency on the entry of its far end from now on; the first far end stays."""
        midchain = adjacency.midchain
        assert midchain is not None
        if midchain.tracked is None:
            table = self._fib.tables(endpoint.prefix.protocol)[endpoint.fib_index]
            midchain.tracked = self._fib.trackers.track(table, endpoint.prefix, midchain)
        self.restack(adjacency)

    def forget(self, adjacency: Adjacency) -> None:
        """Follow the far end no longer; packets are dropped."""
        midchain = adjacency.midchain
        if midchain is not None and midchain.tracked is not None:
            self.unstack(adjacency)
            tracked, midchain.tracked = midchain.tracked, None
            self._fib.trackers.untrack(tracked, midchain)

    def restack(self, adjacency: Adjacency) -> None:
        """Stack an adjacency on what its far end forwards by now."""
        midchain = adjacency.midchain
        if midchain is None or midchain.tracked is None:
            return
        if self._engine.interfaces[adjacency.interface].admin_up:
            self.stack_on_entry(adjacency, midchain.tracked)
        else:
            self.unstack(adjacency)

    def stack_on_entry(self, adjacency: Adjacency, entry: Entry) -> None:
        """Stack an adjacency on an entry; on a drop if that would make a loop."""
        midchain = adjacency.midchain
        assert midchain is not None
        chain = CHAIN_OF[entry.prefix.protocol]
        midchain.entry = entry
        if entry.loop_detect([]):
            self.stack(adjacency, DROPS[chain.protocol])
            return
        self.stack(adjacency, self._chosen(adjacency, midchain, entry.forwarding(chain), chain))

    def stack(self, adjacency: Adjacency, dpo: Dpo, release: Callable[[], None] | None = None) -> None:
        """Send the encapsulated packets of an adjacency to an object; `release` lets go of it when it is replaced."""
        graph = self._engine.graph
        node = self._dpos.node(dpo.type, Protocol(dpo.protocol))
        self._set_next(adjacency, dpo, graph.add_next(graph[TX_NODE], graph[node]), release)

    def unstack(self, adjacency: Adjacency) -> None:
        """Drop the packets of an adjacency; they go where VPP sends them, to the first next of adj-midchain-tx."""
        midchain = adjacency.midchain
        assert midchain is not None
        entry, midchain.entry = midchain.entry, None
        if entry is not None:
            entry.loop_detect([])
        self._set_next(adjacency, DROPS[adjacency.link], 0)

    def _chosen(self, adjacency: Adjacency, midchain: Midchain, dpo: Dpo, chain: Chain) -> Dpo:
        """The bucket that the outer header's hash chooses, or the load-balance itself, to be chosen by the inner one's."""
        adjacencies, balances = self._adjacencies, self._fib.load_balances
        row = adjacency.index
        if dpo.type == DpoType.LOAD_BALANCE:
            buckets = int(balances.n_buckets[dpo.index])
            if midchain.attributes & Attribute.IP_STACK or buckets == 1:
                header = adjacencies.rewrite[row, : adjacencies.rewrite_length[row]].tobytes()
                chosen = hash_of_header(self._engine, header, chain.protocol, int(balances.hash_config[dpo.index]))
                dpo = balances.buckets(dpo.index)[chosen % buckets]
            elif buckets > 1:
                adjacencies.flags[row] |= RewriteFlag.FIXUP_FLOW_HASH
            if midchain.attributes & Attribute.FIXUP_FLOW_HASH:
                adjacencies.flags[row] |= RewriteFlag.FIXUP_FLOW_HASH
        return dpo

    def _set_up(self, adjacency: Adjacency, fixup: Fixup | None, data: int, attributes: int) -> None:
        midchain = adjacency.midchain = Midchain(adjacency, attributes, self)
        row = adjacency.index
        flags = self._adjacencies.flags[row] & (0xFF ^ (RewriteFlag.FIXUP_IP4_IN_IP4 | RewriteFlag.FIXUP_FLOW_HASH))
        if attributes & Attribute.FIXUP_IP4_IN_IP4:
            flags |= RewriteFlag.FIXUP_IP4_IN_IP4
        self._adjacencies.flags[row] = flags
        self.set_fixup(adjacency, fixup, data)
        midchain.dpo = DROPS[adjacency.link]
        self.stack(adjacency, midchain.dpo)

    def _set_next(self, adjacency: Adjacency, dpo: Dpo, slot: int, release: Callable[[], None] | None = None) -> None:
        midchain, adjacencies = adjacency.midchain, self._adjacencies
        assert midchain is not None
        # A neighbour that the midchain leads to lives on while it does.
        new = adjacencies.find(dpo.index) if dpo.is_adjacency else None
        if new is not None:
            new.locks += 1
        old = adjacencies.find(midchain.dpo.index) if midchain.dpo.is_adjacency else None
        let_go, midchain.release = midchain.release, release
        midchain.dpo, midchain.slot = dpo, slot
        row = self._row(adjacency)
        self.next[row], self.slot[row] = dpo.index, slot
        if old is not None:
            adjacencies.unlock(old)
        if let_go is not None:
            let_go()

    def _freed(self, adjacency: Adjacency) -> None:
        self.forget(adjacency)
        if adjacency.midchain is not None:
            self._set_next(adjacency, DROPS[adjacency.link], 0)
            adjacency.midchain = None

    def _row(self, adjacency: Adjacency) -> int:
        self._keep_up()
        return adjacency.index

    def _keep_up(self) -> None:
        """Have as many rows as there are of adjacencies: a stream may let packets be handled by any of them."""
        missing = self._adjacencies.capacity - len(self.slot)
        if missing > 0:
            for name in ("slot", "next", "fixup", "data"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros(missing, column.dtype))))

    # In the packet path.

    def leave(self, frame: Frame, adj: int | NDArray[np.intp]) -> int | NDArray[np.int32]:
        """Replace the adjacency of packets by the object that it is stacked on; the slots of adj-midchain-tx that lead there."""
        self._keep_up()
        self._engine.buffers.adj_index[frame.rows] = self.next.take(adj)
        return int(self.slot[adj]) if isinstance(adj, int) else self.slot.take(adj)

    def complete(self, ctx: Context, frame: Frame, adj: int | NDArray[np.intp], inner_hash: InnerHash | None) -> None:
        """Complete the headers that were put in front of the packets of a frame; note flow hashes where that is wanted."""
        self._keep_up()
        if isinstance(adj, int):
            fixup = self.fixups[self.fixup[adj]]
            if fixup is not None:
                fixup(ctx, frame, int(self.data[adj]))
        else:
            self._complete_each(ctx, frame, adj)
        if inner_hash is None:
            return
        hashed = self._adjacencies.flags.take(adj) & INNER_HASH
        if np.count_nonzero(hashed):
            self._hash(ctx, frame, adj, np.broadcast_to(hashed != 0, (frame.n,)), inner_hash)

    def _complete_each(self, ctx: Context, frame: Frame, adj: NDArray[np.intp]) -> None:
        kinds, data = self.fixup.take(adj), self.data.take(adj)
        for kind in set(kinds.tolist()) if common(kinds) is None else (int(kinds[0]),):
            fixup = self.fixups[kind]
            if fixup is not None:
                mine = kinds == kind
                every = bool(mine.all())
                fixup(ctx, frame if every else frame.pick(ctx.buffers, mine), data if every else data[mine])

    def _hash(self, ctx: Context, frame: Frame, adj: int | NDArray[np.intp], hashed: NDArray[np.bool_], inner_hash: InnerHash) -> None:
        """Note the flow hash of inner packets, for a load-balance on the way."""
        lengths = np.broadcast_to(self._adjacencies.rewrite_length.take(adj), (frame.n,))
        for length in np.unique(lengths[hashed]).tolist():
            mine = hashed & (lengths == length)
            part = frame.pick(ctx.buffers, mine)
            config = np.full(part.n, FLOW_HASH_DEFAULT, np.uint16)
            ctx.buffers.flow_hash[part.rows] = inner_hash(ctx, part, config, length)


def update_adjacency(engine: Engine, adjacency: Adjacency) -> None:
    """The `update_adjacency` of hardware classes of tunnels."""
    engine.get(Midchains).update(adjacency)
