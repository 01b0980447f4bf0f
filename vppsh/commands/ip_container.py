"""ip container, show ip container (VPP's vnet/ip/ip_container_proxy.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.fib.l3_proxy import L3Proxies
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, IpAddress, flag, interface, ip_address, line_input, options
from vppsh.registry import command

# VPP quotes the line after it has freed it.
UNKNOWN = "unknown input ''"


def _host(address: IpAddress) -> Prefix:
    protocol = Protocol.IP4 if address.version == 4 else Protocol.IP6
    return Prefix(protocol, address.value, protocol.bits)


@command(
    "ip container", line_input(options(ip_address("address"), interface(), flag("del", "delete"), error=UNKNOWN)),
    help="ip container <address> <interface>",
)  # fmt: skip
def ip_container(ctx: CommandContext, args: Args) -> str | None:
    """Take in packets to a container's address for an interface."""
    if args.interface is None or args.address is None:
        return "interface and address must be set"
    proxies = ctx.engine.get(L3Proxies)
    change = proxies.remove if args.delete else proxies.add
    change(_host(args.address), args.interface)
    return None


@command(
    "show ip container", line_input(options(ip_address("address"), interface(), error=UNKNOWN)),
    help="show ip container <address> <interface>",
)  # fmt: skip
def show_ip_container(ctx: CommandContext, args: Args) -> str:
    """Whether packets to an address are taken in for an interface."""
    if args.interface is None:
        raise CommandError("no interface", output="no interface\n")
    known = args.address is not None and ctx.engine.get(L3Proxies).is_set(_host(args.address), args.interface)
    return f"ip container proxy is: {'on' if known else 'off'}"
