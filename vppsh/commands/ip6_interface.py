"""show ip6 interface, enable and disable ip6 interface, test ip6 link (VPP's vnet/ip/ip6_link.c)."""

from __future__ import annotations

from collections.abc import Iterable

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.addresses import Addresses
from vppsh.engine.features.nd.dad import DuplicateDetection
from vppsh.engine.features.nd.multicast_listener import Listeners
from vppsh.engine.features.nd.router import Routers
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.engine.link_local import from_mac, to_mac
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, mac, optional
from vppsh.registry import command

UNKNOWN_INTERFACE = "unknown interface\n'"
# A global address begins with the bits 001, a local one with 1111110 (RFC 4291, 2.5.4; 4193, 3.1).
GLOBAL, LOCAL = (0x2000 << 112, 125), (0xFC00 << 112, 121)
DISABLED = ("ICMP redirects are disabled", "ICMP unreachables are not sent", "ND DAD is disabled")
"""What VPP says of every link: it has no such settings."""


def _begins(address: int, prefix: tuple[int, int]) -> bool:
    return address >> prefix[1] == prefix[0] >> prefix[1]


def _group(title: str, lines: Iterable[str]) -> list[str]:
    """Lines under a title, if there are any."""
    indented = [f"    {line}" for line in lines]
    return [f"  {title}", *indented] if indented else []


def _addresses(ctx: CommandContext, link: Ip6Link) -> list[str]:
    known = list(ctx.engine.get(Addresses).of(Protocol.IP6, link.interface))
    local = [str(each) for each in known if _begins(each.address, LOCAL)]
    others = [str(each) for each in known if not _begins(each.address, LOCAL) and not _begins(each.address, GLOBAL)]
    return [
        *_group("Local unicast address(es):", local),
        *_group("Global unicast address(es):", (str(each) for each in known if _begins(each.address, GLOBAL))),
        *_group("Other-scope address(es):", others),
        *_group("Link-local address(es):", [format_address(Protocol.IP6, link.address)]),
    ]


def _advertisements(ctx: CommandContext, link: Ip6Link) -> list[str]:
    router = ctx.engine.get(Routers).find(link.interface.sw_if_index)
    if router is None:
        return []
    lines = [f"  prefix {format_address(Protocol.IP6, prefix.address)}, length {prefix.length}" for prefix in router]
    lines += [
        f"MTU is {router.link_mtu}",
        "ICMP error messages are unlimited",
        *DISABLED,
        "ND advertised reachable time is 0",
        "ND advertised retransmit interval is 0 (msec)",
        f"ND router advertisements are sent every {router.max_interval:.1f} seconds (min interval is {router.min_interval:.1f})",
        f"ND router advertisements live for {router.lifetime} seconds",
        "Hosts use stateless autoconfig for addresses" if router.managed else "Hosts  don't use stateless autoconfig for addresses",
        f"ND router advertisements sent {router.sent}",
        f"ND router solicitations received {router.solicited}",
        f"ND router solicitations dropped {router.dropped}",
    ]
    return _group("Advertised Prefixes:", lines)


def _duplicates(ctx: CommandContext, link: Ip6Link) -> list[str]:
    dad = ctx.engine.get(DuplicateDetection)
    if not dad.enabled:
        return []
    trials = (trial for trial in dad if trial.link is link)
    lines = (f"    {format_address(Protocol.IP6, trial.address)} (transmits: {trial.count}/{trial.transmits})" for trial in trials)
    return ["  DAD: enabled", *lines]


def _describe(ctx: CommandContext, link: Ip6Link) -> str:
    listener = ctx.engine.get(Listeners).of(link)
    lines = [f"{link.interface.name} is admin {'up' if link.interface.admin_up else 'down'}", *_addresses(ctx, link)]
    if listener is not None:
        lines += _group("Joined group address(es):", (format_address(Protocol.IP6, group) for group in listener.groups))
        lines += _group("Neighbor Discovery: enabled", DISABLED)
    lines += _duplicates(ctx, link)
    lines += _advertisements(ctx, link)
    # VPP's VRRP plugin lists its routers on each link.
    return "\n".join([*lines, "  VRRP VRs monitoring this link:"])


@command("show ip6 interface", optional(interface()), help="show ip6 interface <interface>")
def show_ip6_interface(ctx: CommandContext, args: Args) -> str:
    """What is known of a link, or of all."""
    links = ctx.engine.get(Ip6Links)
    if args.interface is None:
        wanted = list(links)
    else:
        link = links.find(args.interface)
        if link is None:
            return "IP6 disabled"
        wanted = [link]
    data = [{"interface": link.interface.name, "link_local": format_address(Protocol.IP6, link.address)} for link in wanted]
    return structured("\n".join(_describe(ctx, link) for link in wanted), data)


@command("enable ip6 interface", interface().or_error(UNKNOWN_INTERFACE), help="enable ip6 interface <interface>")
def enable_ip6_interface(ctx: CommandContext, args: Args) -> None:
    """Accept IPv6 packets on an interface, which gets a link-local address."""
    if not ctx.engine.get(Ip6Links).enable(ctx.engine.interfaces[args.interface]):
        raise CommandError("Failed\n")


@command("disable ip6 interface", interface().or_error(UNKNOWN_INTERFACE), help="disable ip6 interface <interface>")
def disable_ip6_interface(ctx: CommandContext, args: Args) -> None:
    """One reason less to accept IPv6 packets on an interface."""
    if not ctx.engine.get(Ip6Links).disable(ctx.engine.interfaces[args.interface]):
        raise CommandError("Failed\n")


@command("test ip6 link", optional(mac("mac")), help="test ip6 link <mac-address>")
def test_ip6_link(ctx: CommandContext, args: Args) -> str | None:
    """The link-local address of a MAC address, and back."""
    if args.mac is None:
        return None
    address = from_mac(args.mac)
    return f"Link local address: {format_address(Protocol.IP6, address)}\nOriginal MAC address: {to_mac(address).hex(':')}"
