"""What is known of a node: the values of its answers, put together where several answers are about one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol as Shape
from typing import TypeVar

from vppsh.answers.addresses import InterfaceAddresses, read_addresses
from vppsh.answers.fib import FibTable, Routes, read_fib
from vppsh.answers.hardware import Hardware, read_hardware
from vppsh.answers.interfaces import Interface, read_interfaces
from vppsh.answers.ip_tables import IpTable, read_ip_tables
from vppsh.answers.neighbors import Neighbor, read_neighbors
from vppsh.answers.routes import Route
from vppsh.rebuilt.sections import Section

INVENTED = 1_000_000_000
# Tables that are there for each interface with IPv6.
LINK_LOCAL = "IP6-link-local:"


class Odd(Shape):
    """A value that keeps what was not understood."""

    @property
    def odd(self) -> tuple[str, ...]:
        """The lines that were not understood."""
        ...


Value = TypeVar("Value", bound=Odd)


@dataclass(frozen=True)
class Table:
    """A FIB table: its number, or one made up where no answer tells it; where its routes are, by prefix in VPP's order."""

    family: int
    index: int
    number: int
    name: str
    flow_hash: tuple[str, ...]
    places: dict[str, tuple[Routes, int]] = field(default_factory=dict, compare=False)

    def route(self, prefix: str) -> Route:
        """The route of a prefix that it has; read anew each time, as there may be a million."""
        routes, row = self.places[prefix]
        return routes[row]

    @property
    def command(self) -> str:
        """What the family's commands begin with."""
        return "ip6" if self.family == 6 else "ip"


class Node:
    """The answers of one node.

    used  the lines whose answers were asked for
    odd   lines of those that were not understood
    """

    def __init__(self, sections: Iterable[Section]) -> None:
        self.sections = [section for section in sections if section.text.strip()]
        self.used: set[str] = set()
        self.odd: list[str] = []
        self.devices: dict[str, Hardware] = {
            each.name: each for value in self.values("show hardware-interfaces", read_hardware) for each in value.devices
        }
        self.interfaces = self._interfaces()
        self.addresses: dict[str, InterfaceAddresses] = {
            each.name: each for value in self.values("show interface address", read_addresses) for each in value.interfaces
        }
        self.numbers = self._numbers()
        self.tables: dict[tuple[int, str], Table] = {}
        for line in ("show ip fib", "show ip6 fib"):
            for fib in self.values(line, read_fib):
                for table in fib.tables:
                    self._add(table, line)
        self._add_tables_without_routes()
        self.neighbors: list[Neighbor] = [
            each
            for line in ("show ip neighbors", "show ip6 neighbors")
            for value in self.values(line, read_neighbors)
            for each in value.neighbors
        ]

    def texts(self, line: str) -> list[str]:
        """The answers to a line."""
        self.used.add(line)
        return [section.text for section in self.sections if section.line == line]

    def values(self, line: str, reader: Callable[[str], Value]) -> list[Value]:
        """The answers to a line as values."""
        found = [reader(text) for text in self.texts(line)]
        self.odd += [odd for value in found for odd in value.odd]
        return found

    def table_number(self, family: int, index: int) -> int:
        """The number of the table with a FIB index; 0 for one that is not known."""
        return next((table.number for table in self.tables.values() if table.family == family and table.index == index), 0)

    def _interfaces(self) -> list[Interface]:
        """The interfaces by index; names and order of other answers where `show interface` is not there."""
        found = {each.name: each for value in self.values("show interface", read_interfaces) for each in value.interfaces}
        if not found:
            named = [
                *self.devices,
                *(each.name for value in self.values("show interface address", read_addresses) for each in value.interfaces),
            ]
            for name in dict.fromkeys(named):
                index = self.devices[name].index if name in self.devices else 1_000_000
                found[name] = Interface(name, index, "up")
        return sorted(found.values(), key=lambda interface: interface.index)

    def _numbers(self) -> dict[tuple[int, str], IpTable]:
        """The tables that are listed with their numbers, by family and name."""
        found: dict[tuple[int, str], IpTable] = {}
        for family, line in ((4, "show ip table"), (6, "show ip6 table")):
            for value in self.values(line, read_ip_tables):
                for table in value.tables:
                    found[6 if table.name.startswith("ipv6-VRF:") else family, table.name] = table
        return found

    def _add(self, table: FibTable, line: str) -> None:
        """A table of an answer; routes of several answers come together."""
        first = table.routes.prefix(0) if len(table.routes) else ""
        family = 6 if ":" in first or table.name.startswith("ipv6") or (not first and line == "show ip6 fib") else 4
        if table.name.startswith(LINK_LOCAL):
            return
        known = self.tables.get((family, table.name))
        if known is None:
            told = self.numbers.get((family, table.name)) or self.numbers.get((10 - family, table.name))
            number = told.number if told is not None else table.number
            if number is None:
                number = INVENTED + table.index
            known = Table(family, table.index, number, table.name, table.flow_hash)
            self.tables[family, table.name] = known
        for row, prefix in enumerate(table.routes.prefixes()):
            known.places[prefix] = (table.routes, row)

    def _add_tables_without_routes(self) -> None:
        """Tables that only `show ip table` or addresses tell."""
        known = {(table.family, table.number) for table in self.tables.values()}
        listed: list[tuple[int, IpTable]] = [
            (family, table) for (family, name), table in self.numbers.items() if not name.startswith(LINK_LOCAL)
        ]
        for each in self.addresses.values():
            listed += [(address.version, IpTable(address.fib, address.table, "")) for address in each.addresses]
        for family, told in listed:
            if (family, told.number) not in known and told.number:
                known.add((family, told.number))
                name = told.name or f"ipv{family}-VRF:{told.number}"
                self.tables[family, name] = Table(family, told.index, told.number, name, ())
