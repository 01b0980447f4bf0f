"""test l2patch, show l2patch (VPP's vnet/l2/l2_patch.c)."""

from __future__ import annotations

from vppsh.commands.columns import right
from vppsh.commands.context import CommandContext
from vppsh.engine.features.l2.patch import Patches
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, line_input, options
from vppsh.registry import command


@command(
    "test l2patch",
    line_input(options(keyed("rx", interface("receiver")), keyed("tx", interface("sender")), flag("del", "delete"), error=None)),
    help="test l2patch rx <intfc> tx <intfc> [del]",
)
def patch(ctx: CommandContext, args: Args) -> None:
    """Let everything that one device receives leave by another, or no longer."""
    if args.receiver is None:
        raise CommandError("rx interface not set")
    if args.sender is None:
        raise CommandError("tx interface not set")
    interfaces, patches = ctx.engine.interfaces, ctx.engine.get(Patches)
    change = patches.remove if args.delete else patches.add
    change(interfaces[args.receiver], interfaces[args.sender])


@command("show l2patch", help="Show l2 interface cross-connect entries")
def show_patches(ctx: CommandContext, args: Args) -> str:
    """Which devices are patched."""
    interfaces = ctx.engine.interfaces
    lines = [f"{right(interfaces[receiver].name, 26)} -> {sender.name}" for receiver, sender in ctx.engine.get(Patches).all]
    return "\n".join(lines) or "no l2patch entries"
