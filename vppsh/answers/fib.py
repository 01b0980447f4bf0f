"""`show ip fib`, `show ip6 fib`: whole, `summary`, of one table, one prefix, with `detail` (VPP's fib_entry.c, ip4_fib.c, ip6_fib.c).

A table may have a million routes, so they are found in one pass over the text and read when looked at.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from vppsh.answers.routes import Route, read_route

_BEGIN = re.compile(r"\n(?=\S)")
_TABLE = re.compile(
    r"(?P<name>\S.*), fib_index:(?P<index>\d+), flow hash:\[(?P<hash>[^]]*)\] "
    r"epoch:(?P<epoch>\d+) flags:(?P<flags>.*?) locks:\[(?P<locks>.*)\]"
)
_ROUTE = re.compile(r"[0-9a-fA-F:.]+/\d+(?=[ \n]|$)")
_COUNT = re.compile(r" +(\d+) +(\d+) *")
_NUMBER = re.compile(r"ipv[46]-VRF:(\d+)")


class Routes(Sequence[Route]):
    """The routes of a table in VPP's order, each read when it is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begin = array("q")
        self._end = array("q")

    def __len__(self) -> int:
        """How many routes there are."""
        return len(self._begin)

    @overload
    def __getitem__(self, row: int) -> Route: ...
    @overload
    def __getitem__(self, row: slice) -> list[Route]: ...
    def __getitem__(self, row: int | slice) -> Route | list[Route]:
        """The routes of these rows."""
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        return read_route(self.text(row))

    def text(self, row: int) -> str:
        """The lines of a route, as VPP printed them."""
        return self._text[self._begin[row] : self._end[row]]

    def prefix(self, row: int) -> str:
        """The prefix of a route, without the rest being read."""
        begin = self._begin[row]
        match = _ROUTE.match(self._text, begin)
        assert match is not None, "routes begin with a prefix"
        return match[0]

    def prefixes(self) -> Iterator[str]:
        """The prefixes in VPP's order."""
        return (self.prefix(row) for row in range(len(self)))

    def add(self, begin: int, end: int) -> None:
        """Another route, by its place in the text."""
        self._begin.append(begin)
        self._end.append(end)


@dataclass(frozen=True)
class FibTable:
    """One table.

    name       VPP's, "ipv4-VRF:7" unless it was given one
    flow_hash  what goes into it, in VPP's words
    locks      who keeps the table, how often
    lengths    of a summary: how many routes have prefixes of that length
    """

    name: str
    index: int
    flow_hash: tuple[str, ...]
    epoch: int
    flags: str
    locks: dict[str, int]
    routes: Routes
    lengths: dict[int, int] = field(default_factory=dict)

    @property
    def number(self) -> int | None:
        """The table's ID as far as its name tells it."""
        match = _NUMBER.fullmatch(self.name)
        return int(match[1]) if match else None

    def __len__(self) -> int:
        """How many routes it has, of a summary too."""
        return len(self.routes) or sum(self.lengths.values())


@dataclass(frozen=True)
class Fib:
    """The tables in VPP's order, and the lines outside of routes that were not understood; a route keeps its own."""

    tables: tuple[FibTable, ...]
    odd: tuple[str, ...] = ()


def read_fib(text: str) -> Fib:
    """The tables of an answer to `show ip fib` or `show ip6 fib`, with any of their words but `mtrie`, `memory` and `hash`."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    tables: list[FibTable] = []
    odd: list[str] = []
    begin = 0
    for end in _ends(text):
        match = _ROUTE.match(text, begin, end)
        if match is not None and tables:
            tables[-1].routes.add(begin, end)
        elif end > begin:
            _other(text[begin:end], text, tables, odd)
        begin = end + 1
    return Fib(tuple(tables), tuple(odd))


def _ends(text: str) -> Iterator[int]:
    """Where what begins without indentation ends."""
    for each in _BEGIN.finditer(text):
        yield each.start()
    yield len(text)


def _other(part: str, text: str, tables: list[FibTable], odd: list[str]) -> None:
    """A table's heading, with its summary; or nothing that is known."""
    line, _, rest = part.partition("\n")
    match = _TABLE.fullmatch(line.rstrip())
    if match is None:
        odd += [each for each in part.splitlines() if each.strip()]
        return
    locks = dict(each.rpartition(":")[::2] for each in match["locks"].split(", ") if ":" in each)
    table = FibTable(
        match["name"], int(match["index"]), tuple(match["hash"].split()), int(match["epoch"]), match["flags"],
        {source: int(count) for source, count in locks.items() if count.isdigit()}, Routes(text),
    )  # fmt: skip
    for each in rest.splitlines():
        count = _COUNT.fullmatch(each)
        if count is not None:
            table.lengths[int(count[1])] = int(count[2])
        elif each.split() not in ([], ["Prefix", "length", "Count"]):
            odd.append(each)
    tables.append(table)
