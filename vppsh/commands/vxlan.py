"""create, show vxlan tunnel; vxlan-bypass; set flow-offload vxlan (VPP's plugins/vxlan/vxlan.c)."""

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
    offload,
    refuse_offload,
    slot_of,
    switch_bypass,
)
from vppsh.engine.exact_table import ExactTable
from vppsh.engine.features.vxlan.tunnels import PORT, VxlanTunnel, VxlanTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.tunnel.udp_tunnels import DROP, L2_INPUT
from vppsh.engine.wire import vxlan
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, options, signed
from vppsh.registry import command

U16 = 0xFFFF


@command(
    "create vxlan tunnel",
    line_input(
        options(
            flag("del", "delete"),
            keyed("instance", signed("instance", -1)),
            *ends("src", "dst"),
            keyed("encap-vrf-id", signed("encap_vrf_id", 0)),
            flag("l3"),
            keyed("decap-next", decap_next({"l2": L2_INPUT})),
            keyed("vni", signed("vni", 0)),
            keyed("src_port", signed("src_port", 0)),
            keyed("dst_port", signed("dst_port", 0)),
            error=PARSE_ERROR,
        )
    ),
    help="create vxlan tunnel src <local-vtep-addr> {dst <remote-vtep-addr>|group <mcast-vtep-addr> <intf-name>} vni <nn> [instance <id>]"
    " [encap-vrf-id <nn>] [decap-next [l2|node <name>]] [del] [l3] [src_port <local-vtep-udp-port>] [dst_port <remote-vtep-udp-port>]",
)
def create_vxlan_tunnel(ctx: CommandContext, args: Args) -> str | None:
    """Make a tunnel and say its interface's name, or take one away."""
    table = encap_table(ctx, args)
    if table is None:
        raise CommandError(f"nonexistent encap-vrf-id {args.encap_vrf_id}")
    typed = check_ends(ctx, args, "tunnel src address not specified", "tunnel dst address not specified", "dst address must be unicast")
    if typed.near == typed.far:
        raise CommandError("src and dst addresses are identical")
    if not args.vni:
        raise CommandError("vni not specified")
    if not 0 <= args.vni <= vxlan.MAX_VNI:
        raise CommandError(f"vni {args.vni} out of range")
    tunnels = ctx.engine.get(VxlanTunnels)
    wanted = VxlanTunnel(
        protocol=typed.protocol, src=typed.near, dst=typed.far, fib_index=table.index, group=typed.group, vni=args.vni,
        src_port=args.src_port & U16 or PORT, dst_port=args.dst_port & U16 or PORT, instance=args.instance, l3=args.l3,
    )  # fmt: skip
    if args.delete:
        known = tunnels.find(wanted)
        if known is None:
            raise CommandError("tunnel does not exist...")
        tunnels.delete(known)
        return None
    wanted.decap_next = slot_of(args, lambda node: tunnels.slot_of(typed.protocol, node), L2_INPUT)
    if args.l3 and wanted.decap_next == L2_INPUT:
        wanted.decap_next = tunnels.slot_of(typed.protocol, f"{typed.protocol.text}-input")
    return tunnels.add(wanted).interface.name


def _format(tunnel: VxlanTunnel) -> str:
    src, dst = format_address_of(tunnel, tunnel.src), format_address_of(tunnel, tunnel.dst)
    text = (
        f"[{tunnel.index}] instance {tunnel.instance} src {src} dst {dst} src_port {tunnel.src_port} dst_port {tunnel.dst_port} "
        f"vni {tunnel.vni} fib-idx {tunnel.fib_index} sw-if-idx {tunnel.interface.sw_if_index} encap-dpo-idx {tunnel.next.index} "
    )
    if tunnel.decap_next != L2_INPUT:
        text += f"decap-next-{'drop' if tunnel.decap_next == DROP else f'index {tunnel.decap_next}'} "
    if tunnel.group is not None:
        text += f"mcast-sw-if-idx {tunnel.group.sw_if_index} "
    return text


@command("show vxlan tunnel", options(flag("raw"), error=PARSE_ERROR), help="show vxlan tunnel [raw]")
def show_vxlan_tunnel(ctx: CommandContext, args: Args) -> str:
    """All tunnels; raw also by what packets find them."""
    tunnels = ctx.engine.get(VxlanTunnels)
    lines = [_format(each) for each in tunnels] or ["No vxlan tunnels configured..."]
    if args.raw:
        for name, protocol in (("IPv4", Protocol.IP4), ("IPv6", Protocol.IP6)):
            lines.append(f"Raw {name} Hash Table:\n{_format_table(tunnels.by_key[protocol])}")
    data = [
        {
            "index": each.index, "instance": each.instance, "interface": each.interface.name, "vni": each.vni,
            "src": format_address_of(each, each.src), "dst": format_address_of(each, each.dst),
            "src_port": each.src_port, "dst_port": each.dst_port, "decap_next": each.decap_next, "l3": each.l3,
        }
        for each in tunnels
    ]  # fmt: skip
    return structured("\n".join(lines), data)


def _format_table(table: ExactTable) -> str:
    """Keys and numbers; nothing of VPP's buckets, which there are none of."""
    return "\n".join(f"    key {' '.join(f'{word:016x}' for word in key)} tunnel {number}" for key, number in table.items())


@command("set flow-offload vxlan", offload(), help="set flow-offload vxlan hw <interface-name> rx <tunnel-name> [del]")
def set_flow_offload_vxlan(ctx: CommandContext, args: Args) -> None:
    """Refuse to let hardware take packets out of a tunnel: no device here can."""
    refuse_offload(ctx, args, ctx.engine.get(VxlanTunnels), "vxlan")


@command("set interface ip vxlan-bypass", BYPASS, help="set interface ip vxlan-bypass <interface> [del]")
def set_ip4_vxlan_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv4 a short way."""
    switch_bypass(ctx, args, Protocol.IP4, "vxlan", once=True)


@command("set interface ip6 vxlan-bypass", BYPASS, help="set interface ip6 vxlan-bypass <interface> [del]")
def set_ip6_vxlan_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv6 a short way."""
    switch_bypass(ctx, args, Protocol.IP6, "vxlan", once=True)
