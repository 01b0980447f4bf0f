"""arping: ARP requests and neighbour solicitations for an address, and who answers them (VPP's plugins/arping)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.arping import Arping, ArpingRun
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, floating, interface, ip4, ip6, keyed, one_of, optional, options, sequence, unsigned
from vppsh.registry import command

USAGE = "Usage: arping [gratuitous] <addr> <intf> [repeat <count>] [interval <secs>]"
ANNOUNCING = {Protocol.IP4: "GARP", Protocol.IP6: "Neighbor Advertisement"}
# VPP's blank more behind the IPv6 one.
ASKING = {Protocol.IP4: "ARP Request", Protocol.IP6: "Neighbor Solicitation "}
ANSWERS = {Protocol.IP4: "ARP Replies", Protocol.IP6: "ICMP6 neighbor advertisements"}
LAST_WAITS, LAST_WAIT = 10, 0.1


def _announce(ctx: CommandContext, args: Args, protocol: Protocol, address: int, lines: list[str]) -> None:
    for number in range(1, args.repeat + 1):
        lines.append(f"Sending {number} {ANNOUNCING[protocol]} to {format_address(protocol, address)}")
        ctx.engine.get(Arping).announce(protocol, args.interface, address)
        if number < args.repeat and not _pause(ctx, args.interval):
            break


def _ask(ctx: CommandContext, args: Args, run: ArpingRun, lines: list[str]) -> None:
    arping, number = ctx.engine.get(Arping), 0
    going_on = True
    while number < args.repeat and going_on:
        number += 1
        lines.append(f"Sending {number} {ASKING[run.protocol]} to {format_address(run.protocol, run.address)}")
        arping.ask(run)
        if number < args.repeat:
            going_on = _pause(ctx, args.interval)
    for _ in range(LAST_WAITS):
        if run.replies >= number or not going_on:
            break
        going_on = _pause(ctx, LAST_WAIT)
    if run.replies:
        sender = f"{format_ethernet_address(run.mac)} ({format_address(run.protocol, run.address)})"
        lines.append(f"Received {run.replies} {ANSWERS[run.protocol]} from {sender}")
    else:
        lines.append("Received 0 Reply")


def _pause(ctx: CommandContext, seconds: float) -> bool:
    """Let the dataplane run; whether nobody has interrupted it."""
    ctx.engine.run_for(seconds)
    return not ctx.engine.interrupted


@command(
    "arping",
    sequence(
        optional(flag("gratuitous")),
        one_of(ip4("target4"), ip6("target6")).or_error(f"expecting IP4/IP6 address `%U'. {USAGE}"),
        interface().or_error("unknown interface `%U'"),
        options(
            keyed("interval", floating("interval", 1.0).or_error("expecting interval (floating point number) got `%U'")),
            keyed("repeat", unsigned("repeat", 1).or_error("expecting repeat count but got `%U'")),
        ),
    ),
    help="arping [gratuitous] {addr} {interface} [interval {sec}] [repeat {cnt}]",
)
def arping(ctx: CommandContext, args: Args) -> str:
    """Ask who has an address, or say that we have it; Ctrl-C ends it early."""
    protocol = Protocol.IP6 if args.target6 is not None else Protocol.IP4
    address = args.target6 if args.target6 is not None else args.target4
    lines: list[str] = []
    if args.gratuitous:
        _announce(ctx, args, protocol, address, lines)
        return structured("\n".join(lines), {"sent": len(lines)})
    run = ctx.engine.get(Arping).start(protocol, args.interface, address)
    if run is None:
        raise CommandError("arping command is in progress for the same interface. Please try again later.")
    try:
        _ask(ctx, args, run, lines)
    finally:
        ctx.engine.get(Arping).stop(run)
    return structured("\n".join(lines), {"replies": run.replies})
