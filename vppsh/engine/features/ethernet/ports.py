"""What ethernet-input must know of each port: its MAC addresses, and which tags lead to which sub-interface.

Counterpart of the tables in vnet/ethernet/node.c. Every software interface on an Ethernet port owns a
*match*, a row of two arrays: which interface it means, and the packets it wants (by their number of
tags). Tables by VLAN id hold rows, so that the tags of a whole vector are looked up by indexing. Row 0
matches nothing.

As in VPP the rows of a table are found by what an interface is configured for, not by which interface it
is: when a second sub-interface with the same tags is refused, the first one's match is gone too.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from vppsh.engine.interfaces import Change, Interface, Interfaces, SubConfig
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

N_VLANS = 4096
NOBODY = -1


class Match(enum.IntFlag):
    """Bits of a match: the numbers of tags that it wants, whether it is in use, whether it is bridged."""

    TAGS_0 = 1 << 0
    TAGS_1 = 1 << 1
    TAGS_2 = 1 << 2
    TAGS_3 = 1 << 3
    VALID = 1 << 4
    L2 = 1 << 5


ANY_TAGS = Match.TAGS_1 | Match.TAGS_2 | Match.TAGS_3
TAG_FLAGS = np.array([Match.TAGS_0, Match.TAGS_1, Match.TAGS_2, Match.TAGS_3], np.uint8) | np.uint8(Match.VALID)


def mac_word(mac: bytes) -> np.uint64:
    """A MAC address as the little-endian word that a load of its first 8 bytes gives, shifted free of the last two."""
    return np.uint64(int.from_bytes(mac, "little") << 16)


class Port:
    """An Ethernet hardware interface.

    mac          its address as `mac_word`, and as bytes
    secondary    more addresses that it answers to
    untagged     row of the match of packets without a tag (or, when bridged, of all)
    default      row of the match of packets that nothing else wants
    l2           packets without a tag go to the bridge or cross-connect
    vlans        table of 802.1Q, table of 802.1ad ids; 0 is an empty one
    """

    __slots__ = ("default", "hardware", "l2", "mac", "mac_bytes", "secondary", "sw_if_index", "untagged", "vlans")

    def __init__(self, interface: Interface, untagged: int, default: int) -> None:
        self.hardware = interface.hardware
        self.sw_if_index = interface.sw_if_index
        self.untagged = untagged
        self.default = default
        self.vlans = [0, 0]
        self.l2 = False
        self.mac = np.uint64(0)
        self.mac_bytes = bytes(6)
        self.secondary: list[np.uint64] = []
        self.load_macs()

    def load_macs(self) -> None:
        """Take over the addresses of the hardware."""
        self.mac_bytes = self.hardware.mac
        self.mac = mac_word(self.mac_bytes)
        self.secondary = [mac_word(mac) for mac in self.hardware.secondary_macs]


class Ports:
    """The Ethernet ports of an engine, by sw_if_index of the port.

    interface, flags   of each match row: sw_if_index (NOBODY while it is down), `Match` bits
    single, any_inner  row by table and VLAN id: one tag; a tag before any second one
    inner              index into `double` by table and outer VLAN id; 0 is an empty one
    double             row by inner table and inner VLAN id
    untagged, default  row by hw_if_index, for lookups of several ports at once
    tables             by hw_if_index: (n, 2) of `Port.vlans`
    """

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.get(Interfaces)
        self._ports: dict[int, Port] = {}
        self.interface: NDArray[np.int32] = np.full(1, NOBODY, np.int32)
        self.flags: NDArray[np.uint8] = np.zeros(1, np.uint8)
        self.single: NDArray[np.int32] = np.zeros((1, N_VLANS), np.int32)
        self.any_inner: NDArray[np.int32] = np.zeros((1, N_VLANS), np.int32)
        self.inner: NDArray[np.int32] = np.zeros((1, N_VLANS), np.int32)
        self.double: NDArray[np.int32] = np.zeros((1, N_VLANS), np.int32)
        self._free_rows: list[int] = []
        self._free_tables: list[int] = []
        self._free_inner: list[int] = []
        self._beyond: dict[tuple[int, SubConfig], int] = {}
        self._interfaces.subscribe(self._changed)

    def __getitem__(self, sw_if_index: int) -> Port:
        return self._ports[sw_if_index]

    def find(self, sw_if_index: int) -> Port | None:
        """The port of that sw_if_index, if it is one."""
        return self._ports.get(sw_if_index)

    def of(self, interface: Interface) -> Port | None:
        """The port that an interface is, or is on."""
        return self._ports.get((interface.super or interface).sw_if_index)

    def set_l2(self, interface: Interface, l2: bool) -> None:
        """Hand an interface's packets to the bridge or cross-connect, or take them back."""
        row = self._row(interface)
        if row is None:
            return
        bits = Match.L2 | (ANY_TAGS if interface.is_hardware else Match(0))
        if l2:
            self.flags[row] |= bits | (Match.TAGS_0 if interface.is_hardware else Match(0))
        else:
            self.flags[row] &= 0xFF ^ bits
        port = self._ports[(interface.super or interface).sw_if_index]
        port.l2 = bool(self.flags[port.untagged] & np.uint8(Match.L2))

    def check(self, parent: Interface, config: SubConfig) -> None:
        """Refuse a new sub-interface that cannot be told from others (CommandError)."""
        port = self.find(parent.sw_if_index)
        if port is None:
            return
        row = self._row_of(port, config)
        if row is None:
            raise CommandError("not implemented yet")
        if self.flags[row] & Match.VALID:
            self.flags[row] = 0
            raise CommandError("vlan is already in use")

    def _changed(self, change: Change, interface: Interface) -> None:
        if not interface.hardware.hardware_class.ethernet:
            return
        if change is Change.ADDED:
            self._added(interface)
        elif change is Change.DELETED:
            self._deleted(interface)
        elif change is Change.ADMIN and (row := self._row(interface)) is not None:
            self.interface[row] = interface.sw_if_index if interface.admin_up else NOBODY
        elif change is Change.MAC and (port := self.of(interface)) is not None:
            port.load_macs()

    def _added(self, interface: Interface) -> None:
        if interface.is_hardware:
            self._ports[interface.sw_if_index] = Port(interface, self._new_row(), self._new_row())
        row = self._row(interface)
        if row is not None and not self.flags[row] & Match.VALID:
            self.flags[row] = Match.VALID | _wanted(interface)
            self.interface[row] = NOBODY

    def _deleted(self, interface: Interface) -> None:
        row = self._row(interface)
        if row is not None:
            self.flags[row] = 0
        if interface.is_hardware:
            port = self._ports.pop(interface.sw_if_index)
            self._free_rows += [port.untagged, port.default]
            self._free_rows += [self._beyond.pop(key) for key in list(self._beyond) if key[0] == port.sw_if_index]
            for table in filter(None, port.vlans):
                self._release_table(table)

    def _row(self, interface: Interface) -> int | None:
        """The row of what an interface is configured for, made if there is none; None if that cannot be looked up, or is gone."""
        port = self.of(interface)
        if port is None:
            return None
        return port.untagged if interface.sub is None else self._row_of(port, interface.sub)

    def _row_of(self, port: Port, config: SubConfig) -> int | None:
        if config.untagged:
            return port.untagged
        if config.default:
            return port.default
        if config.any_outer or config.outer is None:
            return None
        if config.outer >= N_VLANS or (config.inner or 0) >= N_VLANS:
            # VPP takes any number; no tag holds these.
            key = (port.sw_if_index, replace(config, sub_id=0))
            if key not in self._beyond:
                self._beyond[key] = self._new_row()
            return self._beyond[key]
        table = self._table(port, config.dot1ad)
        if config.any_inner:
            return self._cell(self.any_inner, table, config.outer)
        if config.inner is None:
            return self._cell(self.single, table, config.outer)
        if not self.inner[table, config.outer]:
            if self._free_inner:
                self.inner[table, config.outer] = self._free_inner.pop()
            else:
                self.inner[table, config.outer] = len(self.double)
                self.double = _one_more(self.double)
        return self._cell(self.double, int(self.inner[table, config.outer]), config.inner)

    def _cell(self, table: NDArray[np.int32], index: int, vlan: int) -> int:
        if not table[index, vlan]:
            table[index, vlan] = self._new_row()
        return int(table[index, vlan])

    def _table(self, port: Port, dot1ad: bool) -> int:
        if not port.vlans[dot1ad]:
            if self._free_tables:
                port.vlans[dot1ad] = self._free_tables.pop()
            else:
                port.vlans[dot1ad] = len(self.single)
                self.single, self.any_inner, self.inner = (_one_more(t) for t in (self.single, self.any_inner, self.inner))
        return port.vlans[dot1ad]

    def _release_table(self, table: int) -> None:
        for inner in set(self.inner[table].tolist()) - {0}:
            self._release_rows(self.double[inner])
            self._free_inner.append(inner)
        self.inner[table] = 0
        self._release_rows(self.single[table])
        self._release_rows(self.any_inner[table])
        self._free_tables.append(table)

    def _release_rows(self, cells: NDArray[np.int32]) -> None:
        rows = cells[cells > 0].tolist()
        self.flags[rows] = 0
        self._free_rows += rows
        cells[:] = 0

    def _new_row(self) -> int:
        if self._free_rows:
            return self._free_rows.pop()
        self.interface = np.append(self.interface, np.int32(NOBODY))
        self.flags = np.append(self.flags, np.uint8(0))
        return len(self.flags) - 1


def _wanted(interface: Interface) -> Match:
    """The numbers of tags of the packets that an interface is configured for."""
    config = interface.sub
    if config is None or config.untagged:
        return Match.TAGS_0
    if config.default:
        return ANY_TAGS
    fewest = Match.TAGS_1 if config.inner is None and not config.any_inner else Match.TAGS_2
    if config.exact:
        return fewest
    return ANY_TAGS if fewest is Match.TAGS_1 else Match.TAGS_2 | Match.TAGS_3


def _one_more(table: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate((table, np.zeros((1, table.shape[1]), np.int32)))
