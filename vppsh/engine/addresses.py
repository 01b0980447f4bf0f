"""The IP addresses of interfaces: which there are, in which order, and which do not go together.

Counterpart of vnet/ip/ip_interface.c, ip4_add_del_interface_address and its IPv6 twin. As in VPP the
addresses of an interface are a linked list that begins at the interface. An unnumbered interface gets
the beginning of its lender's list, and so shares what either of them adds to it later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol, format_address
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.ip_enable import IpEnable
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PROTOCOLS = (Protocol.IP4, Protocol.IP6)
LINK_LOCAL = Prefix(Protocol.IP6, 0xFE80 << 112, 10)


@dataclass(eq=False)
class InterfaceAddress:
    """An address of an interface, and its place in the interface's list."""

    protocol: Protocol
    address: int
    length: int
    interface: Interface
    fib_index: int
    previous: InterfaceAddress | None = None
    next: InterfaceAddress | None = None

    def __str__(self) -> str:
        return format_with_length(self.protocol, self.address, self.length)


def format_with_length(protocol: Protocol, address: int, length: int) -> str:
    """`10.0.0.1/24`, host bits as they are."""
    return f"{format_address(protocol, address)}/{length}"


def is_link_local(protocol: Protocol, address: int) -> bool:
    """Whether an address is an IPv6 link-local one (RFC 4291, 2.5.6)."""
    return protocol is Protocol.IP6 and LINK_LOCAL.covers(Prefix(protocol, address, 128))


