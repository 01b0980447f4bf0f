"""`show wireguard interface` (VPP's wireguard_if.c). Keys are passed over: no value has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"\[\d+\] (?P<name>\S.*?) src:(?P<source>\S+) port:(?P<port>\d+)(?: private-key:.*)?")


@dataclass(frozen=True)
class WireguardInterface:
    """One interface: the address and port that it sends from."""

    name: str
    source: str
    port: int


@dataclass(frozen=True)
class WireguardInterfaces:
    """The interfaces in VPP's order, and the lines that were not understood."""

    interfaces: tuple[WireguardInterface, ...]
    odd: tuple[str, ...] = ()


def read_wireguard_interfaces(text: str) -> WireguardInterfaces:
    """The interfaces of an answer to `show wireguard interface`."""
    found: list[WireguardInterface] = []
    odd: list[str] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is not None:
            found.append(WireguardInterface(match["name"], match["source"], int(match["port"])))
        elif line.strip():
            odd.append(line)
    return WireguardInterfaces(tuple(found), tuple(odd))
