"""The small data-path objects that paths end in: receive, null, lookup, interface-rx.

VPP counterpart: vnet/dpo/receive_dpo.c, ip_null_dpo.c, lookup_dpo.c, interface_rx_dpo.c.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.interfaces import Interfaces

from .dpo import Dpo, Dpos, DpoType
from .rows import Rows
from .types import NO_INTERFACE, Protocol, Source, format_address

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

    from .table import FibTable


class NullAction(enum.IntEnum):
    """What an ip-null object answers before it drops."""

    DISCARD = 0
    UNREACHABLE = 1
    PROHIBIT = 2

    @property
    def text(self) -> str:
        """Name in `show ip fib`."""
        return ("discard", "send-unreachable", "send-prohibited")[self]


def null_dpo(protocol: Protocol, action: NullAction) -> Dpo:
    """The ip-null object of a protocol and action; its index is three times the protocol plus the action."""
    return Dpo(int(DpoType.IP_NULL), int(protocol), 3 * protocol + action)


def null_action(index: int) -> NullAction:
    """The action of an ip-null object."""
    return NullAction(index % 3)


def format_null(index: int, indent: int = 0) -> str:
    """An ip-null object as VPP prints it."""
    return f"{Protocol(index // 3).text}-null action:{null_action(index).text}"


class Receives(Rows):
    """Receive objects: packets for us.

    sw_if_index  interface whose address it is, -1 when it was configured without one
    """

    sw_if_index: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"sw_if_index": ("i4", NO_INTERFACE)})
        self._engine = engine
        self._addresses: dict[int, tuple[Protocol, int]] = {}
        engine.get(Dpos).register(DpoType.RECEIVE, self._format)

    def create(self, protocol: Protocol, interface: int, address: int) -> Dpo:
        """A receive object for an address on an interface."""
        row = self._allocate()
        self.sw_if_index[row] = interface
        self._addresses[row] = (protocol, address)
        return Dpo(int(DpoType.RECEIVE), int(protocol), row)

    def destroy(self, dpo: Dpo) -> None:
        """Free a receive object."""
        del self._addresses[dpo.index]
        self._release(dpo.index)

    def _format(self, index: int, indent: int) -> str:
        if index not in self._addresses:
            return "dpo-receive DELETED"
        interface = int(self.sw_if_index[index])
        if interface == NO_INTERFACE:
            return "dpo-receive"
        interfaces = self._engine.get(Interfaces)
        name = interfaces[interface].name if interface in interfaces else "DELETED"
        return f"dpo-receive: {format_address(*self._addresses[index])} on {name}"


class LookupInput(enum.IntEnum):
    """Which address a lookup object looks up."""

    SOURCE = 0
    DESTINATION = 1

    @property
    def text(self) -> str:
        """Name in `show ip fib`."""
        return ("src-address", "dst-address")[self]


SOURCE_LOOKUP_NODES = {Protocol.IP4: "lookup-ip4-src", Protocol.IP6: "lookup-ip6-src"}
INTERFACE_LOOKUP_NODES = {Protocol.IP4: "lookup-ip4-dst-itf", Protocol.IP6: "lookup-ip6-dst-itf", Protocol.MPLS: "lookup-mpls-dst-itf"}


class Lookups(Rows):
    """Lookup objects: look again, in another table.

    fib_index       the table, -1 for that of the interface where the packet came in
    source          1 when the source address is looked up
    source_type     the type of those: they have nodes of their own
    interface_type  the type of those with the interface's table, likewise
    """

    fib_index: NDArray[np.int32]
    source: NDArray[np.uint8]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"fib_index": ("i4", -1), "source": ("u1", 0)})
        self._engine = engine
        self._protocols: dict[int, Protocol] = {}
        dpos = engine.get(Dpos)
        dpos.register(DpoType.LOOKUP, self._format)
        self.source_type = dpos.new_type("dpo-lookup", SOURCE_LOOKUP_NODES, self._format)
        self.interface_type = dpos.new_type("dpo-lookup", INTERFACE_LOOKUP_NODES, self._format)

    def create(self, protocol: Protocol, fib_index: int, lookup: LookupInput) -> Dpo:
        """A lookup object for a table, which it keeps."""
        row = self._allocate()
        self.fib_index[row] = fib_index
        self.source[row] = lookup is LookupInput.SOURCE
        self._protocols[row] = protocol
        self._table(row).lock(Source.RECURSIVE)
        kind = self.source_type if lookup is LookupInput.SOURCE else int(DpoType.LOOKUP)
        return Dpo(kind, int(protocol), row)

    def create_for_interface(self, protocol: Protocol) -> Dpo:
        """A lookup object for the table of the interface where a packet came in."""
        row = self._allocate()
        self._protocols[row] = protocol
        return Dpo(self.interface_type, int(protocol), row)

    def destroy(self, dpo: Dpo) -> None:
        """Free a lookup object."""
        table = self._table(dpo.index) if self.fib_index[dpo.index] >= 0 else None
        del self._protocols[dpo.index]
        self._release(dpo.index)
        if table is not None:
            table.unlock(Source.RECURSIVE)

    def _table(self, row: int) -> FibTable:
        from .fib import Fib

        return self._engine.get(Fib).tables(self._protocols[row])[int(self.fib_index[row])]

    def _format(self, index: int, indent: int) -> str:
        if index not in self._protocols:
            return "dpo-lookup DELETED"
        lookup = LookupInput.SOURCE if self.source[index] else LookupInput.DESTINATION
        where = self._table(index).name if self.fib_index[index] >= 0 else f"interface's {self._protocols[index].text} table"
        return f"{lookup.text},unicast lookup in {where}"


class InterfaceReceives(Rows):
    """Interface-rx objects: the packet is received again, on another interface."""

    sw_if_index: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"sw_if_index": ("i4", NO_INTERFACE)})
        self._engine = engine
        self._protocols: dict[int, Protocol] = {}
        engine.get(Dpos).register(DpoType.INTERFACE_RX, self._format)

    def create(self, protocol: Protocol, interface: int) -> Dpo:
        """An object that receives packets of a protocol on an interface."""
        row = self._allocate()
        self.sw_if_index[row] = interface
        self._protocols[row] = protocol
        return Dpo(int(DpoType.INTERFACE_RX), int(protocol), row)

    def destroy(self, dpo: Dpo) -> None:
        """Free an interface-rx object."""
        del self._protocols[dpo.index]
        self._release(dpo.index)

    def _format(self, index: int, indent: int) -> str:
        interfaces = self._engine.get(Interfaces)
        interface = int(self.sw_if_index[index])
        name = interfaces[interface].name if interface in interfaces else "DELETED"
        return f"{name}-rx-dpo: {self._protocols[index].text}"