class Addresses:
    """The addresses of an engine's interfaces."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.get(Interfaces)
        self._fib = engine.get(Fib)
        self._enabled = engine.get(IpEnable)
        self._links = engine.get(Ip6Links)
        self._first: dict[tuple[Protocol, int], InterfaceAddress] = {}
        self._known: dict[tuple[Protocol, int, int], InterfaceAddress] = {}
        self._interfaces.subscribe(self._changed)

    def of(self, protocol: Protocol, interface: Interface) -> Iterator[InterfaceAddress]:
        """The addresses that an interface uses, its lender's when it is unnumbered."""
        return self._list(protocol, interface.unnumbered or interface)

    def _list(self, protocol: Protocol, interface: Interface) -> Iterator[InterfaceAddress]:
        """What hangs on the interface itself."""
        entry = self._first.get((protocol, interface.sw_if_index))
        while entry is not None:
            yield entry
            entry = entry.next

    def add(self, protocol: Protocol, interface: Interface, address: int, length: int) -> None:
        """Give an interface an address (CommandError, in VPP's words, if it cannot have it)."""
        self._check_interface(interface)
        if is_link_local(protocol, address):
            self._check_link_local(length)
            self._links.set_address(interface, address)
            return
        self._check_conflicts(protocol, interface, address, length)
        if not 0 < length <= protocol.bits:
            raise CommandError(f"{format_with_length(protocol, address, length)} wrong length for interface {interface.name}")
        fib_index = self._fib.tables(protocol).index_of_interface(interface.sw_if_index)
        entry = InterfaceAddress(protocol, address, length, interface, fib_index)
        *_, last = (None, *self._list(protocol, interface))
        if last is None:
            self._first[protocol, interface.sw_if_index] = entry
        else:
            last.next, entry.previous = entry, last
        self._known[protocol, fib_index, address] = entry
        self._enabled.enable(protocol, interface.sw_if_index)
        if protocol is Protocol.IP6:
            self._links.enable(interface)
        self._fib.address_added(protocol, interface.sw_if_index, address, length)
        if protocol is Protocol.IP6:
            self._links.address_changed(interface, address, length, True)

    def delete(self, protocol: Protocol, interface: Interface, address: int, length: int) -> None:
        """Take an address away. As in VPP the length is not part of what identifies it."""
        self._check_interface(interface)
        if is_link_local(protocol, address):
            self._check_link_local(length)
            link = self._links.find(interface.sw_if_index)
            own = link is not None and link.address == address
            raise CommandError("address not deletable" if own else "address not found")
        fib_index = self._fib.tables(protocol).index_of_interface(interface.sw_if_index)
        entry = self._known.get((protocol, fib_index, address))
        if entry is None or entry.interface is not interface:
            raise CommandError(f"{format_with_length(protocol, address, length)} not found for interface {interface.name}")
        self._unlink(entry)
        self._enabled.disable(protocol, interface.sw_if_index)
        self._fib.address_deleted(protocol, interface.sw_if_index, address, entry.length)
        if protocol is Protocol.IP6:
            self._links.address_changed(interface, address, entry.length, False)
            self._links.disable(interface)

    def delete_all(self, interface: Interface) -> None:
        """Take every address of an interface away, those that it borrows excepted."""
        for protocol in PROTOCOLS:
            for entry in list(self._list(protocol, interface)):
                if entry.interface is interface:
                    self.delete(protocol, interface, entry.address, entry.length)

    # Borrowed addresses.

    def borrow(self, interface: Interface, lender: Interface) -> None:
        """Let an interface use the addresses of another one (CommandError when their tables differ)."""
        for protocol in PROTOCOLS:
            tables = self._fib.tables(protocol)
            if tables.index_of_interface(interface.sw_if_index) != tables.index_of_interface(lender.sw_if_index):
                raise CommandError("When enabling unnumbered both interfaces must be in the same tables")
        before = interface.unnumbered
        interface.unnumbered = lender
        for protocol in PROTOCOLS:
            first = self._first.get((protocol, lender.sw_if_index))
            if first is None:
                self._first.pop((protocol, interface.sw_if_index), None)
            else:
                self._first[protocol, interface.sw_if_index] = first
            if before is None:
                self._enabled.enable(protocol, interface.sw_if_index)
        self._fib.set_unnumbered(interface.sw_if_index, lender.sw_if_index)

    def stop_borrowing(self, interface: Interface) -> None:
        """Let an interface have addresses of its own again; nothing happens when it has."""
        if interface.unnumbered is None:
            return
        interface.unnumbered = None
        for protocol in PROTOCOLS:
            self._first.pop((protocol, interface.sw_if_index), None)
            self._enabled.disable(protocol, interface.sw_if_index)
        self._fib.set_unnumbered(interface.sw_if_index, None)

    # Tables.

    def bind(self, protocol: Protocol, interface: Interface, table_id: int) -> None:
        """Put an interface in a table (CommandError if there is none, or addresses are in the way)."""
        # Who types a number beyond 31 bits has to write it as a negative one.
        found = self._fib.tables(protocol).find(table_id & 0xFFFFFFFF)
        if found is None:
            raise CommandError(f"no such table {table_id}")
        if next(self.of(protocol, interface), None) is not None:
            raise CommandError(f"IP addresses are still present on {interface.name}")
        self._fib.bind(protocol, interface.sw_if_index, found.index)

    def _check_interface(self, interface: Interface) -> None:
        if interface.sw_if_index == 0:
            raise CommandError("local0 interface doesn't support IP addressing")
        if not interface.supports_addresses:
            raise CommandError("sub-interface without exact-match doesn't support IP addressing")

    @staticmethod
    def _check_link_local(length: int) -> None:
        if length != Protocol.IP6.bits:
            raise CommandError("prefix length of link-local address must be 128")

    def _check_conflicts(self, protocol: Protocol, interface: Interface, address: int, length: int) -> None:
        """Prefixes in a table must not overlap, but one interface may have several addresses of one prefix."""
        tables = self._fib.tables(protocol)
        fib_index = tables.index_of_interface(interface.sw_if_index)
        for other in self._interfaces:
            if tables.index_of_interface(other.sw_if_index) != fib_index:
                continue
            for entry in self._list(protocol, other):
                shorter = min(max(length, 0), entry.length)
                if (address ^ entry.address) >> (protocol.bits - shorter):
                    continue
                if other is interface and entry.length == length and entry.address != address:
                    continue
                what = format_with_length(protocol, address, length)
                where = f" on {interface.name}" if protocol is Protocol.IP4 else ""
                raise CommandError(f"failed to add {what}{where} which conflicts with {entry} for interface {other.name}")

    def _unlink(self, entry: InterfaceAddress) -> None:
        key = (entry.protocol, entry.interface.sw_if_index)
        if entry.previous is not None:
            entry.previous.next = entry.next
        elif entry.next is not None:
            self._first[key] = entry.next
        else:
            self._first.pop(key, None)
        if entry.next is not None:
            entry.next.previous = entry.previous
        self._known.pop((entry.protocol, entry.fib_index, entry.address), None)

    def _changed(self, change: Change, interface: Interface) -> None:
        """A deleted interface leaves nothing behind; its routes are the FIB's business."""
        if change is not Change.DELETED:
            return
        interface.unnumbered = None
        for protocol in PROTOCOLS:
            for entry in list(self._list(protocol, interface)):
                if entry.interface is interface:
                    self._unlink(entry)
            self._first.pop((protocol, interface.sw_if_index), None)
