"""show ip mfib, show ip6 mfib, show mfib entry, show mfib interface (VPP's vnet/mfib)."""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.ip_mroute import read_group
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interface_format import centered
from vppsh.engine.mfib.entry import MfibEntry
from vppsh.engine.mfib.tables import Mfib, MfibTable
from vppsh.engine.mfib.text import EntryText
from vppsh.engine.mfib.types import ANY, Group
from vppsh.grammar.arguments import Args, Reader, flag, keyed, keyword, one_of, optional, options, read_with, signed
from vppsh.registry import command

SUMMARY = one_of(keyword("brief", "summary"), flag("summary"), keyword("sum", "summary"))
TABLE = keyed("table", signed("table", -1))
INDEX = keyed("index", signed("index", -1))
HELP = "mfib [summary] [table <table-id>] [index <fib-id>] [<grp-addr>[/<mask>]] [<grp-addr>] [<src-addr> <grp-addr>]"


def _group(protocol: Protocol) -> Any:
    def read(reader: Reader) -> Group | None:
        start = reader.pos
        group = read_group(reader)
        if group is None or group.protocol is protocol:
            return group
        reader.pos = start
        return None

    return read_with("group", read, metavar="[<src-addr>] <grp-addr>[/<mask>]")


def _found(table: MfibTable, group: Group, cover: bool) -> MfibEntry:
    """The entry of a group in a table, or the one that would take its place."""
    length = group.length if group.source == ANY else None
    if cover:
        length = group.length if group.source != ANY else max(group.length - 1, 0)
    return table.lookup(group.group, group.source, length)


def _facts(entry: MfibEntry, fib: Fib) -> dict[str, Any]:
    interfaces = {fib.interface_name(index): str(interface.flags) for index, interface in entry.interfaces.items()}
    return {"group": str(entry.group), "index": entry.index, "interfaces": interfaces}


def _show(ctx: CommandContext, protocol: Protocol, args: Args, *, cover: bool = False) -> str:
    mfib, text, fib = ctx.engine.get(Mfib), EntryText(ctx.engine), ctx.engine.get(Fib)
    lines: list[str] = []
    data: list[dict[str, Any]] = []
    for table in mfib.tables(protocol):
        unicast = table.unicast
        if (args.table >= 0 and args.table != unicast.table_id) or (args.index >= 0 and args.index != unicast.index):
            continue
        lines.append(_head(table))
        if args.summary:
            lines += _counts(table)
            continue
        entries = list(table) if args.group is None else [_found(table, args.group, cover)]
        lines += [text.entry(entry, detail=args.group is not None) for entry in entries]
        data += [{"table": unicast.table_id, **_facts(entry, fib)} for entry in entries]
    return structured("".join(line if line.endswith("\n") else f"{line}\n" for line in lines), data)


def _head(table: MfibTable) -> str:
    unicast = table.unicast
    if unicast.protocol is Protocol.IP4:
        return f"{unicast.name}, fib_index:{unicast.index} flags:none"
    return f"{unicast.name}, fib_index {unicast.index}"


def _counts(table: MfibTable) -> list[str]:
    """As in VPP, entries are counted for IPv4 only."""
    if table.unicast.protocol is Protocol.IP6:
        return []
    return [f"{centered('Prefix length', 20)}{centered('Count', 16)}", *(f"{length:20}{count:16}" for length, count in table.counts())]


@command("show ip mfib", options(SUMMARY, _group(Protocol.IP4), TABLE, INDEX, error=None), help=f"show ip {HELP}")
def show_ip_mfib(ctx: CommandContext, args: Args) -> str:
    """IPv4 multicast tables: all entries in brief, the one that a group matches, or counts."""
    return _show(ctx, Protocol.IP4, args)


@command("show ip6 mfib", options(SUMMARY, _group(Protocol.IP6), TABLE, INDEX, flag("cover"), error=None), help=f"show ip6 {HELP}")
def show_ip6_mfib(ctx: CommandContext, args: Args) -> str:
    """The same for IPv6; `cover` asks for the entry around a group's."""
    return _show(ctx, Protocol.IP6, args, cover=args.cover)


@command("show mfib entry", optional(signed("index")), help="show mfib entry")
def show_mfib_entry(ctx: CommandContext, args: Args) -> str:
    """All entries of all tables in brief, or one in detail; entries have no children here."""
    known, text = ctx.engine.get(Mfib).entries, EntryText(ctx.engine)
    if args.index is None:
        return "FIB Entries:\n" + "".join(f"{entry.index}@{text.entry(entry)}" for entry in known.items if entry is not None)
    entry = known.get(args.index)
    return f"entry {args.index} invalid" if entry is None else f"{args.index}@{text.entry(entry, detail=True)}\nchildren:"


@command("show mfib interface", optional(signed("index")), help="show mfib interface")
def show_mfib_interface(ctx: CommandContext, args: Args) -> str:
    """All interfaces of all entries, or one."""
    known, text = ctx.engine.get(Mfib).interfaces, EntryText(ctx.engine)
    if args.index is None:
        return "\n".join(["mFIB interfaces::", *(f"{each.index}@{text.interface(each)}" for each in known.items if each is not None)])
    interface = known.get(args.index)
    return f"itf {args.index} invalid" if interface is None else f"{args.index}@{text.interface(interface)}"
