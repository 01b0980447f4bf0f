"""set ip6 dad, show ip6 dad: duplicate address detection (VPP's vnet/ip6-nd/ip6_dad.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.nd.dad import DuplicateDetection
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.wire.float_text import format_float
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, floating, keyed, options, unsigned
from vppsh.registry import command

MOST_TRANSMITS = 10
DELAYS = (0.1, 10.0)


@command(
    "set ip6 dad enable",
    options(keyed("transmits", unsigned("transmits")), keyed("delay", floating("delay")), error="unknown input '%U'"),
    help="set ip6 dad enable [transmits <1-10>] [delay <seconds>]",
)
def set_ip6_dad_enable(ctx: CommandContext, args: Args) -> None:
    """Find out whether addresses that are added are somebody else's."""
    dad = ctx.engine.get(DuplicateDetection)
    # VPP keeps the number in a byte.
    transmits = dad.transmits if args.transmits is None else args.transmits & 0xFF
    delay = dad.delay if args.delay is None else args.delay
    if not 1 <= transmits <= MOST_TRANSMITS:
        raise CommandError("transmits must be 1-10")
    if not DELAYS[0] <= delay <= DELAYS[1]:
        raise CommandError("delay must be 0.1-10.0 seconds")
    dad.enabled, dad.transmits, dad.delay = True, transmits, delay


@command("set ip6 dad disable", help="set ip6 dad disable")
def set_ip6_dad_disable(ctx: CommandContext, args: Args) -> None:
    """Take addresses as they are."""
    ctx.engine.get(DuplicateDetection).enable(False)


@command("show ip6 dad", help="show ip6 dad")
def show_ip6_dad(ctx: CommandContext, args: Args) -> str:
    """The settings, and the addresses on trial."""
    dad, now = ctx.engine.get(DuplicateDetection), ctx.engine.clock.now()
    trials = list(dad)
    lines = [
        "DAD Configuration:",
        f"  Enabled: {'yes' if dad.enabled else 'no'}",
        f"  Transmits: {dad.transmits}",
        f"  Delay: {dad.delay:.1f} seconds",
        f"Active DAD entries: {len(trials)}",
    ]
    for trial in trials:
        where = f"{format_address(Protocol.IP6, trial.address)}/{trial.length} on sw_if_index {trial.link.interface.sw_if_index}"
        rest = format_float(trial.next - now, 3)
        lines.append(f"  {where}: state=TENTATIVE, count={trial.count}/{trial.transmits}, next in {rest}s")
    data = {"enabled": dad.enabled, "transmits": dad.transmits, "delay": dad.delay, "entries": len(trials)}
    return structured("\n".join(lines), data)
