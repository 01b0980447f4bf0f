"""create sub-interfaces, delete sub-interface (VPP's vnet/interface_cli.c and vnet/ethernet/interface.c)."""

from __future__ import annotations

from msgspec.structs import replace

from vppsh.commands.context import CommandContext
from vppsh.commands.interface_names import hardware
from vppsh.engine.features.ethernet.ports import N_VLANS, Ports
from vppsh.engine.interfaces import SubConfig
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, keyword, one_of, optional, options, pattern, sequence, signed
from vppsh.registry import command

LOW_16 = 0xFFFF
LOW_32 = 0xFFFF_FFFF
ID_EXPECTED = "expected ID or ID MIN-MAX, got `%U'"
SUB_ID = signed("sub_id")
TAGS = sequence(
    one_of(
        keyword("any inner-dot1q any", "any_both"),
        keyword("any", "any_outer"),
        sequence(signed("outer"), keyword("inner-dot1q any", "any_inner")),
        sequence(signed("outer"), keyed("inner-dot1q", signed("inner"))),
        signed("outer"),
    ).or_error("expected dot1q config, got `%U'"),
    optional(flag("exact-match")),
)


@command(
    "create sub-interfaces",
    sequence(
        hardware().or_error("unknown interface `%U'"),
        one_of(
            sequence(SUB_ID, flag("default")),
            sequence(SUB_ID, flag("untagged")),
            sequence(SUB_ID, flag("dot1q"), TAGS),
            sequence(SUB_ID, flag("dot1ad"), TAGS),
            pattern("ids", r"([0-9]{1,9})-([0-9]{1,9})", lambda found: (int(found[1]), int(found[2])), metavar="<id>-<id>"),
            SUB_ID,
        ).or_error(ID_EXPECTED),
    ),
    help="create sub-interfaces <interface> {<subId> [default|untagged]} | {<subId>-<subId>} | "
    "{<subId> dot1q|dot1ad <vlanId>|any [inner-dot1q <vlanId>|any] [exact-match]}",
)
def create_sub_interfaces(ctx: CommandContext, args: Args) -> str:
    """Make one sub-interface, or one for each VLAN of a range; those that exist are passed over."""
    interfaces, ports = ctx.engine.interfaces, ctx.engine.get(Ports)
    parent = interfaces[args.interface]
    first, last = args.ids or (args.sub_id, args.sub_id)
    # A range of more ids than there are VLANs is a slip; VPP would fill its memory.
    if first > last or last - first >= N_VLANS:
        raise CommandError(ctx.input.error_text(ID_EXPECTED))
    config = _config(args)
    names: list[str] = []
    for number in range(first, last + 1):
        sub_id = number & LOW_32
        if sub_id in parent.subs:
            continue
        one = replace(config, sub_id=sub_id, outer=number & LOW_16 if first < last else config.outer)
        try:
            ports.check(parent, one)
        except CommandError as error:
            raise CommandError(str(error), output="\n".join(names)) from error
        names.append(interfaces.add_sub(parent, one).name)
    return "\n".join(names)


def _config(args: Args) -> SubConfig:
    """What was typed, in terms of tags."""
    if args.default or args.untagged:
        return SubConfig(args.sub_id, default=args.default, untagged=args.untagged, exact=args.untagged)
    if not (args.dot1q or args.dot1ad):
        return SubConfig(0, None if args.sub_id is None else args.sub_id & LOW_16, exact=True)
    any_inner, any_outer = args.any_inner or args.any_both, args.any_outer or args.any_both
    if args.exact_match and (any_inner or args.any_both):
        raise CommandError("inner-dot1q any exact-match is unsupported")
    return SubConfig(
        args.sub_id, None if any_outer else args.outer & LOW_16, None if args.inner is None else args.inner & LOW_16,
        any_outer=any_outer, any_inner=any_inner, dot1ad=args.dot1ad, exact=args.exact_match,
    )  # fmt: skip


@command("delete sub-interface", options(interface(), error=None), help="delete sub-interface <interface>")
def delete_sub_interface(ctx: CommandContext, args: Args) -> None:
    """Take a sub-interface away."""
    if args.interface is None:
        raise CommandError("interface doesn't exist")
    interfaces = ctx.engine.interfaces
    target = interfaces[args.interface]
    if target.is_hardware:
        raise CommandError("delete_subinterface_interface failed")
    interfaces.delete(target)
