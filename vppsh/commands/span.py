"""set, show interface span (VPP's vnet/span/span.c)."""

from __future__ import annotations

from vppsh.commands.columns import left, right
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.span import Direction, Level, Spans
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, keyed, options
from vppsh.registry import command

STATES = {"disable": Direction.NONE, "rx": Direction.RX, "tx": Direction.TX, "both": Direction.BOTH}
SHOWN = {Direction.NONE: "none", Direction.RX: "rx", Direction.TX: "tx", Direction.BOTH: "both"}


@command(
    "set interface span",
    options(
        interface("source"), keyed("destination", interface("destination")), choice("states", STATES, many=True), flag("l2"),
        error="Invalid input",
    ),
    help="set interface span <if-name> [l2] {disable | destination <if-name> [both|rx|tx]}",
)  # fmt: skip
def set_span(ctx: CommandContext, args: Args) -> None:
    """Send copies of an interface's packets to another interface, or none any more."""
    if len(args.states) > 1:
        raise CommandError("Multiple mirror states in input")
    ways = args.states[0] if args.states else Direction.BOTH
    if args.source is None or (args.destination is None and ways) or args.source == args.destination:
        raise CommandError("Invalid interface")
    interfaces = ctx.engine.interfaces
    destination = None if args.destination is None else interfaces[args.destination]
    ctx.engine.get(Spans).set(interfaces[args.source], destination, Level.L2 if args.l2 else Level.DEVICE, ways)


@command("show interface span", help="Shows SPAN mirror table")
def show_span(ctx: CommandContext, args: Args) -> str:
    """Which interfaces' packets are copied to which."""
    spans, interfaces = ctx.engine.get(Spans), ctx.engine.interfaces
    lines: list[str] = []
    data = []
    last = None
    for source, port in spans.pairs:
        device, l2 = (SHOWN[spans.directions(source, port, level)] for level in (Level.DEVICE, Level.L2))
        if not lines:
            lines.append(f"{left('Source', 32)} {left('Destination', 32)}  {right('Device', 6)}   {right('L2', 6)}")
        named = "" if source == last else interfaces[source].name
        lines.append(f"{left(named, 32)} {left(interfaces[port].name, 32)} ({right(device, 6)}) ({right(l2, 6)})")
        data.append({"source": interfaces[source].name, "destination": interfaces[port].name, "device": device, "l2": l2})
        last = source
    return structured("\n".join(lines), data)
