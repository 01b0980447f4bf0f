"""Words of the multicast FIB: groups, sources of entries, flags (vnet/mfib/mfib_types.h)."""

from __future__ import annotations

import enum
from typing import NamedTuple

from vppsh.engine.fib.types import Protocol, format_address

ANY = 0
"""The source of an entry for all senders."""
NO_RPF_ID = 0


class Group(NamedTuple):
    """(S,G) or (*,G/length): the length counts bits of the group; with a source it is that of a host."""

    protocol: Protocol
    group: int
    length: int
    source: int = ANY

    @property
    def network(self) -> int:
        """The group with its host bits cleared."""
        host = self.protocol.bits - self.length
        return self.group >> host << host

    @property
    def version(self) -> int:
        """The version of IP."""
        return 4 if self.protocol is Protocol.IP4 else 6

    def __str__(self) -> str:
        sender = "*" if self.source == ANY else format_address(self.protocol, self.source)
        return f"({sender}, {format_address(self.protocol, self.network)}/{self.length})"


SOURCE_NAMES = {
    0: "Special", 2: "API", 3: "CLI", 4: "VXLAN", 7: "GTPU", 8: "VXLAN-GPE", 9: "Geneve", 12: "plugin-low", 15: "Default Route",
}  # fmt: skip


class MfibSource(enum.IntEnum):
    """Who says that an entry should exist, best first."""

    SPECIAL = 0
    API = 2
    CLI = 3
    VXLAN = 4
    GTPU = 7
    VXLAN_GPE = 8
    GENEVE = 9
    PLUGIN_LOW = 12
    DEFAULT_ROUTE = 15

    @property
    def text(self) -> str:
        """Name in `show ip mfib`."""
        return SOURCE_NAMES[self]


class EntryFlag(enum.IntFlag):
    """What an entry does besides forwarding."""

    SIGNAL = 1 << 0
    DROP = 1 << 1
    CONNECTED = 1 << 2
    ACCEPT_ALL = 1 << 3
    EXCLUSIVE = 1 << 4
    INHERIT_ACCEPT = 1 << 5


ENTRY_FLAG_NAMES = ("Signal", "Drop", "Connected", "Accept-all-itf", "Exclusive", "Inherit-Accept")
ENTRY_FLAG_SHORT_NAMES = ("S", "D", "C", "AA", "E", "IA")


class InterfaceFlag(enum.IntFlag):
    """What an entry does on an interface."""

    NEGATE_SIGNAL = 1 << 0
    ACCEPT = 1 << 1
    FORWARD = 1 << 2
    SIGNAL_PRESENT = 1 << 3
    DONT_PRESERVE = 1 << 4


INTERFACE_FLAG_NAMES = ("Negate-Signal", "Accept", "Forward", "Signal-Present", "Don't-Preserve")
INTERFACE_FLAG_SHORT_NAMES = ("NS", "A", "F", "SP", "DP")
