"""show interface, clear interfaces: state, counters, addresses, features, tag and tag rewrite (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.features import format_features
from vppsh.engine.addresses import PROTOCOLS, Addresses
from vppsh.engine.features.l2.modes import L2Interfaces, Mode
from vppsh.engine.fib.fib import Fib
from vppsh.engine.interface_format import combined_counters, counts, format_interface, format_interface_header, simple_counters
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, line_input, options, signed
from vppsh.registry import command

ARGUMENTS = options(
    interface("chosen", many=True),
    flag("address", "addresses", help="addresses and bridge membership"),
    flag("addr", "addresses"),
    flag("features", help="features enabled on one interface"),
    flag("feat", "features"),
    flag("tag", help="the tag of one interface"),
    flag("vtr", help="VLAN tag rewrite of one interface"),
    flag("verbose"),
    signed("chosen", many=True, metavar="<sw_if_index>"),
)


@command(
    "show interface", line_input(ARGUMENTS, call_when_empty=True),
    help="show interface [address|addr|features|feat|vtr|tag] [<interface> [<interface> [..]]] [verbose]",
)  # fmt: skip
def show_interface(ctx: CommandContext, args: Args) -> str:
    """The interfaces that were named, or all."""
    interfaces = ctx.engine.interfaces
    chosen: list[Interface] = []
    for index in args.chosen:
        if index not in interfaces:
            raise CommandError(f"unknown interface index `{index}'")
        chosen.append(interfaces[index])
    if args.features or args.tag or args.vtr:
        if not chosen:
            raise CommandError("Interface not specified...")
        if args.features:
            return format_features(ctx.engine, chosen[-1], args.verbose)
        if args.tag:
            return f"{chosen[-1].name}: {chosen[-1].tag or '(none)'}"
        return f"{chosen[-1].name}:  VTR {ctx.engine.get(L2Interfaces).of(chosen[-1]).rewrite or 'none'}"
    chosen = chosen or interfaces.by_name
    if args.addresses:
        return structured("\n".join(_addresses(ctx, one) for one in chosen), [_addresses_as_data(ctx, one) for one in chosen])
    lines = [format_interface_header(), *(format_interface(interfaces, one) for one in chosen)]
    return structured("\n".join(lines), [_as_data(ctx, one) for one in chosen])


def _addresses(ctx: CommandContext, interface: Interface) -> str:
    """An interface with the addresses that it uses, a line each."""
    fib = ctx.engine.get(Fib)
    lines = [f"{interface.name} ({'up' if interface.admin_up else 'dn'}):"]
    if interface.unnumbered is not None:
        lines = [f"{lines[0]} ", f"  unnumbered, use {interface.unnumbered.name}"]
    l2 = ctx.engine.get(L2Interfaces).of(interface)
    if l2.mode is Mode.XCONNECT and l2.peer is not None:
        lines.append(f"  L2 xconnect {l2.peer.name}")
    elif l2.mode is Mode.BRIDGE and l2.domain is not None:
        role = "bvi" if l2.domain.bvi is interface else " "
        lines.append(f"  L2 bridge bd-id {l2.domain.bd_id} idx {l2.domain.index} shg {l2.shg} {role}")
    for protocol in PROTOCOLS:
        bound = fib.table_of(protocol, interface.sw_if_index)
        where = f" {protocol.text} table-id {bound.table_id} fib-idx {bound.index}" if bound.table_id else ""
        lines += [f"  L3 {address}{where}" for address in ctx.engine.get(Addresses).of(protocol, interface)]
    return "\n".join(lines)


def _addresses_as_data(ctx: CommandContext, interface: Interface) -> dict[str, Any]:
    """The same for `| json`."""
    addresses = ctx.engine.get(Addresses)
    return {
        "name": interface.name, "up": interface.admin_up,
        "unnumbered": None if interface.unnumbered is None else interface.unnumbered.name,
        "addresses": [str(address) for protocol in PROTOCOLS for address in addresses.of(protocol, interface)],
    }  # fmt: skip


def _as_data(ctx: CommandContext, interface: Interface) -> dict[str, Any]:
    """An interface for `| json`."""
    layer3, ip4, ip6, mpls = interface.mtu
    return {
        "name": interface.name, "sw_if_index": interface.sw_if_index, "state": str(interface.state),
        "mtu": {"l3": layer3, "ip4": ip4, "ip6": ip6, "mpls": mpls}, "counters": dict(counts(ctx.engine.interfaces, interface)),
    }  # fmt: skip


@command("clear interfaces", help="clear interfaces")
def clear_interfaces(ctx: CommandContext, args: Args) -> None:
    """Set the counters of all interfaces to zero."""
    for _, both in combined_counters(ctx.engine.interfaces):
        both.clear()
    for _, counter in simple_counters(ctx.engine.interfaces):
        counter.clear()
