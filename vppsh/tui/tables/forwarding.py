"""Routes by columns, made of an answer of the FIB: 200,000 of them in about a second, beside whatever is on the screen."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vppsh.answers.fib import FibTable, read_fib
from vppsh.answers.routes import Route, read_route
from vppsh.answers.ways import Kind, Way
from vppsh.tui.grid import Tone
from vppsh.tui.sheet import Figures, Prefixes, Repeated, Series, Sheet

UNRESOLVED = "unresolved"
_TO = re.compile(r"dpo-load-balance: .* to:\[(\d+):(\d+)\]")
_LABEL = re.compile(r"\[(\d+):\d+:\d+:n?eos\]")
_TONES = {Kind.DROP.value: Tone.DIM, Kind.NULL.value: Tone.DIM, Kind.INCOMPLETE.value: Tone.WARN, UNRESOLVED: Tone.BAD}


@dataclass(frozen=True)
class Forwarding:
    """The routes of all tables of a family, by columns: prefix, kind, via, paths, packets, bytes, table.

    tables  names of VPP's tables by their indices
    odd     lines that were not understood
    """

    sheet: Sheet
    tables: dict[int, str]
    odd: tuple[str, ...] = ()


class _Coded:
    """Texts that repeat, a number a row."""

    def __init__(self) -> None:
        self.codes = array("i")
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text."""
        return self.numbers.setdefault(text, len(self.numbers))

    def series(self) -> Repeated:
        """The column."""
        return Repeated(np.array(self.codes, np.int32), list(self.numbers))


class _Rows:
    """The columns while they grow."""

    def __init__(self) -> None:
        self.prefixes: list[str] = []
        self.kinds, self.vias, self.names = _Coded(), _Coded(), _Coded()
        self.paths, self.packets, self.octets = array("q"), array("q"), array("q")
        self.begins: dict[int, tuple[int, int]] = {}
        self._ways: dict[str, tuple[int, int, int]] = {}

    def take(self, table: FibTable, name: str) -> None:
        """The routes of a table."""
        number, begin = self.names.number(name), len(self.prefixes)
        for row in range(len(table.routes)):
            self._take(table.routes.text(row))
        self.names.codes.extend([number] * len(table.routes))
        self.begins[table.index] = begin, len(self.prefixes)

    def _take(self, text: str) -> None:
        lines = text.split("\n", 3)
        to = _TO.search(lines[2]) if len(lines) > 3 else None
        # Routes by one next hop differ in their first lines only, so that each forwarding is read once.
        rest = text if to is None else lines[3]
        way = self._ways.get(rest)
        if way is None:
            kind, via, paths = way_of(read_route(text))
            way = self._ways[rest] = self.kinds.number(kind), self.vias.number(via), paths
        self.prefixes.append(lines[0].partition(" ")[0])
        self.kinds.codes.append(way[0])
        self.vias.codes.append(way[1])
        self.paths.append(way[2])
        self.packets.append(0 if to is None else int(to[1]))
        self.octets.append(0 if to is None else int(to[2]))

    def sheet(self, version: int) -> Sheet:
        """The rows."""
        counts = [Figures(np.array(each, np.int64)) for each in (self.paths, self.packets, self.octets)]
        series: tuple[Series, ...] = (
            Prefixes(self.prefixes, version),
            self.kinds.series(),
            self.vias.series(),
            *counts,
            self.names.series(),
        )
        tones = [tone_of(kind) for kind in self.kinds.numbers]
        codes = self.kinds.codes
        return Sheet(series, self.key, self.find, lambda row: tones[codes[row]])

    def key(self, row: int) -> Hashable:
        """The index of a row's table, and its prefix."""
        return next(index for index, (begin, end) in self.begins.items() if begin <= row < end), self.prefixes[row]

    def find(self, key: Hashable) -> int | None:
        """The row of such a key."""
        if not (isinstance(key, tuple) and len(key) == 2 and key[0] in self.begins):
            return None
        try:
            return self.prefixes.index(key[1], *self.begins[key[0]])
        except ValueError:
            return None


def read_forwarding(text: str, version: int) -> Forwarding:
    """The routes of an answer to `show ip fib` (version 4) or `show ip6 fib` (6)."""
    fib = read_fib(text)
    rows, tables = _Rows(), {table.index: _name(table) for table in fib.tables}
    for table in fib.tables:
        rows.take(table, tables[table.index])
    return Forwarding(rows.sheet(version), tables, fib.odd)


def count_routes(text: str) -> int:
    """How many routes there are, of an answer to `show ip fib summary`."""
    return sum(len(table) for table in read_fib(text).tables)


def tone_of(kind: str) -> Tone:
    """How a row is to be taken, by what becomes of packets."""
    return _TONES.get(kind.partition("+")[0], Tone.PLAIN)


def way_of(route: Route) -> tuple[str, str, int]:
    """What becomes of a route's packets, where they go, and by how many ways."""
    ends = list(_ends(route.forwarding, "")) if route.forwarding is not None else []
    if not ends:
        return UNRESOLVED, "", 0
    kinds = "+".join(dict.fromkeys(end.kind.value for end, _ in ends))
    shares: Counter[str] = Counter()
    for end, labels in ends:
        shares[f"{labels}{_via(end)}"] += end.share
    alike = len(set(shares.values())) == 1
    return kinds, ", ".join(via if alike else f"{via} ×{share}" for via, share in shares.items() if via), len(shares)


def _ends(way: Way, labels: str) -> Iterator[tuple[Way, str]]:
    """Where packets end up, and the labels that they are given on the way."""
    if way.kind is Kind.LABEL:
        labels += "".join(f"label {label} " for label in _LABEL.findall(way.text))
    if way.kind in (Kind.BALANCE, Kind.OTHER, Kind.LABEL) and way.below:
        for each in way.below:
            # What is alone below has the share of what is above.
            for end, given in _ends(each, labels):
                yield replace(end, first=way.first, last=way.last) if way.kind is not Kind.BALANCE else end, given
    else:
        yield way, labels


def _via(way: Way) -> str:
    if way.kind in (Kind.DROP, Kind.PUNT):
        return ""
    if way.kind is Kind.LOOKUP:
        return way.table or "the interface's table"
    # A point-to-point interface has no next hop that says anything.
    hop = way.next_hop if way.next_hop not in ("0.0.0.0", "::") else ""
    return f"{hop} {way.interface}".strip() or ("" if way.kind is Kind.RECEIVE else way.text)


def _name(table: FibTable) -> str:
    return table.name if table.number is None else str(table.number)
