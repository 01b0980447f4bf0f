"""show udp ports, show udp punt, show tcp punt (VPP's vnet/udp/udp_cli.c, vnet/tcp/tcp_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.text_table import format_table
from vppsh.engine.fib.types import Protocol
from vppsh.engine.tcp_punt import TcpPunt
from vppsh.engine.udp_ports import UdpPorts
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, keyword, one_of, options, signed
from vppsh.registry import command

ANY_PORT = -1
LAST_PORT = 0xFFFF
PROTOCOLS = (Protocol.IP4, Protocol.IP6)


@command(
    "show udp ports",
    options(
        keyword("ip4", "no_ip6"),
        keyword("ip6", "no_ip4"),
        one_of(keyword("bind", "bound_only", True, True), keyword("all", "bound_only", False)),
        signed("port", ANY_PORT),
    ),
    help="show udp ports [ip4|ip6] [bind|all|<port>]",
)
def show_udp_ports(ctx: CommandContext, args: Args) -> str:
    """The ports that somebody listens at, or all that VPP knows."""
    if args.port > LAST_PORT:
        raise CommandError(f"wrong port {args.port}")
    ports = ctx.engine.get(UdpPorts)
    shown = [protocol for protocol, hidden in zip(PROTOCOLS, (args.no_ip4, args.no_ip6), strict=True) if not hidden]
    numbers = sorted({info.port for protocol in shown for info in ports.infos[protocol]}) if args.port < 0 else [args.port]
    rows = []
    for number in numbers:
        for protocol in shown:
            info = ports.find(protocol, number)
            if info is not None and (ports.is_bound(protocol, number) or not args.bound_only):
                rows.append((str(number), protocol.text, info.node or "none", info.name or "(nil)"))
    head = ("port", "proto", "node", "desc")
    return structured(format_table(head, rows), [dict(zip(head, row, strict=True)) for row in rows])


@command("show udp punt", options(), help="show udp punt [ipv4|ipv6]")
def show_udp_punt(ctx: CommandContext, args: Args) -> str:
    """Whether the host gets all datagrams without a listener; else the ports that somebody listens at."""
    ports = ctx.engine.get(UdpPorts)
    lines = []
    for version, protocol in ((4, Protocol.IP4), (6, Protocol.IP6)):
        if ports.punt_unknown[protocol]:
            lines.append(f"IPv{version} UDP punt: enabled")
        else:
            bound = [str(info.port) for info in ports.infos[protocol] if ports.is_bound(protocol, info.port)]
            lines.append(f"IPV{version} UDP ports punt : {', '.join(bound)}")
    return "\n".join(lines)


@command("show tcp punt", options(), help="show tcp punt [ipv4|ipv6]")
def show_tcp_punt(ctx: CommandContext, args: Args) -> str:
    """Whether the host gets segments without a connection."""
    unknown = ctx.engine.get(TcpPunt).unknown
    return "\n".join(
        f"IPv{version} TCP punt: {'enabled' if unknown[protocol] else 'disabled'}"
        for version, protocol in ((4, Protocol.IP4), (6, Protocol.IP6))
    )
