"""set interface ip address, ip table, ip6 table, unnumbered, ip directed-broadcast.

VPP's vnet/ip/ip46_cli.c, vnet/ip/lookup.c and vnet/interface_cli.c.
"""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.addresses import Addresses
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    choice,
    flag,
    interface,
    ip4_prefix,
    ip6_prefix,
    keyword,
    one_of,
    optional,
    sequence,
    signed,
)
from vppsh.registry import command

PROTOCOLS = {4: Protocol.IP4, 6: Protocol.IP6}
NAMED = interface().or_error("unknown interface `%U'")
ADDRESS_EXPECTED = "expected IP4/IP6 address/length `%U'"
PREFIXES = (ip4_prefix("prefix"), ip6_prefix("prefix"))


@command(
    "set interface ip address",
    one_of(
        sequence(flag("del", "delete"), NAMED, one_of(flag("all"), *PREFIXES).or_error(ADDRESS_EXPECTED)),
        sequence(NAMED, one_of(*PREFIXES).or_error(ADDRESS_EXPECTED)),
    ),
    help="set interface ip address [del] <interface> <ip-addr>/<mask> | [all]",
)
def set_ip_address(ctx: CommandContext, args: Args) -> None:
    """Add an address, delete one or all of them."""
    addresses, target = ctx.engine.get(Addresses), ctx.engine.interfaces[args.interface]
    if args.all:
        addresses.delete_all(target)
        return
    change = addresses.delete if args.delete else addresses.add
    change(PROTOCOLS[args.prefix.version], target, args.prefix.value, args.prefix.length)


TABLE = sequence(NAMED, signed("table_id").or_error("expected table id `%U'"))


@command("set interface ip table", TABLE, help="set interface ip table <interface> <table-id>")
def set_ip_table(ctx: CommandContext, args: Args) -> None:
    """Put an interface in an IPv4 table."""
    ctx.engine.get(Addresses).bind(Protocol.IP4, ctx.engine.interfaces[args.interface], args.table_id)


@command("set interface ip6 table", TABLE, help="set interface ip6 table <interface> <table-id>")
def set_ip6_table(ctx: CommandContext, args: Args) -> None:
    """Put an interface in an IPv6 table."""
    ctx.engine.get(Addresses).bind(Protocol.IP6, ctx.engine.interfaces[args.interface], args.table_id)


@command(
    "set interface unnumbered",
    one_of(sequence(interface(), keyword("use"), interface("lender")), sequence(keyword("del"), interface())).or_error("parse error '%U'"),
    help="set interface unnumbered [<interface> use <interface> | del <interface>]",
)
def set_unnumbered(ctx: CommandContext, args: Args) -> None:
    """Let an interface use the addresses of another one, or have its own again."""
    addresses, interfaces = ctx.engine.get(Addresses), ctx.engine.interfaces
    if args.lender is None:
        addresses.stop_borrowing(interfaces[args.interface])
    else:
        addresses.borrow(interfaces[args.interface], interfaces[args.lender])


@command(
    "set interface ip directed-broadcast",
    sequence(optional(interface()), optional(choice("enable", {"enable": True, "disable": False}))),
    help="set interface ip directed-broadcast <interface> <enable|disable>",
)
def set_directed_broadcast(ctx: CommandContext, args: Args) -> None:
    """Send packets to the broadcast address of a subnet out, or drop them."""
    if args.interface is None:
        raise CommandError(ctx.input.error_text("specify an interface: `%U'"))
    if args.enable is None:
        raise CommandError(ctx.input.error_text("unknown input: `%U'"))
    ctx.engine.get(Fib).set_directed_broadcast(args.interface, args.enable)
