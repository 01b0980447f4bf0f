"""qos record, store, mark and egress map, and what shows them (VPP's vnet/qos)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.qos.state import VALUES, EgressMaps, QosMarks, QosRecords, QosStores, Source
from vppsh.engine.hash_order import hash_order
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, keyed, optional, options, pattern, rest_of_line, sequence, signed
from vppsh.registry import command

SOURCES = {"ip": Source.IP, "mpls": Source.MPLS, "ext": Source.EXT, "vlan": Source.VLAN}
STATES = choice("states", {"enable": True, "disable": False}, many=True)
NO_INTERFACE = "interface must be specified"
NO_INPUT = "input location must be specified"
Change = tuple[Source, int, int]


def _change(found: re.Match[str]) -> Change:
    source, value, output = found.groups()
    return SOURCES[source], int(value), int(output)


@command(
    "qos record",
    options(interface(), choice("sources", SOURCES, many=True), STATES, error=None),
    help="qos record <record-source> <INTERFACE> [disable]",
)
def qos_record(ctx: CommandContext, args: Args) -> None:
    """Note the priority of packets that an interface receives, from the header named, or no longer."""
    if args.interface is None:
        raise CommandError(NO_INTERFACE)
    if not args.sources:
        raise CommandError(NO_INPUT)
    on = not args.states or args.states[-1]
    ctx.engine.get(QosRecords).set(ctx.engine.interfaces[args.interface], args.sources[-1], on)


@command(
    "qos store",
    options(interface(), choice("sources", SOURCES, many=True), STATES, keyed("value", signed("value")), error=None),
    help="qos store <store-source> <INTERFACE> [disable]",
)
def qos_store(ctx: CommandContext, args: Args) -> None:
    """Give packets that an interface receives a priority, or no longer; only `ip` does anything."""
    if args.interface is None:
        raise CommandError(NO_INTERFACE)
    if args.value is None:
        raise CommandError("value to be stored must be specified")
    if not args.sources:
        raise CommandError(NO_INPUT)
    if args.sources[-1] is Source.IP:
        ctx.engine.get(QosStores).set(ctx.engine.interfaces[args.interface], args.value, not args.states or args.states[-1])


@command(
    "qos mark",
    options(keyed("id", signed("id")), flag("disable"), choice("sources", SOURCES, many=True), interface(), error=None),
    help="qos mark <SOURCE> <INTERFACE> id <MAP>",
)
def qos_mark(ctx: CommandContext, args: Args) -> None:
    """Write priorities into packets that an interface sends, by a map, or no longer."""
    if args.interface is None:
        raise CommandError(NO_INTERFACE)
    if not args.sources:
        raise CommandError("output location must be specified")
    marks, port, source = ctx.engine.get(QosMarks), ctx.engine.interfaces[args.interface], args.sources[-1]
    done = marks.disable(port, source) if args.disable else args.id is not None and marks.enable(port, source, args.id)
    if not done:
        raise CommandError("Failed to map interface")


@command(
    "qos egress map",
    sequence(
        options(flag("delete"), flag("del", "delete"), keyed("id", signed("ids", many=True)), error=None),
        options(pattern("changes", r"\[(ip|mpls|ext|vlan)\]\[(-?\d+)\]=(-?\d+)", _change, many=True), error=None),
        optional(rest_of_line("rest")),
    ),
    help="qos egress map id %d [delete] {[SOURCE][INPUT]=OUTPUT}",
)
def qos_egress_map(ctx: CommandContext, args: Args) -> None:
    """Say what a recorded priority becomes when it is sent, or forget a map."""
    maps = ctx.engine.get(EgressMaps)
    for number in args.ids:
        maps.get(number)
    if not args.ids and (args.changes or args.rest):
        raise CommandError("map-id must be specified")
    for source, value, output in args.changes:
        # VPP writes beside the map when the value is too large.
        if 0 <= value < VALUES:
            maps.get(args.ids[-1])[source, value] = output % VALUES
    if args.delete and args.ids:
        maps.delete(args.ids[-1])


@command("show qos egress map", options(keyed("id", signed("id")), error="parse error `%U'"), help="show qos egress map id %d")
def show_egress_map(ctx: CommandContext, args: Args) -> str:
    """All values of a map, or of all."""
    maps = ctx.engine.get(EgressMaps)
    if args.id is not None and args.id not in maps.indices:
        raise CommandError(f"No Map for ID {args.id}")
    lines: list[str] = []
    data = []
    for number in hash_order(maps.indices) if args.id is None else [args.id]:
        values = maps.outputs[maps.indices[number]].tolist()
        lines.append(f" Map-ID:{number}")
        lines += [f"  {source.text}:[{','.join(map(str, values[source]))}]" for source in Source]
        data.append({"id": number, **{source.text: values[source] for source in Source}})
    return structured("\n".join(lines), data)


Rows = Iterable[tuple[int, Source, int]]


def _shower(rows_of: Callable[[CommandContext], Rows], key: str, template: str) -> Callable[[CommandContext, Args], str]:
    def show(ctx: CommandContext, args: Args) -> str:
        """What interfaces do, by the place of the priority."""
        lines: list[str] = []
        data = []
        last = None
        for index, source, value in sorted(rows_of(ctx)):
            if args.interface in (None, index):
                name = ctx.engine.interfaces[index].name
                lines += [f" {name}:"] if index != last else []
                lines.append(f"  {source.text}{template.format(value)}")
                data.append({"interface": name, "source": source.text, key: value})
                last = index
        return structured("\n".join(lines), data)

    return show


def _records(ctx: CommandContext) -> Rows:
    return [(index, source, times) for (index, source), times in ctx.engine.get(QosRecords).times.items()]


def _stores(ctx: CommandContext) -> Rows:
    return [(index, Source.IP, value) for index, value in ctx.engine.get(QosStores).values.items()]


def _marks(ctx: CommandContext) -> Rows:
    return [(index, source, used) for (index, source), used in ctx.engine.get(QosMarks).maps.items()]


SHOWN = options(interface(), error=None)
COMMANDS = (
    command("show qos record", SHOWN, help="show qos record [interface]")(_shower(_records, "times", "")),
    command("show qos store", SHOWN, help="show qos store [interface]")(_shower(_stores, "value", " -> {}")),
    command("show qos mark", SHOWN, help="show qos mark [interface]")(_shower(_marks, "map", ": map:{}")),
)
