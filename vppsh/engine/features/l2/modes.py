"""How each interface forwards: as layer 3, everything to a cross-connected peer, or as a port of a bridge domain.

Counterpart of set_int_l2_mode in vnet/l2/l2_input.c and the tables of l2_output.c. Columns by sw_if_index
are what the nodes index; an `L2Interface` owns each row.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.backbone import BackboneRewrite
from vppsh.engine.features.l2.bridge_domains import SEQUENCES, BridgeDomain, BridgeDomains, Member
from vppsh.engine.features.l2.l2fib import EntryFlag, L2Fib, make_entry, make_key
from vppsh.engine.features.l2.tag_rewrite import Rewrite, TagRewrite
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NO_PEER = -1
FROM_BVI = -2
"""In place of a tx interface: the packet was sent by a BVI into its bridge domain (VPP's L2INPUT_BVI)."""
TO_DROP, TO_BAD_INTERFACE = range(2)
"""Slots of l2-output for interfaces that never were, or are no longer, layer 2."""
BRIDGED = (
    features.FWD | features.UU_FLOOD | features.UU_FWD | features.FLOOD | features.LEARN | features.ARP_UFWD | features.ARP_TERM
    | features.DROP
)  # fmt: skip


class Mode(enum.Enum):
    """Who takes the packets of an interface."""

    L3 = "l3"
    XCONNECT = "l2 xconnect"
    BRIDGE = "l2 bridge"


class PortType(enum.Enum):
    """What a port is to its bridge domain: one of several, the one that routes, the one that takes unknown addresses."""

    NORMAL = "normal"
    BVI = "bvi"
    UU_FORWARD = "uu-fwd"


@dataclass
class L2Interface:
    """What is configured for an interface.

    peer       where a cross-connect sends everything
    rewrite    of the tags of received packets
    backbone   the same for headers of provider backbone bridges; `rewrite` goes before it
    rewriting  whether any of them is done: what was configured last says so
    mac        of a BVI: the address that its bridge domain knows
    """

    mode: Mode = Mode.L3
    peer: Interface | None = None
    rewrite: TagRewrite | None = None
    backbone: BackboneRewrite | None = None
    rewriting: bool = False
    domain: BridgeDomain | None = None
    shg: int = 0
    mac: bytes = bytes(6)


# Columns by sw_if_index, and the value of an interface that nothing was configured for.
COLUMNS: dict[str, tuple[Any, int]] = {
    "input_features": (np.uint32, 0), "output_features": (np.uint32, 0), "peer": (np.int32, NO_PEER), "output_slot": (np.int32, TO_DROP),
    "bridged": (np.bool_, False), "is_bvi": (np.bool_, False),
    "domain_features": (np.uint32, 0), "bd_index": (np.uint32, 0), "mac_age": (np.uint32, 0),
    "bd_sequence": (np.uint32, 0), "sequence": (np.uint32, 0), "shg": (np.uint32, 0), "output_shg": (np.uint32, 0),
}  # fmt: skip
# A sequence number outlives its interface: what was learned before is not taken for new.
KEPT = "sequence"


class L2Interfaces:
    """The layer 2 side of an engine's interfaces.

    input_features, output_features  bits by sw_if_index, 0 for what was never configured
    peer                             sw_if_index of the peer, NO_PEER unless cross-connected
    output_slot                      slot of l2-output that leads to the interface's output node
    bridged, is_bvi                  whether it is a port of a bridge domain, the one that routes
    bd_index, mac_age, bd_sequence   of its domain
    domain_features                  which input features the domain lets it have
    sequence                         its own count of flushes
    shg, output_shg                  split-horizon group
    """

    input_features: NDArray[np.uint32]
    output_features: NDArray[np.uint32]
    peer: NDArray[np.int32]
    output_slot: NDArray[np.int32]
    bridged: NDArray[np.bool_]
    is_bvi: NDArray[np.bool_]
    domain_features: NDArray[np.uint32]
    bd_index: NDArray[np.uint32]
    mac_age: NDArray[np.uint32]
    bd_sequence: NDArray[np.uint32]
    sequence: NDArray[np.uint32]
    shg: NDArray[np.uint32]
    output_shg: NDArray[np.uint32]

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._ports = engine.get(Ports)
        self._domains = engine.get(BridgeDomains)
        self._fib = engine.get(L2Fib)
        self._configs: dict[int, L2Interface] = {}
        for name, (dtype, empty) in COLUMNS.items():
            setattr(self, name, np.full(64, empty, dtype))
        self._domains.changed = self._domain_changed
        self._interfaces.subscribe(self._changed)

    def of(self, interface: Interface) -> L2Interface:
        """What is configured for an interface."""
        return self._configs.setdefault(interface.sw_if_index, L2Interface())

    def set_l3(self, interface: Interface) -> None:
        """Let an interface route."""
        adjust = self._leave(interface)
        config, index = self.of(interface), interface.sw_if_index
        config.mode, config.peer, config.domain, config.shg = Mode.L3, None, None, 0
        config.rewrite, config.backbone, config.rewriting = None, None, False
        self.input_features[index] = features.DROP
        self.output_features[index] = 0
        self.peer[index] = NO_PEER
        self.output_slot[index] = TO_BAD_INTERFACE
        self.bridged[index] = False
        self.bd_index[index] = self.shg[index] = self.output_shg[index] = 0
        interface.hardware.l2_count += adjust
        self._ports.set_l2(interface, False)

    def set_xconnect(self, interface: Interface, peer: Interface) -> None:
        """Send everything that an interface receives to its peer; the other direction is the peer's business."""
        adjust = self._leave(interface)
        config, index = self.of(interface), interface.sw_if_index
        config.mode, config.peer, config.domain = Mode.XCONNECT, peer, None
        bits = int(self.input_features[index]) & ~(features.LEARN | features.FWD | features.FLOOD)
        self.input_features[index] = bits | features.DROP | features.XCONNECT
        self.peer[index] = peer.sw_if_index
        self.bridged[index] = False
        self._enter(interface, adjust, 0)

    def set_bridge(self, interface: Interface, domain: BridgeDomain, port: PortType = PortType.NORMAL, shg: int = 0) -> None:
        """Make an interface a port of a bridge domain (CommandError if that has a BVI, and this is to be one)."""
        adjust = self._leave(interface)
        config, index = self.of(interface), interface.sw_if_index
        self._map_output(interface)
        config.mode, config.peer, config.domain = Mode.BRIDGE, None, domain
        self.peer[index] = NO_PEER
        self.bridged[index] = True
        self.bd_index[index] = domain.index
        self._next_sequence(interface)
        bits = (int(self.input_features[index]) | BRIDGED) & ~features.XCONNECT
        self.input_features[index] = bits
        domain.validate()
        if port is PortType.BVI:
            if domain.bvi is not None:
                raise CommandError("bridge-domain already has a bvi interface")
            domain.bvi, config.mac, self.is_bvi[index] = interface, interface.mac, True
            self._fib.update({make_key(config.mac, domain.index): self._own_entry(index)})
            # Its own address is known: nothing is to be learned from it.
            self.input_features[index] = bits & ~features.LEARN
            interface.flood_class = FloodClass.BVI
        if port is PortType.UU_FORWARD:
            domain.uu_forward = interface
            domain.features |= features.UU_FWD
        else:
            domain.add(Member(interface, port is PortType.BVI, shg))
        self._enter(interface, adjust, shg)
        self._domain_changed(domain)

    def set_rewrite(self, interface: Interface, rewrite: TagRewrite | None) -> None:
        """Rewrite the tags of an interface's packets, or leave them (CommandError if the tags do not fit)."""
        if not interface.hardware.hardware_class.ethernet:
            raise CommandError("vlan tag rewrite is not compatible with interface")
        config = self.of(interface)
        if rewrite is not None and not rewrite.fits(interface.sub):
            config.rewrite = None if config.rewrite is None else config.rewrite.blanked
            raise CommandError("vlan tag rewrite is not compatible with interface")
        config.rewrite, config.rewriting = rewrite, rewrite is not None
        self.switch_input(interface, features.VTR, config.rewriting)

    def set_backbone(self, interface: Interface, rewrite: BackboneRewrite | None) -> None:
        """Take the headers of provider backbone bridges off an interface's packets, or put them on, or neither."""
        config = self.of(interface)
        config.backbone, config.rewriting = rewrite, rewrite is not None
        self.switch_input(interface, features.VTR, config.rewriting)

    def switch_input(self, interface: Interface, feature: int, on: bool) -> None:
        """Let an interface's received packets go through a feature, or not."""
        bits = int(self.input_features[interface.sw_if_index])
        self.input_features[interface.sw_if_index] = bits | feature if on else bits & ~feature

    def switch_output(self, interface: Interface, feature: int, on: bool) -> None:
        """The same for what it sends."""
        bits = int(self.output_features[interface.sw_if_index])
        self.output_features[interface.sw_if_index] = bits | feature if on else bits & ~feature

    def features_in_force(self, interface: Interface) -> int:
        """The input features that an interface has, and its domain lets it have."""
        index = interface.sw_if_index
        bits = int(self.input_features[index])
        return bits & int(self.domain_features[index]) if self.bridged[index] else bits

    def flush(self, interface: Interface) -> None:
        """Forget what was learned on an interface."""
        self._next_sequence(interface)
        self._domains.scan()

    def input_rewrite(self, sw_if_index: int) -> Rewrite | BackboneRewrite | None:
        """What is done to the headers of packets that an interface receives."""
        config = self._configs.get(sw_if_index)
        if config is None or not config.rewriting:
            return None
        return config.backbone if config.rewrite is None else config.rewrite.on_input

    def output_rewrite(self, sw_if_index: int) -> Rewrite | BackboneRewrite | None:
        """What is done to the headers of packets that leave by an interface."""
        config = self._configs.get(sw_if_index)
        if config is None or not config.rewriting:
            return None
        if config.rewrite is not None:
            return config.rewrite.on_output(self._interfaces[sw_if_index].sub)
        return None if config.backbone is None else config.backbone.opposite

    # What all modes have in common.

    def _leave(self, interface: Interface) -> int:
        """Undo the mode that an interface has; by how much its port has fewer layer 2 interfaces."""
        config = self.of(interface)
        domain = config.domain
        if config.mode is Mode.L3 or domain is None:
            return 0 if config.mode is Mode.L3 else -1
        domain.remove(interface)
        if domain.bvi is interface:
            domain.bvi, self.is_bvi[interface.sw_if_index] = None, False
            self._forget(config.mac, domain, interface)
            # VPP never takes this back: from now on the interface is not flooded to.
            interface.flood_class = FloodClass.NO_FLOOD
        if domain.uu_forward is interface:
            domain.uu_forward = None
            domain.features &= ~features.UU_FWD
        if (int(self.input_features[interface.sw_if_index]) | domain.features) & features.LEARN:
            self.flush(interface)
        self._domain_changed(domain)
        return -1

    def _enter(self, interface: Interface, adjust: int, shg: int) -> None:
        index = interface.sw_if_index
        self._map_output(interface)
        self.of(interface).shg = shg
        self.shg[index] = self.output_shg[index] = shg
        self.switch_output(interface, features.OUTPUT, True)
        interface.hardware.l2_count += adjust + 1
        self._ports.set_l2(interface, True)

    def _map_output(self, interface: Interface) -> None:
        graph = self._engine.graph
        self.output_slot[interface.sw_if_index] = graph.add_next(graph["l2-output"], interface.hardware.output)

    def _next_sequence(self, interface: Interface) -> None:
        self.sequence[interface.sw_if_index] = (int(self.sequence[interface.sw_if_index]) + 1) % SEQUENCES

    def _own_entry(self, sw_if_index: int) -> int:
        return make_entry(sw_if_index, EntryFlag.BVI | EntryFlag.STATIC | EntryFlag.AGE_NOT)

    def _forget(self, mac: bytes, domain: BridgeDomain, interface: Interface) -> None:
        key = make_key(mac, domain.index)
        entry = self._fib.get(key)
        if entry is not None and entry & 0xFFFF_FFFF == interface.sw_if_index:
            self._fib.remove([key])

    def _domain_changed(self, domain: BridgeDomain) -> None:
        """The ports of a domain keep copies of what decides about packets; who only takes unknown addresses has none."""
        for member in domain.members:
            index = member.interface.sw_if_index
            self.domain_features[index] = domain.features
            self.bd_sequence[index] = domain.sequence
            self.mac_age[index] = domain.mac_age

    def _changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADDED:
            self._added(index)
        elif change is Change.DELETED:
            config = self._configs.get(index)
            if config is not None and config.mode is not Mode.L3:
                if config.peer is not None and config.peer.sw_if_index in self._interfaces:
                    self.set_l3(config.peer)
                self.set_l3(interface)
            self._configs.pop(index, None)
        elif change is Change.ADMIN and not interface.admin_up and self.bridged[index]:
            self.flush(interface)
        elif change is Change.MAC and self.is_bvi[index]:
            config = self._configs[index]
            if config.domain is not None and config.mac != interface.mac:
                self._forget(config.mac, config.domain, interface)
                config.mac = interface.mac
                self._fib.update({make_key(config.mac, config.domain.index): self._own_entry(index)})

    def _added(self, index: int) -> None:
        for name, (dtype, empty) in COLUMNS.items():
            column = getattr(self, name)
            if index >= len(column):
                column = np.concatenate((column, np.full(max(len(column), index + 1), empty, dtype)))
                setattr(self, name, column)
            if name != KEPT:
                column[index] = empty
