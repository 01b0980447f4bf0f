"""Lines for routes and neighbours: those that are missing in a dataplane whose interfaces are there already.

A FIB is told as it forwards, not as it was configured. So the dataplane is asked for its own one, and what differs is added as routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from vppsh.answers.routes import Route
from vppsh.answers.ways import Kind, Way
from vppsh.rebuilt.node import Node, Table
from vppsh.rebuilt.recipe import Recipe, signed

Key = tuple[str, ...]
Ends = frozenset[tuple[Key, Fraction]]
WHOLE = Fraction(1)
HOST = {4: 32, 6: 128}
NOWHERE = ("0.0.0.0", "::")
ETHERNET_REWRITE = 28
USUAL_HASH = ("src", "dst", "sport", "dport", "proto", "flowlabel")
_LABEL = re.compile(r"\[([^]\[@:]+):\d+:\d+:(?:neos|eos)\]")
_WHAT = re.compile(r"(?:\[\d+\] )?([A-Za-z0-9_-]+)")
_NULL = {"send-unreachable": "null-send-unreach", "send-prohibited": "null-send-prohibit"}


def write_neighbors(node: Node, recipe: Recipe) -> None:
    """The lines of neighbours: those that are listed, and those that adjacencies have the address of."""
    names = {each.name for each in node.interfaces}
    listed = set()
    for neighbor in node.neighbors:
        # Answers for one family may have the other's as well.
        if neighbor.interface in names and (neighbor.interface, neighbor.address) not in listed:
            listed.add((neighbor.interface, neighbor.address))
            flags = f"{' static' if neighbor.static else ''}{' no-fib-entry' if 'N' in neighbor.flags else ''}"
            recipe.add(f"set ip neighbor {neighbor.interface} {neighbor.address} {neighbor.mac}{flags}")
    for table in node.tables.values():
        for prefix in table.places:
            for end in table.route(prefix).ends:
                key = (end.interface, end.next_hop)
                if end.kind is Kind.ADJACENCY and len(end.rewrite) == ETHERNET_REWRITE and key not in listed and end.interface in names:
                    listed.add(key)
                    mac = ":".join(end.rewrite[at : at + 2] for at in range(0, 12, 2))
                    hidden = "" if f"{end.next_hop}/{HOST[6 if ':' in end.next_hop else 4]}" in table.places else " no-fib-entry"
                    recipe.add(f"set ip neighbor {end.interface} {end.next_hop} {mac}{hidden}")


def write_flow_hashes(node: Node, recipe: Recipe) -> None:
    """The lines for tables that spread flows in a way of their own."""
    for table in node.tables.values():
        if table.flow_hash and table.flow_hash != USUAL_HASH:
            recipe.add(f"set {table.command} flow-hash table {signed(table.number)} {' '.join(table.flow_hash)}")


class Routes:
    """What routes the node has, and which of them a dataplane lacks."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._names = {each.name for each in node.interfaces}
        # By family and the number of a load-balance: the table and address that it belongs to. Most routes have equal ends: kept once.
        self._via: dict[int, dict[int, tuple[int, str]]] = {family: {} for family in HOST}
        self._ends: dict[tuple[int, str], dict[str, Ends]] = {}
        known: dict[Ends, Ends] = {}
        for key, table in node.tables.items():
            found = self._ends[key] = {}
            for prefix in table.places:
                route = table.route(prefix)
                ends = ends_of(route)
                found[prefix] = known.setdefault(ends, ends)
                if self.resolves_others(table, prefix) and route.forwarding is not None and route.forwarding.index >= 0:
                    self._via[table.family][route.forwarding.index] = (table.number, prefix.partition("/")[0])

    def missing(self, here: Node) -> Iterator[tuple[Table, str, Route]]:
        """The routes that the dataplane, whose answers are given, does not have or has otherwise."""
        for key, table in self._node.tables.items():
            other = here.tables.get(key)
            for prefix, ends in self._ends[key].items():
                if other is None or prefix not in other.places or ends_of(other.route(prefix)) != ends:
                    yield table, prefix, table.route(prefix)

    def surplus(self, here: Node) -> int:
        """How many routes to somewhere the dataplane has that the node does not, in tables that are known as a whole."""
        return sum(
            other.route(prefix).kinds != {Kind.DROP}
            for key, other in here.tables.items()
            if (table := self._node.tables.get(key)) is not None and {"0.0.0.0/0", "::/0"} & table.places.keys()
            for prefix in other.places.keys() - table.places.keys()
        )

    def line(self, table: Table, prefix: str, route: Route) -> str | None:
        """The line of a route; None for one that leads to what there is no command for."""
        paths = None if route.forwarding is None else list(self._paths(route.forwarding, table))
        if not paths or None in paths:
            return None
        several = len(paths) > 1
        ways = "".join(f" via {path[0]}{f' weight {path[1]}' if several else ''}" for path in paths if path is not None)
        return f"ip route add {prefix}{f' table {signed(table.number)}' if table.number else ''}{ways}"

    def unresolvable(self, route: Route) -> str:
        """What a route leads to that there is no command for."""
        for way in _all_of(route.forwarding):
            if way.interface and way.interface not in self._names:
                return f"{way.interface}, which is in no answer"
            if way.kind is Kind.OTHER:
                return _what(way)
        return "nothing that is known"

    def resolves_others(self, table: Table, prefix: str) -> bool:
        """Whether a route is there for others to go by: it may well come by itself."""
        return prefix.endswith(f"/{HOST[table.family]}")

    def _paths(self, balance: Way, table: Table) -> Iterator[tuple[str, int] | None]:
        """The paths behind `via`, with their weights; None for one that cannot be typed."""
        for way in balance.below if balance.kind is Kind.BALANCE else [balance]:
            text = self._path(way, table)
            yield None if text is None else (text, way.share)

    def _path(self, way: Way, table: Table) -> str | None:
        if way.interface and way.interface not in self._names:
            return None
        if way.kind is Kind.BALANCE:
            return self._recursive(way, table)
        if way.kind is Kind.LABEL:
            below = way.ends
            labels = _LABEL.findall(way.text)
            path = self._path(below[0], table) if len(below) == 1 and below[0] is not way else None
            return f"{path} out-labels {' '.join(labels)}" if path is not None and labels else None
        if way.kind is Kind.LOOKUP:
            number = next((each.number for each in self._node.tables.values() if each.name == way.table), None)
            return None if number is None else f"ip{6 if table.family == 6 else 4}-lookup-in-table {signed(number)}"
        if way.kind is Kind.NULL:
            return next((typed for printed, typed in _NULL.items() if way.text.endswith(printed)), "null")
        if way.kind in (Kind.ADJACENCY, Kind.INCOMPLETE):
            return way.interface if way.next_hop in NOWHERE else f"{way.next_hop} {way.interface}"
        simple = {Kind.GLEAN: way.interface, Kind.RECEIVE: f"local {way.interface}".rstrip(), Kind.DROP: "drop", Kind.PUNT: "punt"}
        return simple.get(way.kind)

    def _recursive(self, way: Way, table: Table) -> str | None:
        """By way of another route, if that is one of a host; else by where that leads to."""
        address = self._via[table.family].get(way.index)
        if address is not None:
            number, host = address
            return host if number == table.number == 0 else f"{host} next-hop-table {signed(number)}"
        return self._path(way.below[0], table) if len(way.below) == 1 else None


