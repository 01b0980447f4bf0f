"""show ip fib, show ip6 fib (VPP's vnet/fib/ip4_fib.c, ip6_fib.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.tables import FibTables
from vppsh.engine.fib.text import format_counts, format_entry, format_entry_detail, format_table_head
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.link_local import TABLE_FLAG, LinkLocalTables
from vppsh.grammar.arguments import Args, flag, interface, ip4, ip4_prefix, ip6, ip6_prefix, keyed, keyword, one_of, options, signed
from vppsh.registry import command

SUMMARY = one_of(keyword("brief", "summary"), flag("summary"), keyword("sum", "summary"))
DETAIL = one_of(flag("detail"), keyword("det", "detail"))
TABLE = keyed("table", signed("table", -1))
INDEX = keyed("index", signed("index", -1))


def _wanted(tables: FibTables, args: Args) -> Iterator[FibTable]:
    """The tables that were asked for; a number below zero asks for all."""
    for table in tables:
        if args.table >= 0 and args.table != table.table_id:
            continue
        if args.index >= 0 and args.index != table.index:
            continue
        if table.flag_text != TABLE_FLAG:
            yield table


def _prefix(protocol: Protocol, args: Args) -> Prefix | None:
    if args.prefix is not None:
        return Prefix(protocol, args.prefix.value, min(max(args.prefix.length, 0), protocol.bits))
    return None if args.address is None else Prefix(protocol, args.address, protocol.bits)


def _show(tables: Iterable[FibTable], prefix: Prefix | None, args: Args) -> str:
    lines: list[str] = []
    data = []
    for table in tables:
        lines.append(format_table_head(table))
        if args.summary:
            lines.append(format_counts(table))
            continue
        entries = list(table) if prefix is None else [table.lookup(prefix)]
        for entry in entries:
            lines.append(format_entry(entry) if prefix is None else format_entry_detail(entry, all_of_it=args.detail))
            data.append(
                {
                    "table": table.table_id,
                    "prefix": str(entry.prefix),
                    "index": entry.index,
                    "sources": [known.source.text for known in entry.sources],
                }
            )
    return structured("\n".join(lines), data)


@command(
    "show ip fib",
    options(SUMMARY, DETAIL, ip4_prefix("prefix"), ip4("address"), TABLE, INDEX, error=None),
    help="show ip fib [summary] [table <table-id>] [index <fib-id>] [<ip4-addr>[/<mask>]] [detail]",
)
def show_ip_fib(ctx: CommandContext, args: Args) -> str:
    """IPv4 tables: all entries in brief, the one an address or prefix matches, or counts."""
    return _show(_wanted(ctx.engine.get(Fib).ip4, args), _prefix(Protocol.IP4, args), args)


@command(
    "show ip6 fib",
    options(SUMMARY, DETAIL, ip6_prefix("prefix"), ip6("address"), TABLE, INDEX, error=None),
    help="show ip6 fib [summary] [table <table-id>] [index <fib-id>] [<ip6-addr>[/<width>]] [detail]",
)
def show_ip6_fib(ctx: CommandContext, args: Args) -> str:
    """IPv6 tables: all entries in brief, the one an address or prefix matches, or counts."""
    return _show(_wanted(ctx.engine.get(Fib).ip6, args), _prefix(Protocol.IP6, args), args)


@command(
    "show ip6-ll",
    options(SUMMARY, DETAIL, ip6_prefix("prefix"), ip6("address"), interface(), error=None),
    help="show ip6-ll [summary] [interface] [<ip6-addr>[/<width>]] [detail]",
)
def show_ip6_ll(ctx: CommandContext, args: Args) -> str:
    """The tables of link-local addresses; as in VPP, naming an interface does not leave the others out."""
    prefix = None if args.prefix is None and args.address is None else Prefix(Protocol.IP6, args.address or args.prefix.value, 128)
    tables = ctx.engine.get(Fib).ip6
    indices = ctx.engine.get(LinkLocalTables).fib_index_of.tolist()
    return _show((tables[index] for index in indices if index in tables), prefix, args)
