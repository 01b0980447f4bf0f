"""set interface state, mtu, name, tag; clear interface tag (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.interfaces import DOWN, UP, State
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, interface, sequence
from vppsh.registry import command

STATES = {"up": UP, "down": DOWN, "punt": State(False, punt=True), "enable": DOWN}


@command(
    "set interface state",
    sequence(interface().or_error("unknown interface `%U'"), choice("state", STATES).or_error("unknown flags `%U'")),
    help="set interface state <interface> [up|down|punt|enable]",
)
def set_state(ctx: CommandContext, args: Args) -> None:
    """Set the admin state; a sub-interface can only be in the state of its parent, or down."""
    interfaces = ctx.engine.interfaces
    target = interfaces[args.interface]
    parent = target.super
    if parent is not None and args.state != parent.state and not (args.state == DOWN and parent.state == UP):
        raise CommandError(f"super-interface {parent.name} must be {args.state}")
    interfaces.set_state(target, args.state)
