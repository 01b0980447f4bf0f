"""`show mpls fib`, of a table, of a label (VPP's mpls_fib.c); VPP prints every route with its details."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vppsh.answers.routes import Route, read_route

_TABLE = re.compile(r"(\S.*), fib_index:(\d+) locks:\[.*\]")
_LABEL = re.compile(r"([\w-]+):(neos|eos)/21 fib:\d+ index:\d+ locks:\d+")
_NUMBER = re.compile(r"MPLS-VRF:(\d+)")
_BEGIN = re.compile(r"\n(?=\S)")


@dataclass(frozen=True)
class LabelRoute:
    """What becomes of packets with a label: `last` tells whether it is the bottom of the stack."""

    label: str
    last: bool
    route: Route


@dataclass(frozen=True)
class LabelTable:
    """One table, with its labels in VPP's order."""

    name: str
    index: int
    routes: tuple[LabelRoute, ...]

    @property
    def number(self) -> int | None:
        """The table's ID as far as its name tells it."""
        match = _NUMBER.fullmatch(self.name)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class LabelTables:
    """The tables in VPP's order, and the lines outside of routes that were not understood; a route keeps its own."""

    tables: tuple[LabelTable, ...]
    odd: tuple[str, ...] = ()


def read_label_tables(text: str) -> LabelTables:
    """The tables of an answer to `show mpls fib`."""
    found: list[tuple[str, int, list[LabelRoute]]] = []
    odd: list[str] = []
    for part in _BEGIN.split(text.replace("\r\n", "\n")):
        line = part.partition("\n")[0].rstrip()
        if match := _TABLE.fullmatch(line):
            found.append((match[1], int(match[2]), []))
            odd += [each for each in part.splitlines()[1:] if each.strip()]
        elif found and (match := _LABEL.fullmatch(line)):
            found[-1][2].append(LabelRoute(match[1], match[2] == "eos", read_route(part)))
        else:
            odd += [each for each in part.splitlines() if each.strip()]
    return LabelTables(tuple(LabelTable(name, index, tuple(routes)) for name, index, routes in found), tuple(odd))
