"""Adjacencies: how a packet leaves an interface towards a next hop, and what is written in front of it.

VPP counterpart: vnet/adj/. Rows are numpy columns that ip4-rewrite and its kin index with whole
vectors; an `Adjacency` object owns each row, knows its protocol and next hop, and tells the paths
that use it when it changes. `Neighbors` completes the incomplete ones (vppsh/engine/neighbors.py).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.dpo import Dpo, Dpos, DpoType
from vppsh.engine.fib.rows import Rows
from vppsh.engine.fib.types import Prefix, Protocol, format_address
from vppsh.engine.interfaces import Change, Interface, Interfaces

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.path import Path

Octets = bytes
"""The type, where the column `bytes` hides its name."""

REWRITE_BYTES = 64
BROADCAST = bytes(b"\xff" * 6)
ETHERTYPES = {Protocol.IP4: 0x0800, Protocol.IP6: 0x86DD, Protocol.MPLS: 0x8847}
ARP_ETHERTYPE = 0x0806
ALL_ONES = (1 << 128) - 1
"""Next hop of the adjacency of directed broadcasts."""
MTU_COLUMN = {Protocol.IP4: 1, Protocol.IP6: 2, Protocol.MPLS: 3}
DEFAULT_MTU = 9000


class Kind(enum.IntEnum):
    """What an adjacency does with a packet (VPP's lookup_next_index)."""

    INCOMPLETE = 0
    REWRITE = 1
    BROADCAST = 2
    GLEAN = 3
    MCAST = 4
    MIDCHAIN = 5
    MCAST_MIDCHAIN = 6


DPO_TYPES = {
    Kind.INCOMPLETE: DpoType.ADJACENCY_INCOMPLETE,
    Kind.REWRITE: DpoType.ADJACENCY,
    Kind.BROADCAST: DpoType.ADJACENCY,
    Kind.GLEAN: DpoType.ADJACENCY_GLEAN,
    Kind.MCAST: DpoType.ADJACENCY_MCAST,
    Kind.MIDCHAIN: DpoType.ADJACENCY_MIDCHAIN,
    Kind.MCAST_MIDCHAIN: DpoType.ADJACENCY_MCAST_MIDCHAIN,
}


class RewriteFlag(enum.IntFlag):
    """Bits of the column `flags`."""

    FEATURES = 1 << 0
    FIXUP_IP4_IN_IP4 = 1 << 1
    FIXUP_FLOW_HASH = 1 << 2


FLAG_NAMES = ("features", "fixup-ip4o4", "fixup-flow-hash")


class Reason(enum.Enum):
    """Why an adjacency tells its paths to look again."""

    UP = "interface-up"
    DOWN = "interface-down"
    DELETED = "interface-delete"
    BOUND = "interface-bind"
    CHANGED = "adj-update"
    GOING_DOWN = "adj-down"
    EVALUATE = "evaluate"


class Adjacency:
    """One adjacency: who it leads to, and who uses it.

    protocol  of the next hop, `link` of what is carried (they differ under MPLS)
    glean     the connected prefix and source address of a glean
    """

    __slots__ = ("children", "glean", "index", "interface", "kind", "link", "locks", "next_dpo", "next_hop", "protocol", "walking")

    def __init__(self, index: int, protocol: Protocol, link: Protocol, next_hop: int, interface: int, kind: Kind) -> None:
        self.index = index
        self.protocol = protocol
        self.link = link
        self.next_hop = next_hop
        self.interface = interface
        self.kind = kind
        self.glean: Prefix | None = None
        self.next_dpo: Dpo | None = None
        self.locks = 0
        self.children: dict[Path, None] = {}
        self.walking = False

    @property
    def dpo(self) -> Dpo:
        """The adjacency as a data-path object."""
        return Dpo(int(DPO_TYPES[self.kind]), int(self.link), self.index)


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
        self._featured: set[tuple[int, int]] = set()
        self.resolve: UpdateHook = self.make_incomplete
        self.builders: dict[int, UpdateHook] = {}
        for kind in set(DPO_TYPES.values()):
            self._dpos.register(kind, self._format_dpo)
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
            if (int(link), interface) in self._featured:
                self.flags[adjacency.index] |= RewriteFlag.FEATURES
            adjacency.locks += 1
            self.update(adjacency)
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
        if adjacency.kind is Kind.GLEAN:
            gleans = self._gleans[int(adjacency.protocol), adjacency.interface]
            for network in [network for network, known in gleans.items() if known is adjacency]:
                del gleans[network]
        elif adjacency.kind in (Kind.MCAST, Kind.MCAST_MIDCHAIN):
            del self._mcasts[int(adjacency.protocol), int(adjacency.link), adjacency.interface]
        else:
            del self._neighbors[int(adjacency.protocol), adjacency.interface][int(adjacency.link), adjacency.next_hop]
        del self._objects[adjacency.index]
        self._release(adjacency.index)

    def of_interface(self, interface: int, protocol: Protocol) -> list[Adjacency]:
        """The neighbour adjacencies of an interface."""
        return list(self._neighbors.get((int(protocol), interface), {}).values())

    def gleans_of(self, interface: int, protocol: Protocol) -> list[Adjacency]:
        """The glean adjacencies of an interface."""
        return list(self._gleans.get((int(protocol), interface), {}).values())

    def towards(self, interface: int, protocol: Protocol, next_hop: int) -> list[Adjacency]:
        """The adjacencies of every link type towards one next hop."""
        return [known for (_, hop), known in self._neighbors.get((int(protocol), interface), {}).items() if hop == next_hop]

    def update(self, adjacency: Adjacency) -> None:
        """Build the rewrite anew, as the interface's kind of hardware wants it."""
        builder = self.builders.get(adjacency.interface)
        if builder is not None:
            builder(adjacency)
            return
        interface = self._interfaces[adjacency.interface]
        if not interface.hardware.hardware_class.ethernet:
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
        walk = changes and not adjacency.walking
        if walk:
            adjacency.walking = True
            self.tell(adjacency, Reason.GOING_DOWN)
        adjacency.kind = kind
        self.kind[adjacency.index] = kind
        self._write(adjacency, header)
        if walk:
            self.tell(adjacency, Reason.CHANGED)
            adjacency.walking = False

    def tell(self, adjacency: Adjacency, reason: Reason) -> None:
        """Let every path that uses the adjacency look again."""
        for path in list(adjacency.children):
            path.back_walk(reason)

    def headers(self, length: int) -> NDArray[np.void]:
        """What is written in front of packets, one item of `length` bytes per adjacency."""
        view = self._headers.get(length)
        if view is None or len(view) != len(self.rewrite):
            view = np.ndarray((len(self.rewrite),), np.dtype((np.void, length)), self.rewrite.data, 0, (REWRITE_BYTES,))
            self._headers[length] = view
        return view

    def set_features(self, link: Protocol, interface: int, enabled: bool) -> None:
        """Note whether packets of a protocol have output features on an interface."""
        if enabled:
            self._featured.add((int(link), interface))
        else:
            self._featured.discard((int(link), interface))
        for protocol in (Protocol.IP4, Protocol.IP6):
            for adjacency in self.of_interface(interface, protocol):
                if adjacency.link is link:
                    self.flags[adjacency.index] &= 0xFF ^ RewriteFlag.FEATURES
                    self.flags[adjacency.index] |= RewriteFlag.FEATURES if enabled else 0

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

    def format(self, adjacency: Adjacency) -> str:
        """The adjacency as `show adj` and `show ip fib` print it."""
        name = self._name(adjacency.interface)
        next_hop = format_address(adjacency.protocol, adjacency.next_hop)
        if adjacency.kind is Kind.INCOMPLETE:
            return f"arp-{adjacency.link.link_name}: via {next_hop} {name or f'DELETED ({adjacency.interface})'}"
        rewrite = self._format_rewrite(adjacency.index, f"{name}:" if name else f"DELETED:{adjacency.interface}")
        if adjacency.kind is Kind.GLEAN:
            return f"{adjacency.protocol.fib_name}-glean: [src:{_glean_source(adjacency)}] {rewrite}"
        if adjacency.kind is Kind.MCAST:
            return f"{adjacency.protocol.fib_name}-mcast: {'[features] ' if self.flags[adjacency.index] else ''}{rewrite}"
        if adjacency.kind is Kind.BROADCAST and adjacency.next_hop == ALL_ONES:
            next_hop = format_address(adjacency.protocol, ALL_ONES >> (128 - adjacency.protocol.bits))
        return f"{adjacency.link.link_name} via {next_hop} {rewrite}"

    def _format_dpo(self, index: int, indent: int) -> str:
        adjacency = self._objects.get(index)
        return self.format(adjacency) if adjacency else "<invalid adjacency>"

    def _format_rewrite(self, row: int, name: str) -> str:
        flags = "".join(f"{flag} " for bit, flag in enumerate(FLAG_NAMES) if self.flags[row] >> bit & 1)
        length = int(self.rewrite_length[row])
        data = f" {self.rewrite[row, :length].tobytes().hex()}" if length else ""
        return f"{name} mtu:{self.mtu[row]} next:{self.next_slot[row]} flags:[{flags}]{data}"

    def _name(self, interface: int) -> str:
        return self._interfaces[interface].name if interface in self._interfaces else ""

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
        self.mtu[adjacency.index] = (mtu[MTU_COLUMN[adjacency.link]] or mtu[0] or DEFAULT_MTU) & 0xFFFF

    def _write(self, adjacency: Adjacency, header: Octets) -> None:
        row = adjacency.index
        self.rewrite[row, : len(header)] = np.frombuffer(header, np.uint8)
        self.rewrite_length[row] = len(header)
        node = self._dpos.node(adjacency.dpo.type, adjacency.link)
        graph = self._engine.graph
        if node in graph and adjacency.interface in self._interfaces:
            self.next_slot[row] = graph.add_next(graph[node], self._interfaces[adjacency.interface].hardware.output)

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


def _glean_source(adjacency: Adjacency) -> str:
    """The prefix a glean asks for, with the source address it asks from."""
    prefix = adjacency.glean
    return str(prefix) if prefix is not None else "0.0.0.0/0"
