"""IPv6 link-local addresses: how they are made, and the table of each link in which they are looked up.

Counterpart of vnet/ip/ip6_ll_table.c (RFC 4291, 2.5.6). The same link-local address may live on many
links. So a packet to one is not looked up in the VRF: its `fe80::/10` leads to the node ip6-link-local,
which goes on in the table of the interface that the packet came in by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NO_TABLE = -1
TABLE_FLAG = "ip6-ll"
PREFIX = 0xFE80 << 112
LINK_LOCAL = Prefix(Protocol.IP6, PREFIX, 10)
UNIVERSAL = 1 << 57
"""The bit of an interface identifier that tells a worldwide address, inverted from that of a MAC address (RFC 4291, A)."""


def is_link_local(address: int) -> bool:
    """Whether an IPv6 address is a link-local unicast one."""
    return address >> 118 == PREFIX >> 118


def is_link_local_each(addresses: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The same for many addresses, (n, 2) as upper and lower half."""
    found: NDArray[np.bool_] = addresses[:, 0] >> 54 == PREFIX >> 118
    return found


def from_mac(mac: bytes) -> int:
    """The link-local address of a MAC address (modified EUI-64)."""
    identifier = mac[:3] + b"\xff\xfe" + mac[3:]
    return PREFIX | int.from_bytes(identifier, "big") ^ UNIVERSAL


def to_mac(address: int) -> bytes:
    """The MAC address that a link-local address was made of."""
    identifier = ((address ^ UNIVERSAL) & (1 << 64) - 1).to_bytes(8, "big")
    return identifier[:3] + identifier[5:]


class LinkLocalTables:
    """The link-local tables of an engine; a link has one while it has link-local addresses, its own or a neighbour's.

    fib_index_of  int32 by sw_if_index: the IPv6 table, NO_TABLE without one
    """

    def __init__(self, engine: Engine) -> None:
        self._fib = engine.get(Fib)
        self.fib_index_of: NDArray[np.int32] = np.full(64, NO_TABLE, np.int32)

    def index_of(self, sw_if_index: int) -> int:
        """The table of a link, NO_TABLE if it has none."""
        return int(self.fib_index_of[sw_if_index]) if sw_if_index < len(self.fib_index_of) else NO_TABLE

    def of_each(self, sw_if_indices: NDArray[np.int32]) -> NDArray[np.int32]:
        """The tables of many links."""
        known = sw_if_indices < len(self.fib_index_of)
        return np.where(known, self.fib_index_of[np.where(known, sw_if_indices, 0)], NO_TABLE)

    def add(self, sw_if_index: int, address: int, *, own: bool) -> None:
        """An address lives on a link: it is the interface's own, or a neighbour's."""
        if self.index_of(sw_if_index) == NO_TABLE:
            self._create(sw_if_index)
        table = self._fib.ip6[self.index_of(sw_if_index)]
        path = RoutePath(Protocol.IP6, address if own else 0, sw_if_index, flags=PathFlag.LOCAL if own else PathFlag.NONE)
        table.update(_host(address), Source.IP6_ND, EntryFlag.LOCAL if own else EntryFlag.NONE, [path])

    def remove(self, sw_if_index: int, address: int) -> None:
        """An address no longer lives on a link; with the last one the table goes."""
        index = self.index_of(sw_if_index)
        if index == NO_TABLE:
            return
        table = self._fib.ip6[index]
        table.special_remove(_host(address), Source.IP6_ND)
        if not any(entry.find(Source.IP6_ND) for entry in table):
            table.unlock(Source.IP6_ND)
            self.fib_index_of[sw_if_index] = NO_TABLE

    def _create(self, sw_if_index: int) -> None:
        if sw_if_index >= len(self.fib_index_of):
            grown = np.full(max(2 * len(self.fib_index_of), sw_if_index + 1), NO_TABLE, np.int32)
            grown[: len(self.fib_index_of)] = self.fib_index_of
            self.fib_index_of = grown
        table = self._fib.ip6.create(Source.IP6_ND, f"IP6-link-local:{self._fib.interface_name(sw_if_index)}")
        table.flag_text = TABLE_FLAG
        self.fib_index_of[sw_if_index] = table.index
        table.update(
            LINK_LOCAL, Source.SPECIAL, EntryFlag.ATTACHED | EntryFlag.NO_ATTACHED_EXPORT, [RoutePath(Protocol.IP6, 0, sw_if_index)]
        )


def _host(address: int) -> Prefix:
    return Prefix(Protocol.IP6, address, Protocol.IP6.bits)
