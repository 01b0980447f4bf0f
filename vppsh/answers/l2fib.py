"""`show l2fib all` and its kin (VPP's l2_fib.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"\s*(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s+(?P<domain>\d+)\s+(?P<index>-?\d+)\s+\d+/\s*\d+\s+(?P<age>\S+)\s+"
    r"(?P<static>[*-])\s+(?P<filter>[*-])\s+(?P<bvi>[*-])\s+(?P<interface>\S.*?)\s*"
)


@dataclass(frozen=True)
class Station:
    """A MAC address: the index (not the number) of its bridge domain, where it is; `learnt` unless it was configured."""

    mac: str
    domain_index: int
    interface: str
    learnt: bool
    static: bool
    filtered: bool
    bvi: bool


@dataclass(frozen=True)
class L2Fib:
    """The stations in VPP's order, and the lines that were not understood."""

    stations: tuple[Station, ...]
    odd: tuple[str, ...] = ()


def read_l2fib(text: str) -> L2Fib:
    """The stations of an answer to `show l2fib`."""
    found: list[Station] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.split()[:1] == ["Mac-Address"] or line.startswith(("L2FIB total", "no l2fib")):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            odd.append(line)
            continue
        marks = [match[name] == "*" for name in ("static", "filter", "bvi")]
        found.append(Station(match["mac"], int(match["domain"]), match["interface"], match["age"] != "no", *marks))
    return L2Fib(tuple(found), tuple(odd))
