"""Interfaces: hardware, the software interfaces on it, and what is counted for each.

Counterpart of vnet/interface.c. Every interface has a sw_if_index; hardware ones also have a hw_if_index
and two nodes of their own, `NAME-output` and `NAME-tx`. A sub-interface hangs on a hardware interface.
Whoever wants to know of changes subscribes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.counters import CombinedCounter, SimpleCounter
from vppsh.engine.fib.types import Protocol
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.frame import Frame
from vppsh.engine.interface_output import OUTPUT_ERRORS, format_output_trace, output_node_of
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.registry import NodeSpec

if TYPE_CHECKING:
    from vppsh.engine.adjacency_types import Adjacency
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

INVALID = -1
LOCAL0 = 0
NO_NODE = "null-node"


class Change(enum.Enum):
    """What happened to an interface."""

    ADDED = "added"
    DELETED = "deleted"
    ADMIN = "admin state"
    LINK = "link state"
    MTU = "mtu"
    MAC = "mac address"
    NAME = "name"


class TunnelEnds(Struct, frozen=True):
    """The addresses between which a tunnel goes; 0 is none: of an IPsec interface both, of a tunnel to many the far one.

    layer2  it carries Ethernet
    """

    family: Protocol = Protocol.IP4
    src: int = 0
    dst: int = 0
    layer2: bool = False


Listener = Callable[[Change, "Interface"], None]
NodeFunction = Callable[[Context, Frame], Nexts]


class DeviceClass(Struct, frozen=True):
    """A kind of hardware: how it is named in listings, and what its tx node does.

    make_tx             `(engine, interface) -> (ctx, frame) -> nexts`: the tx node of one interface, frees or sends packets;
                        None for a tunnel, which has neither output nor tx node
    output              of such a device, the node that packets for the interface are handed to
    tx_nexts            nexts of the tx node besides error-drop
    tx_trace            `(view, record) -> str` of the tx node
    format_device       what `show hardware-interfaces` says of one, below its address
    clear_counters      sets what the device itself counts to zero
    link_follows_admin  there is no carrier to wait for: the link is up while the interface is
    set_max_frame       takes a longest packet, in bytes behind the Ethernet header; None when the device's cannot be changed
    tunnel_ends         between which addresses one goes, if it is a tunnel that IPsec can protect
    """

    name: str
    make_tx: Callable[[Engine, Interface], NodeFunction] | None
    output: str = NO_NODE
    tx_nexts: tuple[str, ...] = ()
    tx_trace: Callable[[Any, Any], str] | None = None
    tx_errors: tuple[Any, ...] = ()
    format_device: Callable[[Interface], str] | None = None
    clear_counters: Callable[[Interface], None] | None = None
    link_follows_admin: bool = True
    set_max_frame: Callable[[Interface, int], None] | None = None
    tunnel_ends: Callable[[Interface], TunnelEnds] | None = None


class HardwareClass(Struct, frozen=True):
    """How packets look on the wire: Ethernet, an IP tunnel, the local pseudo interface.

    point_to_point    there is one peer, whatever the next hop
    nbma              there are several peers, and no way to ask who has an address (non-broadcast multi-access)
    update_adjacency  `(engine, adjacency)`: builds the rewrite of the adjacencies of tunnels
    """

    name: str
    ethernet: bool = False
    point_to_point: bool = False
    header_bytes: int = 0
    nbma: bool = False
    update_adjacency: Callable[[Engine, Adjacency], None] | None = None


def _drop(ctx: Context, frame: Frame) -> Nexts:
    """What is sent to a device without a wire, or to one that is gone, is dropped."""
    return 0


def _drop_all(engine: Engine, interface: Interface) -> NodeFunction:
    return _drop


LOCAL_DEVICE = DeviceClass("local", _drop_all, link_follows_admin=False)
ETHERNET = HardwareClass("Ethernet", ethernet=True, header_bytes=14)
LOCAL = HardwareClass("local")


@dataclass
class Hardware:
    """What only a hardware interface has.

    device_name   the name that the device gave, which a later one does not change
    max_frame     longest packet, in bytes behind the Ethernet header
    l2_count      how many of its software interfaces are bridged or cross-connected
    l3_count      how many times IPv4, IPv6 or MPLS is enabled on them
    promiscuous   a device that filters addresses is asked to let all pass
    """

    hw_if_index: int
    device_class: DeviceClass
    hardware_class: HardwareClass
    device_name: str
    mac: bytes = bytes(6)
    link_up: bool = False
    max_frame: int = 9000
    l2_count: int = 0
    l3_count: int = 0
    secondary_macs: list[bytes] = field(default_factory=list)
    promiscuous: bool = False
    output: Node = field(init=False, repr=False)
    tx: Node = field(init=False, repr=False)
    device: Any = None


class SubConfig(Struct, frozen=True):
    """Which tagged packets belong to a sub-interface (802.1Q / 802.1ad).

    outer, inner  VLAN ids; None where there is no such tag
    any_*         any id will do
    exact         the tags are all there are: needed to route
    """

    sub_id: int
    outer: int | None = None
    inner: int | None = None
    any_outer: bool = False
    any_inner: bool = False
    dot1ad: bool = False
    exact: bool = False
    default: bool = False
    untagged: bool = False


class State(Struct, frozen=True):
    """What an operator wants of an interface: to be up, to punt all that comes in."""

    up: bool = False
    punt: bool = False

    def __str__(self) -> str:
        return ("up" if self.up else "down") + ("/punt" if self.punt else "")


UP, DOWN = State(True), State(False)


@dataclass(eq=False)
class Interface:
    """One software interface.

    own_name     of hardware; a sub-interface is called after the one that it hangs on
    mtu          layer 3, IPv4, IPv6, MPLS; 0 is "as layer 3"
    unnumbered   the interface whose addresses it uses
    """

    sw_if_index: int
    own_name: str
    hardware: Hardware
    super: Interface | None = None
    sub: SubConfig | None = None
    state: State = DOWN
    mtu: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    tag: str = ""
    unnumbered: Interface | None = None
    flood_class: FloodClass = FloodClass.NORMAL
    subs: dict[int, Interface] = field(default_factory=dict)

    @property
    def name(self) -> str:
        if self.super is None or self.sub is None:
            return self.own_name
        return f"{self.super.own_name}.{self.sub.sub_id}"

    @property
    def admin_up(self) -> bool:
        return self.state.up

    @property
    def is_hardware(self) -> bool:
        return self.super is None

    @property
    def supports_addresses(self) -> bool:
        """Whether IP addresses make sense here: not on local0, nor on a sub-interface that is not an exact match."""
        return self.sw_if_index != LOCAL0 and (self.sub is None or self.sub.exact)

    @property
    def mac(self) -> bytes:
        return self.hardware.mac


class Interfaces:
    """The interfaces of an engine.

    up           bool by sw_if_index: admin up
    rx, tx       packets and bytes
    drops, punts, ip4, ip6, mpls, rx_no_buffer, rx_miss, rx_error, tx_error  packets
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_index: dict[int, Interface] = {}
        self._by_name: dict[str, Interface] = {}
        self._free: list[int] = []
        self._free_hw: list[int] = []
        self._n_hw = 0
        self._spare: list[tuple[DeviceClass, Node, Node]] = []
        self.output_arc = engine.arcs["interface-output"]
        self._listeners: list[Listener] = []
        self.up: NDArray[np.bool_] = np.zeros(64, bool)
        self.rx = CombinedCounter()
        self.tx = CombinedCounter()
        self.drops = SimpleCounter()
        self.punts = SimpleCounter()
        self.ip4 = SimpleCounter()
        self.ip6 = SimpleCounter()
        self.mpls = SimpleCounter()
        self.rx_no_buffer = SimpleCounter()
        self.rx_miss = SimpleCounter()
        self.rx_error = SimpleCounter()
        self.tx_error = SimpleCounter()
        self.add_hardware("local0", LOCAL_DEVICE, LOCAL, mtu=0)

    def __iter__(self) -> Iterator[Interface]:
        """In the order of their sw_if_indices."""
        return (self._by_index[index] for index in sorted(self._by_index))

    def __getitem__(self, sw_if_index: int) -> Interface:
        return self._by_index[sw_if_index]

    def __contains__(self, sw_if_index: int) -> bool:
        return sw_if_index in self._by_index

    def find(self, name: str) -> Interface | None:
        """The interface of that name, if there is one."""
        interface = self._by_name.get(name)
        if interface is None:
            parent, dot, sub_id = name.rpartition(".")
            if dot and sub_id.isdecimal() and parent in self._by_name:
                return self._by_name[parent].subs.get(int(sub_id))
        return interface

    def find_hardware(self, name: str) -> Interface | None:
        """The hardware interface of that name, if there is one."""
        return self._by_name.get(name)

    def find_hw_index(self, hw_if_index: int) -> Interface | None:
        """The hardware interface of that hw_if_index, if there is one."""
        return next((interface for interface in self if interface.is_hardware and interface.hardware.hw_if_index == hw_if_index), None)

    @property
    def by_name(self) -> list[Interface]:
        """All interfaces as VPP lists them: sorted by the name of the hardware, sub-interfaces behind it."""
        return sort_as_vpp(list(self), lambda interface: (interface.super or interface).own_name)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` on every change from now on, and with ADDED for every interface there is."""
        for interface in self:
            listener(Change.ADDED, interface)
        self._listeners.append(listener)

    def add_hardware(
        self, name: str, device_class: DeviceClass, hardware_class: HardwareClass = ETHERNET, *, mac: bytes = bytes(6), mtu: int = 9000,
        device: Any = None, link_up: bool = False,
    ) -> Interface:  # fmt: skip
        """A new hardware interface with its output and tx nodes."""
        hw_if_index = self._free_hw.pop() if self._free_hw else self._n_hw
        self._n_hw = max(self._n_hw, hw_if_index + 1)
        hardware = Hardware(hw_if_index, device_class, hardware_class, name, mac, link_up, mtu, device=device)
        interface = Interface(self._new_index(), name, hardware, mtu=[mtu, 0, 0, 0])
        self._nodes(interface)
        self._install(interface)
        return interface

    def add_sub(self, parent: Interface, config: SubConfig) -> Interface:
        """A new sub-interface `PARENT.ID`."""
        interface = Interface(self._new_index(), "", parent.hardware, parent, config)
        parent.subs[config.sub_id] = interface
        self._install(interface)
        return interface

    def delete(self, interface: Interface) -> None:
        """Take an interface away, its sub-interfaces first."""
        for sub in list(interface.subs.values()):
            self.delete(sub)
        self.set_state(interface, DOWN)
        self._tell(Change.DELETED, interface)
        self._engine.arcs.clear(interface.sw_if_index)
        del self._by_index[interface.sw_if_index]
        self._free.append(interface.sw_if_index)
        if interface.super is not None and interface.sub is not None:
            del interface.super.subs[interface.sub.sub_id]
        else:
            self._by_name.pop(interface.own_name, None)
            self._release_nodes(interface.hardware)

    def rename(self, interface: Interface, name: str) -> None:
        """Give a hardware interface another name, and its nodes with it.

        As in VPP a name may be given twice: commands then find the interface that got it last.
        """
        self._by_name.pop(interface.own_name, None)
        interface.own_name = name
        self._by_name[name] = interface
        if interface.hardware.device_class.make_tx is not None:
            self._engine.graph.rename(interface.hardware.tx, f"{name}-tx")
            self._engine.graph.rename(interface.hardware.output, f"{name}-output")
        self._tell(Change.NAME, interface)

    def set_state(self, interface: Interface, state: State) -> None:
        """Set the admin state; the link of hardware goes down with it, and mostly comes up with it."""
        changed = interface.state.up != state.up
        interface.state = state
        if not changed:
            return
        self.up[interface.sw_if_index] = state.up
        self._tell(Change.ADMIN, interface)
        if interface.is_hardware and (not state.up or interface.hardware.device_class.link_follows_admin):
            self.set_link(interface, state.up)

    def set_link(self, interface: Interface, up: bool) -> None:
        """The device says that its link came or went."""
        if interface.hardware.link_up != up:
            interface.hardware.link_up = up
            self._tell(Change.LINK, interface)

    def set_mtu(self, interface: Interface, mtu: list[int]) -> None:
        """Set the layer 3, IPv4, IPv6 and MPLS MTUs."""
        interface.mtu = mtu
        self._tell(Change.MTU, interface)

    def set_mac(self, interface: Interface, mac: bytes) -> None:
        """Set the MAC address of the hardware."""
        interface.hardware.mac = mac
        self._tell(Change.MAC, interface)

    def set_secondary_macs(self, interface: Interface, macs: list[bytes]) -> None:
        """Set the addresses that the hardware answers to besides its own."""
        interface.hardware.secondary_macs = macs
        self._tell(Change.MAC, interface)

    @property
    def counters(self) -> tuple[CombinedCounter | SimpleCounter, ...]:
        """Every counter that is kept per interface."""
        return (
            self.rx, self.tx, self.drops, self.punts, self.ip4, self.ip6, self.mpls,
            self.rx_no_buffer, self.rx_miss, self.rx_error, self.tx_error,
        )  # fmt: skip

    def _new_index(self) -> int:
        index = self._free.pop() if self._free else (max(self._by_index) + 1 if self._by_index else LOCAL0)
        for counter in self.counters:
            counter.ensure(index)
            counter.clear(index)
        if index >= len(self.up):
            self.up = np.concatenate((self.up, np.zeros(max(len(self.up), index + 1), bool)))
        self.up[index] = False
        return index

    def _install(self, interface: Interface) -> None:
        self._by_index[interface.sw_if_index] = interface
        if interface.is_hardware:
            self._by_name[interface.own_name] = interface
        self._tell(Change.ADDED, interface)

    def _tell(self, change: Change, interface: Interface) -> None:
        for listener in self._listeners:
            listener(change, interface)

    def _nodes(self, interface: Interface) -> None:
        """Give a hardware interface its nodes: the oldest that a deleted one of the same device class left, or new ones."""
        hardware, graph = interface.hardware, self._engine.graph
        device = hardware.device_class
        if device.make_tx is None:
            hardware.tx, hardware.output = graph[NO_NODE], graph[device.output]
            return
        tx = NodeSpec(
            f"{interface.name}-tx", device.make_tx(self._engine, interface), nexts=("error-drop", *device.tx_nexts),
            errors=device.tx_errors, trace=device.tx_trace,
        )  # fmt: skip
        output = NodeSpec(
            f"{interface.name}-output", output_node_of(interface, self), nexts=("error-drop", tx.name), errors=OUTPUT_ERRORS,
            trace=format_output_trace,
        )  # fmt: skip
        spare = next((nodes for nodes in self._spare if nodes[0] is device), None)
        if spare is not None:
            self._spare.remove(spare)
            _, hardware.tx, hardware.output = spare
            graph.reuse(hardware.tx, tx)
            graph.reuse(hardware.output, output)
        else:
            hardware.tx = graph.add_node(tx)
            hardware.output = graph.add_node(output)
        graph.next_by_name("interface-output", output.name)
        graph.next_by_name("interface-output-arc-end", tx.name)

    def _release_nodes(self, hardware: Hardware) -> None:
        index = hardware.hw_if_index
        self._free_hw.append(index)
        if hardware.device_class.make_tx is None:
            return
        self._engine.graph.rename(hardware.output, f"interface-{index}-output-deleted")
        self._engine.graph.rename(hardware.tx, f"interface-{index}-tx-deleted")
        hardware.tx.function = _drop
        self._spare.append((hardware.device_class, hardware.tx, hardware.output))
