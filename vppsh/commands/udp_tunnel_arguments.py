"""Arguments that the commands of tunnels over UDP share: both ends, the way on for packets that come out, bypasses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from vppsh.commands.context import CommandContext
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.graph import Node
from vppsh.engine.interfaces import Interface
from vppsh.engine.tunnel.udp_tunnels import T, UdpTunnel, UdpTunnels, is_multicast
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Argument,
    IpAddress,
    choice,
    flag,
    interface,
    ip_address,
    keyed,
    line_input,
    live,
    node_name,
    one_of,
    options,
    sequence,
    signed,
)

PARSE_ERROR = "parse error: '%U'"
ADDRESSES = ("near", "far", "groups")
ALL_BITS = 0xFFFFFFFF


class Ends(Struct, frozen=True):
    """The ends of a tunnel as they were typed; `group` is the interface by which a multicast group is reached."""

    protocol: Protocol
    near: int
    far: int
    group: Interface | None


def ends(near: str, far: str) -> tuple[Argument, ...]:
    """Our end and the far one, which may be a group of an interface."""
    return (
        keyed(near, ip_address("near", many=True)),
        keyed(far, ip_address("far", many=True)),
        keyed("group", sequence(ip_address("groups", many=True), interface("group_interface"))),
    )


def check_ends(ctx: CommandContext, args: Args, no_near: str | None, no_far: str, not_unicast: str) -> Ends:
    """The ends, or CommandError in VPP's words; those of an address that is missing or wrong are given.

    no_near  None where our end need not be given, and is then 0
    """
    near: IpAddress | None = args.near[-1] if args.near else None
    far: IpAddress | None = (args.groups or args.far or [None])[-1]
    if near is None and no_near is not None:
        raise CommandError(no_near)
    if far is None:
        raise CommandError(no_far)
    multicast = is_multicast(protocol_of(far), far.value)
    if args.groups and not multicast:
        raise CommandError("tunnel group address not multicast")
    if not args.groups and multicast:
        raise CommandError(not_unicast)
    if len({address.version for address in (*args.near, *args.far, *args.groups)}) > 1:
        raise CommandError("both IPv4 and IPv6 addresses specified")
    group = ctx.engine.interfaces[args.group_interface] if args.groups else None
    return Ends(protocol_of(far), 0 if near is None else near.value, far.value, group)


def protocol_of(address: IpAddress) -> Protocol:
    """The protocol of an address."""
    return Protocol.IP6 if address.version == 6 else Protocol.IP4


def encap_table(ctx: CommandContext, args: Args, name: str = "encap_vrf_id") -> FibTable | None:
    """The table that was typed, of the protocol of the ends; None if there is none."""
    is_ip6 = any(address.version == 6 for name in ADDRESSES for address in getattr(args, name, ()))
    tables = ctx.engine.get(Fib).tables(Protocol.IP6 if is_ip6 else Protocol.IP4)
    return tables.find(getattr(args, name) & ALL_BITS)


def decap_next(names: Mapping[str, int]) -> Argument:
    """Where packets go that come out: one of some names, `node NAME`, or the number of a slot; the last one typed counts."""
    where = "decap_next"
    return one_of(choice(where, names, many=True), keyed("node", node_name(where, many=True)), signed(where, many=True))


def slot_of(args: Args, link: Callable[[str], int], default: int) -> int:
    """The slot that was typed; `link` finds that of a node."""
    if not args.decap_next:
        return default
    last: int | Node = args.decap_next[-1]
    return last if isinstance(last, int) else link(last.name)


def format_address_of(tunnel: UdpTunnel, address: int) -> str:
    """An end of a tunnel."""
    return format_address(tunnel.protocol, address)


BYPASS = line_input(options(interface(), flag("del", "delete"), error="parse error `%U'"))


def switch_bypass(ctx: CommandContext, args: Args, protocol: Protocol, kind: str, *, once: bool = False) -> None:
    """Let packets of tunnels of a kind that come in by an interface take the short way, or no longer.

    once  it is on or off; else on as often as it was switched on, as features are in VPP
    """
    if args.interface is None:
        raise CommandError(ctx.input.error_text("unknown interface `%U'"))
    arc, feature = f"{protocol.text}-unicast", f"{protocol.text}-{kind}-bypass"
    arcs = ctx.engine.arcs
    if not once or args.delete == (feature in arcs[arc].on(args.interface)):
        arcs.enable(arc, feature, args.interface, on=not args.delete)


def offload() -> Argument:
    """An interface with hardware that takes packets out of tunnels, and the tunnel."""
    return line_input(
        options(keyed("hw", live("hw-interface", "hw", metavar="<interface-name>")), keyed("rx", interface("rx")), flag("del", "delete"))
    )


def refuse_offload(ctx: CommandContext, args: Args, tunnels: UdpTunnels[T], kind: str, check: Callable[[T], None] | None = None) -> None:
    """Say what is wrong with the request (CommandError), at last that no device here can do it, as one without flows does in VPP."""
    if args.rx is None:
        raise CommandError("missing rx interface")
    if args.hw is None:
        raise CommandError("missing hw interface")
    tunnel = tunnels.of_interface(args.rx)
    if tunnel is None:
        raise CommandError(f"{ctx.engine.interfaces[args.rx].name} is not a {kind} tunnel")
    if tunnel.protocol is not Protocol.IP4:
        raise CommandError("currently only IPV4 tunnels are supported")
    if check is not None:
        check(tunnel)
    if tunnel.fib_index != ctx.engine.get(Fib).ip4.index_of_interface(args.hw):
        raise CommandError("interface/tunnel fib mismatch")
    raise CommandError(f"error {'disabling' if args.delete else 'enabling'} flow")
