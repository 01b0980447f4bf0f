"""set interface input acl, output acl; show inacl, outacl (VPP's vnet/classify/in_out_acl.c)."""

from __future__ import annotations

from collections.abc import Callable

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.classify import ClassifyFailure
from vppsh.engine.classify_lookup import NO_TABLE
from vppsh.engine.features.classify.acls import InOutAcls, Kind
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, keyed, options, signed
from vppsh.registry import command

TABLES = tuple(keyed(f"{kind.value}-table", signed(kind.value, many=True)) for kind in Kind)
ARGUMENTS = options(keyed("intfc", interface()), *TABLES, flag("del", "delete"), error=None)
TYPES = options(keyed("type", choice("kinds", {kind.value: kind for kind in Kind}, many=True)), error=None)


def _set(output: bool) -> Callable[[CommandContext, Args], None]:
    def set_acl(ctx: CommandContext, args: Args) -> None:
        """Let an interface's packets be looked up in a classifier table, or no longer."""
        if args.interface is None:
            raise CommandError("Interface must be specified.")
        given = [(kind, number) for kind in Kind for number in getattr(args, kind.value)]
        if not given:
            raise CommandError("Table index should be specified.")
        if len(given) > 1:
            raise CommandError("Only one table index per API is allowed.")
        kind, table = given[0]
        try:
            ctx.engine.get(InOutAcls).set(ctx.engine.interfaces[args.interface], kind, output, table, not args.delete)
        except ClassifyFailure as failure:
            raise CommandError(f"Error: {int(failure.error)}") from failure

    return set_acl


def _show(output: bool) -> Callable[[CommandContext, Args], str]:
    way = "output" if output else "input"

    def show_acl(ctx: CommandContext, args: Args) -> str:
        """The table of each interface that has one."""
        if not args.kinds:
            raise CommandError(f"Invalid {way} ACL table type.")
        column = ctx.engine.get(InOutAcls).of(args.kinds[-1], output).tolist()
        if not column:
            return structured(f"No {way} ACL tables configured", [])
        used = {index: table for index, table in enumerate(column) if table != NO_TABLE}
        names = {index: ctx.engine.interfaces[index].name for index in used}
        lines = [f"{'Intfc idx':>10}{'Classify table':>20}\t\tInterface name"]
        lines += [f"{index:10}{table:20}\t\t{names[index]}" for index, table in used.items()]
        return structured("\n".join(lines), [{"interface": names[index], "table": table} for index, table in used.items()])

    return show_acl


COMMANDS = (
    command(
        "set interface input acl", ARGUMENTS,
        help="set interface input acl intfc <int> [ip4-table <index>]\n  [ip6-table <index>] [l2-table <index>] [del]",
    )(_set(output=False)),
    command(
        "set interface output acl", ARGUMENTS,
        help="set interface output acl intfc <int> [ip4-table <index>]\n  [ip6-table <index>] [l2-table <index>] [del]",
    )(_set(output=True)),
    command("show inacl", TYPES, help="show inacl type [ip4|ip6|l2]")(_show(output=False)),
    command("show outacl", TYPES, help="show outacl type [ip4|ip6|l2]")(_show(output=True)),
)  # fmt: skip
