"""create, show gtpu tunnel; create gtpu forward; gtpu-bypass; set flow-offload gtpu (VPP's plugins/gtpu/gtpu.c)."""

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
    protocol_of,
    refuse_offload,
    slot_of,
    switch_bypass,
)
from vppsh.engine.features.gtpu.input import NEXTS
from vppsh.engine.features.gtpu.tunnels import STAND_INS, GtpuTunnel, GtpuTunnels, Stray
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import Protocol
from vppsh.engine.tunnel.udp_tunnels import L2_INPUT
from vppsh.engine.wire import gtpu
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, ip_address, keyed, line_input, options, signed
from vppsh.registry import command

NEXT_NAMES = ("drop", "l2", "ip4", "ip6")
DECAP_NEXT = keyed("decap-next", decap_next({name: slot for slot, name in enumerate(NEXT_NAMES) if slot}))
INNER_IP = (NEXTS.index("ip4-input"), NEXTS.index("ip6-input"))
NO_QFI = -1
ALL_BITS = 0xFFFFFFFF


@command(
    "create gtpu tunnel",
    line_input(
        options(
            flag("del", "delete"),
            *ends("src", "dst"),
            keyed("encap-vrf-id", signed("encap_vrf_id", 0)),
            DECAP_NEXT,
            keyed("teid", signed("teid", 0)),
            keyed("tteid", signed("tteid", 0)),
            keyed("upd-tteid", signed("new_tteid")),
            keyed("qfi", signed("qfi", NO_QFI)),
            error=PARSE_ERROR,
        )
    ),
    help="create gtpu tunnel src <local-tep-addr> {dst <remote-tep-addr>|group <mcast-addr> <intf-name>} teid <nn> [tteid <nn>]"
    " [encap-vrf-id <nn>] [decap-next [l2|ip4|ip6|node <name>]] [qfi <nn>] [del | upd-tteid <nn>]",
)
def create_gtpu_tunnel(ctx: CommandContext, args: Args) -> str | None:
    """Make a tunnel and say its interface's name, change the identifier it sends with, or take one away."""
    table = _table(ctx, args)
    if not args.teid:
        raise CommandError("tunnel teid specified")
    no_near = None if args.delete or args.new_tteid is not None else "tunnel src address not specified"
    typed = check_ends(ctx, args, no_near, "tunnel dst address not specified", "dst address must be unicast")
    if typed.near == typed.far:
        raise CommandError("src and dst addresses are identical")
    if args.qfi != NO_QFI and not 0 <= args.qfi <= gtpu.MAX_QFI:
        raise CommandError(f"qfi max value is {gtpu.MAX_QFI}")
    tunnels = ctx.engine.get(GtpuTunnels)
    wanted = GtpuTunnel(
        protocol=typed.protocol, src=typed.near, dst=typed.far, fib_index=table.index, group=typed.group, teid=args.teid & ALL_BITS,
        tteid=args.tteid & ALL_BITS, qfi=None if args.qfi == NO_QFI else args.qfi,
    )  # fmt: skip
    if args.delete or args.new_tteid is not None:
        known = _known(tunnels, wanted)
        if args.new_tteid is not None:
            tunnels.set_tteid(known, args.new_tteid & ALL_BITS)
        else:
            tunnels.delete(known)
        return None
    wanted.decap_next = slot_of(args, lambda node: tunnels.slot_of(typed.protocol, node), L2_INPUT)
    return tunnels.add(wanted).interface.name


@command(
    "create gtpu forward",
    line_input(
        options(
            keyed("dst", ip_address("far", many=True)),
            DECAP_NEXT,
            keyed("encap-vrf-id", signed("encap_vrf_id", 0)),
            flag("del", "delete"),
            choice("strays", {stray.value: stray for stray in Stray}, many=True),
        )
    ),
    help="create gtpu forward dst <local-tep-addr> {unknown-teid|unknown-type|bad-header} [decap-next [l2|ip4|ip6|node <name>]]"
    " [encap-vrf-id <nn>] [del]",
)
def create_gtpu_forward(ctx: CommandContext, args: Args) -> str | None:
    """Send packets that no tunnel takes to an address of ours, and say the interface's name, or no longer."""
    table = _table(ctx, args)
    if not args.far:
        raise CommandError("dst must be set to a valid IP address")
    strays = set(args.strays)
    if len(strays) != 1:
        raise CommandError("one and only one of unknown-teid, unknown-type or bad-header must be specified")
    tunnels, protocol, stray = ctx.engine.get(GtpuTunnels), protocol_of(args.far[-1]), strays.pop()
    wanted = GtpuTunnel(
        protocol=protocol, src=args.far[-1].value, dst=STAND_INS[protocol][stray], fib_index=table.index, teid=0, stray=stray
    )  # fmt: skip
    if args.delete:
        tunnels.delete(_known(tunnels, wanted))
        return None
    wanted.decap_next = slot_of(args, lambda node: tunnels.slot_of(protocol, node), L2_INPUT)
    return tunnels.add(wanted).interface.name


