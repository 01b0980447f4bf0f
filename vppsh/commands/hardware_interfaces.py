"""show, clear hardware-interfaces (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.interface_queues import queue_lines
from vppsh.engine.interface_format import format_hardware, format_hardware_header
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, line_input, live, options, unsigned
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.registry import command

BRIEF, VERBOSE, DETAIL = range(3)
ARGUMENTS = line_input(
    options(
        live("hw-interface", "named", many=True, metavar="<interface>"),
        unsigned("indices", many=True, metavar="<hw_if_index>"),
        flag("verbose", "verbosity", value=VERBOSE, default=None),
        flag("detail", "verbosity", value=DETAIL, default=None),
        flag("brief", "verbosity", value=BRIEF, default=None),
        flag("bond", help="bonded interfaces and their members only"),
    ),
    call_when_empty=True,
)


def _chosen(ctx: CommandContext, args: Args) -> list[Interface]:
    """The hardware interfaces that were named, or all, in the order of their indices."""
    interfaces = ctx.engine.interfaces
    chosen = [interfaces[index] for index in args.named]
    for index in args.indices:
        found = interfaces.find_hw_index(index)
        if found is None:
            raise CommandError(f"unknown interface index `{index}'")
        chosen.append(found)
    hardware = (interface for interface in interfaces if interface.is_hardware)
    return chosen or sorted(hardware, key=lambda interface: interface.hardware.hw_if_index)


@command(
    "show hardware-interfaces", ARGUMENTS,
    help="show hardware-interfaces [brief|verbose|detail] [bond] [<interface> [<interface> [..]]] [<sw_idx> [<sw_idx> [..]]]",
)  # fmt: skip
def show_hardware_interfaces(ctx: CommandContext, args: Args) -> str:
    """Name, index, link and, unless brief, what kind of hardware it is."""
    chosen = [] if args.bond else sort_as_vpp(_chosen(ctx, args), lambda interface: interface.name)
    lines = [format_hardware_header(), *(format_hardware(one, args.verbosity != BRIEF, queue_lines(ctx.engine, one)) for one in chosen)]
    data = [
        {
            "name": one.name, "hw_if_index": one.hardware.hw_if_index, "link": "up" if one.hardware.link_up else "down",
            "class": one.hardware.hardware_class.name, "address": one.hardware.mac.hex(":"),
        }
        for one in chosen
    ]  # fmt: skip
    return structured("\n".join(lines), data)


@command(
    "clear hardware-interfaces", ARGUMENTS,
    help="clear hardware-interfaces [<interface> [<interface> [..]]] [<sw_idx> [<sw_idx> [..]]]",
)  # fmt: skip
def clear_hardware_interfaces(ctx: CommandContext, args: Args) -> None:
    """Set the counters that devices keep to zero."""
    for interface in _chosen(ctx, args):
        clear = interface.hardware.device_class.clear_counters
        if clear is not None:
            clear(interface)
