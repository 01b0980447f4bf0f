"""set interface state, mtu, name, tag; clear interface tag (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.interfaces import DOWN, UP, State
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, interface, line_input, live, one_of, options, sequence, signed, string
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


LAYER3, IP4, IP6, MPLS = range(4)
MTU = signed("mtu", metavar="<bytes>")
LOW_32 = 0xFFFF_FFFF


@command(
    "set interface mtu",
    one_of(
        sequence(MTU, live("hw-interface", "hardware", metavar="<interface>")),
        *(
            sequence(choice("layer", {word: layer}), MTU, interface())
            for word, layer in (("packet", LAYER3), ("ip4", IP4), ("ip6", IP6), ("mpls", MPLS))
        ),
    ).or_error("unknown input `%U'"),
    help="set interface mtu [packet|ip4|ip6|mpls] <value> <interface>",
)
def set_mtu(ctx: CommandContext, args: Args) -> None:
    """Set the longest frame of a device, or one of an interface's MTUs; as in VPP the other three become zero."""
    interfaces = ctx.engine.interfaces
    if args.layer is None:
        hardware = interfaces[args.hardware].hardware
        if not hardware.hardware_class.ethernet:
            raise CommandError("not supported")
        if args.mtu != hardware.max_frame:
            if hardware.device_class.set_max_frame is None:
                raise CommandError("Unsupported (underlying driver doesn't support changing Max Frame Size)")
            hardware.device_class.set_max_frame(interfaces[args.hardware], args.mtu)
            hardware.max_frame = args.mtu
        return
    mtu = [0, 0, 0, 0]
    mtu[args.layer] = args.mtu & LOW_32
    interfaces.set_mtu(interfaces[args.interface], mtu)


@command(
    "set interface name",
    line_input(options(sequence(live("hw-interface", "interface", metavar="<interface>"), string("name")), error="parse error: '%U'")),
    help="set interface name <interface-name> <new-interface-name>",
)
def set_name(ctx: CommandContext, args: Args) -> None:
    """Give a hardware interface another name."""
    ctx.engine.interfaces.rename(ctx.engine.interfaces[args.interface], args.name)


@command(
    "set interface tag", sequence(interface(), string("tag")).or_error("unknown input `%U'"), help="set interface tag <interface> <tag>",
)  # fmt: skip
def set_tag(ctx: CommandContext, args: Args) -> None:
    """Note a word about an interface."""
    ctx.engine.interfaces[args.interface].tag = args.tag


@command("clear interface tag", interface().or_error("unknown input `%U'"), help="clear interface tag <interface>")
def clear_tag(ctx: CommandContext, args: Args) -> None:
    """Forget the word about an interface."""
    ctx.engine.interfaces[args.interface].tag = ""
