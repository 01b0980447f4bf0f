"""create, delete, show packet-generator interface; packet-generator capture and mac-filter (VPP's pg/cli.c)."""

from __future__ import annotations

from pathlib import Path

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.owned import owned
from vppsh.commands.packet_generator import NO_OFFLOADS, Refused, number_of
from vppsh.engine.features.pg.capture import Capture
from vppsh.engine.features.pg.interfaces import NO_NUMBER, Mode, PgInterface, PgInterfaces
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    file_name,
    interface,
    keyed,
    keyword,
    line_input,
    live,
    mac,
    on_off,
    options,
    signed,
    unsigned,
)
from vppsh.registry import command

ENDLESS = (1 << 32) - 1


@command(
    "create packet-generator interface",
    line_input(
        options(
            number_of("number"),
            Refused("coalesce-enabled", NO_OFFLOADS),
            Refused("gso-enabled", NO_OFFLOADS),
            Refused("csum-offload-enabled", NO_OFFLOADS),
            keyed("hw-addr", mac("mac")),
            keyword("mode ip4", "mode", Mode.IP4, None),
            keyword("mode ip6", "mode", Mode.IP6, None),
        )
    ),
    help="create packet-generator interface <interface name> [hw-addr <addr>] [gso-enabled gso-size <size> [coalesce-enabled]]"
    " [csum-offload-enabled] [mode <ethernet | ip4 | ip6>]",
)
def create(ctx: CommandContext, args: Args) -> None:
    """Make a packet-generator interface; one that exists stays as it is."""
    number = NO_NUMBER if args.number is None else args.number
    ctx.engine.get(PgInterfaces).get_or_create(PgInterface(number, args.mode or Mode.ETHERNET), args.mac)


def _pg_interface(ctx: CommandContext, args: Args) -> PgInterface:
    """The generator's side of the interface that was named."""
    return owned(ctx, args, ctx.engine.get(PgInterfaces).of, "pg")


@command(
    "delete packet-generator interface",
    line_input(
        options(keyed("sw_if_index", signed("sw_if_index")), interface(), error="unknown input `'"), empty_error="Missing <interface>"
    ),
    help="delete packet-generator interface {<interface name> | sw_if_index <sw_idx>}",
)
def delete(ctx: CommandContext, args: Args) -> None:
    """Take a packet-generator interface away; its streams stop."""
    ctx.engine.get(PgInterfaces).delete(_pg_interface(ctx, args))


@command(
    "show packet-generator interface",
    options(keyed("sw_if_index", signed("sw_if_index")), interface()),
    help="show packet-generator interface {<interface name> | sw_if_index <sw_idx>}",
)
def show(ctx: CommandContext, args: Args) -> str:
    """What a packet-generator interface was made as."""
    pg = _pg_interface(ctx, args)
    facts = {
        "id": pg.number, "mode": pg.mode.value, "hw-addr": format_ethernet_address(pg.mac), "csum_offload_enabled": 0, "gso_enabled": 0,
        "coalesce_enabled": 0,
    }  # fmt: skip
    lines = [f"Interface: {pg.interface.name}", *(f"  {name}: {value}" for name, value in facts.items())]
    return structured("\n".join(lines), {"interface": pg.interface.name, **facts})


@command(
    "packet-generator capture",
    line_input(
        options(
            live("hw-interface", "interface"),
            keyed("pcap", file_name("path")),
            keyed("count", unsigned("count")),
            keyword("disable", "off"),
        )
    ),
    help="packet-generator capture <interface name> pcap <filename> [count <n>]",
)
def capture(ctx: CommandContext, args: Args) -> None:
    """Write what an interface sends to a file, or stop that."""
    if args.interface is None:
        raise CommandError("Please specify interface name")
    pg = ctx.engine.get(PgInterfaces).of(ctx.engine.interfaces[args.interface])
    if pg is None:
        raise CommandError("Please specify packet-generator interface")
    if args.path is None and not args.off:
        raise CommandError("Please specify pcap file name")
    if not args.off and Path(args.path).exists():
        raise CommandError(f"pcap file '{args.path}' already exists.")
    old, pg.capture = pg.capture, None
    if not args.off:
        pg.capture = Capture(args.path, None if args.count in (None, ENDLESS) else args.count, ethernet=pg.mode is Mode.ETHERNET)
    if old is not None:
        old.close()
        if old.fault is not None:
            raise CommandError(str(old.fault))


@command(
    "packet-generator mac-filter",
    line_input(options(interface(), on_off("on"))),
    help="packet-generator mac-filter <INTERFACE> <on|off>",
)
def mac_filter(ctx: CommandContext, args: Args) -> None:
    """Let only the group addresses in that an interface listens to."""
    if args.interface is None:
        raise CommandError("specify interface")
    ctx.engine.arcs.enable("device-input", "pg-input-mac-filter", args.interface, args.on is not False)
