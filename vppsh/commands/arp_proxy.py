"""set arp proxy, show arp proxy, set interface proxy-arp (VPP's vnet/arp/arp_proxy.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.arp.proxy import ArpProxy, ProxyRange
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, ip4, keyed, keyword, one_of, options, signed
from vppsh.registry import command

NOT_GIVEN = 0xFFFFFFFF


@command(
    "set arp proxy",
    options(
        keyed("table-id", signed("table_id", 0)),
        keyed("start", ip4("start", NOT_GIVEN)),
        keyed("end", ip4("end", NOT_GIVEN)),
        flag("del", "delete"),
        error=None,
    ),
    help="set arp proxy [del] table-id <table-id> start <start-address> end <end-addres>",
)
def set_arp_proxy(ctx: CommandContext, args: Args) -> None:
    """Answer ARP requests for a range of addresses, on the interfaces where that is enabled."""
    table = ctx.engine.get(Fib).ip4.find(args.table_id & 0xFFFFFFFF)
    if table is None:
        raise CommandError(f"no such table: {args.table_id}")
    wanted = ProxyRange(args.start, args.end, table.index)
    proxy = ctx.engine.get(ArpProxy)
    if args.delete:
        proxy.remove(wanted)
    else:
        proxy.add(wanted)


@command("show arp proxy", help="show arp proxy")
def show_arp_proxy(ctx: CommandContext, args: Args) -> str | None:
    """The ranges of addresses that are answered for."""
    ranges = ctx.engine.get(ArpProxy).ranges
    if not ranges:
        return None
    lines = [
        f"Fib_index {each.fib_index}   {format_address(Protocol.IP4, each.first)} - {format_address(Protocol.IP4, each.last)} "
        for each in ranges
    ]
    return "\n".join(["Proxy arps enabled for:", *lines])


@command(
    "set interface proxy-arp",
    options(
        interface(),
        one_of(keyword("enable", "enable"), keyword("on", "enable"), keyword("disable", "enable", False), keyword("off", "enable", False)),
        error=None,
    ),
    help="set interface proxy-arp <intfc> [enable|disable]",
)
def set_interface_proxy_arp(ctx: CommandContext, args: Args) -> None:
    """Answer for those ranges on an interface, or no longer."""
    if args.interface is None:
        raise CommandError(ctx.input.error_text("unknown input '%U'"))
    ctx.engine.get(ArpProxy).enable(args.interface, args.enable)
