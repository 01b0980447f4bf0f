"""Policies as arrays: the first one that fits, for every packet of a vector at once.

VPP counterpart: the linear searches of vnet/ipsec/ipsec_output.h and ipsec_input.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.fib.types import Protocol
from vppsh.engine.wire import ip6, ip_protocol

if TYPE_CHECKING:
    from vppsh.engine.ipsec.spd import NumberedPolicy

NO_POLICY = -1
ANY_PROTOCOL = 255
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]


class Flows(Struct, frozen=True):
    """What policies look at, for packets of one family.

    local, remote   uint64 (n, 2): upper and lower half of an address; the upper one is 0 for IPv4
    protocol, local_port, remote_port, spi  (n,); what a search does not ask for may be None
    """

    local: Words
    remote: Words
    protocol: NDArray[np.integer] | None = None
    local_port: NDArray[np.integer] | None = None
    remote_port: NDArray[np.integer] | None = None
    spi: NDArray[np.integer] | None = None


class Selectors:
    """The policies of one list, in order: index of each, and columns to compare with."""

    def __init__(self, policies: Sequence[NumberedPolicy]) -> None:
        self.index: NDArray[np.int64] = np.array([each.index for each in policies], np.int64)
        self.sa: NDArray[np.int64] = np.array([each.sa.index if each.sa is not None else -1 for each in policies], np.int64)
        asked = [each.policy for each in policies]
        self._local = [_halves([p.local.start for p in asked]), _halves([p.local.stop for p in asked])]
        self._remote = [_halves([p.remote.start for p in asked]), _halves([p.remote.stop for p in asked])]
        self._protocol = np.array([p.protocol for p in asked], np.int64)
        self._ports = np.array(
            [(p.local_ports.start, p.local_ports.stop, p.remote_ports.start, p.remote_ports.stop) for p in asked], np.int64
        ).reshape(-1, 4)
        # What arrives by a tunnel's association is known by the ends of that, not by the ranges of the policy.
        tunnels = [each.sa if each.sa is not None and each.sa.outer_is_known else None for each in policies]
        self._tunnel: Mask = np.array([sa is not None for sa in tunnels], np.bool_)
        self._tunnel_src = _halves([sa.tunnel.config.src if sa is not None else 0 for sa in tunnels])
        self._tunnel_dst = _halves([sa.tunnel.config.dst if sa is not None else 0 for sa in tunnels])
        self._spi = np.array([each.sa.spi if each.sa is not None else -1 for each in policies], np.int64)

    def __len__(self) -> int:
        return len(self.index)

    def outbound(self, flows: Flows) -> NDArray[np.int64]:
        """The place of the first policy that fits each packet, NO_POLICY for none."""
        fits = self._in_ranges(flows)
        assert flows.protocol is not None
        assert flows.local_port is not None
        assert flows.remote_port is not None
        protocol = flows.protocol[:, None]
        fits &= (self._protocol == ANY_PROTOCOL) | (self._protocol == protocol)
        with_ports = (protocol == ip_protocol.TCP) | (protocol == ip_protocol.UDP) | (protocol == ip_protocol.SCTP)
        local, remote = flows.local_port[:, None], flows.remote_port[:, None]
        first, last, remote_first, remote_last = self._ports.T
        fits &= ~with_ports | ((local >= first) & (local <= last) & (remote >= remote_first) & (remote <= remote_last))
        return _first(fits)

    def inbound(self, flows: Flows) -> NDArray[np.int64]:
        """The same for what lets arriving packets through or discards them: addresses decide alone."""
        return _first(self._in_ranges(flows))

    def protecting(self, flows: Flows, family: Protocol) -> NDArray[np.int64]:
        """The same for protected packets, whose SPI must be that of the policy's association.

        Associations of tunnels are asked for the ends of the tunnel instead; for IPv4 all of those before any other.
        """
        assert flows.spi is not None
        known = self._spi == flows.spi[:, None]
        through = known & self._tunnel & _same(flows.remote, self._tunnel_src) & _same(flows.local, self._tunnel_dst)
        ranged = known & ~self._tunnel & self._in_ranges(flows)
        if family is Protocol.IP6:
            return _first(through | ranged)
        tunnels = _first(through)
        return np.where(tunnels == NO_POLICY, _first(ranged), tunnels)

    def _in_ranges(self, flows: Flows) -> Mask:
        """bool (packets, policies): whether both addresses lie in the policy's ranges."""
        return _between(flows.local, *self._local) & _between(flows.remote, *self._remote)


def _halves(addresses: Sequence[int]) -> Words:
    return np.array([ip6.to_halves(address) for address in addresses], np.uint64).reshape(-1, 2)


def _between(addresses: Words, starts: Words, stops: Words) -> Mask:
    return _not_above(starts, addresses[:, None]) & _not_above(addresses[:, None], stops)


def _not_above(one: Words, other: Words) -> Mask:
    mask: Mask = (one[..., 0] < other[..., 0]) | ((one[..., 0] == other[..., 0]) & (one[..., 1] <= other[..., 1]))
    return mask


def _same(addresses: Words, others: Words) -> Mask:
    mask: Mask = (addresses[:, None] == others).all(axis=-1)
    return mask


def _first(fits: Mask) -> NDArray[np.int64]:
    """The first true column of each row."""
    if not fits.shape[1]:
        return np.full(len(fits), NO_POLICY, np.int64)
    return np.where(fits.any(axis=1), fits.argmax(axis=1), NO_POLICY)
