"""Which of an interface's addresses a packet of our own leaves with.

Counterpart of vnet/fib/fib_sas.c (`from_glean`) and vnet/ip/ip_sas.c (`of_interface`). Addresses are
integers in host order, as in the FIB. Only the interface itself, or the one that lends it its addresses,
is searched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.engine import Engine
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.link_local import is_link_local

LINK_GROUPS = 0xFF020000
"""The first word of the multicast groups of a link, those that VPP has in mind here."""


def _link_local(engine: Engine, sw_if_index: int) -> int | None:
    link = engine.get(Ip6Links).find(sw_if_index)
    return None if link is None else link.address


def from_glean(engine: Engine, protocol: Protocol, sw_if_index: int, destination: int | None = None) -> int | None:
    """The address of the connected prefix that covers the destination, or of any connected prefix."""
    if protocol is Protocol.IP6 and destination is not None and is_link_local(destination):
        return _link_local(engine, sw_if_index)
    fib = engine.get(Fib)
    if fib.is_point_to_point(sw_if_index):
        addresses = fib.addresses.get((protocol, fib.unnumbered_lender(sw_if_index)), ())
        return addresses[0][0] if addresses else None
    wanted = None if destination is None else Prefix(protocol, destination, protocol.bits)
    found = None
    for adjacency in fib.adjacencies.gleans_of(fib.unnumbered_lender(sw_if_index), protocol):
        glean = adjacency.glean
        if glean is not None and glean.length:
            found = glean.address
            if wanted is None or glean.covers(wanted):
                break
    return found


def of_interface(engine: Engine, protocol: Protocol, sw_if_index: int, destination: int | None = None) -> int | None:
    """The address that shares the longest prefix with the destination; of equals, and without one, the first.

    What stays on the link, or goes to all of it, comes from the link-local address.
    """
    if protocol is Protocol.IP6 and destination is not None and (is_link_local(destination) or destination >> 96 == LINK_GROUPS):
        return _link_local(engine, sw_if_index)
    fib = engine.get(Fib)
    addresses = [address for address, _ in fib.addresses.get((protocol, fib.unnumbered_lender(sw_if_index)), ())]
    if destination is None or len(addresses) < 2:
        return addresses[0] if addresses else None
    return min(addresses, key=lambda address: (address ^ destination).bit_length())


def to_neighbor(engine: Engine, protocol: Protocol, sw_if_index: int, neighbor: int | None = None) -> int | None:
    """The address to ask for a neighbour from (fib_sas_get, else ip_sas_by_sw_if_index)."""
    found = from_glean(engine, protocol, sw_if_index, neighbor)
    return of_interface(engine, protocol, sw_if_index, neighbor) if found is None else found


def of_interface_each(engine: Engine, protocol: Protocol, sw_if_index: int, destinations: NDArray[np.uint32]) -> NDArray[np.uint32] | None:
    """`of_interface` for many IPv4 destinations; None when the interface has no address at all."""
    fib = engine.get(Fib)
    addresses = np.array([each for each, _ in fib.addresses.get((protocol, fib.unnumbered_lender(sw_if_index)), ())], np.uint32)
    if not len(addresses):
        return None
    # The exponent of a number is the position of its highest bit: how long the part is that differs.
    _, differing = np.frexp((addresses[None, :] ^ destinations[:, None]).astype(np.float64))
    best: NDArray[np.uint32] = addresses[differing.argmin(axis=1)]
    return best
