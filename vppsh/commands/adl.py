"""adl interface, adl allowlist (VPP's adl plugin)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.adl import AllowLists, Family
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, options, signed
from vppsh.registry import command

NO_INTERFACE = "Please specify an interface..."
PROTOCOLS = {Family.IP4: Protocol.IP4, Family.IP6: Protocol.IP6}


@command("adl interface", options(flag("disable"), interface(), error=None), help="adl interface <interface-name> [disable]")
def adl_interface(ctx: CommandContext, args: Args) -> None:
    """Send what an interface receives through its lists, or to ethernet-input again."""
    if args.interface is None:
        raise CommandError(NO_INTERFACE)
    ctx.engine.arcs.enable("device-input", "adl-input", args.interface, not args.disable)


@command(
    "adl allowlist",
    options(flag("ip4"), flag("ip6"), flag("default"), interface(), keyed("fib-id", signed("table", 0)), error=None),
    help="adl allowlist <interface-name> [ip4][ip6][default][fib-id <NN>][disable]",
)
def adl_allowlist(ctx: CommandContext, args: Args) -> None:
    """Allow the sources of a table; of the kinds that are not named its list is taken away."""
    if args.interface is None:
        raise CommandError(NO_INTERFACE)
    wanted = {family for family, named in zip(Family, (args.ip4, args.ip6, args.default), strict=True) if named}
    fib = ctx.engine.get(Fib)
    known = {family: fib.tables(protocol).find(args.table) for family, protocol in PROTOCOLS.items()}
    tables = {family: None if table is None else table.index for family, table in known.items()}
    if not ctx.engine.get(AllowLists).set(ctx.engine.interfaces[args.interface], wanted, tables):
        raise CommandError("Invalid fib")