def _table(ctx: CommandContext, args: Args) -> FibTable:
    table = encap_table(ctx, args)
    if table is None:
        raise CommandError(f"nonexistent encap-vrf-id {args.encap_vrf_id}")
    return table


def _known(tunnels: GtpuTunnels, wanted: GtpuTunnel) -> GtpuTunnel:
    known = tunnels.find(wanted)
    if known is None:
        raise CommandError("tunnel does not exist...")
    return known


def _format(ctx: CommandContext, tunnel: GtpuTunnel) -> str:
    src, dst = format_address_of(tunnel, tunnel.src), format_address_of(tunnel, tunnel.dst)
    table = ctx.engine.get(Fib).tables(tunnel.protocol)[tunnel.fib_index].table_id
    decap = NEXT_NAMES[tunnel.decap_next] if tunnel.decap_next < len(NEXT_NAMES) else f"index {tunnel.decap_next}"
    text = (
        f"[{tunnel.index}] src {src} dst {dst} teid {tunnel.teid} tteid {tunnel.tteid} encap-vrf-id {table} "
        f"sw-if-idx {tunnel.interface.sw_if_index} encap-dpo-idx {tunnel.next.index} decap-next-{decap} "
    )
    if tunnel.stray is not None:
        return f"{text}forwarding {tunnel.stray.value} "
    text += "pdu-disabled " if tunnel.qfi is None else f"pdu-enabled qfi {tunnel.qfi} "
    return text if tunnel.group is None else f"{text}mcast-sw-if-idx {tunnel.group.sw_if_index} "


@command("show gtpu tunnel", help="show gtpu tunnel")
def show_gtpu_tunnel(ctx: CommandContext, args: Args) -> str:
    """All tunnels."""
    tunnels = list(ctx.engine.get(GtpuTunnels))
    data = [
        {
            "index": each.index, "interface": each.interface.name, "teid": each.teid, "tteid": each.tteid, "qfi": each.qfi,
            "src": format_address_of(each, each.src), "dst": format_address_of(each, each.dst),
            "forwarding": each.stray.value if each.stray is not None else None,
        }
        for each in tunnels
    ]  # fmt: skip
    return structured("\n".join([_format(ctx, each) for each in tunnels] or ["No gtpu tunnels configured..."]), data)


@command("set flow-offload gtpu", offload(), help="set flow-offload gtpu hw <interface-name> rx <tunnel-name> [del]")
def set_flow_offload_gtpu(ctx: CommandContext, args: Args) -> None:
    """Refuse to let hardware take packets out of a tunnel: no device here can."""

    def check(tunnel: GtpuTunnel) -> None:
        if tunnel.decap_next not in INNER_IP:
            raise CommandError("currently only inner IPv4/IPv6 protocol is supported")

    refuse_offload(ctx, args, ctx.engine.get(GtpuTunnels), "gtpu", check)


@command("set interface ip gtpu-bypass", BYPASS, help="set interface ip gtpu-bypass <interface> [del]")
def set_ip4_gtpu_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv4 a short way."""
    switch_bypass(ctx, args, Protocol.IP4, "gtpu")


@command("set interface ip6 gtpu-bypass", BYPASS, help="set interface ip6 gtpu-bypass <interface> [del]")
def set_ip6_gtpu_bypass(ctx: CommandContext, args: Args) -> None:
    """Take packets of tunnels over IPv6 a short way."""
    switch_bypass(ctx, args, Protocol.IP6, "gtpu")
