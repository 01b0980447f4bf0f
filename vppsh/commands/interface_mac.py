"""set interface mac address, secondary-mac-address, promiscuous; show interface secondary-mac-address (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.interfaces import Interface, Interfaces
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyword, live, mac, one_of, optional, options, sequence
from vppsh.registry import command

NAMED = interface().or_error("unknown interface `%U'")
MAC = mac("mac").or_error("expected mac address `%U'")


@command("set interface mac address", sequence(NAMED, MAC), help="set interface mac address <interface> <mac-address>")
def set_mac_address(ctx: CommandContext, args: Args) -> None:
    """Change the address of the hardware."""
    interfaces = ctx.engine.interfaces
    interfaces.set_mac(_with_mac(interfaces, args.interface, "mac address change is not supported"), args.mac)


@command(
    "set interface secondary-mac-address",
    sequence(NAMED, MAC, options(flag("add"), flag("del", "delete"), error=None)),
    help="set interface secondary-mac-address <interface> <mac-address> [(add|del)]",
)
def set_secondary_mac_address(ctx: CommandContext, args: Args) -> None:
    """Let the hardware answer to one more address, or to one less."""
    if args.add == args.delete:
        raise CommandError("must choose one of add or del")
    interfaces = ctx.engine.interfaces
    target = _with_mac(interfaces, args.interface, "Secondary MAC Addresses not supported")
    others = [mac for mac in target.hardware.secondary_macs if mac != args.mac]
    known = len(others) < len(target.hardware.secondary_macs)
    if args.delete:
        interfaces.set_secondary_macs(target, others)
    elif not known:
        interfaces.set_secondary_macs(target, [*others, args.mac])


def _with_mac(interfaces: Interfaces, sw_if_index: int, refusal: str) -> Interface:
    """The hardware interface if it has a MAC address; as in VPP a sub-interface counts as local0."""
    target = interfaces[sw_if_index]
    if not target.is_hardware or not target.hardware.hardware_class.ethernet:
        raise CommandError(f"{refusal} for interface index {target.hardware.hw_if_index if target.is_hardware else 0}")
    return target


@command(
    "show interface secondary-mac-address", optional(interface()), help="show interface secondary-mac-address [<interface>]",
)  # fmt: skip
def show_secondary_mac_address(ctx: CommandContext, args: Args) -> str:
    """The further addresses of one interface, or of all."""
    interfaces = ctx.engine.interfaces
    lines = []
    for one in interfaces.by_name if args.interface is None else [interfaces[args.interface]]:
        lines.append(f"{one.name} ({'up' if one.admin_up else 'dn'}):")
        lines += [f"  {address.hex(':')}" for address in one.hardware.secondary_macs]
    return "\n".join(lines)


@command(
    "set interface promiscuous",
    one_of(
        sequence(keyword("on", "on"), live("hw-interface", "interface", metavar="<interface>")),
        sequence(keyword("off"), live("ethernet-interface", "interface", metavar="<interface>")),
    ).or_error("unknown input `%U'"),
    help="set interface promiscuous [on|off] <interface>",
)
def set_promiscuous(ctx: CommandContext, args: Args) -> None:
    """Ask a device to let packets for all addresses pass; ethernet-input checks them all the same."""
    hardware = ctx.engine.interfaces[args.interface].hardware
    if not hardware.hardware_class.ethernet:
        raise CommandError("not supported")
    hardware.promiscuous = args.on
