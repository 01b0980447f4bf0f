"""set punt, show punt stats, reasons, db, client, socket registrations (VPP's vlib/punt.c, vnet/ip/punt.c)."""

from __future__ import annotations

from collections.abc import Iterable

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.punt import PuntReason, Punts
from vppsh.engine.tcp_punt import TcpPunt
from vppsh.engine.udp_ports import UdpPorts
from vppsh.engine.wire import ip_protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, Reader, flag, keyed, keyword, line_input, live, one_of, options, signed
from vppsh.registry import command
from vppsh.registry import live as declare_live

CLIENT = "ip-punt"
ALL_PORTS = 0xFFFF
PUNT_NODES = {Protocol.IP4: "ip4-punt", Protocol.IP6: "ip6-punt"}
UDP_PUNT_NODES = {Protocol.IP4: "ip4-udp-punt", Protocol.IP6: "ip6-udp-punt"}


class PuntReasons:
    """The reasons of an engine by name."""

    def __init__(self, engine: Engine) -> None:
        self._punts = engine.get(Punts)

    def read(self, reader: Reader) -> PuntReason | None:
        """The reason that comes next."""
        return next((reason for reason in self._punts.reasons[1:] if reader.word(reason.name)), None)

    def names(self) -> Iterable[str]:
        return [reason.name for reason in self._punts.reasons[1:]]


class PuntClients:
    """The names of those who punt, or take what was punted."""

    def __init__(self, engine: Engine) -> None:
        self._punts = engine.get(Punts)

    def read(self, reader: Reader) -> str | None:
        """The client that comes next."""
        return next((client for client in self._punts.clients if reader.word(client)), None)

    def names(self) -> Iterable[str]:
        return self._punts.clients


LIVES = (declare_live("punt reason")(PuntReasons), declare_live("punt client")(PuntClients))


@command(
    "set punt",
    line_input(
        options(
            flag("del", "delete"),
            keyed("reason", live("punt reason", "reason")),
            one_of(keyword("ipv4", "protocol", Protocol.IP4, Protocol.IP4), keyword("ipv6", "protocol", Protocol.IP6),
                   keyword("ip6", "protocol", Protocol.IP6)),
            one_of(signed("port", ALL_PORTS), keyword("all", "port", ALL_PORTS)),
            one_of(keyword("udp", "carried", ip_protocol.UDP, ip_protocol.UDP), keyword("tcp", "carried", ip_protocol.TCP)),
            error="parse error: '%U'",
        )
    ),
    help="set punt [ipv4|ip6|ipv6] [udp|tcp] [del] [all|<port-num>]",
)  # fmt: skip
def set_punt(ctx: CommandContext, args: Args) -> None:
    """Hand datagrams to a port to the host, or those to ports without a listener, or packets that were punted for a reason."""
    if args.reason is not None:
        _punt_reason(ctx, args.reason, not args.delete)
        return
    port = args.port & 0xFFFF
    ports = ctx.engine.get(UdpPorts)
    if args.carried == ip_protocol.TCP:
        if port != ALL_PORTS:
            raise CommandError("punt TCP ports is not supported yet")
        ctx.engine.get(TcpPunt).unknown[args.protocol] = not args.delete
    elif port == ALL_PORTS:
        ports.punt_unknown[args.protocol] = not args.delete
    elif args.delete:
        ports.unregister(args.protocol, port)
    else:
        ports.register(args.protocol, port, UDP_PUNT_NODES[args.protocol])


def _punt_reason(ctx: CommandContext, reason: PuntReason, wanted: bool) -> None:
    punts = ctx.engine.get(Punts)
    if not wanted:
        punts.unregister(CLIENT, reason)
    elif not punts.register(CLIENT, reason, PUNT_NODES[reason.protocol or Protocol.IP4]):
        raise CommandError("Existing punting registration...")


@command("show punt stats", help="show the punt stats")
def show_punt_stats(ctx: CommandContext, args: Args) -> str:
    """How much was punted for each reason."""
    punts = ctx.engine.get(Punts)
    counts = [(reason, int(punts.counters.packets[reason.number]), int(punts.counters.bytes[reason.number])) for reason in punts.reasons]
    text = "\n".join(f"{reason} packets:{packets} bytes:{n_bytes}" for reason, packets, n_bytes in counts)
    return structured(text, [{"reason": reason.name, "packets": packets, "bytes": n_bytes} for reason, packets, n_bytes in counts])


def _with_owners(reason: PuntReason) -> str:
    return f"{reason} from:[{''.join(f'{owner} ' for owner in reason.owners)}]"


@command("show punt reasons", help="show all punt reasons")
def show_punt_reasons(ctx: CommandContext, args: Args) -> str:
    """The reasons, and who may give them."""
    return "\n".join(_with_owners(reason) for reason in ctx.engine.get(Punts).reasons)


@command("show punt db", help="show the punt DB")
def show_punt_db(ctx: CommandContext, args: Args) -> str:
    """Who gets the packets of which reason, and by which next of punt-dispatch."""
    punts = ctx.engine.get(Punts)
    lines = [f" {reason} -> {reason.node}" for reason in punts.reasons if reason.node]
    lines += ["", "Derived data-plane data-base:", "  (for each punt-reason the edge[s] from punt-dispatch)"]
    for reason in punts.reasons:
        edges = f"{punts.slots[reason.number]} " if reason.node else ""
        lines += [f" {reason}", f"   [{edges}]"]
    return "\n".join(lines)


@command(
    "show punt socket registrations",
    line_input(options(keyword("exception"), keyword("l4"), keyword("ip"), error="parse error: '%U'")),
    help="show punt socket registrations [l4|exception|ip]",
)
def show_punt_sockets(ctx: CommandContext, args: Args) -> None:
    """The clients of the punt socket; vppsh has none, and so nobody can register."""


@command("show punt client", options(live("punt client", "client"), error=None), help="show client[s] registered with the punt infra")
def show_punt_client(ctx: CommandContext, args: Args) -> str:
    """The clients, or the registrations and reasons of one of them."""
    punts = ctx.engine.get(Punts)
    if args.client is None:
        return "\n".join(punts.clients)
    lines = [args.client, " registrations:"]
    lines += [f"  [{reason} -> {reason.node}]" for reason in punts.registrations.get(args.client, ())]
    lines.append(" reasons:")
    lines += [f"  {_with_owners(reason)}" for reason in punts.reasons if args.client in reason.owners]
    return "\n".join(lines)
