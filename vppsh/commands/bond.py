"""create, delete, show bond; bond add, bond del; set interface bond (VPP's vnet/bonding/cli.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.owned import owned
from vppsh.engine.features.bond.bonds import Balance, Bond, Bonds, Member, Mode
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    choice,
    flag,
    interface,
    keyed,
    line_input,
    mac,
    options,
    sequence,
    signed,
    unsigned,
)
from vppsh.registry import command

# The line is taken before VPP quotes it.
NO_QUOTE = "unknown input `'"
MISSING = "Missing required arguments."
BALANCES = {balance.value: balance for balance in (Balance.L23, Balance.L34, Balance.L2)}


@command(
    "create bond",
    line_input(
        options(
            keyed("mode", choice("mode", {mode.value: mode for mode in Mode})),
            keyed("load-balance", choice("balance", BALANCES)),
            keyed("hw-addr", mac("mac")),
            keyed("id", unsigned("number")),
            error=NO_QUOTE,
        ),
        empty_error=MISSING,
    ),
    help="create bond mode {round-robin | active-backup | broadcast | {lacp | xor} [load-balance { l2 | l23 | l34 }]} "
    "[hw-addr <mac-address>] [id <if-id>]",
)
def create(ctx: CommandContext, args: Args) -> str | None:
    """Make a bond and say its name; VPP says nothing when the number is taken."""
    if args.mode is None:
        raise CommandError("Missing bond mode" if args.balance is None else NO_QUOTE)
    if args.balance is not None and args.mode not in (Mode.XOR, Mode.LACP):
        raise CommandError(NO_QUOTE)
    bond = ctx.engine.get(Bonds).create(args.mode, args.balance or Balance.L2, args.mac, args.number)
    return None if bond is None else bond.interface.name


@command(
    "delete bond",
    line_input(options(keyed("sw_if_index", signed("sw_if_index")), interface(), error=NO_QUOTE), empty_error="Missing <interface>"),
    help="delete bond {<interface> | sw_if_index <sw_idx>}",
)
def delete(ctx: CommandContext, args: Args) -> None:
    """Take a bond away."""
    bonds = ctx.engine.get(Bonds)
    bonds.delete(owned(ctx, args, bonds.of, "bond"))


@command(
    "bond add",
    line_input(
        options(sequence(interface("bond"), interface("member")), flag("passive"), flag("long-timeout", "long_timeout"), error=NO_QUOTE),
        empty_error=MISSING,
    ),
    help="bond add <BondEthernetx> <member-interface> [passive] [long-timeout]",
)
def add(ctx: CommandContext, args: Args) -> None:
    """Let an interface belong to a bond."""
    interfaces, bonds = ctx.engine.interfaces, ctx.engine.get(Bonds)
    if args.bond is None:
        raise CommandError("Missing bond interface")
    bond = bonds.of(interfaces[args.bond])
    if bond is None:
        raise CommandError("bond interface not found")
    bonds.add(bond, interfaces[args.member], passive=args.passive, long_timeout=args.long_timeout)


def _member(ctx: CommandContext, sw_if_index: int | None, message: str) -> Member:
    member = None if sw_if_index is None else ctx.engine.get(Bonds).members.get(sw_if_index)
    if member is None:
        raise CommandError(message)
    return member


@command("bond del", line_input(options(interface(), error=NO_QUOTE), empty_error=MISSING), help="bond del <member-interface>")
def remove(ctx: CommandContext, args: Args) -> None:
    """Let a member be on its own again."""
    ctx.engine.get(Bonds).detach(_member(ctx, args.interface, "interface was not a member"))


@command(
    "set interface bond",
    line_input(
        options(keyed("sw_if_index", signed("sw_if_index")), interface(), keyed("weight", unsigned("weight", 0)), error=None),
        empty_error=MISSING,
    ),
    help="set interface bond <interface> | sw_if_index <idx> weight <value>",
)
def set_weight(ctx: CommandContext, args: Args) -> None:
    """Prefer a member of an active-backup bond."""
    member = _member(ctx, args.sw_if_index if args.interface is None else args.interface, "Interface not a member")
    if member.bond.mode is not Mode.ACTIVE_BACKUP:
        raise CommandError("Weight valid for active-backup only")
    ctx.engine.get(Bonds).set_weight(member, args.weight)


def _details(bond: Bond) -> Iterator[str]:
    yield bond.interface.name
    yield f"  mode: {bond.mode.value}"
    yield f"  load balance: {bond.balance.value}"
    if bond.mode is Mode.ROUND_ROBIN:
        yield f"  last xmit member index: {bond.last}"
    yield f"  number of active members: {len(bond.active)}"
    for member in bond.active:
        yield f"    {member.interface.name}"
        if bond.mode is Mode.ACTIVE_BACKUP:
            yield f"      weight: {member.weight}, is_local_numa: 1, sw_if_index: {member.interface.sw_if_index}"
    yield f"  number of members: {len(bond.members)}"
    for member in bond.members:
        yield f"    {member.interface.name}"
    yield f"  device instance: {bond.instance}"
    yield f"  interface id: {bond.number}"
    yield f"  sw_if_index: {bond.interface.sw_if_index}"
    yield f"  hw_if_index: {bond.interface.hardware.hw_if_index}"


def _line(name: str, index: object, mode: str, balance: str, active: object, members: object) -> str:
    return f"{name:<16} {index:<12} {mode:<13} {balance:<13} {active:<14} {members}"


@command("show bond", options(flag("details")), help="show bond [details]")
def show(ctx: CommandContext, args: Args) -> str:
    """List bonds, or say all of each."""
    bonds = list(ctx.engine.get(Bonds))
    if args.details:
        lines = [line for bond in bonds for line in _details(bond)]
    else:
        lines = [_line("interface name", "sw_if_index", "mode", "load balance", "active members", "members")]
        lines += [
            _line(
                bond.interface.name, bond.interface.sw_if_index, bond.mode.value, bond.balance.value, len(bond.active), len(bond.members)
            )
            for bond in bonds
        ]  # fmt: skip
    data = [
        {
            "name": bond.interface.name, "mode": bond.mode.value, "load_balance": bond.balance.value,
            "active": [member.interface.name for member in bond.active], "members": [member.interface.name for member in bond.members],
        }
        for bond in bonds
    ]  # fmt: skip
    return structured("\n".join(lines), data)
