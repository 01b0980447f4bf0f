"""A route's path as it is typed after `via` (unformat_fib_route_path in VPP's vnet/fib/fib_types.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from vppsh.commands.mfib_flags import read_interface_flags
from vppsh.commands.mpls_label import read_label, read_labels
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import NO_INTERFACE, PathFlag, Protocol, RoutePath
from vppsh.grammar.arguments import (
    Argument,
    Candidate,
    Context,
    Follow,
    Reader,
    flag,
    interface,
    ip4,
    ip6,
    keyed,
    keyword,
    read_with,
    sequence,
    signed,
    unsigned,
)
from vppsh.grammar.base import next_char

Values = dict[str, Any]


class Item(Struct, frozen=True):
    """One thing that can be said of a path, and what it does to the path; False refuses the whole path."""

    argument: Argument
    apply: Callable[[RoutePath, Values, Fib, Protocol], bool | None]


def _next_hop(protocol: Protocol) -> Callable[[RoutePath, Values, Fib, Protocol], None]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
        route.protocol, route.address, route.interface = protocol, values["address"], values.get("interface", NO_INTERFACE)
        if route.interface == NO_INTERFACE:
            route.table = 0

    return apply


def _next_hop_table(protocol: Protocol) -> Callable[[RoutePath, Values, Fib, Protocol], bool]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> bool:
        route.address, route.interface = values["address"], NO_INTERFACE
        return _lookup(protocol)(route, values, fib, payload)

    return apply


def _lookup(protocol: Protocol) -> Callable[[RoutePath, Values, Fib, Protocol], bool]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> bool:
        table = fib.tables(protocol).find(values["table"] & 0xFFFFFFFF)
        if table is None:
            return False
        route.protocol, route.table = protocol, table.index
        return True

    return apply


def _lookup_by_index(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> bool:
    # What the user types is the index of a table, not its number: VPP does not translate it.
    route.protocol, route.interface, route.table = payload, NO_INTERFACE, values["table"]
    route.flags |= PathFlag.DEAG
    return values["table"] in fib.tables(payload)


def _set(name: str) -> Callable[[RoutePath, Values, Fib, Protocol], None]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
        setattr(route, name, values[name] & 0xFF)

    return apply


def _add_flag(which: int) -> Callable[[RoutePath, Values, Fib, Protocol], None]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
        route.flags |= which

    return apply


def _drop(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
    route.flags = PathFlag.DROP


def _local(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
    route.address, route.interface, route.weight = 0, NO_INTERFACE, 1
    route.flags |= PathFlag.LOCAL


def _receive(protocol: Protocol) -> Callable[[RoutePath, Values, Fib, Protocol], None]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
        route.protocol, route.interface, route.flags = protocol, values["interface"], PathFlag.INTERFACE_RX

    return apply


def _protocol(protocol: Protocol) -> Callable[[RoutePath, Values, Fib, Protocol], None]:
    def apply(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
        values["explicit"] = protocol

    return apply


def _via_label(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> bool:
    route.local_label, route.local_eos = values["label"], 0
    route.protocol, route.interface = Protocol.MPLS, NO_INTERFACE
    return route.table in fib.mpls


def _out_labels(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
    route.labels = (*route.labels, *values["labels"])


def _multicast_flags(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
    route.multicast_flags |= int(values["multicast_flags"])


def _interface(route: RoutePath, values: Values, fib: Fib, payload: Protocol) -> None:
    route.interface, route.protocol = values["interface"], payload


ITEMS = (
    Item(sequence(ip4("address"), interface()), _next_hop(Protocol.IP4)),
    Item(sequence(ip6("address"), interface()), _next_hop(Protocol.IP6)),
    Item(keyed("weight", unsigned("weight")), _set("weight")),
    Item(keyed("preference", unsigned("preference")), _set("preference")),
    Item(sequence(ip4("address"), keyword("next-hop-table"), signed("table")), _next_hop_table(Protocol.IP4)),
    Item(sequence(ip6("address"), keyword("next-hop-table"), signed("table")), _next_hop_table(Protocol.IP6)),
    Item(ip4("address"), _next_hop(Protocol.IP4)),
    Item(ip6("address"), _next_hop(Protocol.IP6)),
    Item(keyed("lookup in table", signed("table")), _lookup_by_index),
    Item(flag("resolve-via-host"), _add_flag(PathFlag.RESOLVE_HOST)),
    Item(flag("resolve-via-attached"), _add_flag(PathFlag.RESOLVE_ATTACHED)),
    Item(keyed("ip4-lookup-in-table", signed("table")), _lookup(Protocol.IP4)),
    Item(keyed("ip6-lookup-in-table", signed("table")), _lookup(Protocol.IP6)),
    Item(keyed("mpls-lookup-in-table", signed("table")), _lookup(Protocol.MPLS)),
    Item(flag("src-lookup"), _add_flag(PathFlag.SOURCE_LOOKUP)),
    Item(keyed("via-label", read_with("label", read_label, metavar="<label>")), _via_label),
    Item(keyed("rx-ip4", interface()), _receive(Protocol.IP4)),
    Item(keyed("rx-ip6", interface()), _receive(Protocol.IP6)),
    Item(flag("drop"), _drop),
    Item(flag("local"), _local),
    Item(keyed("out-labels", read_with("labels", read_labels, metavar="<label> ...")), _out_labels),
    Item(keyword("ip4"), _protocol(Protocol.IP4)),
    Item(keyword("ip6"), _protocol(Protocol.IP6)),
    Item(interface(), _interface),
    Item(read_with("multicast_flags", read_interface_flags, first="NAFSD", metavar="Accept|Forward|..."), _multicast_flags),
)
"""In the order VPP tries them."""


class RoutePathArgument(Argument):
    """A path; several may follow one another, each after its own `via`. The value is a tuple of `RoutePath`s.

    The protocol of a path without an address is a given one, or among the values read before it: there by name, or that of the prefixes.
    """

    def __init__(self, name: str, prefixes: str = "prefixes", payload: Protocol | str | None = None) -> None:
        self.name = name
        self.prefixes = prefixes
        self.payload = payload
        chars = set().union(*(item.argument.first or () for item in ITEMS))
        self._anything = tuple(item for item in ITEMS if item.argument.first is None)
        self._by_char = {char: tuple(i for i in ITEMS if i.argument.first is None or char in i.argument.first) for char in chars}

    def parse(self, reader: Reader, context: Context, values: Values) -> bool:
        """Read what is said of the path, up to the next `via` or the end."""
        start = reader.pos
        payload = self.payload
        if payload is None:
            typed = values.get(self.prefixes) or ()
            payload = Protocol.IP6 if typed and typed[-1].version == 6 else Protocol.IP4
        elif isinstance(payload, str):
            payload = values.get(payload) or Protocol.IP4
        fib: Fib = context.engine.get(Fib)  # type: ignore[attr-defined]  # the context of a command has its engine
        route = RoutePath(Protocol.IP4, table=0)
        explicit: Protocol | None = None
        while not reader.finished():
            read: Values = {}
            for item in self._by_char.get(next_char(reader), self._anything):
                if item.argument.parse(reader, context, read):
                    break
            else:
                if next_char(reader) == "v" and reader.text.startswith("via", reader.pos):
                    break
                reader.pos = start
                return False
            if item.apply(route, read, fib, payload) is False:
                reader.pos = start
                return False
            explicit = read.get("explicit", explicit)
        if explicit is not None:
            route.protocol = explicit
        values[self.name] = (*values.get(self.name, ()), route)
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Offer what may be said of the path next."""
        while not reader.finished():
            start, here = reader.pos, False
            for item in ITEMS:
                reader.pos = start
                result = item.argument.follow(reader, context, out)
                here = here or result is Follow.HERE
                if result is Follow.NEXT and reader.pos != start:
                    break
            else:
                reader.pos = start
                return Follow.HERE if here else Follow.NEXT
        for item in ITEMS:
            item.argument.follow(reader, context, out)
        return Follow.NEXT

    def describe(self) -> str:
        """The syntax of a path."""
        return (
            "<next-hop-address> [<interface>] [weight <n>] [preference <n>] [out-labels <label> ...] | <interface> | "
            "ip4-lookup-in-table <id> | via-label <label> | drop | local ..."
        )

    def defaults(self) -> Values:
        """No path."""
        return {self.name: ()}


ROUTE_PATHS = RoutePathArgument("routes")
LABEL_PATHS = RoutePathArgument("routes", payload=Protocol.MPLS)
"""The paths of a label."""
