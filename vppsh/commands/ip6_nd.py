"""ip6 nd: router advertisements, address autoconfiguration; ND proxies (VPP's vnet/ip6-nd/ip6_ra.c, rd_cp.c, ip6_nd_proxy.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.nd.autoconfig import Autoconfig
from vppsh.engine.features.nd.proxy import NdProxies
from vppsh.engine.features.nd.router import (
    INFINITE,
    PREFERRED_LIFETIME,
    VALID_LIFETIME,
    AdvertisedPrefix,
    Router,
    RouterOptions,
    Routers,
)  # fmt: skip
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Reader,
    flag,
    interface,
    ip6,
    ip6_prefix,
    keyed,
    keyword,
    line_input,
    one_of,
    optional,
    options,
    rest_of_line,
    sequence,
    signed,
)
from vppsh.registry import command

PARSE_ERROR = "parse error `%U'"
NAMED = interface().or_error("invalid interface name %U'")
# "ra-suppress" comes first, and so takes "ra-suppress-link-layer" for itself, as in VPP.
SETTINGS = (
    flag("no"),
    flag("ra-managed-config-flag", "managed"),
    flag("ra-other-config-flag", "other"),
    one_of(flag("ra-suppress", "suppress"), keyword("ra-surpress", "suppress")),
    flag("ra-send-unicast", "unicast"),
    keyed("ra-lifetime", signed("lifetime").or_error(PARSE_ERROR)),
    keyed("ra-initial", sequence(signed("initial_count", 0), signed("initial_interval", 0)).or_error(PARSE_ERROR)),
    keyed("ra-interval", signed("max_interval", 0).or_error(PARSE_ERROR), optional(signed("min_interval", 0))),
    flag("ra-cease", "cease"),
)
PREFIX_FLAGS = options(flag("no-advertise"), flag("off-link"), flag("no-autoconfig"), flag("no-onlink"), error=PARSE_ERROR)
LIFETIMES = optional(one_of(flag("infinite"), sequence(signed("valid", 0), signed("preferred", 0))))
PREFIX = sequence(
    keyword("prefix"),
    ip6_prefix("prefix"),
    options(*SETTINGS, error=None),
    one_of(sequence(flag("default"), optional(rest_of_line("ignored"))), sequence(LIFETIMES, PREFIX_FLAGS)),
)
SYNTAX = "ip6 nd <interface> [no] ra-... | [no] prefix <ip6-address>/<width> [default | infinite | <valid> <preferred>] [flags]"


def _router(ctx: CommandContext, args: Args) -> Router:
    """The advertisements of the interface that was named."""
    hardware = ctx.engine.interfaces[args.interface].hardware
    if not hardware.hardware_class.ethernet:
        raise CommandError("Interface must be of ethernet type")
    router = ctx.engine.get(Routers).find(args.interface)
    if router is None:
        reader = Reader(ctx.input.text)
        NAMED.parse(reader, ctx, {})
        raise CommandError(reader.error_text("IP6 nt enabler interface %U'"))
    return router


def _advertise(router: Router, args: Args, now: float) -> None:
    prefix = AdvertisedPrefix(args.prefix.value, args.prefix.length)
    if args.infinite:
        prefix.valid = prefix.preferred = INFINITE
        prefix.ages = False
    elif args.default:
        prefix.valid, prefix.preferred = VALID_LIFETIME, PREFERRED_LIFETIME
    else:
        prefix.valid, prefix.preferred = args.valid, args.preferred
    if not args.default:
        prefix.enabled = not args.no_advertise
        prefix.on_link = not (args.off_link or args.no_onlink)
        prefix.autonomous = not args.no_autoconfig
    router.add_prefix(prefix, now)


@command("ip6 nd", line_input(sequence(NAMED, options(PREFIX, *SETTINGS, error=None))), help=SYNTAX)
def ip6_nd(ctx: CommandContext, args: Args) -> None:
    """What an interface advertises as a router; as in VPP, settings that contradict each other change nothing, silently."""
    router, now = _router(ctx, args), ctx.engine.clock.now()
    if args.prefix is None:
        wanted = RouterOptions(
            no=args.no, suppress=args.suppress, managed=args.managed, other=args.other, unicast=args.unicast, cease=args.cease,
            lifetime=args.lifetime, initial_count=args.initial_count, initial_interval=args.initial_interval,
            max_interval=args.max_interval, min_interval=args.min_interval,
        )  # fmt: skip
        router.configure(wanted, now)
    elif args.no:
        router.remove_prefix(args.prefix.value, args.prefix.length, now)
    else:
        _advertise(router, args, now)


@command(
    "ip6 nd address autoconfig",
    sequence(
        options(sequence(optional(interface()), optional(flag("default-route")), flag("disable")), error=None),
        optional(interface()),
        optional(flag("default-route")),
    ),
    help="ip6 nd address autoconfig <interface> [default-route|disable]",
)
def ip6_nd_address_autoconfig(ctx: CommandContext, args: Args) -> None:
    """Take addresses, and default routes, from what routers advertise on an interface."""
    if args.interface is None:
        raise CommandError("Missing sw_if_index")
    ctx.engine.get(Autoconfig).configure(ctx.engine.interfaces[args.interface], not args.disable, args.default_route)


@command(
    "set ip6 nd proxy",
    optional(
        sequence(
            interface(),
            options(
                sequence(ip6("address"), optional(rest_of_line("ignored"))), flag("delete"), keyword("del", "delete"), error=PARSE_ERROR
            ),
        )
    ),
    help="set ip6 nd proxy <interface> [del] <host-ip>",
)
def set_ip6_nd_proxy(ctx: CommandContext, args: Args) -> None:
    """Answer for an address of a host that is reached by an interface."""
    if args.interface is None:
        return
    proxies = ctx.engine.get(NdProxies)
    (proxies.delete if args.delete else proxies.add)(args.interface, args.address or 0)


@command(
    "set interface ip6-nd proxy",
    options(interface(), flag("enable"), keyword("disable", "enable", value=False), error=None),
    help="set interface ip6-nd proxy <intfc> [enable|disable]",
)
def set_interface_ip6_nd_proxy(ctx: CommandContext, args: Args) -> None:
    """Answer for every address that is asked for on an interface."""
    if args.interface is None:
        raise CommandError(ctx.input.error_text("unknown input '%U'"))
    ctx.engine.get(NdProxies).answer_all(args.interface, args.enable)
