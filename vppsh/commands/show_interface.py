"""show interface, clear interfaces: state, counters, addresses, features, tag and tag rewrite (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.interface_format import combined_counters, counts, format_interface, format_interface_header, simple_counters
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, line_input, options, signed
from vppsh.registry import command

ARGUMENTS = options(
    interface("chosen", many=True),
    flag("address", "addresses", help="addresses and bridge membership"),
    flag("addr", "addresses"),
    flag("features", help="features enabled on one interface"),
    flag("feat", "features"),
    flag("tag", help="the tag of one interface"),
    flag("vtr", help="VLAN tag rewrite of one interface"),
    flag("verbose"),
    signed("chosen", many=True, metavar="<sw_if_index>"),
)


@command(
    "show interface", line_input(ARGUMENTS, call_when_empty=True),
    help="show interface [address|addr|features|feat|vtr|tag] [<interface> [<interface> [..]]] [verbose]",
)  # fmt: skip
def show_interface(ctx: CommandContext, args: Args) -> str:
    """The interfaces that were named, or all."""
    interfaces = ctx.engine.interfaces
    chosen: list[Interface] = []
    for index in args.chosen:
        if index not in interfaces:
            raise CommandError(f"unknown interface index `{index}'")
        chosen.append(interfaces[index])
    if args.tag and chosen:
        return f"{chosen[-1].name}: {chosen[-1].tag or '(none)'}"
    chosen = chosen or interfaces.by_name
    lines = [format_interface_header(), *(format_interface(interfaces, one) for one in chosen)]
    return structured("\n".join(lines), [as_data(ctx, one) for one in chosen])


def as_data(ctx: CommandContext, interface: Interface) -> dict[str, Any]:
    """An interface for `| json`."""
    layer3, ip4, ip6, mpls = interface.mtu
    return {
        "name": interface.name, "sw_if_index": interface.sw_if_index, "state": str(interface.state),
        "mtu": {"l3": layer3, "ip4": ip4, "ip6": ip6, "mpls": mpls}, "counters": dict(counts(ctx.engine.interfaces, interface)),
    }  # fmt: skip


@command("clear interfaces", help="clear interfaces")
def clear_interfaces(ctx: CommandContext, args: Args) -> None:
    """Set the counters of all interfaces to zero."""
    for _, both in combined_counters(ctx.engine.interfaces):
        both.clear()
    for _, counter in simple_counters(ctx.engine.interfaces):
        counter.clear()
