"""ipsec spd, ipsec policy, set interface ipsec spd, show ipsec spd (VPP's vnet/ipsec/ipsec_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.ipsec_text import as_signed, format_bindings, format_spd, spd_data
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.spd import ANY_PROTOCOL, LAST_PORT, NO_SPD, SPD_ASSIGNED, Action, Policy, PolicyType, Range, Spds
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Argument,
    Reader,
    choice,
    flag,
    interface,
    ip4,
    ip6,
    keyed,
    keyword,
    line_input,
    optional,
    options,
    read_with,
    sequence,
    signed,
    unsigned,
)
from vppsh.registry import command

PARSE_ERROR = "parse error: '%U'"
BYTE = 0xFF
ALL_ONES = 0xFFFFFFFF
ACTIONS = {action.value: action for action in (Action.BYPASS, Action.DISCARD, Action.PROTECT)}
BIND_ERRORS = {NO_SPD: "no such spd-id", SPD_ASSIGNED: "spd already assigned"}


def _refuse_resolve(reader: Reader) -> None:
    if reader.word("resolve"):
        raise CommandError("unsupported action: 'resolve'")


def _range(literal: str, first: Argument, last: Argument) -> Argument:
    return keyed(literal, first, keyword("-"), last)


@command(
    "ipsec spd",
    line_input(options(flag("add"), keyword("del", "add", value=False, default=True), unsigned("id"), error=PARSE_ERROR)),
    help="ipsec spd [add|del] <id>",
)
def ipsec_spd(ctx: CommandContext, args: Args) -> None:
    """Add a policy database, or take one away; silent when it exists, or does not."""
    if args.id is None or args.id == ALL_ONES:
        raise CommandError("please specify SPD ID")
    spds = ctx.engine.get(Spds)
    if args.add:
        spds.add(args.id)
    else:
        spds.delete(args.id)


@command(
    "ipsec policy",
    line_input(
        options(
            flag("add"),
            keyword("del", "add", value=False),
            flag("ip6"),
            keyed("spd", unsigned("spd", 0)),
            keyword("inbound", "outbound", value=False),
            flag("outbound"),
            keyed("priority", signed("priority", 0)),
            keyed("protocol", unsigned("protocol", ANY_PROTOCOL)),
            keyed("action", choice("action", ACTIONS, Action.BYPASS)),
            keyed("action", read_with("refused", _refuse_resolve, first="r \t\r\n")),
            keyed("sa", unsigned("sa", 0)),
            _range("local-ip-range", ip4("local_start"), ip4("local_stop")),
            _range("remote-ip-range", ip4("remote_start"), ip4("remote_stop")),
            sequence(_range("local-ip-range", ip6("local_start"), ip6("local_stop")), keyword("", "ip6")),
            sequence(_range("remote-ip-range", ip6("remote_start"), ip6("remote_stop")), keyword("", "ip6")),
            _range("local-port-range", unsigned("local_first", 0), unsigned("local_last", LAST_PORT)),
            _range("remote-port-range", unsigned("remote_first", 0), unsigned("remote_last", LAST_PORT)),
            error=PARSE_ERROR,
        )
    ),
    help="ipsec policy [add|del] spd <id> priority <n> ",
)
def ipsec_policy(ctx: CommandContext, args: Args) -> str:
    """Put a policy in force or take one away, and say its index, or VPP's number of the reason why not."""
    family = Protocol.IP6 if args.ip6 else Protocol.IP4
    last = (1 << family.bits) - 1
    policy = Policy(
        PolicyType.of(args.outbound, family, args.action), family, args.priority, args.action, args.protocol & BYTE,
        Range(args.local_start or 0, last if args.local_stop is None else args.local_stop),
        Range(args.remote_start or 0, last if args.remote_stop is None else args.remote_stop),
        Range(args.local_first & LAST_PORT, args.local_last & LAST_PORT),
        Range(args.remote_first & LAST_PORT, args.remote_last & LAST_PORT), args.sa,
    )  # fmt: skip
    spds = ctx.engine.get(Spds)
    answer = spds.add_policy(args.spd, policy) if args.add else spds.delete_policy(args.spd, policy)
    return f"policy-index:{answer}" if answer >= 0 else f"error:{answer}"


@command(
    "set interface ipsec spd",
    line_input(sequence(sequence(interface("sw_if_index"), unsigned("id")).or_error(PARSE_ERROR), optional(flag("del", "delete")))),
    help="set interface ipsec spd <int> <id>",
)
def set_interface_ipsec_spd(ctx: CommandContext, args: Args) -> None:
    """Let the packets of an interface be looked up in a database, or no longer."""
    refused = ctx.engine.get(Spds).bind(args.sw_if_index, args.id, not args.delete)
    if refused:
        raise CommandError(BIND_ERRORS[refused])


@command("show ipsec spd", options(unsigned("index"), flag("bindings"), error=None), help="show ipsec spd [index]")
def show_ipsec_spd(ctx: CommandContext, args: Args) -> str:
    """All databases, one of them, or what they are bound to."""
    engine, spds = ctx.engine, ctx.engine.get(Spds)
    if args.bindings:
        data = [{"spd": spd.id, "interface": engine.interfaces[index].name} for spd, index in spds.bindings()]
        return structured(format_bindings(engine), data)
    if args.index is None or args.index == ALL_ONES:
        return structured("\n".join(format_spd(engine, spd) for spd in spds), [spd_data(engine, spd) for spd in spds])
    spd = spds.at(args.index)
    if spd is None:
        return f"No such SPD index: {as_signed(args.index)}"
    return structured(format_spd(engine, spd), spd_data(engine, spd))
