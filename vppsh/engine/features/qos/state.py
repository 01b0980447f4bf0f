"""Which interfaces record, store and mark priorities, and the maps from a recorded priority to the one that is sent."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.registry import column

if TYPE_CHECKING:
    from vppsh.engine.arcs import Arcs
    from vppsh.engine.engine import Engine

BITS = column("qos_bits", "u4")
SOURCE = column("qos_source", "u4")
VALUES = 256
NO_MAP = -1
Nodes = tuple[tuple[str, str], ...]


class Source(enum.IntEnum):
    """Where a priority stands in a packet; VPP's order."""

    EXT = 0
    VLAN = 1
    MPLS = 2
    IP = 3

    @property
    def text(self) -> str:
        """VPP's name."""
        return "ext" if self is Source.EXT else self.name


def _on_input(ip4: str, ip6: str) -> Nodes:
    return tuple((f"{ip}-{cast}", node) for ip, node in (("ip6", ip6), ("ip4", ip4)) for cast in ("unicast", "multicast"))


RECORD_NODES: dict[Source, Nodes] = {
    Source.EXT: (),
    Source.VLAN: (*_on_input("vlan-ip4-qos-record", "vlan-ip6-qos-record"), ("mpls-input", "vlan-mpls-qos-record")),
    Source.MPLS: (("mpls-input", "mpls-qos-record"),),
    Source.IP: _on_input("ip4-qos-record", "ip6-qos-record"),
}
STORE_NODES = _on_input("ip4-qos-store", "ip6-qos-store")
MARK_NODES: dict[Source, Nodes] = {
    Source.EXT: (),
    Source.VLAN: tuple((f"{proto}-output", f"vlan-{proto}-qos-mark") for proto in ("ip6", "ip4", "mpls")),
    Source.MPLS: (("mpls-output", "mpls-qos-mark"),),
    Source.IP: (("ip6-output", "ip6-qos-mark"), ("ip4-output", "ip4-qos-mark")),
}


def _switch(arcs: Arcs, nodes: Nodes, interface: Interface, on: bool) -> None:
    for arc, node in nodes:
        arcs.enable(arc, node, interface.sw_if_index, on)


class QosRecords:
    """Which interfaces note the priority of received packets: how often each was told to."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._l2 = engine.get(L2Interfaces)
        self.times: dict[tuple[int, Source], int] = {}
        engine.get(Interfaces).subscribe(self._changed)

    def set(self, interface: Interface, source: Source, on: bool) -> None:
        """Record, or no longer once that was said as often."""
        key = interface.sw_if_index, source
        before = self.times.get(key, 0)
        after = max(0, before + (1 if on else -1))
        self.times[key] = after
        if not after:
            del self.times[key]
        if bool(before) != bool(after):
            _switch(self._arcs, RECORD_NODES[source], interface, on)
            if source is Source.IP:
                self._l2.switch_input(interface, features.QOS_RECORD, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for source in Source:
                if self.times.get((interface.sw_if_index, source)):
                    self.times[interface.sw_if_index, source] = 1
                    self.set(interface, source, False)


class QosStores:
    """Which interfaces give received packets a priority, and which; of several the first holds."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._times: dict[int, int] = {}
        self.values: dict[int, int] = {}
        self.by_interface: NDArray[np.uint32] = np.zeros(1, np.uint32)
        engine.get(Interfaces).subscribe(self._changed)

    def set(self, interface: Interface, value: int, on: bool) -> None:
        """Store a value, or no longer once that was said as often."""
        index = interface.sw_if_index
        before = self._times.get(index, 0)
        self._times[index] = max(0, before + (1 if on else -1))
        if on and not before:
            self.values[index] = value % VALUES
            missing = max(0, index + 1 - len(self.by_interface))
            self.by_interface = np.append(self.by_interface, np.zeros(missing, np.uint32))
            self.by_interface[index] = value % VALUES
        elif before != 1 or on:
            return
        else:
            del self.values[index]
        _switch(self._arcs, STORE_NODES, interface, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED and self._times.get(interface.sw_if_index):
            self._times[interface.sw_if_index] = 1
            self.set(interface, 0, False)


class EgressMaps:
    """Maps from the source and value of a recorded priority to the value to send.

    outputs  uint8 by index, source, value; a map that is deleted stays there until its index is used again
    indices  by the number that users know a map by
    """

    def __init__(self, engine: Engine) -> None:
        self.outputs: NDArray[np.uint8] = np.zeros((1, len(Source), VALUES), np.uint8)
        self.indices: dict[int, int] = {}
        self._free = [0]

    def get(self, number: int) -> NDArray[np.uint8]:
        """A map by its number, made if there is none."""
        index = self.indices.get(number)
        if index is None:
            if not self._free:
                self._free.append(len(self.outputs))
                self.outputs = np.concatenate((self.outputs, np.zeros_like(self.outputs[:1])))
            index = self.indices[number] = self._free.pop()
            self.outputs[index] = 0
        found: NDArray[np.uint8] = self.outputs[index]
        return found

    def delete(self, number: int) -> None:
        """Forget a map, if there is one."""
        index = self.indices.pop(number, None)
        if index is not None:
            self._free.append(index)


class QosMarks:
    """Which map an interface's sent packets are marked by, for each place of a priority."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._maps = engine.get(EgressMaps)
        self.maps: dict[tuple[int, Source], int] = {}
        self.by_interface: NDArray[np.int32] = np.full((len(Source), 64), NO_MAP, np.int32)
        engine.get(Interfaces).subscribe(self._changed)

    def enable(self, interface: Interface, source: Source, number: int) -> bool:
        """Mark by a map; False when there is none of that number."""
        index = self._maps.indices.get(number)
        if index is None:
            return False
        fresh = (interface.sw_if_index, source) not in self.maps
        self._put(interface, source, index)
        if fresh:
            _switch(self._arcs, MARK_NODES[source], interface, True)
        return True

    def disable(self, interface: Interface, source: Source) -> bool:
        """Mark no longer; False when it did not."""
        if (interface.sw_if_index, source) not in self.maps:
            return False
        self._put(interface, source, NO_MAP)
        del self.maps[interface.sw_if_index, source]
        _switch(self._arcs, MARK_NODES[source], interface, False)
        return True

    def _put(self, interface: Interface, source: Source, index: int) -> None:
        at = interface.sw_if_index
        while at >= self.by_interface.shape[1]:
            self.by_interface = np.concatenate((self.by_interface, np.full_like(self.by_interface, NO_MAP)), axis=1)
        self.by_interface[source, at] = index
        self.maps[at, source] = index

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for source in Source:
                self.disable(interface, source)
