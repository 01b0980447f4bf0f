"""What tunnels over UDP have in common: VXLAN, VXLAN-GPE, Geneve, GTP-U.

Their interfaces have no midchains: the interface's output node puts the outer headers in front itself and
sends packets on to whatever the FIB entry of the far end forwards by, which the tunnel follows. A far end that
is a multicast group is reached by an interface instead; all tunnels to a group share its entry and adjacency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.adjacency_types import Reason
from vppsh.engine.exact_table import MISSING, ExactTable, Key
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.fib.dpo import DROPS, Dpo, Dpos, DpoType
from vppsh.engine.fib.fib import IP_PROTOCOLS, Fib
from vppsh.engine.fib.path import CHAIN_OF
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.interfaces import DOWN, ETHERNET, UP, Change, DeviceClass, HardwareClass, Interface
from vppsh.engine.mfib.types import MfibSource
from vppsh.engine.tunnel.outer import ip4_template, ip6_template
from vppsh.engine.tunnel.udp_groups import UdpGroups
from vppsh.engine.udp_ports import UdpPorts
from vppsh.engine.wire import ip_protocol
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.entry import Entry

MTU = 9000
TTL, HOP_LIMIT = 254, 255
DROP, L2_INPUT = range(2)
"""The first slots of every input node."""
INVALID_DECAP_NEXT = -76
WORD_BYTES = 8
MULTICAST4, MULTICAST6 = 0xE, 0xFF


def is_multicast(protocol: Protocol, address: int) -> bool:
    """Whether an address is one of a group."""
    return address >> 28 == MULTICAST4 if protocol is Protocol.IP4 else address >> 120 == MULTICAST6


@dataclass(eq=False, kw_only=True)
class UdpTunnel:
    """One tunnel.

    protocol   of the outer header
    fib_index  the table in which the ends are
    group      the interface by which the far end is reached, if that is a multicast group
    index      in the pool
    header     what is written in front of packets
    decap_next  slot of the input node for what comes out
    entry      the FIB entry of the far end
    next       where encapsulated packets go
    """

    protocol: Protocol
    src: int
    dst: int
    fib_index: int
    group: Interface | None = None
    index: int = -1
    interface: Interface = field(init=False)
    header: bytes = b""
    decap_next: int = L2_INPUT
    entry: Entry | None = None
    next: Dpo = DROPS[Protocol.IP4]

    @property
    def is_group(self) -> bool:
        """Whether the far end is a multicast group."""
        return is_multicast(self.protocol, self.dst)

    @property
    def key(self) -> Key:
        """By what received packets find the tunnel."""
        raise NotImplementedError


T = TypeVar("T", bound=UdpTunnel)


class UdpTunnelKind(Struct, frozen=True):
    """How tunnels of one kind differ from others.

    name       in VPP's words about errors
    encap      the node that puts headers in front, by protocol of the outer one
    input      the node that takes packets out
    widths     words of a key
    source     who asks for the entries of multicast groups
    child      what a FIB entry calls a tunnel that follows it
    straight   packets go to the only bucket of a load-balance, not to the load-balance
    lookup     packets are looked up in the table of the ends instead
    """

    name: str
    encap: Mapping[Protocol, str]
    input: Mapping[Protocol, str]
    widths: tuple[int, int]
    source: MfibSource
    child: str
    straight: bool = True
    lookup: bool = False


class Follower(Generic[T]):
    """A tunnel that follows the entry of its far end."""

    def __init__(self, tunnel: T, name: str, restack: Callable[[T], None]) -> None:
        self._tunnel = tunnel
        self._name = name
        self._restack = restack

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"{self._name}:{self._tunnel.index}"

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """The far end is reached in another way."""
        self._restack(self._tunnel)


class UdpTunnels(Generic[T]):
    """The tunnels of one kind of an engine.

    by_interface  int32 by sw_if_index, sub-interfaces included: the tunnel's number, or MISSING
    sw_if_index   int32 by number: the interface
    fib_index     int32 by number: the table in which the ends are
    by_key        by protocol: numbers of tunnels by UdpTunnel.key
    decap_next    int32 by number: slot of the input node
    near          by protocol: our ends by number, words (n, 1) or (n, 2) as they lie in memory
    family        uint8 by number: the protocol of the outer header
    next_slot     int32 by number: slot of the encap node that leads to where packets go
    next_index    int32 by number: index of the object there
    header_bytes  int32 by number: length of the outer headers
    headers       (n, 64) uint8 by number, of which so many are written
    templates     by number: a length, and the complete headers of packets of that length
    vteps         tables of our ends by protocol: (address words, fib index) to how many tunnels end there
    """

    def __init__(self, engine: Engine, kind: UdpTunnelKind) -> None:
        self.engine = engine
        self.kind = kind
        self._interfaces = engine.interfaces
        self._dpos = engine.get(Dpos)
        self._fib = engine.get(Fib)
        self._adjacencies = engine.get(Adjacencies)
        self._groups = UdpGroups(engine, kind.source)
        self._pool = Pool()
        self._followers: dict[T, Follower[T]] = {}
        self.by_interface: NDArray[np.int32] = np.full(64, MISSING, np.int32)
        self.sw_if_index: NDArray[np.int32] = np.zeros(64, np.int32)
        self.fib_index: NDArray[np.int32] = np.zeros(64, np.int32)
        self.by_key = {protocol: ExactTable(width) for protocol, width in zip(IP_PROTOCOLS, kind.widths, strict=True)}
        self.decap_next: NDArray[np.int32] = np.zeros(64, np.int32)
        self.near = {Protocol.IP4: np.zeros((64, 1), np.uint64), Protocol.IP6: np.zeros((64, 2), np.uint64)}
        self.family: NDArray[np.uint8] = np.zeros(64, np.uint8)
        self.next_slot: NDArray[np.int32] = np.zeros(64, np.int32)
        self.next_index: NDArray[np.int32] = np.zeros(64, np.int32)
        self.header_bytes: NDArray[np.int32] = np.zeros(64, np.int32)
        self.headers: NDArray[np.uint8] = np.zeros((64, 64), np.uint8)
        self.vteps = {Protocol.IP4: ExactTable(2), Protocol.IP6: ExactTable(3)}
        self.templates: dict[int, tuple[int, NDArray[np.void]]] = {}
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[T]:
        """In the order of their numbers."""
        return (tunnel for tunnel in self._pool.items if tunnel is not None)

    def __getitem__(self, index: int) -> T:
        tunnel: T = self._pool.items[index]
        return tunnel

    def of_interface(self, sw_if_index: int) -> T | None:
        """The tunnel of an interface, or of the one that a sub-interface is on."""
        known = 0 <= sw_if_index < len(self.by_interface)
        index = int(self.by_interface[sw_if_index]) if known else MISSING
        return None if index == MISSING else self[index]

    def find(self, tunnel: T) -> T | None:
        """The tunnel that has this one's key."""
        index = self.by_key[tunnel.protocol].get(tunnel.key)
        return None if index is None else self[index]

    def slot_of(self, protocol: Protocol, node: str) -> int:
        """The slot of the input node that leads to a node."""
        return self.engine.graph.next_by_name(self.kind.input[protocol], node)

    # What the kinds do when tunnels come and go.

    def check(self, tunnel: T) -> None:
        """Refuse a tunnel that is there already, or leads nowhere (CommandError in VPP's words)."""
        if self.find(tunnel) is not None:
            raise CommandError("tunnel already exists...")
        if not 0 <= tunnel.decap_next < len(self.engine.graph[self.kind.input[tunnel.protocol]].nexts):
            raise CommandError(f"vnet_{self.kind.name}_add_del_tunnel returned {INVALID_DECAP_NEXT}")

    def allot(self, tunnel: T) -> None:
        """Give a tunnel its number."""
        tunnel.index = self._pool.add(tunnel)

    def open(self, tunnel: T, port: int) -> None:
        """Let packets in and out of a tunnel that has its interface; they come to a UDP port, unless somebody else listens there."""
        self.by_key[tunnel.protocol].set(tunnel.key, tunnel.index)
        self._connect(tunnel)
        ports = self.engine.get(UdpPorts)
        if not ports.is_bound(tunnel.protocol, port):
            ports.register(tunnel.protocol, port, self.kind.input[tunnel.protocol])

    def delete(self, tunnel: T) -> None:
        """Take a tunnel away."""
        self.by_key[tunnel.protocol].remove(tunnel.key)
        self._disconnect(tunnel)
        interface = tunnel.interface
        self._interfaces.set_state(interface, DOWN)
        self.engine.get(L2Interfaces).set_l3(interface)
        self._interfaces.delete(interface)
        self.templates.pop(tunnel.index, None)
        self.give_up(tunnel)

    def give_up(self, tunnel: T) -> None:
        """Take a tunnel's number back."""
        self._pool.remove(tunnel.index)

    def add_interface(self, tunnel: T, name: str, device: DeviceClass, *, mac: bytes = bytes(6), own: HardwareClass | None = None) -> None:
        """Make the interface of a tunnel: of a class of its own, or an Ethernet one; it drops frames until it is bridged."""
        mtu = MTU if own is None else 0
        if own is not None:
            mac = self._mac_of_same_number(tunnel.index)
        interface = self._interfaces.add_hardware(name, device, own or ETHERNET, mac=mac, mtu=mtu, device=tunnel)
        interface.flood_class = FloodClass.TUNNEL_MASTER if tunnel.is_group else FloodClass.TUNNEL_NORMAL
        tunnel.interface = interface
        row = self._row(tunnel.index)
        self.sw_if_index[row] = interface.sw_if_index
        self.decap_next[row] = tunnel.decap_next
        self.fib_index[row] = tunnel.fib_index
        self.near[tunnel.protocol][row] = address_words(tunnel.protocol, tunnel.src)
        self.family[row] = tunnel.protocol
        self._note_interface(interface.sw_if_index, row)
        self.engine.get(L2Interfaces).set_l3(interface)
        self.set_header(tunnel, tunnel.header)
        self._interfaces.set_state(interface, UP)

    def _mac_of_same_number(self, number: int) -> bytes:
        """The address that VPP writes before packets to a neighbour on an interface that is no Ethernet one, where there should be none:
        that of the Ethernet interface that has the tunnel's number (ethernet_build_rewrite).
        """
        ports = (each.hardware for each in self._interfaces if each.is_hardware and each.hardware.hardware_class.ethernet)
        macs = [hardware.mac for hardware in sorted(ports, key=lambda hardware: hardware.hw_if_index)]
        return macs[number] if number < len(macs) else bytes(6)

    def set_header(self, tunnel: T, header: bytes) -> None:
        """Write this in front of a tunnel's packets from now on."""
        tunnel.header = header
        self.header_bytes[tunnel.index] = len(header)
        self.headers[tunnel.index, : len(header)] = np.frombuffer(header, np.uint8)
        self.templates.pop(tunnel.index, None)

    def _connect(self, tunnel: T) -> None:
        """Follow the far end, or join its group; packets to our end are for us."""
        if tunnel.is_group:
            assert tunnel.group is not None
            adjacency = self._groups.join(tunnel.protocol, tunnel.fib_index, tunnel.dst, tunnel.group.sw_if_index)
            self._stack(tunnel, Dpo(int(DpoType.ADJACENCY_MCAST), int(tunnel.protocol), adjacency.index))
            return
        self._refer(tunnel, 1)
        follower = self._followers[tunnel] = Follower(tunnel, self.kind.child, self.restack)
        table = self._fib.tables(tunnel.protocol)[tunnel.fib_index]
        tunnel.entry = self._fib.trackers.track(table, Prefix(tunnel.protocol, tunnel.dst, tunnel.protocol.bits), follower)
        self.restack(tunnel)

    def _disconnect(self, tunnel: T) -> None:
        """Follow the far end no longer."""
        self._stack(tunnel, DROPS[tunnel.protocol])
        if tunnel.is_group:
            self._groups.leave(tunnel.protocol, tunnel.fib_index, tunnel.dst)
            return
        self._refer(tunnel, -1)
        follower, entry = self._followers.pop(tunnel), tunnel.entry
        assert entry is not None
        tunnel.entry = None
        self._fib.trackers.untrack(entry, follower)

    def restack(self, tunnel: T) -> None:
        """Send packets where the entry of the far end forwards by now."""
        if tunnel.entry is None:
            return
        dpo = tunnel.entry.forwarding(CHAIN_OF[tunnel.protocol])
        balances = self._fib.load_balances
        while self.kind.straight and dpo.type == DpoType.LOAD_BALANCE and balances.n_buckets[dpo.index] == 1:
            dpo = balances.buckets(dpo.index)[0]
            if dpo.type == DpoType.RECEIVE:
                dpo = DROPS[Protocol(dpo.protocol)]
        self._stack(tunnel, dpo)

    def _stack(self, tunnel: T, dpo: Dpo) -> None:
        graph, adjacencies = self.engine.graph, self._adjacencies
        # A neighbour that the tunnel leads to lives on while it does.
        new = adjacencies.find(dpo.index) if dpo.is_adjacency else None
        old = adjacencies.find(tunnel.next.index) if tunnel.next.is_adjacency else None
        if new is not None:
            new.locks += 1
        tunnel.next = dpo
        node = f"{tunnel.protocol.text}-lookup" if self.kind.lookup else self._dpos.node(dpo.type, Protocol(dpo.protocol))
        self.next_slot[tunnel.index] = graph.next_by_name(self.kind.encap[tunnel.protocol], node)
        self.next_index[tunnel.index] = dpo.index
        if old is not None:
            adjacencies.unlock(old)

    def _refer(self, tunnel: T, by: int) -> None:
        """Count the tunnels that end at an address of ours."""
        key = vtep_key(tunnel.protocol, tunnel.fib_index, tunnel.src)
        table = self.vteps[tunnel.protocol]
        count = (table.get(key) or 0) + by
        if count:
            table.set(key, count)
        else:
            table.remove(key)

    def _row(self, index: int) -> int:
        if index >= len(self.sw_if_index):
            for protocol, words in self.near.items():
                self.near[protocol] = np.concatenate((words, np.zeros_like(words)))
            for name in ("sw_if_index", "decap_next", "fib_index", "family", "next_slot", "next_index", "header_bytes", "headers"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        return index

    def _note_interface(self, sw_if_index: int, index: int) -> None:
        if sw_if_index >= len(self.by_interface):
            grown = np.full(max(2 * len(self.by_interface), sw_if_index + 1), MISSING, np.int32)
            grown[: len(self.by_interface)] = self.by_interface
            self.by_interface = grown
        self.by_interface[sw_if_index] = index

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.ADDED and interface.super is not None:
            tunnel = self.of_interface(interface.super.sw_if_index)
            if tunnel is not None:
                self._note_interface(interface.sw_if_index, tunnel.index)
        elif change is Change.DELETED and interface.sw_if_index < len(self.by_interface):
            self.by_interface[interface.sw_if_index] = MISSING


def address_words(protocol: Protocol, address: int) -> Key:
    """An address as the words of a key, as they lie in memory."""
    data = address.to_bytes(protocol.bits // 8, "big")
    return tuple(int.from_bytes(data[at : at + WORD_BYTES], "little") for at in range(0, len(data), WORD_BYTES))


def vtep_key(protocol: Protocol, fib_index: int, address: int) -> Key:
    """Our end of a tunnel as the words of a table."""
    return (*address_words(protocol, address), fib_index)


def outer_header(tunnel: UdpTunnel, src_port: int, dst_port: int) -> bytes:
    """The outer IP header, and UDP's without checksum; lengths are zero."""
    if tunnel.protocol is Protocol.IP6:
        outer = ip6_template(tunnel.src, tunnel.dst, ip_protocol.UDP, hop_limit=HOP_LIMIT)
    else:
        outer = ip4_template(tunnel.src, tunnel.dst, ip_protocol.UDP, ttl=TTL)
    return outer + (src_port & 0xFFFF).to_bytes(2, "big") + (dst_port & 0xFFFF).to_bytes(2, "big") + bytes(4)


def random_mac(engine: Engine, begin: bytes) -> bytes:
    """An address that begins as given, the rest of it at random."""
    rest: Any = engine.random.integers(0, 256, 6 - len(begin), np.uint8)
    return begin + rest.tobytes()
