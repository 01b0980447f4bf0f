"""show adj, show adj nbr, adjacency counters (VPP's vnet/adj/adj.c, adj_nbr.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.adjacency import Adjacencies, Adjacency
from vppsh.engine.adjacency_types import format_children
from vppsh.engine.fib.fib import IP_PROTOCOLS
from vppsh.engine.fib.types import Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, ip_address, keyword, one_of, options, signed
from vppsh.registry import command


def _detail(adjacencies: Adjacencies, adjacency: Adjacency) -> str:
    children, midchain, row = format_children(adjacency.children), adjacency.midchain, adjacency.index
    column = len(f"[@{row}] ")
    flags, delegates = (midchain.format_attributes(), midchain.format_delegate()) if midchain is not None else ("None", "")
    if row in adjacencies.path_mtus:
        delegates += f"\n  {{IP path-MTU: {adjacencies.path_mtus[row]}}}"
    return (
        f"{adjacencies.format(adjacency, column)}\n   flags:{flags}\n"
        f"   counts:[{adjacencies.packets[row]}:{adjacencies.bytes[row]}]\n"
        f"   locks:{adjacency.locks}\n delegates:{delegates}\n children:" + (f"\n  {children}" if children else "")
    )


def _answer(adjacencies: Adjacencies, listed: list[Adjacency], mark: str) -> str:
    heads = [f"[@{adjacency.index}]{mark}" for adjacency in listed]
    lines = [head + adjacencies.format(adjacency, len(head)) for head, adjacency in zip(heads, listed)]
    data = [
        {"index": each.index, "kind": each.kind.name.lower(), "interface": each.interface, "text": adjacencies.format(each)}
        for each in listed
    ]
    return structured("\n".join(lines), data)


@command(
    "show adj",
    options(signed("index"), one_of(flag("summary"), keyword("sum", "summary")), interface(), error=None),
    help="show adj [<adj_index>] [interface] [summary]",
)
def show_adj(ctx: CommandContext, args: Args) -> str:
    """All adjacencies, those of an interface, or one in detail."""
    adjacencies = ctx.engine.get(Adjacencies)
    if args.summary:
        enabled = "enabled" if adjacencies.counting else "disabled"
        return f"Number of adjacencies: {len(list(adjacencies))}\nPer-adjacency counters: {enabled}"
    if args.index is not None:
        adjacency = adjacencies.find(args.index)
        return f"adjacency {args.index} invalid" if adjacency is None else f"[@{args.index}] {_detail(adjacencies, adjacency)}"
    return _answer(adjacencies, [each for each in adjacencies if args.interface in (None, each.interface)], " ")


@command(
    "show adj nbr",
    options(interface(), ip_address("address"), signed("index"), error=None),
    help="show adj nbr [<adj_index>] [interface]",
)
def show_adj_nbr(ctx: CommandContext, args: Args) -> str:
    """The adjacencies towards neighbours."""
    adjacencies = ctx.engine.get(Adjacencies)
    if args.index is not None:
        adjacency = adjacencies.find(args.index)
        if adjacency is None:
            return f"[@{args.index}] <invalid adjacency>"
        return f"[@{args.index}] {_detail(adjacencies, adjacency)}"
    interfaces = [each.sw_if_index for each in ctx.engine.interfaces] if args.interface is None else [args.interface]
    if args.interface is not None and args.address is not None and args.address.value:
        protocol = Protocol.IP6 if args.address.version == 6 else Protocol.IP4
        return _answer(adjacencies, adjacencies.towards(args.interface, protocol, args.address.value), "  ")
    return _answer(
        adjacencies, [each for protocol in IP_PROTOCOLS for index in interfaces for each in adjacencies.of_interface(index, protocol)], "  "
    )


@command(
    "adjacency counters",
    options(one_of(keyword("enable", "enable", True, None), keyword("disable", "enable", False, None)), error=None),
    help="adjacency counters [enable|disable]",
)
def adjacency_counters(ctx: CommandContext, args: Args) -> None:
    """Count packets and bytes of every adjacency, or stop to."""
    if args.enable is None:
        raise CommandError("specify 'enable' or 'disable'")
    ctx.engine.get(Adjacencies).counting = args.enable
