"""`show ip table`, `show ip6 table` (VPP's vnet/ip/lookup.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"\[(?P<index>\d+)\] table_id:(?P<number>\d+) (?P<name>\S.*)")


@dataclass(frozen=True)
class IpTable:
    """One table: its FIB index, its number (what commands call it by) and its name."""

    index: int
    number: int
    name: str


@dataclass(frozen=True)
class IpTables:
    """The tables in VPP's order, and the lines that were not understood."""

    tables: tuple[IpTable, ...]
    odd: tuple[str, ...] = ()


def read_ip_tables(text: str) -> IpTables:
    """The tables of an answer to `show ip table` or `show ip6 table`."""
    found: list[IpTable] = []
    odd: list[str] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is not None:
            found.append(IpTable(int(match["index"]), int(match["number"]), match["name"]))
        elif line.strip():
            odd.append(line)
    return IpTables(tuple(found), tuple(odd))
