"""create, delete 6rd tunnel (VPP's plugins/ipip/ipip_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.ipip.sixrd import SixRdDomains
from vppsh.engine.features.ipip.tunnels import IpipTunnels, SixRd
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, IpPrefix, flag, ip4, ip4_prefix, ip6_prefix, keyed, line_input, options, signed
from vppsh.registry import command

MANDATORY = 3
ALL_BITS = 0xFFFFFFFF


def _prefix(protocol: Protocol, typed: IpPrefix) -> Prefix:
    return Prefix(protocol, typed.value, typed.length)


@command(
    "create 6rd tunnel",
    line_input(
        options(
            flag("security-check"),
            keyed("ip6-pfx", ip6_prefix("ip6_prefixes", many=True)),
            keyed("ip4-pfx", ip4_prefix("ip4_prefixes", many=True)),
            keyed("ip4-src", ip4("sources", many=True)),
            keyed("ip4-table-id", signed("ip4_table", 0)),
            keyed("ip6-table-id", signed("ip6_table", 0)),
        )
    ),
    help="create 6rd tunnel ip6-pfx <ip6-pfx> ip4-pfx <ip4-pfx> ip4-src <ip4-addr> ip4-table-id <ID> ip6-table-id <ID> [security-check]",
)
def create_6rd_tunnel(ctx: CommandContext, args: Args) -> None:
    """Reach the IPv6 networks of a domain over the IPv4 addresses that are in theirs."""
    if not (args.ip6_prefixes and args.ip4_prefixes and args.sources):
        raise CommandError("mandatory argument(s) missing")
    fib = ctx.engine.get(Fib)
    ip4_table, ip6_table = fib.ip4.find(args.ip4_table & ALL_BITS), fib.ip6.find(args.ip6_table & ALL_BITS)
    if ip4_table is None:
        raise CommandError(f"No such IP4 table {args.ip4_table}")
    if ip6_table is None:
        raise CommandError(f"No such IP6 table {args.ip6_table}")
    ip6_prefix, ip4_prefix = _prefix(Protocol.IP6, args.ip6_prefixes[-1]), _prefix(Protocol.IP4, args.ip4_prefixes[-1])
    ctx.engine.get(SixRdDomains).add(args.sources[-1], ip4_table.index, SixRd(ip6_prefix, ip4_prefix, args.security_check, ip6_table.index))


@command(
    "delete 6rd tunnel",
    line_input(options(keyed("sw_if_index", signed("sw_if_index")))),
    help="delete 6rd tunnel sw_if_index <sw_if_index>",
)
def delete_6rd_tunnel(ctx: CommandContext, args: Args) -> None:
    """Take a tunnel away; VPP says nothing if there is none."""
    if args.sw_if_index is None:
        raise CommandError("mandatory argument(s) missing")
    tunnel = ctx.engine.get(IpipTunnels).of_interface(args.sw_if_index)
    if tunnel is not None and tunnel.six_rd is not None:
        ctx.engine.get(SixRdDomains).delete(tunnel)
