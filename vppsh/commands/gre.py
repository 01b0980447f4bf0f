"""create, show gre tunnel (VPP's plugins/gre/interface.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.tunnel_arguments import tunnel_flags
from vppsh.engine.features.gre.tunnels import NO_KEY, GreTunnel, GreTunnels, Payload
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.tunnel.flags import Mode
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, ip_address, keyed, keyword, line_input, one_of, options, sequence, signed, unsigned
from vppsh.registry import command

ALL_BITS = 0xFFFFFFFF


@command(
    "create gre tunnel",
    line_input(
        options(
            flag("del", "delete"),
            keyed("instance", signed("instance", -1)),
            keyed("src", ip_address("src")),
            keyed("dst", ip_address("dst")),
            keyed("outer-table-id", signed("table_id", 0)),
            flag("multipoint"),
            one_of(
                keyword("teb", "payload", Payload.TEB, Payload.L3),
                sequence(keyword("erspan", "payload", Payload.ERSPAN, Payload.L3), signed("session", 0)),
            ),
            keyed("flags", tunnel_flags("flags")),
            keyed("key", unsigned("key", NO_KEY)),
        )
    ),
    help="create gre tunnel src <addr> dst <addr> [instance <n>] [outer-fib-id <fib>] [teb | erspan <session-id>] [del] [multipoint]"
    "[key <value>]",
)
def create_gre_tunnel(ctx: CommandContext, args: Args) -> str:
    """Make a tunnel and say its interface's name, or take one away."""
    src, dst = args.src.value if args.src else 0, args.dst.value if args.dst else 0
    if src == dst:
        raise CommandError("src and dst are identical")
    if not args.multipoint and not dst:
        raise CommandError("destination address not specified")
    if not src:
        raise CommandError("source address not specified")
    protocol = Protocol.IP6 if args.src.version == 6 else Protocol.IP4
    # No destination is one of zeros, and that is IPv4 to VPP.
    if (args.dst is not None and args.dst.version == 6) != (protocol is Protocol.IP6):
        raise CommandError("src and dst address must be the same AF")
    table = ctx.engine.get(Fib).tables(protocol).find(args.table_id & ALL_BITS)
    if table is None:
        raise CommandError(f"outer table ID {args.table_id} doesn't exist")
    mode, flags = Mode.MP if args.multipoint else Mode.P2P, sum(set(args.flags))
    wanted = GreTunnel(args.payload, mode, protocol, src, dst, table.index, args.instance, flags, args.key, args.session)
    tunnels = ctx.engine.get(GreTunnels)
    if not args.delete:
        return tunnels.add(wanted).interface.name
    tunnels.check(wanted)
    known = tunnels.find_key(wanted.lookup_key)
    if known is None:
        raise CommandError("GRE tunnel doesn't exist")
    tunnels.delete(known)
    return f"DELETED ({known.interface.sw_if_index})"


def _format(tunnel: GreTunnel) -> str:
    src, dst = format_address(tunnel.protocol, tunnel.src), format_address(tunnel.protocol, tunnel.dst)
    text = (
        f"[{tunnel.index}] instance {tunnel.instance} src {src} dst {dst} fib-idx {tunnel.fib_index} "
        f"sw-if-idx {tunnel.interface.sw_if_index} payload {tunnel.payload.name} {tunnel.mode.value} "
    )
    if tunnel.key != NO_KEY:
        text += f"key {tunnel.key} "
    if tunnel.payload is Payload.ERSPAN:
        text += f"session {tunnel.session} "
    if tunnel.frames is not None:
        text += f"l2-adj-idx {tunnel.frames.index} "
    return text


@command("show gre tunnel", options(signed("indices", many=True), error=None), help="show gre tunnel [<index>]")
def show_gre_tunnel(ctx: CommandContext, args: Args) -> str:
    """All tunnels, or the one of a number."""
    tunnels = ctx.engine.get(GreTunnels)
    chosen = list(tunnels)
    lines = [] if chosen else ["No GRE tunnels configured..."]
    if args.indices and args.indices[-1] != -1:
        one = tunnels.find(args.indices[-1])
        if one is None:
            raise CommandError(f"unknown index:{args.indices[-1]}", output="\n".join(lines))
        chosen = [one]
    data = [
        {
            "index": each.index, "interface": each.interface.name, "payload": each.payload.name, "mode": each.mode.value,
            "src": format_address(each.protocol, each.src), "dst": format_address(each.protocol, each.dst), "key": each.key or None,
        }
        for each in chosen
    ]  # fmt: skip
    return structured("\n".join(lines + [_format(each) for each in chosen]), data)
