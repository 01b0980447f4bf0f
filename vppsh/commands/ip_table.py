"""ip table, ip6 table, show ip table, show ip6 table (VPP's vnet/ip/lookup.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, Source
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, keyed, keyword, line_input, one_of, options, signed, string
from vppsh.registry import command

NO_TABLE = -1
PARSE_ERROR = "parse error `%U'"
TABLE = line_input(
    options(
        signed("table", NO_TABLE),
        one_of(keyword("del", "delete"), keyword("add", "delete", False)),
        keyed("name", string("name", "")),
        error=PARSE_ERROR,
    )
)


def _change(ctx: CommandContext, protocol: Protocol, args: Args) -> str | None:
    fib = ctx.engine.get(Fib)
    tables = fib.tables(protocol)
    if args.table == 0:
        raise CommandError("Can't change the default table")
    if args.delete:
        if args.table == NO_TABLE:
            raise CommandError("No table id")
        table = tables.find(args.table & 0xFFFFFFFF)
        if table is not None and Source.CLI in table.locks:
            table.unlock(Source.CLI)
        return None
    table_id = args.table & 0xFFFFFFFF if args.table != NO_TABLE else fib.unused_table_id(protocol)
    table = tables.find(table_id)
    if table is None or Source.CLI not in table.locks:
        tables.find_or_create(table_id, Source.CLI, args.name)
    return f"{table_id}\n" if args.table == NO_TABLE else None


def _show(ctx: CommandContext, protocol: Protocol, args: Args) -> str:
    tables = ctx.engine.get(Fib).tables(protocol)
    wanted = list(tables)
    if args.table != NO_TABLE:
        found = tables.find(args.table & 0xFFFFFFFF)
        if found is None:
            raise CommandError(f"Couldn't find table with table_id {args.table & 0xFFFFFFFF}")
        wanted = [found]
    text = "".join(f"[{table.index}] table_id:{table.table_id & 0xFFFFFFFF} {table.name}\n" for table in wanted)
    return structured(text, [{"index": table.index, "table_id": table.table_id, "name": table.name} for table in wanted])


SHOW_TABLE = line_input(options(signed("table", NO_TABLE), error=PARSE_ERROR), call_when_empty=True)


@command("ip table", TABLE, help="ip table [add|del] <table-id> [name <name>]")
def ip_table(ctx: CommandContext, args: Args) -> str | None:
    """Add or delete an IPv4 table; without a number one is chosen."""
    return _change(ctx, Protocol.IP4, args)


@command("ip6 table", TABLE, help="ip6 table [add|del] <table-id> [name <name>]")
def ip6_table(ctx: CommandContext, args: Args) -> str | None:
    """Add or delete an IPv6 table; without a number one is chosen."""
    return _change(ctx, Protocol.IP6, args)


@command("show ip table", SHOW_TABLE, help="show ip table <table-id>")
def show_ip_table(ctx: CommandContext, args: Args) -> str:
    """The IPv4 tables: index, number, name."""
    return _show(ctx, Protocol.IP4, args)


@command("show ip6 table", SHOW_TABLE, help="show ip6 table <table-id>")
def show_ip6_table(ctx: CommandContext, args: Args) -> str:
    """The IPv6 tables: index, number, name."""
    return _show(ctx, Protocol.IP6, args)
