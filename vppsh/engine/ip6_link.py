"""Links: the interfaces on which IPv6 is enabled, each with its link-local address.

Counterpart of vnet/ip/ip6_link.c. A link is enabled by every address, and by command; it stays until as
many have gone. Protocols that run on links (ND, MLD, router advertisements) are told what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as Interfacing

from vppsh.engine.adjacency import Adjacencies, Adjacency
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.link_local import PREFIX, UNIVERSAL, LinkLocalTables, from_mac, is_link_local
from vppsh.engine.mfib.tables import Mfib

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


@dataclass(eq=False)
class Ip6Link:
    """One link.

    address    its link-local address
    locks      how many reasons there are to keep it
    multicast  the adjacency that sends to groups; only Ethernet has one
    """

    interface: Interface
    address: int
    locks: int = 0
    multicast: Adjacency | None = None


class LinkProtocol(Interfacing):
    """What runs on links."""

    def link_enabled(self, link: Ip6Link) -> None:
        """There is a link more."""

    def link_disabled(self, link: Ip6Link) -> None:
        """A link goes away."""

    def address_changed(self, link: Ip6Link, address: int, length: int, added: bool) -> None:
        """A link got or lost a global address."""

    def link_local_changed(self, link: Ip6Link) -> None:
        """A link got another link-local address."""


class Ip6Links:
    """The links of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._random = engine.random
        self._enabled = engine.get(IpEnable)
        self._groups = engine.get(Mfib)
        self._tables = engine.get(LinkLocalTables)
        self._adjacencies = engine.get(Adjacencies)
        self._links: dict[int, Ip6Link] = {}
        self._protocols: list[LinkProtocol] = []
        engine.get(Interfaces).subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[Ip6Link]:
        """In the order of their interfaces' indices."""
        return (self._links[sw_if_index] for sw_if_index in sorted(self._links))

    def find(self, sw_if_index: int) -> Ip6Link | None:
        """The link of an interface, if IPv6 is enabled there."""
        return self._links.get(sw_if_index)

    def subscribe(self, protocol: LinkProtocol) -> None:
        """Tell a protocol what becomes of links, and of those there are."""
        for link in self:
            protocol.link_enabled(link)
        self._protocols.append(protocol)

    def enable(self, interface: Interface, address: int | None = None) -> bool:
        """One reason more to have a link; whether it is the first. The link-local address may be given."""
        link = self._links.get(interface.sw_if_index)
        if link is not None:
            link.locks += 1
            return False
        link = Ip6Link(interface, self._make_address(interface) if address is None else address, locks=1)
        self._links[interface.sw_if_index] = link
        self._tables.add(interface.sw_if_index, link.address, own=True)
        self._groups.admit(Protocol.IP6, interface.sw_if_index, True)
        self._enabled.enable(Protocol.IP6, interface.sw_if_index)
        if interface.hardware.hardware_class.ethernet:
            link.multicast = self._adjacencies.mcast(Protocol.IP6, Protocol.IP6, interface.sw_if_index)
        for protocol in self._protocols:
            protocol.link_enabled(link)
        if address is not None:
            for protocol in self._protocols:
                protocol.link_local_changed(link)
        return True

    def disable(self, interface: Interface) -> bool:
        """One reason less; whether there was a link."""
        link = self._links.get(interface.sw_if_index)
        if link is None:
            return False
        link.locks -= 1
        if not link.locks:
            self._remove(link)
        return True

    def set_address(self, interface: Interface, address: int) -> None:
        """Choose the link-local address of an interface, which enables IPv6 there."""
        link = self._links.get(interface.sw_if_index)
        if link is None:
            self.enable(interface, address)
            return
        self._tables.remove(interface.sw_if_index, link.address)
        link.address = address
        self._tables.add(interface.sw_if_index, address, own=True)
        for protocol in self._protocols:
            protocol.link_local_changed(link)

    def address_changed(self, interface: Interface, address: int, length: int, added: bool) -> None:
        """An interface got or lost a global address."""
        link = self._links.get(interface.sw_if_index)
        if link is not None and not is_link_local(address):
            for protocol in self._protocols:
                protocol.address_changed(link, address, length, added)

    def _make_address(self, interface: Interface) -> int:
        """From the MAC address, or at random where there is none."""
        if interface.hardware.hardware_class.ethernet:
            return from_mac(interface.mac)
        return PREFIX | int(self._random.integers(0, 1 << 63, dtype="u8")) & ~UNIVERSAL

    def _remove(self, link: Ip6Link) -> None:
        sw_if_index = link.interface.sw_if_index
        for protocol in self._protocols:
            protocol.link_disabled(link)
        self._tables.remove(sw_if_index, link.address)
        self._groups.admit(Protocol.IP6, sw_if_index, False)
        self._enabled.disable(Protocol.IP6, sw_if_index)
        del self._links[sw_if_index]
        if link.multicast is not None:
            self._adjacencies.unlock(link.multicast)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        link = self._links.get(interface.sw_if_index)
        if change is Change.DELETED and link is not None:
            self._remove(link)
