"""create, delete, show ipip tunnel (VPP's plugins/ipip/ipip_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.tunnel_arguments import tunnel_flags, tunnel_mode
from vppsh.engine.features.ipip.tunnels import IpipTunnel, IpipTunnels, Mode
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.tunnel.flags import format_tunnel_flags
from vppsh.engine.wire.ip_protocol import format_ip_dscp
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, ip4, ip6, keyed, line_input, options, signed
from vppsh.registry import command

MANDATORY = 2
ALL_BITS = 0xFFFFFFFF


@command(
    "create ipip tunnel",
    line_input(
        options(
            keyed("instance", signed("instance", -1)),
            keyed("src", ip4("src4", many=True)),
            keyed("dst", ip4("dst4", many=True)),
            keyed("src", ip6("src6", many=True)),
            keyed("dst", ip6("dst6", many=True)),
            tunnel_mode("modes"),
            keyed("outer-table-id", signed("table_id", 0)),
            keyed("flags", tunnel_flags("flags")),
        )
    ),
    help="create ipip tunnel src <addr> dst <addr> [instance <n>] [outer-table-id <ID>] [p2mp]",
)
def create_ipip_tunnel(ctx: CommandContext, args: Args) -> str:
    """Make a tunnel and say its interface's name."""
    given = (args.src4, args.dst4, args.src6, args.dst6, args.modes)
    if sum(map(len, given)) < MANDATORY:
        raise CommandError("mandatory argument(s) missing")
    is_ip6 = bool(args.src6 or args.dst6)
    if is_ip6 and (args.src4 or args.dst4):
        raise CommandError("source and destination must be of same address family")
    protocol = Protocol.IP6 if is_ip6 else Protocol.IP4
    src, dst = (args.src6, args.dst6) if is_ip6 else (args.src4, args.dst4)
    table = ctx.engine.get(Fib).tables(protocol).find(args.table_id & ALL_BITS)
    if table is None:
        raise CommandError("outer fib ID -1 doesn't exist")
    mode = Mode.P2MP if args.modes and args.modes[-1] else Mode.P2P
    tunnel = IpipTunnel(mode, protocol, _last(src), _last(dst), table.index, args.instance, sum(set(args.flags)))
    return ctx.engine.get(IpipTunnels).add(tunnel).interface.name


def _last(addresses: list[int]) -> int:
    """What was typed last, zero for nothing."""
    return addresses[-1] if addresses else 0


@command(
    "delete ipip tunnel",
    line_input(options(keyed("sw_if_index", signed("sw_if_index")))),
    help="delete ipip tunnel sw_if_index <sw_if_index>",
)
def delete_ipip_tunnel(ctx: CommandContext, args: Args) -> None:
    """Take a tunnel away; VPP says nothing if there is none."""
    if args.sw_if_index is None:
        raise CommandError("mandatory argument(s) missing")
    tunnels = ctx.engine.get(IpipTunnels)
    tunnel = tunnels.of_interface(args.sw_if_index)
    if tunnel is not None and tunnel.mode is not Mode.SIX_RD:
        tunnels.delete(tunnel)


def _format(ctx: CommandContext, tunnel: IpipTunnel) -> str:
    src = format_address(tunnel.protocol, tunnel.src)
    if tunnel.six_rd is not None:
        text = f"[{tunnel.index}] 6rd src {src} ip6-pfx {_prefix(tunnel)} "
    elif tunnel.mode is Mode.P2P:
        text = f"[{tunnel.index}] instance {tunnel.instance} src {src} dst {format_address(tunnel.protocol, tunnel.dst)} "
    else:
        text = f"[{tunnel.index}] instance {tunnel.instance} p2mp src {src} "
    table_id = ctx.engine.get(Fib).tables(tunnel.protocol)[tunnel.fib_index].table_id
    return (
        f"{text}table-ID {table_id} sw-if-idx {tunnel.interface.sw_if_index} "
        f"flags [{format_tunnel_flags(tunnel.flags)}] dscp {format_ip_dscp(tunnel.dscp)}"
    )


def _prefix(tunnel: IpipTunnel) -> str:
    assert tunnel.six_rd is not None
    prefix = tunnel.six_rd.ip6_prefix
    return f"{format_address(Protocol.IP6, prefix.address)}/{prefix.length}"


@command("show ipip tunnel", options(signed("indices", many=True), error=None), help="show ipip tunnel [<index>]")
def show_ipip_tunnel(ctx: CommandContext, args: Args) -> str:
    """All tunnels, or the one of a number."""
    tunnels = ctx.engine.get(IpipTunnels)
    chosen = list(tunnels)
    lines = [] if chosen else ["No IPIP tunnels configured..."]
    if args.indices and args.indices[-1] != -1:
        one = tunnels.find(args.indices[-1])
        if one is None:
            raise CommandError(f"unknown index:{args.indices[-1]}", output="\n".join(lines))
        chosen = [one]
    data = [
        {
            "index": each.index, "interface": each.interface.name, "mode": each.mode.name.lower(),
            "src": format_address(each.protocol, each.src), "dst": format_address(each.protocol, each.dst),
        }
        for each in chosen
    ]  # fmt: skip
    return structured("\n".join(lines + [_format(ctx, each) for each in chosen]), data)


@command("show ipip tunnel-hash", help="show ipip tunnel-hash")
def show_ipip_tunnel_hash(ctx: CommandContext, args: Args) -> str:
    """By what packets find their tunnels."""
    keys = ctx.engine.get(IpipTunnels).keys
    return "\n".join(
        f" src:{format_address(key.protocol, key.src)} dst:{format_address(key.protocol, key.dst)} fib:{key.fib_index} "
        f"transport:{int(key.protocol is Protocol.IP6)} mode:{int(key.mode)} -> {index}"
        for key, index in keys.items()
    )
