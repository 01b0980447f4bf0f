"""show fib entry, path-lists, paths, uRPF, source; show load-balance: the objects that a FIB is made of.

VPP's vnet/fib/fib_entry.c, fib_path_list.c, fib_path.c, fib_urpf_list.c, fib_source.c, vnet/dpo/load_balance.c.
"""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext
from vppsh.engine.adjacency_types import format_children
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.sources import BEHAVIOURS
from vppsh.engine.fib.text import format_entry, format_entry_detail
from vppsh.engine.fib.types import Source
from vppsh.engine.fib.urpf import Urpfs
from vppsh.grammar.arguments import Args, keyword, one_of, optional, options, signed
from vppsh.registry import command

INDEX = optional(signed("index"))


def _all(pool: Pool) -> list[Any]:
    return [item for item in pool.items if item is not None]


@command("show fib entry", INDEX, help="show fib entry [<index>]")
def show_fib_entry(ctx: CommandContext, args: Args) -> str:
    """All entries of all tables in brief, or one in detail."""
    entries = ctx.engine.get(Fib).entries
    if args.index is None:
        return "\n".join(["FIB Entries:", *(f"{entry.index}@{format_entry(entry)}" for entry in _all(entries))])
    entry = entries.get(args.index)
    return f"entry {args.index} invalid" if entry is None else f"{args.index}@{format_entry_detail(entry, all_of_it=True)}"


@command("show fib path-lists", INDEX, help="show fib path-lists [<index>]")
def show_fib_path_lists(ctx: CommandContext, args: Args) -> str:
    """All path-lists, or one with the entries that use it."""
    lists = ctx.engine.get(Fib).path_lists
    if args.index is None:
        return "FIB Path Lists\n" + "".join(path_list.format(0) for path_list in _all(lists))
    path_list = lists.get(args.index)
    if path_list is None:
        return f"path list {args.index} invalid"
    children = "".join(f"{{entry:{entry.index}}}" for entry in reversed(list(path_list.children)))
    return f"{path_list.format(4)}children:{format_children(path_list.followers)}{children}"


@command("show fib paths", INDEX, help="show fib paths [<index>]")
def show_fib_paths(ctx: CommandContext, args: Args) -> str:
    """All paths, or one."""
    paths = ctx.engine.get(Fib).paths
    if args.index is None:
        return "\n".join(["FIB Paths", *(path.format(0) for path in _all(paths))])
    path = paths.get(args.index)
    return f"path {args.index} invalid" if path is None else f"{path.format(1)}\n  children:"


@command("show fib uRPF", INDEX, help="show fib uRPF [<index>]")
def show_fib_urpf(ctx: CommandContext, args: Args) -> str:
    """All lists of interfaces that sources may be behind, or one."""
    urpfs = ctx.engine.get(Urpfs)
    if args.index is None:
        return "\n".join(["FIB uRPF Entries:", *(f"{row}@{urpfs.format(row)}" for row in sorted(urpfs.interfaces))])
    return f"{args.index}@{urpfs.format(args.index)}" if args.index in urpfs.interfaces else f"uRPF {args.index} invalid"


@command(
    "show fib source",
    options(one_of(keyword("priority", "by_priority"), keyword("prio", "by_priority")), error=None),
    help="show fib source [prio]",
)
def show_fib_source(ctx: CommandContext, args: Args) -> str:
    """The sources of entries, with their precedence and behaviour."""
    known = [source for source in Source if source in BEHAVIOURS]
    known.sort(key=lambda source: source if args.by_priority else source.number)
    return "\n".join(
        f"[{source.number}] {source.text} prio:{source >> 8}.{source & 0xFF} behaviour:{BEHAVIOURS[source].name}" for source in known
    )


@command("show load-balance", options(signed("index"), error=None), help="show load-balance [<index>]")
def show_load_balance(ctx: CommandContext, args: Args) -> str:
    """All load-balances, or one."""
    balances = ctx.engine.get(LoadBalances)
    if args.index is None:
        return "\n".join(balances.format(row, ranges=False) for row in balances.in_use())
    return f"no such load-balance:{args.index}" if balances.is_free(args.index) else balances.format(args.index, ranges=False)
