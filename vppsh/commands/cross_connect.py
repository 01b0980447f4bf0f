"""l3xc, show l3xc (VPP's plugins/l3xc/l3xc.c)."""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.route_path import RoutePathArgument
from vppsh.engine.cross_connects import CrossConnects
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.grammar.arguments import Args, interface, keyed, keyword, line_input, one_of, options
from vppsh.registry import command

ARGUMENTS = line_input(
    options(
        interface("interface"),
        one_of(keyword("ip6", "protocol", Protocol.IP6, None), keyword("ip4", "protocol", Protocol.IP4, None)),
        one_of(keyword("del", "delete"), keyword("add", "delete", value=False)),
        keyed("via", RoutePathArgument("routes", payload="protocol")),
        error="unknown input '%U'",
    )
)


@command("l3xc", ARGUMENTS, help="l3xc [add|del] <INTERFACE> via ...")
def l3xc(ctx: CommandContext, args: Args) -> str | None:
    """Let everything that an interface receives take the same paths."""
    if args.interface is None:
        return "Specify an input interface"
    if not args.routes:
        return "Specify some paths"
    protocol = args.protocol or Protocol.IP4
    cross_connects = ctx.engine.get(CrossConnects)
    if args.delete:
        cross_connects.remove(protocol, args.interface)
    else:
        cross_connects.set(protocol, args.interface, args.routes)
    return None


@command("show l3xc", help="show l3xc")
def show_l3xc(ctx: CommandContext, args: Args) -> str:
    """The cross-connects, and what they come to."""
    fib, cross_connects = ctx.engine.get(Fib), list(ctx.engine.get(CrossConnects))
    facts: list[dict[str, Any]] = [
        {
            "index": each.index,
            "interface": fib.interface_name(each.sw_if_index),
            "protocol": each.protocol.text,
            "object": fib.dpos.type_name(each.dpo.type),
        }
        for each in cross_connects
    ]
    return structured("".join(each.format() for each in cross_connects), facts)
