"""Adjacencies: how a packet leaves an interface towards a next hop, and what is written in front of it.

VPP counterpart: vnet/adj/. Rows are numpy columns that ip4-rewrite and its kin index with whole
vectors; an `Adjacency` object owns each row, knows its protocol and next hop, and tells the paths
that use it when it changes. `Neighbors` completes the incomplete ones (vppsh/engine/neighbors.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency_text import AdjacencyText
from vppsh.engine.adjacency_types import ALL_ONES, DPO_TYPES, MIDCHAINS, Adjacency, Kind, Reason
from vppsh.engine.fib.dpo import Dpos, DpoType
from vppsh.engine.fib.rows import Rows
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.interfaces import Change, Interface, Interfaces

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

Octets = bytes
"""The type, where the column `bytes` hides its name."""

REWRITE_BYTES = 64
BROADCAST = bytes(b"\xff" * 6)
ETHERTYPES = {Protocol.IP4: 0x0800, Protocol.IP6: 0x86DD, Protocol.MPLS: 0x8847}
ARP_ETHERTYPE = 0x0806
MTU_COLUMN = {Protocol.IP4: 1, Protocol.IP6: 2, Protocol.MPLS: 3}
OUTPUT_ARCS = {Protocol.IP4: "ip4-output", Protocol.IP6: "ip6-output", Protocol.MPLS: "mpls-output", Protocol.ETHERNET: "ethernet-output"}
DEFAULT_MTU = 9000


UpdateHook = Callable[[Adjacency], None]


class Adjacencies(Rows):
    """The engine's adjacencies.

    sw_if_index     interface the packets leave by
    mtu             largest layer 3 packet
    rewrite         (n, 64) bytes, of which the first `rewrite_length` are written in front of the packet
    next_slot       slot in the rewrite node's nexts of the interface's output node
    kind            a `Kind`
    flags           `RewriteFlag`
    packets, bytes  counted when adjacency counters are on
    path_mtus       limits that paths set beside those of interfaces, by index
    created, freed  who is told of a new adjacency of a neighbour, and of any that goes
    """

    sw_if_index: NDArray[np.int32]
    mtu: NDArray[np.int32]
    rewrite_length: NDArray[np.int32]
    next_slot: NDArray[np.int32]
    kind: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    packets: NDArray[np.int64]
    bytes: NDArray[np.int64]

    def __init__(self, engine: Engine) -> None:
        super().__init__(
            {
                "sw_if_index": ("i4", -1),
                "mtu": ("i4", 0),
                "rewrite_length": ("i4", 0),
                "next_slot": ("i4", 0),
                "kind": ("u1", 0),
                "flags": ("u1", 0),
                "packets": ("i8", 0),
                "bytes": ("i8", 0),
            }
        )
        self.rewrite: NDArray[np.uint8] = np.zeros((self.capacity, REWRITE_BYTES), np.uint8)
        self._headers: dict[int, NDArray[np.void]] = {}
        self.counting = False
        self._engine = engine
        self._dpos = engine.get(Dpos)
        self._interfaces = engine.get(Interfaces)
        self._objects: dict[int, Adjacency] = {}
        self._neighbors: dict[tuple[int, int], dict[tuple[int, int], Adjacency]] = {}
        self._gleans: dict[tuple[int, int], dict[int, Adjacency]] = {}
        self._mcasts: dict[tuple[int, int, int], Adjacency] = {}
        self.resolve: UpdateHook = self.make_incomplete
        self.created: list[UpdateHook] = []
        self.freed: list[UpdateHook] = []
        self.path_mtus: dict[int, int] = {}
        self._text = AdjacencyText(self, self._interfaces, self._dpos)
        for kind in set(DPO_TYPES.values()):
            self._dpos.register_placed(kind, self._text.format_dpo)
            self._dpos.register_mtu(kind, lambda index: int(self.mtu[index]))
        self._interfaces.subscribe(self._interface_changed)

    def __getitem__(self, index: int) -> Adjacency:
        return self._objects[index]

    def __iter__(self) -> Iterator[Adjacency]:
        """In the order of their indices."""
        return (self._objects[index] for index in sorted(self._objects))

    def find(self, index: int) -> Adjacency | None:
        """The adjacency of that index, if there is one."""
        return self._objects.get(index)

    def neighbor(self, protocol: Protocol, link: Protocol, next_hop: int, interface: int) -> Adjacency:
        """The adjacency towards a next hop, made (incomplete, or complete if the neighbour is known) when new."""
        table = self._neighbors.setdefault((int(protocol), interface), {})
        key = (int(link), next_hop)
        adjacency = table.get(key)
        if adjacency is None:
            kind = Kind.BROADCAST if next_hop == ALL_ONES else Kind.INCOMPLETE
            adjacency = table[key] = self._create(protocol, link, next_hop, interface, kind)
            adjacency.locks += 1
            # It begins as any unknown neighbour: the node that asks for those gets a way out, even if this one is known.
            self._connect(adjacency, DpoType.ADJACENCY_INCOMPLETE, protocol)
            self.update(adjacency)
            for hook in self.created:
                hook(adjacency)
            return adjacency
        adjacency.locks += 1
        return adjacency

    def glean(self, protocol: Protocol, interface: int, connected: Prefix | None) -> Adjacency:
        """The adjacency of a connected prefix (or of the whole interface): it asks who has the address."""
        table = self._gleans.setdefault((int(protocol), interface), {})
        prefix = connected or Prefix(Protocol.IP4, 0, 0)
        adjacency = table.get(prefix.network)
        if adjacency is None:
            adjacency = table[prefix.network] = self._create(protocol, protocol, 0, interface, Kind.GLEAN)
            adjacency.glean = Prefix(prefix.protocol, prefix.network, prefix.length)
            adjacency.locks += 1
            self.update(adjacency)
            return adjacency
        adjacency.locks += 1
        return adjacency

    def mcast(self, protocol: Protocol, link: Protocol, interface: int) -> Adjacency:
        """The adjacency that sends multicast out of an interface."""
        key = (int(protocol), int(link), interface)
        adjacency = self._mcasts.get(key)
        if adjacency is None:
            adjacency = self._mcasts[key] = self._create(protocol, link, 0, interface, Kind.MCAST)
            self.update(adjacency)
        adjacency.locks += 1
        return adjacency

    def unlock(self, adjacency: Adjacency) -> None:
        """Let go of an adjacency; nobody's is freed."""
        adjacency.locks -= 1
        if adjacency.locks:
            return
        for hook in self.freed:
            hook(adjacency)
        gleans = self._gleans.get((int(adjacency.protocol), adjacency.interface), {})
        group = (int(adjacency.protocol), int(adjacency.link), adjacency.interface)
        if adjacency.glean is not None:
            for network in [network for network, known in gleans.items() if known is adjacency]:
                del gleans[network]
        elif self._mcasts.get(group) is adjacency:
            del self._mcasts[group]
        else:
            del self._neighbors[int(adjacency.protocol), adjacency.interface][int(adjacency.link), adjacency.next_hop]
        self.path_mtus.pop(adjacency.index, None)
        del self._objects[adjacency.index]
        self._release(adjacency.index)

    def of_interface(self, interface: int, protocol: Protocol) -> list[Adjacency]:
        """The neighbour adjacencies of an interface."""
        return list(self._neighbors.get((int(protocol), interface), {}).values())

    def gleans_of(self, interface: int, protocol: Protocol) -> list[Adjacency]:
        """The glean adjacencies of an interface."""
        return list(self._gleans.get((int(protocol), interface), {}).values())

    def set_path_mtu(self, adjacency: Adjacency, mtu: int | None) -> None:
        """Limit the packets to a next hop to what fits the path, if that is less than what fits the interface."""
        if mtu is None:
            self.path_mtus.pop(adjacency.index, None)
        else:
            self.path_mtus[adjacency.index] = mtu
        if adjacency.interface in self._interfaces:
            self._update_mtu(adjacency)

    def towards(self, interface: int, protocol: Protocol, next_hop: int) -> list[Adjacency]:
        """The adjacencies of every link type towards one next hop."""
        return [known for (_, hop), known in self._neighbors.get((int(protocol), interface), {}).items() if hop == next_hop]

    def update(self, adjacency: Adjacency) -> None:
        """Build the rewrite anew, as the interface's kind of hardware wants it."""
        interface = self._interfaces[adjacency.interface]
        hardware_class = interface.hardware.hardware_class
        # To tunnels of Ethernet frames only what carries frames is special.
        if hardware_class.update_adjacency is not None and hardware_class.ethernet <= (adjacency.link is Protocol.ETHERNET):
            hardware_class.update_adjacency(self._engine, adjacency)
        elif not hardware_class.ethernet:
            self.set_rewrite(adjacency, Kind.REWRITE if adjacency.kind is Kind.INCOMPLETE else adjacency.kind, b"")
        elif adjacency.kind is Kind.GLEAN:
            ethertype = ARP_ETHERTYPE if adjacency.protocol is Protocol.IP4 else ETHERTYPES[adjacency.protocol]
            self._write(adjacency, self.ethernet_header(interface, BROADCAST, ethertype))
        elif adjacency.kind is Kind.BROADCAST:
            self.set_rewrite(adjacency, Kind.BROADCAST, self.ethernet_header(interface, BROADCAST, ETHERTYPES[adjacency.link]))
        elif adjacency.kind is Kind.MCAST:
            group = b"\x33\x33\0\0\0\0" if adjacency.protocol is Protocol.IP6 else b"\x01\x00\x5e\0\0\0"
            self.set_rewrite(adjacency, Kind.MCAST, self.ethernet_header(interface, group, ETHERTYPES[adjacency.link]))
        else:
            self.resolve(adjacency)

    def complete(self, adjacency: Adjacency, mac: Octets) -> None:
        """The neighbour's MAC address is known."""
        header = self.ethernet_header(self._interfaces[adjacency.interface], mac, ETHERTYPES[adjacency.link])
        self.set_rewrite(adjacency, Kind.REWRITE, header)

    def make_incomplete(self, adjacency: Adjacency) -> None:
        """The neighbour's MAC address is not known (any more)."""
        header = self.ethernet_header(self._interfaces[adjacency.interface], BROADCAST, ARP_ETHERTYPE)
        self.set_rewrite(adjacency, Kind.INCOMPLETE, header)

    def set_rewrite(self, adjacency: Adjacency, kind: Kind, header: Octets) -> None:
        """Write what goes in front of packets; paths are told when the kind changes."""
        changes = kind is not adjacency.kind
        root = self._root(adjacency)
        walk = changes and not root.walking
        if walk:
            root.walking = True
            self.tell(root, Reason.GOING_DOWN)
        adjacency.kind = kind
        self.kind[adjacency.index] = kind
        self._write(adjacency, header)
        if walk:
            self.tell(root, Reason.CHANGED)
            root.walking = False

    def _root(self, adjacency: Adjacency) -> Adjacency:
        """Whose paths a change concerns: labels are imposed for the paths of the next hop's IP adjacency."""
        if adjacency.link is not Protocol.MPLS:
            return adjacency
        table = self._neighbors.get((int(adjacency.protocol), adjacency.interface), {})
        return table.get((int(adjacency.protocol), adjacency.next_hop), adjacency)

    def tell(self, adjacency: Adjacency, reason: Reason) -> None:
        """Let every path that uses the adjacency look again."""
        for child in list(adjacency.children):
            child.back_walk(reason)

    def headers(self, length: int) -> NDArray[np.void]:
        """What is written in front of packets, one item of `length` bytes per adjacency."""
        view = self._headers.get(length)
        if view is None or len(view) != len(self.rewrite):
            view = np.ndarray((len(self.rewrite),), np.dtype((np.void, length)), self.rewrite.data, 0, (REWRITE_BYTES,))
            self._headers[length] = view
        return view

    def has_features(self, adjacency: Adjacency) -> bool:
        """Whether packets of the adjacency have output features on its interface."""
        arc = self._engine.arcs.find(OUTPUT_ARCS[adjacency.link])
        return arc is not None and bool(arc.on(adjacency.interface))

    @staticmethod
    def ethernet_header(interface: Interface, mac: Octets, ethertype: int) -> Octets:
        """An Ethernet header towards `mac` with the sub-interface's tags; none when it cannot be routed to."""
        kind = ethertype.to_bytes(2, "big")
        config = interface.sub
        if config is None:
            return mac + interface.mac + kind
        if not config.exact or config.default or config.any_outer or config.any_inner or config.outer is None:
            return b""
        outer = (0x88A8 if config.dot1ad else 0x8100).to_bytes(2, "big") + config.outer.to_bytes(2, "big")
        inner = b"" if config.inner is None else b"\x81\x00" + config.inner.to_bytes(2, "big")
        return mac + interface.mac + outer + inner + kind

    def format(self, adjacency: Adjacency, column: int = 0) -> str:
        """The adjacency as `show adj` prints it, beginning at a column of its line."""
        return self._text.format(adjacency, column)

    def _create(self, protocol: Protocol, link: Protocol, next_hop: int, interface: int, kind: Kind) -> Adjacency:
        row = self._allocate()
        self.sw_if_index[row] = interface
        self.kind[row] = kind
        adjacency = self._objects[row] = Adjacency(row, protocol, link, next_hop, interface, kind)
        self._update_mtu(adjacency)
        return adjacency

    def _update_mtu(self, adjacency: Adjacency) -> None:
        mtu = self._interfaces[adjacency.interface].mtu
        # VPP keeps 16 bits of it here.
        own = (mtu[MTU_COLUMN.get(adjacency.link, 0)] or mtu[0] or DEFAULT_MTU) & 0xFFFF
        self.mtu[adjacency.index] = min(own, self.path_mtus.get(adjacency.index, own))

    def _write(self, adjacency: Adjacency, header: Octets) -> None:
        row = adjacency.index
        self.rewrite[row, : len(header)] = np.frombuffer(header, np.uint8)
        self.rewrite_length[row] = len(header)
        # Incomplete ones are for ARP and ND, whatever is carried.
        link = adjacency.protocol if adjacency.kind is Kind.INCOMPLETE else adjacency.link
        self._connect(adjacency, adjacency.dpo.type, link)

    def _connect(self, adjacency: Adjacency, kind: int, link: Protocol) -> None:
        """Let the node of a type of objects send where the adjacency's packets go."""
        node = self._dpos.node(kind, link)
        graph = self._engine.graph
        if node in graph and adjacency.interface in self._interfaces:
            self.next_slot[adjacency.index] = graph.add_next(graph[node], self._next_node(adjacency))

    def _next_node(self, adjacency: Adjacency) -> Node:
        """Where packets go behind the rewrite node and its features: a tunnel's are not for an output node."""
        if adjacency.kind in MIDCHAINS:
            arc = self._engine.arcs.find(OUTPUT_ARCS[adjacency.link])
            end = arc.end_on(adjacency.interface) if arc is not None else None
            return self._engine.graph[end or "interface-output"]
        return self._interfaces[adjacency.interface].hardware.output

    def _grow(self) -> None:
        super()._grow()
        bigger = np.zeros((self.capacity, REWRITE_BYTES), np.uint8)
        bigger[: len(self.rewrite)] = self.rewrite
        self.rewrite = bigger

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        for protocol in (Protocol.IP4, Protocol.IP6):
            adjacencies = self.of_interface(index, protocol)
            if change is Change.MTU:
                groups = [known for known in self._mcasts.values() if known.interface == index and known.protocol is protocol]
                for adjacency in adjacencies + groups:
                    self._update_mtu(adjacency)
            elif change in (Change.MAC, Change.ADDED):
                # What was left of a deleted interface belongs to the one that has its number now.
                for adjacency in adjacencies + self.gleans_of(index, protocol):
                    self.update(adjacency)
