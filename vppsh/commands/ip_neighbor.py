"""set ip neighbor, ip neighbor, show ip neighbors and their settings (VPP's vnet/ip-neighbor/ip_neighbor.c)."""

from __future__ import annotations

from msgspec.structs import replace

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.interface_format import centered
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbor, NeighborFlag, Neighbors
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    choice,
    flag,
    interface,
    ip_address,
    keyed,
    keyword,
    line_input,
    mac,
    one_of,
    optional,
    options,
    sequence,
    signed,
    unsigned,
)
from vppsh.registry import CommandSpec, command

MAX_COUNT = 1 << 20
"""More neighbours in a row than this are a slip of the keyboard."""
PROTOCOLS = (Protocol.IP4, Protocol.IP6)
WANTED = "specify interface, IP address and MAC: `%U'"
NEIGHBOR = options(
    sequence(interface(), ip_address("address"), mac("mac")),
    one_of(keyword("delete", "delete"), keyword("del", "delete")),
    flag("flush"),
    flag("static"),
    flag("no-fib-entry"),
    keyed("count", signed("count", 1)),
    error=None,
)
SYNTAX = "[del] [flush] <intfc> <ip-address> <mac-address> [static] [no-fib-entry] [count <count>]"


def _change(ctx: CommandContext, args: Args) -> None:
    neighbors = ctx.engine.get(Neighbors)
    if args.flush:
        for protocol in PROTOCOLS:
            neighbors.flush(protocol, args.interface)
        return
    if args.interface is None or args.address is None or not args.address.value or not any(args.mac or b""):
        raise CommandError(ctx.input.error_text(WANTED))
    protocol = Protocol.IP6 if args.address.version == 6 else Protocol.IP4
    flags = NeighborFlag.STATIC if args.static else NeighborFlag.DYNAMIC
    if args.no_fib_entry:
        flags |= NeighborFlag.NO_FIB_ENTRY
    if args.count > MAX_COUNT:
        raise CommandError(f"count {args.count} is more than {MAX_COUNT}")
    hardware = int.from_bytes(args.mac, "big")
    for number in range(args.count):
        address = (args.address.value + number) % (1 << protocol.bits)
        if args.delete:
            neighbors.delete(protocol, args.interface, address)
        else:
            neighbors.add(protocol, args.interface, address, ((hardware + number) % (1 << 48)).to_bytes(6, "big"), flags)


@command("set ip neighbor", NEIGHBOR, help=f"set ip neighbor {SYNTAX}")
def set_ip_neighbor(ctx: CommandContext, args: Args) -> None:
    """Add or delete neighbours, or forget those of an interface."""
    _change(ctx, args)


@command("ip neighbor", NEIGHBOR, help=f"ip neighbor {SYNTAX}")
def ip_neighbor(ctx: CommandContext, args: Args) -> None:
    """Add or delete neighbours, or forget those of an interface."""
    _change(ctx, args)


COLUMNS = (("Age", 12), ("IP", 40), ("Flags", 6), ("Ethernet", 20), ("Interface", 24))


def format_age(seconds: float) -> str:
    """Seconds as VPP's `%12.4f` prints them: no zero before the point."""
    text = f"{max(seconds, 0.0):.4f}"
    return text.removeprefix("0").rjust(12)


def _format(neighbors: Neighbors, interfaces: Interfaces, neighbor: Neighbor) -> str:
    address = format_address(neighbor.protocol, neighbor.address)
    return (
        f"{format_age(neighbors.age(neighbor))}{centered(address, 40)}{centered(neighbor.flag_letters, 6)}"
        f"{centered(neighbor.mac.hex(':'), 20)}{interfaces[neighbor.interface].name}"
    )


def _answer(ctx: CommandContext, listed: list[Neighbor], *, head: bool) -> str:
    neighbors, interfaces = ctx.engine.get(Neighbors), ctx.engine.interfaces
    lines = ["".join(centered(title, width) for title, width in COLUMNS)] if head else []
    lines += [_format(neighbors, interfaces, neighbor) for neighbor in listed]
    data = [
        {
            "interface": interfaces[each.interface].name,
            "address": format_address(each.protocol, each.address),
            "mac": each.mac.hex(":"),
            "flags": each.flag_letters,
        }
        for each in listed
    ]
    return structured("\n".join(lines), data)


