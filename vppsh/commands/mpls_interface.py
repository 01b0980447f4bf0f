"""set interface mpls, show mpls interface (VPP's vnet/mpls/interface.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.mpls.enable import MplsEnable
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, keyword, one_of, optional, sequence
from vppsh.registry import command


@command(
    "set interface mpls",
    sequence(
        interface().or_error("unknown interface `%U'"),
        one_of(keyword("enable", "enable"), keyword("disable", "enable", False)).or_error("expected 'enable' or 'disable'"),
    ),
    help="set interface mpls <interface> enable|disable",
)
def set_interface_mpls(ctx: CommandContext, args: Args) -> None:
    """Accept labelled packets on an interface, or refuse them."""
    if not ctx.engine.get(MplsEnable).set(ctx.engine.interfaces[args.interface], args.enable):
        raise CommandError("default MPLS table must be created first")


@command("show mpls interface", optional(interface()), help="show mpls interface [<interface>]")
def show_mpls_interface(ctx: CommandContext, args: Args) -> str:
    """The interfaces that accept labelled packets, or whether one does."""
    enable, interfaces = ctx.engine.get(MplsEnable), ctx.engine.interfaces
    listed = list(interfaces) if args.interface is None else [interfaces[args.interface]]
    data = [{"interface": each.name, "enabled": enable.is_enabled(each.sw_if_index)} for each in listed]
    if args.interface is None:
        data = [each for each in data if each["enabled"]]
    return structured("\n".join(f"{each['interface']}\n  MPLS {'enabled' if each['enabled'] else 'disabled'}" for each in data), data)
