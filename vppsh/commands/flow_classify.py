"""set flow classify, show classify flow (VPP's vnet/classify/flow_classify.c)."""

from __future__ import annotations

from contextlib import suppress

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.classify import ClassifyFailure
from vppsh.engine.features.classify.flow import NONE, PROTOCOLS, FlowTables
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, keyed, optional, options, signed
from vppsh.registry import command

TYPES = {protocol.text: protocol for protocol in PROTOCOLS}


@command(
    "set flow classify",
    options(
        keyed("interface", interface()), *(keyed(f"{ip}-table", signed(ip, many=True)) for ip in TYPES), flag("del", "delete"),
        error=None,
    ),
    help="set flow classify interface <int> [ip4-table <index>]\n  [ip6-table <index>] [del]",
)  # fmt: skip
def set_flow_classify(ctx: CommandContext, args: Args) -> None:
    """Note the flows that an interface receives in a classifier table, or no longer."""
    if args.interface is None:
        raise CommandError("Interface must be specified.")
    given = [(protocol, number) for ip, protocol in TYPES.items() for number in getattr(args, ip)]
    if not given:
        raise CommandError("Table index should be specified.")
    if len(given) > 1:
        raise CommandError("Only one table index per API is allowed.")
    protocol, table = given[0]
    # VPP says nothing of a table that does not exist.
    with suppress(ClassifyFailure):
        ctx.engine.get(FlowTables).set(ctx.engine.interfaces[args.interface], protocol, table, not args.delete)


@command("show classify flow", optional(keyed("type", choice("protocol", TYPES))), help="show classify flow type [ip4|ip6]")
def show_classify_flow(ctx: CommandContext, args: Args) -> str:
    """The table of each interface that has one."""
    if args.protocol is None:
        raise CommandError("Type must be specified.")
    tables = ctx.engine.get(FlowTables).of[args.protocol]
    if not tables:
        return structured("No tables configured.", [])
    rows = [(index, table, ctx.engine.interfaces[index].name) for index, table in sorted(tables.items()) if table != NONE]
    lines = [
        f"{'Intfc idx':>10}{'Classify table':>20}\t\tInterface name",
        *(f"{index:10}{table:20}\t\t{name}" for index, table, name in rows),
    ]
    return structured("\n".join(lines), [{"interface": name, "table": table} for _, table, name in rows])
