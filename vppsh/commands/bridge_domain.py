"""create, set, show bridge-domain (VPP's vnet/l2/l2_bd.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vppsh.commands.columns import center
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.bridge_domains import MAX_AGE, BridgeDomain, BridgeDomains
from vppsh.engine.features.l2.features import format_input_features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.hash_order import hash_order
from vppsh.engine.interfaces import Interface
from vppsh.engine.wire.text import format_ethernet_address, format_ip4_address, format_ip6_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, mac, one_of, optional, options, sequence, signed, string, unsigned
from vppsh.grammar.arguments import ip4 as ip4_address
from vppsh.grammar.arguments import ip6 as ip6_address
from vppsh.registry import command

DOMAIN = signed("bd_id").or_error("expecting bridge-domain id but got `%U'")
MAX_TAG = 63
SWITCHES = (
    ("flood", "flood", features.FLOOD, 1), ("uu-flood", "uu_flood", features.UU_FLOOD, 1), ("forward", "forward", features.FWD, 1),
    ("learn", "learn", features.LEARN, 1), ("arp-term", "arp_term", features.ARP_TERM, 0), ("arp-ufwd", "arp_ufwd", features.ARP_UFWD, 0),
)  # fmt: skip


@command(
    "create bridge-domain",
    line_input(
        options(
            signed("bd_id"),
            *(keyed(words, signed(name, default)) for words, name, _, default in SWITCHES),
            keyed("mac-age", signed("mac_age", 0)),
            keyed("bd-tag", string("tag", "")),
            flag("del", "delete"),
            error=None,
        )
    ),
    help="create bridge-domain <bridge-domain-id> [learn <0|1>] [forward <0|1>] [uu-flood <0|1>] [flood <0|1>] [arp-term <0|1>]"
    " [arp-ufwd <0|1>] [mac-age <nn>] [bd-tag <tag>] [del]",
)
def create_bridge_domain(ctx: CommandContext, args: Args) -> str | None:
    """A new bridge domain, or none any more."""
    domains = ctx.engine.get(BridgeDomains)
    if args.bd_id is None and args.delete:
        raise CommandError("bridge-domain-id not specified")
    bd_id = domains.unused_id() if args.bd_id is None else args.bd_id & features.ALL_BITS
    if not bd_id:
        raise CommandError("bridge domain 0 can not be modified")
    if not 0 <= args.mac_age <= MAX_AGE:
        raise CommandError("mac age must be less than 256")
    if len(args.tag) > MAX_TAG:
        raise CommandError("bd-tag cannot be longer than 63")
    if args.delete:
        domains.delete(bd_id)
        return None
    on = sum(int(feature) for _, name, feature, _ in SWITCHES if getattr(args, name) & 0xFF)
    domains.create(bd_id, on, args.mac_age, args.tag)
    return f"bridge-domain {bd_id}"


def _domain(ctx: CommandContext, bd_id: int) -> BridgeDomain:
    if not bd_id:
        raise CommandError("No operations on the default bridge domain are supported")
    domain = ctx.engine.get(BridgeDomains).find(bd_id)
    if domain is None:
        raise CommandError(f"No such bridge domain {bd_id}")
    return domain


def _switch(feature: int) -> Callable[[CommandContext, Args], None]:
    def switch(ctx: CommandContext, args: Args) -> None:
        """Let the ports of a domain have a feature, or not."""
        ctx.engine.get(BridgeDomains).switch(_domain(ctx, args.bd_id), feature, not args.disable)

    return switch


SWITCH = sequence(DOMAIN, optional(flag("disable")))
FLAGS = (
    ("learn", features.LEARN), ("forward", features.FWD), ("flood", features.FLOOD), ("uu-flood", features.UU_FLOOD),
    ("arp-ufwd", features.ARP_UFWD), ("arp term", features.ARP_TERM),
)  # fmt: skip
SWITCHING = tuple(
    command(f"set bridge-domain {words}", SWITCH, help=f"set bridge-domain {words} <bridge-domain-id> [disable]")(_switch(feature))
    for words, feature in FLAGS
)


@command(
    "set bridge-domain mac-age", sequence(DOMAIN, optional(unsigned("minutes"))), help="set bridge-domain mac-age <bridge-domain-id> <mins>"
)
def set_mac_age(ctx: CommandContext, args: Args) -> None:
    """When addresses are forgotten that were not heard of."""
    domain = _domain(ctx, args.bd_id)
    if args.minutes is None:
        raise CommandError(ctx.input.error_text("expecting ageing time in minutes but got `%U'"))
    if args.minutes > MAX_AGE:
        raise CommandError("mac aging time cannot be bigger than 255")
    ctx.engine.get(BridgeDomains).set_mac_age(domain, args.minutes)


@command(
    "set bridge-domain learn-limit",
    sequence(DOMAIN, optional(unsigned("limit"))),
    help="set bridge-domain learn-limit <bridge-domain-id> <learn-limit>",
)
def set_learn_limit(ctx: CommandContext, args: Args) -> None:
    """How many addresses a domain may learn."""
    domain = _domain(ctx, args.bd_id)
    if args.limit is None:
        raise CommandError(ctx.input.error_text("expecting maxium number of learned entries but got `%U'"))
    domain.learn_limit = args.limit


@command(
    "set bridge-domain default-learn-limit",
    signed("limit").or_error("expecting per bridge-domain max entry number got`%U'"),
    help="set bridge-domain default-learn-limit <maxentries>",
)
def set_default_learn_limit(ctx: CommandContext, args: Args) -> None:
    """How many addresses a domain may learn that is created from now on."""
    ctx.engine.get(BridgeDomains).default_learn_limit = args.limit & features.ALL_BITS


@command(
    "set bridge-domain arp entry",
    sequence(
        DOMAIN,
        optional(one_of(ip4_address("ip4"), ip6_address("ip6"), flag("del-all", "delete_all"))),
        optional(mac("mac")),
        optional(flag("del", "delete")),
    ),
    help="set bridge-domain arp entry <bridge-domain-id> [<ip-addr> <mac-addr> [del] | del-all]",
)
def set_arp_entry(ctx: CommandContext, args: Args) -> None:
    """Which station of a domain has an IP address."""
    domain = _domain(ctx, args.bd_id)
    if args.delete_all:
        domain.macs.clear()
        domain.macs6.clear()
        return
    if args.ip4 is None and args.ip6 is None:
        raise CommandError(ctx.input.error_text("expecting IP address but got `%U'"))
    if args.mac is None:
        raise CommandError(ctx.input.error_text("expecting MAC address but got `%U'"))
    table, address = (domain.macs, args.ip4) if args.ip4 is not None else (domain.macs6, args.ip6)
    if not args.delete:
        table[address] = args.mac
    elif table.get(address) != args.mac:
        shown = format_ip4_address(address.to_bytes(4, "big")) if args.ip4 is not None else format_ip6_address(address.to_bytes(16, "big"))
        raise CommandError(f"MAC del for IP {shown} and MAC {format_ethernet_address(args.mac)} failed")
    else:
        del table[address]


HEAD = (
    ("BD-ID", 8), ("Index", 7), ("BSN", 4), ("Age(min)", 9), ("Learning", 9), ("U-Forwrd", 9), ("UU-Flood", 11), ("Flooding", 9),
    ("ARP-Term", 9), ("arp-ufwd", 9), ("Learn-count", 8), ("Learn-limit", 8), ("BVI-Intf", 11),
)  # fmt: skip
MEMBER_HEAD = (("Interface", 30), ("If-idx", 7), ("ISN", 5), ("SHG", 5), ("BVI", 5), ("TxFlood", 9), ("VLAN-Tag-Rewrite", 30))


@command(
    "show bridge-domain",
    optional(
        sequence(
            signed("bd_id"), optional(one_of(flag("detail"), flag("det", "detail"))), optional(flag("int", "members")),
            optional(flag("arp")), optional(flag("bd-tag", "tag")),
        )
    ),
    help="show bridge-domain [bridge-domain-id [detail|int|arp|bd-tag]]",
)  # fmt: skip
def show_bridge_domain(ctx: CommandContext, args: Args) -> str:
    """One domain, or a line for each."""
    chosen = ctx.engine.get(BridgeDomains).in_use
    if args.bd_id is not None:
        domain = _domain(ctx, args.bd_id)
        if not domain.features:
            return f"bridge-domain {args.bd_id} not in use"
        chosen = [domain]
    if not chosen:
        return structured("no bridge-domains in use", [])
    lines = [" ".join(center(title, width) for title, width in HEAD)]
    for domain in chosen:
        lines.append(" ".join(center(value, width) for value, (_, width) in zip(_summary(ctx, domain), HEAD, strict=True)))
        if args.detail:
            lines.append(format_input_features(domain.features, verbose=False))
        if args.detail or args.members:
            lines += _members(ctx, domain)
        if (args.detail or args.arp) and domain.features & features.ARP_TERM:
            lines += ["", "  IP4/IP6 to MAC table for ARP Termination", *_addresses(domain)]
        if (args.detail or args.tag) and domain.tag:
            lines += ["", f"  BD-Tag: {domain.tag}"]
    return structured("\n".join(lines), [_as_data(domain) for domain in chosen])


def _summary(ctx: CommandContext, domain: BridgeDomain) -> tuple[object, ...]:
    def state(feature: int) -> str:
        return "on" if domain.features & feature else "off"

    unknown = "flood" if domain.features & features.UU_FLOOD else "drop"
    if domain.features & features.UU_FWD:
        unknown = _name(ctx, domain.uu_forward)
    return (
        domain.bd_id, domain.index, domain.sequence, domain.mac_age or "off", state(features.LEARN), state(features.FWD), unknown,
        state(features.FLOOD), state(features.ARP_TERM), state(features.ARP_UFWD), domain.learn_count, domain.learn_limit,
        _name(ctx, domain.bvi),
    )  # fmt: skip


def _name(ctx: CommandContext, interface: Interface | None) -> str:
    return "N/A" if interface is None else interface.name


def _members(ctx: CommandContext, domain: BridgeDomain) -> list[str]:
    l2 = ctx.engine.get(L2Interfaces)
    flooded = domain.flood_count
    rows: list[tuple[object, ...]] = []
    for place, member in enumerate(domain.members):
        index = member.interface.sw_if_index
        rows.append(
            (
                member.interface.name,
                index,
                l2.sequence[index],
                member.shg,
                "*" if member.bvi else "-",
                "*" if place < flooded else "-",
                l2.of(member.interface).rewrite or "none",
            )
        )
    lines = ["", "".join(center(title, width) for title, width in MEMBER_HEAD)] if rows else []
    if domain.uu_forward is not None:
        rows.append((domain.uu_forward.name, domain.uu_forward.sw_if_index, 0, 0, "uu", "-", "None"))
    return lines + ["".join(center(value, width) for value, (_, width) in zip(row, MEMBER_HEAD, strict=True)) for row in rows]


def _addresses(domain: BridgeDomain) -> list[str]:
    """The IP addresses that the domain answers for; those of IPv4 in the order of VPP's hash."""
    as_loaded = {int.from_bytes(address.to_bytes(4, "big"), "little"): address for address in domain.macs}
    pairs = [(format_ip4_address(number.to_bytes(4, "little")), domain.macs[as_loaded[number]]) for number in hash_order(as_loaded)]
    pairs += [(format_ip6_address(address.to_bytes(16, "big")), station) for address, station in domain.macs6.items()]
    return [f"{center(address, 40)} => {center(format_ethernet_address(station), 20)}" for address, station in pairs]


def _as_data(domain: BridgeDomain) -> dict[str, Any]:
    """A domain for `| json`."""
    return {
        "bd_id": domain.bd_id, "index": domain.index, "mac_age": domain.mac_age, "learn_count": domain.learn_count,
        "bvi": None if domain.bvi is None else domain.bvi.name, "members": [member.interface.name for member in domain.members],
    }  # fmt: skip
