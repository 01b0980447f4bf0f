"""Allowed IPs: which addresses are behind a peer, for packets to it and from it.

As in VPP an IPv4 address is compared as the IPv6 one with 96 zeros in front, and an IPv4 prefix looks at the last 32 bits of either
(fib_prefix_is_cover_addr_46 in wireguard_peer.h): 0.0.0.0/0 and ::/0 each cover both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.types import Prefix

HALF = 64
LOW = (1 << HALF) - 1

Words = NDArray[np.uint64]


class AllowedIps:
    """The prefixes of one peer, in the order in which they were given."""

    def __init__(self, prefixes: Sequence[Prefix]) -> None:
        self.prefixes = tuple(prefixes)
        self._rules = [(prefix.network, _mask(prefix)) for prefix in prefixes]
        self._words = [tuple(np.uint64(part) for part in (*_halves(network), *_halves(mask))) for network, mask in self._rules]

    def covers(self, address: int) -> bool:
        """Whether an address is behind the peer."""
        return any((address ^ network) & mask == 0 for network, mask in self._rules)

    def covers_each(self, high: Words, low: Words) -> NDArray[np.bool_]:
        """The same of many addresses, in halves of 64 bits."""
        found = np.zeros(len(low), np.bool_)
        for network_high, network_low, mask_high, mask_low in self._words:
            found |= (high ^ network_high) & mask_high | (low ^ network_low) & mask_low == 0
            if found.all():
                break
        return found


def _mask(prefix: Prefix) -> int:
    bits = prefix.protocol.bits
    return (1 << bits) - (1 << bits - prefix.length)


def _halves(number: int) -> tuple[int, int]:
    return number >> HALF, number & LOW
