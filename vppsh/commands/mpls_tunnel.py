"""mpls tunnel, show mpls tunnel (VPP's vnet/mpls/mpls_tunnel.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.route_path import LABEL_PATHS
from vppsh.engine.features.mpls.tunnel import MplsTunnel, MplsTunnels
from vppsh.engine.fib.extension import format_extensions
from vppsh.engine.fib.types import RoutePath
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, keyword, line_input, one_of, options, sequence, signed
from vppsh.registry import command

TUNNEL = options(
    sequence(keyword("del", "delete"), interface()),
    sequence(keyword("add", "delete", False), interface()),
    keyword("add", "delete", False),
    one_of(flag("l2-only"), flag("multicast")),
    keyed("via", LABEL_PATHS),
    error="unknown input '%U'",
)


@command(
    "mpls tunnel",
    line_input(TUNNEL),
    help="mpls tunnel [add|del] [<interface>] via [next-hop-address] [next-hop-interface] [next-hop-table <value>] [weight <value>] "
    "[preference <value>] [mpls-lookup-in-table <value>] [resolve-via-host] [resolve-via-attached] [out-labels <value value value>]",
)
def mpls_tunnel(ctx: CommandContext, args: Args) -> None:
    """Add a tunnel or paths of one, delete paths or the tunnel."""
    tunnels, routes = ctx.engine.get(MplsTunnels), args.routes
    known = tunnels.of_interface(args.interface) if args.interface is not None else None
    if args.delete:
        if known is not None and not (routes and tunnels.remove_paths(known, routes)):
            tunnels.delete(known)
        return
    _add(tunnels, known, routes, args)


def _add(tunnels: MplsTunnels, known: MplsTunnel | None, routes: tuple[RoutePath, ...], args: Args) -> None:
    if not routes or not all(route.labels for route in routes):
        raise CommandError("No Output Labels ''")
    if args.l2_only or args.multicast:
        raise CommandError("l2-only and multicast tunnels are not supported")
    if known is None and args.interface is not None:
        return
    tunnels.add_paths(tunnels.create() if known is None else known, routes)


def _format(tunnel: MplsTunnel) -> str:
    interface = tunnel.interface
    paths = tunnel.path_list.format(4) if tunnel.path_list is not None else ""
    return (
        f"[@{tunnel.index}] mpls-tunnel{tunnel.index}: sw_if_index:{interface.sw_if_index} hw_if_index:{interface.hardware.hw_if_index}\n"
        f" via:\n{paths}{format_extensions(tunnel.extensions)}\n"
    )


@command("show mpls tunnel", options(signed("index"), error=None), help="show mpls tunnel [<index>]")
def show_mpls_tunnel(ctx: CommandContext, args: Args) -> str:
    """The tunnels, or one of them, with their paths and labels."""
    tunnels = ctx.engine.get(MplsTunnels)
    listed = list(tunnels)
    text = "" if listed else "No MPLS tunnels configured..."
    if args.index is not None:
        tunnel = tunnels.find(args.index)
        if tunnel is None:
            raise CommandError(f"Not a tunnel index {args.index}", output=text)
        listed = [tunnel]
    data = [{"index": tunnel.index, "interface": tunnel.interface.name} for tunnel in listed]
    return structured(text + "\n".join(map(_format, listed)), data)