def _all_of(way: Way | None) -> Iterator[Way]:
    """A way and all below it."""
    if way is not None:
        yield way
        for each in way.below:
            yield from _all_of(each)


def _what(way: Way) -> str:
    """The kind of a way that has no kind of ours, by the first word that VPP prints for it."""
    match = _WHAT.match(way.text)
    return match[1] if match else way.text


def ends_of(route: Route) -> Ends:
    """Where a route's packets end up, with the share of each: what two routes have in common that forward alike."""
    found: dict[Key, Fraction] = {}
    if route.forwarding is not None:
        _gather(route.forwarding, WHOLE, (), found)
    return frozenset(found.items())


def _gather(way: Way, share: Fraction, labels: Key, found: dict[Key, Fraction]) -> None:
    if way.kind is Kind.LABEL:
        labels = (*labels, *_LABEL.findall(way.text))
    elif way.kind is Kind.OTHER and way.below:
        labels = (*labels, _what(way))
    if way.kind in (Kind.BALANCE, Kind.LABEL, Kind.OTHER) and way.below:
        whole = sum(each.share for each in way.below)
        for each in way.below:
            _gather(each, share if each.share == whole else share * each.share / whole, labels, found)
        return
    # Whether a neighbour is known shows among neighbours.
    kind = Kind.ADJACENCY if way.kind is Kind.INCOMPLETE else way.kind
    told = way.text if kind is Kind.NULL else _what(way) if kind is Kind.OTHER else ""
    next_hop = "" if kind is Kind.RECEIVE else way.next_hop
    key = (kind.value, next_hop, way.interface, way.table, told, *labels)
    found[key] = found[key] + share if key in found else share
