"""`show ip neighbors`, `show ip6 neighbors` (VPP's format_ip_neighbor)."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The address is centred in 40 columns and the flags in 6, so that blanks are around both unless an address is too long.
_LINE = re.compile(
    r"\s*(?P<age>\S+)\s+(?P<address>[0-9a-fA-F:.]+)\s+(?P<flags>[A-Z]*)\s+(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s+(?P<interface>\S.*?)\s*"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([\d.e+-]+)([a-z]*)")


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One neighbour: how long ago it was confirmed, in VPP's words and seconds; D dynamic, S static, N without a FIB entry."""

    address: str
    mac: str
    interface: str
    flags: str
    age: str
    seconds: float

    @property
    def static(self) -> bool:
        """Configured, not learnt."""
        return "S" in self.flags


@dataclass(frozen=True)
class Neighbors:
    """The neighbours in VPP's order, and the lines that were not understood."""

    neighbors: tuple[Neighbor, ...]
    odd: tuple[str, ...] = ()


def read_neighbors(text: str) -> Neighbors:
    """The neighbours of an answer to `show ip neighbors` or `show ip6 neighbors`, of all interfaces or one."""
    found: list[Neighbor] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.split()[:2] == ["Age", "IP"]:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            odd.append(line)
        else:
            age = match["age"]
            found.append(Neighbor(match["address"], match["mac"], match["interface"], match["flags"], age, _seconds(age)))
    return Neighbors(tuple(found), tuple(odd))


def _seconds(age: str) -> float:
    """VPP's time as seconds, as far as it is one; NaN otherwise."""
    total = 0.0
    for number, unit in _PART.findall(age):
        try:
            total += float(number) * _UNITS[unit or "s"]
        except (ValueError, KeyError):
            return float("nan")
    return total
