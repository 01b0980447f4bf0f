"""mpls table, show mpls fib (VPP's vnet/mpls/mpls.c, vnet/fib/mpls_fib.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.entry import Entry
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.text import format_entry_detail, format_locks
from vppsh.engine.fib.types import Prefix, Source
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, keyed, keyword, line_input, one_of, options, signed, string
from vppsh.registry import command

END_OF_STACK_BITS = (0, 1)
TABLE = options(
    signed("table"),
    one_of(keyword("del", "delete"), keyword("add", "delete", False)),
    keyed("name", string("name", "")),
    error="parse error `%U'",
)


@command("mpls table", line_input(TABLE), help="mpls table [add|del] <table-id> [name <name>]")
def mpls_table(ctx: CommandContext, args: Args) -> None:
    """Add or delete an MPLS table; there is none, not even the default one, before it is added."""
    if args.table is None:
        raise CommandError("No table id")
    tables, table_id = ctx.engine.get(Fib).mpls, args.table & 0xFFFFFFFF
    if not args.delete:
        tables.find_or_create(table_id, Source.CLI, args.name)
        return
    table = tables.find(table_id)
    if table is not None and Source.CLI in table.locks:
        table.unlock(Source.CLI)


def _entries(table: FibTable, label: int | None) -> list[Entry]:
    if label is None:
        return list(table)
    found = (table.find(Prefix.of_label(label, end_of_stack)) for end_of_stack in END_OF_STACK_BITS)
    return [entry for entry in found if entry is not None]


@command(
    "show mpls fib", options(signed("label"), keyed("table", signed("table", -1)), error=None), help="show mpls fib [<label>] [table <n>]"
)
def show_mpls_fib(ctx: CommandContext, args: Args) -> str:
    """The labels of all MPLS tables or of one, or the entries of one label."""
    lines, data = [], []
    for table in ctx.engine.get(Fib).mpls:
        if args.table >= 0 and args.table != table.table_id:
            continue
        lines.append(f"{table.name}, fib_index:{table.index} locks:[{format_locks(table)}]")
        for entry in _entries(table, args.label):
            lines.append(format_entry_detail(entry))
            data.append(
                {
                    "table": table.table_id,
                    "label": entry.prefix.address >> 1,
                    "eos": bool(entry.prefix.address & 1),
                    "index": entry.index,
                    "sources": [known.source.text for known in entry.sources],
                }
            )
    return structured("\n".join(lines), data)
