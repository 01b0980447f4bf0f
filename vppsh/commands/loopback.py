"""create, delete loopback interface, under both of VPP's names (vnet/ethernet/interface.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.loopback import Loopbacks
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, keyed, mac, options, signed
from vppsh.registry import command

CREATE = options(keyed("mac", mac("mac", bytes(6))), keyed("instance", signed("instance")), error=None)
DELETE = options(keyed("intfc", interface()), error=None)


def create(ctx: CommandContext, args: Args) -> str:
    """Make a loopback and say its name."""
    return ctx.engine.get(Loopbacks).create(args.mac, args.instance).name


def delete(ctx: CommandContext, args: Args) -> None:
    """Take a loopback away."""
    if args.interface is None:
        raise CommandError("interface not specified")
    ctx.engine.get(Loopbacks).delete(ctx.engine.interfaces[args.interface])


COMMANDS = (
    command("create loopback interface", CREATE, help="create loopback interface [mac <mac-addr>] [instance <instance>]")(create),
    command("loopback create-interface", CREATE, help="loopback create-interface [mac <mac-addr>] [instance <instance>]")(create),
    command("delete loopback interface", DELETE, help="delete loopback interface intfc <interface>")(delete),
    command("loopback delete-interface", DELETE, help="loopback delete-interface intfc <interface>")(delete),
)
