"""create vxlan-gpe tunnel, show vxlan-gpe, vxlan-gpe-bypass (VPP's plugins/vxlan-gpe/vxlan_gpe.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.udp_tunnel_arguments import (
    BYPASS,
    PARSE_ERROR,
    check_ends,
    encap_table,
    ends,
    format_address_of,
    switch_bypass,
)
from vppsh.engine.features.vxlan_gpe.tunnels import PORT, VxlanGpeTunnel, VxlanGpeTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.wire.vxlan import GpeProtocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, keyed, line_input, options, signed
from vppsh.registry import command

U16 = 0xFFFF
NAMES = {payload: payload.name.lower() for payload in GpeProtocol}


@command(
    "create vxlan-gpe tunnel",
    line_input(
        options(
            flag("del", "delete"),
            *ends("local", "remote"),
            keyed("encap-vrf-id", signed("encap_vrf_id", 0)),
            keyed("decap-vrf-id", signed("decap_vrf_id", 0)),
            keyed("vni", signed("vni")),
            keyed("local_port", signed("local_port", 0)),
            keyed("remote_port", signed("remote_port", 0)),
            choice("payloads", {f"next-{name}": payload for payload, name in NAMES.items()}, many=True),
            error=PARSE_ERROR,
        )
    ),
    help="create vxlan-gpe tunnel local <local-addr>  {remote <remote-addr>|group <mcast-addr> <intf-name>} vni <nn>"
    " [next-ip4][next-ip6][next-ethernet][next-nsh] [encap-vrf-id <nn>] [decap-vrf-id <nn>] [del]\n",
)
def create_vxlan_gpe_tunnel(ctx: CommandContext, args: Args) -> str:
    """Make a tunnel or take one away, and say its interface's name."""
    encap, decap = encap_table(ctx, args), encap_table(ctx, args, "decap_vrf_id")
    if encap is None:
        raise CommandError(f"nonexistent encap fib id {args.encap_vrf_id}")
    if decap is None:
        raise CommandError(f"nonexistent decap fib id {args.decap_vrf_id}")
    typed = check_ends(
        ctx, args, "tunnel local address not specified", "tunnel remote address not specified", "remote address must be unicast"
    )
    if typed.near == typed.far:
        raise CommandError("src and remote addresses are identical")
    if args.vni is None:
        raise CommandError("vni not specified")
    tunnels = ctx.engine.get(VxlanGpeTunnels)
    wanted = VxlanGpeTunnel(
        protocol=typed.protocol, src=typed.near, dst=typed.far, fib_index=encap.index, decap_fib_index=decap.index, group=typed.group,
        vni=args.vni, payload=args.payloads[-1] if args.payloads else GpeProtocol.IP4,
        local_port=args.local_port & U16 or PORT, remote_port=args.remote_port & U16 or PORT,
    )  # fmt: skip
    if not args.delete:
        return tunnels.add(wanted).interface.name
    known = tunnels.find(wanted)
    if known is None:
        raise CommandError("tunnel does not exist...")
    tunnels.delete(known)
    return known.interface.name


def _format(tunnel: VxlanGpeTunnel) -> str:
    local, remote = format_address_of(tunnel, tunnel.src), format_address_of(tunnel, tunnel.dst)
    text = (
        f"[{tunnel.index}] lcl {local} rmt {remote} lcl_port {tunnel.local_port} rmt_port {tunnel.remote_port} vni {tunnel.vni} "
        f"fib-idx {tunnel.fib_index} sw-if-idx {tunnel.interface.sw_if_index} decap-next-protocol {NAMES[tunnel.payload]} "
    )
    if tunnel.payload in (GpeProtocol.IP4, GpeProtocol.IP6):
        text += f"fib-idx {tunnel.decap_fib_index} "
    return text if tunnel.group is None else f"{text}mcast-sw-if-idx {tunnel.group.sw_if_index} "


@command("show vxlan-gpe", help="show vxlan-gpe")
def show_vxlan_gpe(ctx: CommandContext, args: Args) -> str:
    """All tunnels."""
    tunnels = list(ctx.engine.get(VxlanGpeTunnels))
    data = [
        {
            "index": each.index, "interface": each.interface.name, "vni": each.vni, "protocol": NAMES[each.payload],
            "local": format_address_of(each, each.src), "remote": format_address_of(each, each.dst),
            "local_port": each.local_port, "remote_port": each.remote_port,
        }
        for each in tunnels
    ]  # fmt: skip
    return structured("\n".join([_format(each) for each in tunnels] or ["No vxlan-gpe tunnels configured."]), data)


@command("set interface ip vxlan-gpe-bypass", BYPASS, help="set interface ip vxlan-gpe-bypass <interface> [del]")
def set_ip4_vxlan_gpe_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv4 a short way."""
    switch_bypass(ctx, args, Protocol.IP4, "vxlan-gpe")


@command("set interface ip6 vxlan-gpe-bypass", BYPASS, help="set interface ip6 vxlan-gpe-bypass <interface> [del]")
def set_ip6_vxlan_gpe_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv6 a short way."""
    switch_bypass(ctx, args, Protocol.IP6, "vxlan-gpe")
