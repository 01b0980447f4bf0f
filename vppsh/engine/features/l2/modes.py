"""How each interface forwards: as layer 3, or everything to a cross-connected peer.

Counterpart of set_int_l2_mode in vnet/l2/l2_input.c and the tables of l2_output.c. Columns by sw_if_index
are what the nodes index; an `L2Interface` owns each row.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.tag_rewrite import Rewrite, TagRewrite
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NO_PEER = -1
TO_DROP, TO_BAD_INTERFACE = range(2)
"""Slots of l2-output for interfaces that never were, or are no longer, layer 2."""


class Mode(enum.Enum):
    """Who takes the packets of an interface."""

    L3 = "l3"
    XCONNECT = "l2 xconnect"


@dataclass
class L2Interface:
    """What is configured for an interface.

    peer     where a cross-connect sends everything
    rewrite  of the tags of received packets
    """

    mode: Mode = Mode.L3
    peer: Interface | None = None
    rewrite: TagRewrite | None = None


class L2Interfaces:
    """The layer 2 side of an engine's interfaces.

    input_features, output_features  bits by sw_if_index, 0 for what was never configured
    peer                             sw_if_index of the peer, NO_PEER unless cross-connected
    output_slot                      slot of l2-output that leads to the interface's output node
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._ports = engine.get(Ports)
        self._configs: dict[int, L2Interface] = {}
        self.input_features: NDArray[np.uint32] = np.zeros(64, np.uint32)
        self.output_features: NDArray[np.uint32] = np.zeros(64, np.uint32)
        self.peer: NDArray[np.int32] = np.full(64, NO_PEER, np.int32)
        self.output_slot: NDArray[np.int32] = np.full(64, TO_DROP, np.int32)
        self._interfaces.subscribe(self._changed)

    def of(self, interface: Interface) -> L2Interface:
        """What is configured for an interface."""
        return self._configs.setdefault(interface.sw_if_index, L2Interface())

    def set_l3(self, interface: Interface) -> None:
        """Let an interface route."""
        config, index = self.of(interface), interface.sw_if_index
        if config.mode is not Mode.L3:
            interface.hardware.l2_count -= 1
        config.mode, config.peer, config.rewrite = Mode.L3, None, None
        self.input_features[index] = features.DROP
        self.output_features[index] = 0
        self.peer[index] = NO_PEER
        self.output_slot[index] = TO_BAD_INTERFACE
        self._ports.set_l2(interface, False)

    def set_xconnect(self, interface: Interface, peer: Interface) -> None:
        """Send everything that an interface receives to its peer; the other direction is the peer's business."""
        config, index = self.of(interface), interface.sw_if_index
        if config.mode is Mode.L3:
            interface.hardware.l2_count += 1
        config.mode, config.peer = Mode.XCONNECT, peer
        self.input_features[index] |= np.uint32(features.DROP | features.XCONNECT)
        self.output_features[index] |= np.uint32(features.OUTPUT)
        self.peer[index] = peer.sw_if_index
        self.output_slot[index] = self._engine.graph.add_next(self._engine.graph["l2-output"], interface.hardware.output)
        self._ports.set_l2(interface, True)

    def set_rewrite(self, interface: Interface, rewrite: TagRewrite | None) -> None:
        """Rewrite the tags of an interface's packets, or leave them (CommandError if the tags do not fit)."""
        if not interface.hardware.hardware_class.ethernet:
            raise CommandError("vlan tag rewrite is not compatible with interface")
        if rewrite is not None:
            rewrite.check(interface.sub)
        self.of(interface).rewrite = rewrite
        bits = self.input_features[interface.sw_if_index]
        vtr = np.uint32(features.VTR)
        self.input_features[interface.sw_if_index] = bits & ~vtr if rewrite is None else bits | vtr

    def input_rewrite(self, sw_if_index: int) -> Rewrite | None:
        """What is done to the tags of packets that an interface receives."""
        rewrite = self._configs[sw_if_index].rewrite if sw_if_index in self._configs else None
        return None if rewrite is None else rewrite.on_input

    def output_rewrite(self, sw_if_index: int) -> Rewrite | None:
        """What is done to the tags of packets that leave by an interface."""
        rewrite = self._configs[sw_if_index].rewrite if sw_if_index in self._configs else None
        return None if rewrite is None else rewrite.on_output(self._interfaces[sw_if_index].sub)

    def _changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADDED:
            for name, empty in (("input_features", 0), ("output_features", 0), ("peer", NO_PEER), ("output_slot", TO_DROP)):
                column = getattr(self, name)
                if index >= len(column):
                    column = np.concatenate((column, np.full(max(len(column), index + 1), empty, column.dtype)))
                    setattr(self, name, column)
                column[index] = empty
        elif change is Change.DELETED:
            config = self._configs.get(index)
            if config is not None and config.mode is Mode.XCONNECT:
                if config.peer is not None and config.peer.sw_if_index in self._interfaces:
                    self.set_l3(config.peer)
                self.set_l3(interface)
            self._configs.pop(index, None)
