"""bvi create, bvi delete (VPP's vnet/l2/l2_bvi.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.l2.bvi import Bvis
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, keyed, line_input, mac, options, signed
from vppsh.registry import command


@command(
    "bvi create",
    line_input(
        options(keyed("mac", mac("mac", bytes(6))), keyed("instance", signed("instance")), error="unknown input: %U"), call_when_empty=True
    ),
    help="bvi create [mac <mac-addr>] [instance <instance>]",
)
def bvi_create(ctx: CommandContext, args: Args) -> str:
    """Make a BVI and say its name."""
    return ctx.engine.get(Bvis).create(args.mac, args.instance).name


@command("bvi delete", options(interface(), error=None), help="bvi delete <interface>")
def bvi_delete(ctx: CommandContext, args: Args) -> None:
    """Take a BVI away."""
    if args.interface is None:
        raise CommandError(ctx.input.error_text("no such interface: %U"))
    ctx.engine.get(Bvis).delete(ctx.engine.interfaces[args.interface])
