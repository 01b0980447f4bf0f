"""Interface commands that are seldom used: link speed, hardware class, transceivers, renumbering (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.commands.interface_names import hardware
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, live, options, sequence, signed, unsigned
from vppsh.registry import command

UNIMPLEMENTED = -9


@command(
    "set interface link-speed",
    sequence(hardware().or_error("unknown interface `%U'"), unsigned("speed").or_error("expected speed in Kbps")),
    help="set interface link-speed <interface> <speed-kbps>",
)
def set_link_speed(ctx: CommandContext, args: Args) -> None:
    """Set the speed of a device: none has one."""
    raise CommandError("driver does not support setting link speed")


@command(
    "show interface link-speed-capa", hardware().or_error("unknown interface `%U'"), help="show interface link-speed-capa <interface>",
)  # fmt: skip
def show_link_speed_capa(ctx: CommandContext, args: Args) -> str:
    """Show which speeds a device can take."""
    return f"no speed capabilities reported for {ctx.engine.interfaces[args.interface].name}"


@command(
    "renumber interface",
    sequence(hardware().or_error("unknown hardware interface `%U'"), signed("instance").or_error("new dev instance missing")),
    help="renumber interface <interface> <new-dev-instance>",
)
def renumber(ctx: CommandContext, args: Args) -> None:
    """Give a device another number: VPP can do that for few kinds, none of which vppsh has."""
    raise CommandError(f"vnet_interface_name_renumber returned {UNIMPLEMENTED}")


@command(
    "set interface hw-class",
    sequence(
        hardware().or_error("unknown hardware interface `%U'"),
        live("hw-class", "kind", metavar="<class>").or_error("unknown hardware class `%U'"),
    ),
    help="Set interface hardware class",
)
def set_hw_class(ctx: CommandContext, args: Args) -> None:
    """Make a device another kind of hardware: it can only stay what it is."""
    interface = ctx.engine.interfaces[args.interface]
    kind = interface.hardware.hardware_class
    if args.kind != kind.name:
        raise CommandError(f"{interface.name} class cannot be changed from {kind.name} to {args.kind}")


@command(
    "show interface transceiver",
    options(
        flag("diag"), flag("module"), flag("eeprom"), flag("verbose"), live("hw-interface", "interface", metavar="<interface>"),
        error="parse error: '%U'",
    ),
    help="show interface transceiver [<interface>] [module] [diag] [eeprom] [verbose]",
)  # fmt: skip
def show_transceiver(ctx: CommandContext, args: Args) -> None:
    """Say what optical modules are: no device of vppsh has one."""
