"""show classify tables (VPP's vnet_classify.c).

Of the heap that VPP gives each table, vppsh shows what the table's entries would take of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext
from vppsh.engine.classify import ClassifyTable, ClassifyTables
from vppsh.engine.classify_text import as_signed, format_bytes, format_session
from vppsh.grammar.arguments import Args, flag, keyed, one_of, options, sequence, signed
from vppsh.registry import command

PAGE = 4096
EMPTY_SLOTS = 2


def _size(value: int) -> str:
    """`2m`."""
    for unit, shift in (("g", 30), ("m", 20), ("k", 10)):
        if value >= 1 << shift and value % (1 << shift) == 0:
            return f"{value >> shift}{unit}"
    return str(value)


def _amount(value: int) -> str:
    """`1.06K`."""
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if value >= 1 << shift:
            return f"{value / (1 << shift):.2f}{unit}"
    return str(value)


def _heap(table: ClassifyTable) -> str:
    pages, used = -(-table.memory_size // PAGE), -(-table.used // PAGE)
    total, indent = _amount(table.memory_size), " " * 10
    return (
        f"base {id(table):#x}, size {_size(table.memory_size)}, locked, unmap-on-destroy, name 'classify'\n"
        f"{indent}page stats: page-size 4K, total {pages}, populated {used}, not-populated {pages - used}\n"
        f"{indent}  numa 0: {used} pages, {_size(used * PAGE)} bytes\n"
        f"{indent}total: {total}, used: {_amount(table.used)}, free: {_amount(table.memory_size - table.used)}, trimmable: {total}"
    )


def _buckets(table: ClassifyTable, verbose: int) -> Iterator[str]:
    for number, bucket in enumerate(table.buckets):
        if bucket is None:
            if verbose > 1:
                yield f"[{number}]: empty\n"
            continue
        kind = "LINEAR" if bucket.linear else "normal"
        yield f"[{number}]: heap offset {bucket.offset}, elts {len(bucket.slots)}, {kind}\n"
        for slot, session in enumerate(bucket.slots):
            if session is not None:
                yield f"    {slot}: {format_session(table, session)}\n"
            elif verbose >= EMPTY_SLOTS:
                yield f"    {slot}: empty\n"
    yield f"    {len(table.sessions)} active elements\n    {table.free_lists} free lists\n"
    yield f"    {table.linear_buckets} linear-search buckets\n"


def _table(table: ClassifyTable, verbose: int) -> str:
    text = "\n" + "".join(f"{name:>10}" for name in ("TableIdx", "Sessions", "NextTbl", "NextNode"))
    text += f"\n{table.index:10}{len(table.sessions):10}{as_signed(table.next_table):10}{as_signed(table.miss_next):10}"
    text += f"\n  Heap: {_heap(table)}\n"
    text += f"  nbuckets {len(table.buckets)}, skip {table.skip} match {table.match} flag {table.current_data_flag}"
    text += f" offset {table.current_data_offset}\n  mask {format_bytes(table.mask, 7)}\n  linear-search buckets {table.linear_buckets}\n"
    return text + ("\n" + "".join(_buckets(table, verbose)) if verbose else "")


@command(
    "show classify tables",
    options(keyed("index", signed("index")), one_of(sequence(flag("verbose"), signed("level")), flag("verbose")), error=None),
    help="show classify tables [index <nn>]",
)
def show_classify_tables(ctx: CommandContext, args: Args) -> str:
    """Tables with their masks and, with `verbose`, their sessions."""
    verbose = int(args.verbose) if args.level is None else args.level
    tables = [table for table in ctx.engine.get(ClassifyTables) if args.index in (None, table.index)]
    return "".join(_table(table, verbose) for table in tables) or "No classifier tables configured"
