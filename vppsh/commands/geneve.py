"""create, show geneve tunnel; geneve-bypass (VPP's plugins/geneve/geneve.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.udp_tunnel_arguments import (
    BYPASS,
    PARSE_ERROR,
    check_ends,
    decap_next,
    encap_table,
    ends,
    format_address_of,
    slot_of,
    switch_bypass,
)
from vppsh.engine.features.geneve.tunnels import GeneveTunnel, GeneveTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.tunnel.udp_tunnels import DROP, L2_INPUT
from vppsh.engine.wire import geneve
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, options, signed
from vppsh.registry import command

NEXT_NAMES = ("drop", "l2")


@command(
    "create geneve tunnel",
    line_input(
        options(
            flag("del", "delete"),
            *ends("local", "remote"),
            keyed("encap-vrf-id", signed("encap_vrf_id", 0)),
            keyed("decap-next", decap_next({"l2": L2_INPUT})),
            keyed("vni", signed("vni", 0)),
            flag("l3-mode"),
            error=PARSE_ERROR,
        )
    ),
    help="create geneve tunnel local <local-vtep-addr> {remote <remote-vtep-addr>|group <mcast-vtep-addr> <intf-name>} vni <nn>"
    " [encap-vrf-id <nn>] [decap-next [l2|node <name>]] [l3-mode] [del]",
)
def create_geneve_tunnel(ctx: CommandContext, args: Args) -> str | None:
    """Make a tunnel and say its interface's name, or take one away."""
    table = encap_table(ctx, args)
    if table is None:
        raise CommandError(f"nonexistent encap-vrf-id {args.encap_vrf_id}")
    if not 0 <= args.vni <= geneve.MAX_VNI:
        raise CommandError(f"vni {args.vni} out of range")
    typed = check_ends(
        ctx, args, "tunnel local address not specified", "tunnel remote address not specified", "remote address must be unicast"
    )
    if typed.near == typed.far:
        raise CommandError("local and remote addresses are identical")
    if not args.vni:
        raise CommandError("vni not specified")
    tunnels = ctx.engine.get(GeneveTunnels)
    wanted = GeneveTunnel(
        protocol=typed.protocol, src=typed.near, dst=typed.far, fib_index=table.index, group=typed.group, vni=args.vni,
        l3_mode=args.l3_mode,
    )  # fmt: skip
    if args.delete:
        known = tunnels.find(wanted)
        if known is None:
            raise CommandError("tunnel does not exist...")
        tunnels.delete(known)
        return None
    wanted.decap_next = slot_of(args, lambda node: tunnels.slot_of(typed.protocol, node), L2_INPUT)
    return tunnels.add(wanted).interface.name


def _format(tunnel: GeneveTunnel) -> str:
    local, remote = format_address_of(tunnel, tunnel.src), format_address_of(tunnel, tunnel.dst)
    known = DROP <= tunnel.decap_next <= L2_INPUT
    decap = NEXT_NAMES[tunnel.decap_next] if known else f"index {tunnel.decap_next}"
    text = (
        f"[{tunnel.index}] lcl {local} rmt {remote} vni {tunnel.vni} fib-idx {tunnel.fib_index} "
        f"sw-if-idx {tunnel.interface.sw_if_index} encap-dpo-idx {tunnel.next.index} decap-next-{decap} l3-mode {int(tunnel.l3_mode)} "
    )
    if tunnel.group is not None:
        text += f"mcast-sw-if-idx {tunnel.group.sw_if_index} "
    return text


@command("show geneve tunnel", help="show geneve tunnel")
def show_geneve_tunnel(ctx: CommandContext, args: Args) -> str:
    """All tunnels."""
    tunnels = list(ctx.engine.get(GeneveTunnels))
    data = [
        {
            "index": each.index, "interface": each.interface.name, "vni": each.vni, "l3_mode": each.l3_mode,
            "local": format_address_of(each, each.src), "remote": format_address_of(each, each.dst),
        }
        for each in tunnels
    ]  # fmt: skip
    return structured("\n".join([_format(each) for each in tunnels] or ["No geneve tunnels configured..."]), data)


@command("set interface ip geneve-bypass", BYPASS, help="set interface ip geneve-bypass <interface> [del]")
def set_ip4_geneve_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv4 a short way."""
    switch_bypass(ctx, args, Protocol.IP4, "geneve")


@command("set interface ip6 geneve-bypass", BYPASS, help="set interface ip6 geneve-bypass <interface> [del]")
def set_ip6_geneve_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv6 a short way."""
    switch_bypass(ctx, args, Protocol.IP6, "geneve")
