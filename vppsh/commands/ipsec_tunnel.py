"""ipsec tunnel protect, ipsec itf, and what they made (VPP's vnet/ipsec/ipsec_cli.c and ipsec_itf.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.ipsec_text import format_protection, protection_data
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.ipsec.itf import ANY, IpsecInterfaces
from vppsh.engine.ipsec.protect import NextHop, Protects
from vppsh.engine.tunnel.flags import Mode
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, ip_address, keyed, keyword, line_input, options, signed
from vppsh.registry import command

ALL_ONES = 0xFFFFFFFF
FAMILIES = {4: Protocol.IP4, 6: Protocol.IP6}


@command(
    "ipsec tunnel protect",
    line_input(
        options(
            flag("del", "delete"),
            keyword("add", "delete", value=False),
            keyed("sa-in", signed("inputs", many=True)),
            keyed("sa-out", signed("output")),
            interface("sw_if_index"),
            ip_address("peer"),
            error="unknown input '%U'",
        )
    ),
    help="ipsec tunnel protect <interface> [<peer>] sa-in <SA> sa-out <SA> [add|del]",
)
def ipsec_tunnel_protect(ctx: CommandContext, args: Args) -> None:
    """Protect a tunnel or no longer; VPP says nothing when that cannot be."""
    if args.sw_if_index is None:
        return
    protected, protects = ctx.engine.interfaces[args.sw_if_index], ctx.engine.get(Protects)
    next_hop = NextHop() if args.peer is None else NextHop(FAMILIES[args.peer.version], args.peer.value)
    if args.delete:
        protects.delete(protected, next_hop)
    else:
        output = None if args.output is None else args.output & ALL_ONES
        protects.update(protected, next_hop, output, [number & ALL_ONES for number in args.inputs])


def _show(ctx: CommandContext) -> str:
    protections = list(ctx.engine.get(Protects))
    return structured("\n".join(map(format_protection, protections)), [protection_data(each) for each in protections])


@command("show ipsec tunnel", help="show ipsec tunnel")
def show_ipsec_tunnel(ctx: CommandContext, args: Args) -> str:
    """The protected tunnels."""
    return _show(ctx)


@command("show ipsec protect", help="show ipsec protect")
def show_ipsec_protect(ctx: CommandContext, args: Args) -> str:
    """The protected tunnels."""
    return _show(ctx)


@command("show ipsec protect-hash", help="show ipsec protect-hash")
def show_ipsec_protect_hash(ctx: CommandContext, args: Args) -> str:
    """By what packets find associations of protected tunnels."""
    lookups, lines, data = ctx.engine.get(Protects).lookups, [], []
    for family, title in ((Protocol.IP4, "IPv4:"), (Protocol.IP6, "IPv6:")):
        lines.append(title)
        for peer, row in lookups.listed(family):
            remote, sa, tunnel = format_address(family, peer.address), int(lookups.sa[row]), int(lookups.tunnel[row])
            lines.append(f" remote:{remote} spi:{peer.spi} (0x{peer.spi:08x}) sa:{sa} tun:{tunnel}")
            data.append({"remote": remote, "spi": peer.spi, "sa": sa, "tunnel": tunnel})
    return structured("\n".join(lines), data)


@command(
    "ipsec itf create",
    line_input(options(keyed("instance", signed("instance", ANY)), flag("p2mp"), error="unknown input: %U"), call_when_empty=True),
    help="ipsec itf create [instance <instance>] [p2mp]",
)
def ipsec_itf_create(ctx: CommandContext, args: Args) -> str:
    """Make an IPsec interface and say its name."""
    return ctx.engine.get(IpsecInterfaces).create(args.instance, Mode.MP if args.p2mp else Mode.P2P).interface.name


@command("ipsec itf delete", options(interface("sw_if_index"), error=None), help="ipsec itf delete <interface>")
def ipsec_itf_delete(ctx: CommandContext, args: Args) -> None:
    """Take an IPsec interface away."""
    if args.sw_if_index is None:
        raise CommandError(f"no such interface: {ctx.input.quote()}")
    ctx.engine.get(IpsecInterfaces).delete(ctx.engine.interfaces[args.sw_if_index])


@command("show ipsec interface", help="show ipsec interface")
def show_ipsec_interface(ctx: CommandContext, args: Args) -> str:
    """The IPsec interfaces."""
    interfaces = list(ctx.engine.get(IpsecInterfaces))
    data = [{"index": itf.index, "interface": itf.interface.name, "mode": itf.mode.value} for itf in interfaces]
    return structured("\n".join(f"[{itf.index}] {itf.interface.name} {itf.mode.value}" for itf in interfaces), data)