def _show(path: str, *protocols: Protocol) -> CommandSpec:
    """A listing of the neighbours of some protocols: by interface, those added last first."""

    @command(path, optional(interface()), help=f"{path} [interface]")
    def show(ctx: CommandContext, args: Args) -> str:
        listed = [each for each in ctx.engine.get(Neighbors) if each.protocol in protocols and args.interface in (None, each.interface)]
        place = {each.sw_if_index: position for position, each in enumerate(ctx.engine.interfaces.by_name)}
        listed.sort(key=lambda each: (place[each.interface], -each.index))
        return _answer(ctx, listed, head=bool(listed))

    return replace(show, module=__name__)


SHOWS = [
    _show(f"show {family} {word}", *protocols)
    for family, protocols in (("ip", PROTOCOLS), ("ip4", (Protocol.IP4,)), ("ip6", (Protocol.IP6,)))
    for word in ("neighbors", "neighbor")
]


@command("show ip4 neighbor-sorted", help="show ip4 neighbor-sorted")
def show_ip4_neighbor_sorted(ctx: CommandContext, args: Args) -> str:
    """The dynamic IPv4 neighbours, the one longest not heard of first."""
    return _answer(ctx, ctx.engine.get(Neighbors).oldest_first(Protocol.IP4), head=True)


@command("show ip6 neighbor-sorted", help="show ip6 neighbor-sorted")
def show_ip6_neighbor_sorted(ctx: CommandContext, args: Args) -> str:
    """The dynamic IPv6 neighbours, the one longest not heard of first."""
    return _answer(ctx, ctx.engine.get(Neighbors).oldest_first(Protocol.IP6), head=True)


@command("show ip neighbor-config", help="show ip neighbor-config")
def show_neighbor_config(ctx: CommandContext, args: Args) -> str:
    """How many neighbours are kept, and for how long."""
    limits = ctx.engine.get(Neighbors).limits
    return "\n".join(
        f"{protocol.text}:\n  limit:{limits[protocol].limit}, age:{limits[protocol].age}, recycle:{int(limits[protocol].recycle)}"
        for protocol in PROTOCOLS
    )


@command(
    "set ip neighbor-config",
    line_input(
        sequence(
            choice("protocol", {"ip4": Protocol.IP4, "ip6": Protocol.IP6}).or_error("parse error `%U'"),
            options(
                keyed("limit", unsigned("limit")),
                keyed("age", unsigned("age")),
                one_of(keyword("recycle", "recycle", True, None), keyword("norecycle", "recycle", False, None)),
                error="parse error `%U'",
            ),
        )
    ),
    help="set ip neighbor-config ip4|ip6 [limit <limit>] [age <age>] [recycle|norecycle]",
)
def set_neighbor_config(ctx: CommandContext, args: Args) -> None:
    """Set how many neighbours are kept, and for how long (seconds, 0 for ever)."""
    neighbors = ctx.engine.get(Neighbors)
    old = neighbors.limits[args.protocol]
    said = {name: value for name, value in (("limit", args.limit), ("age", args.age), ("recycle", args.recycle)) if value is not None}
    neighbors.configure(args.protocol, replace(old, **said))


def _format_counters(counters: NeighborCounters, protocol: Protocol, sw_if_index: int) -> str:
    return "".join(
        f" {direction.value}:["
        + "".join(f"{message.value}:{counters.value(protocol, direction, message, sw_if_index)} " for message in Message)
        + "]"
        for direction in Direction
    )


@command("show ip neighbor-stats", optional(interface()), help="show ip neighbor-stats [interface]")
def show_neighbor_stats(ctx: CommandContext, args: Args) -> str:
    """How many ARP and ND messages interfaces have received and sent."""
    counters, interfaces = ctx.engine.get(NeighborCounters), ctx.engine.interfaces
    wanted = list(interfaces) if args.interface is None else [interfaces[args.interface]]
    return "".join(
        f"  {each.name}\n    arp:{_format_counters(counters, Protocol.IP4, each.sw_if_index)}\n"
        f"    nd: {_format_counters(counters, Protocol.IP6, each.sw_if_index)}\n"
        for each in wanted
    )


@command("show ip neighbor-watcher", help="show ip neighbors-watcher")
def show_neighbor_watchers(ctx: CommandContext, args: Args) -> None:
    """The clients of VPP's API that want to hear of neighbours; vppsh has none."""
