"""Addresses and prefixes among the words of a filter, and in the texts of rows: `10.1.2.3` finds what covers it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

_ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)"
# Addresses, prefixes, and ranges as VPP prints them.
_FOUND = re.compile(rf"(?<![\w.:])({_ADDRESS})(?:/(\d{{1,3}})| - ({_ADDRESS}))?(?![\w:])")


@dataclass(frozen=True)
class Network:
    """Addresses of one family from the first to the last, as numbers."""

    version: int
    first: int
    last: int

    def meets(self, other: Network) -> bool:
        """Whether they have addresses in common: for prefixes, one covers the other."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    @property
    def span(self) -> int:
        """How many addresses there are, but one."""
        return self.last - self.first

    def packed(self) -> tuple[bytes, bytes]:
        """The first and the last, in network byte order."""
        size = 4 if self.version == 4 else 16
        return self.first.to_bytes(size, "big"), self.last.to_bytes(size, "big")


def network_of(word: str) -> Network | None:
    """The address or prefix that a word spells; None when it spells none."""
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        return None
    return Network(network.version, int(network.network_address), int(network.broadcast_address))


def networks_in(text: str) -> list[Network]:
    """The addresses, prefixes and ranges that stand in a text."""
    found = []
    for first, length, last in _FOUND.findall(text):
        network = network_of(f"{first}/{length}" if length else first)
        if network is not None and last:
            try:
                end = ip_address(last)
            except ValueError:
                continue
            network = Network(network.version, network.first, int(end)) if end.version == network.version else network
        if network is not None:
            found.append(network)
    return found


def narrowest(texts: Iterable[str], wanted: Network) -> int | None:
    """How many addresses, but one, the narrowest network in the texts has that meets what is wanted; None when none does."""
    return min((each.span for text in texts for each in networks_in(text) if each.meets(wanted)), default=None)
