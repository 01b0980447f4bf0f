"""ping: echo requests to an address, and the replies to them (VPP's plugins/ping)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.ping import Ping, PingError, PingRun, Reply
from vppsh.engine.wire.float_text import format_float
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, floating, interface, ip4, ip6, keyed, keyword, one_of, optional, options, sequence, unsigned
from vppsh.registry import command

DEFAULT_SIZE = 60
MAX_SIZE = 32768
MAX_BURST = 256
USAGE = "Usage: ping <addr> [source <intf>] [size <datasz>] [repeat <count>] [verbose]"
NAMED4 = sequence(keyword("ipv4", "ipv4"), optional(ip4("target4")))
NAMED6 = sequence(keyword("ipv6", "ipv6"), optional(ip6("target6")))


def _send(ctx: CommandContext, args: Args, run: PingRun, number: int, lines: list[str]) -> int:
    """Send one request to each target; how many were sent."""
    ping, sent = ctx.engine.get(Ping), 0
    for protocol, target in ((Protocol.IP6, args.target6), (Protocol.IP4, args.target4)):
        if target is None:
            continue
        try:
            source = ping.send(
                run, protocol, target, number, size=args.size, sw_if_index=args.source, table_id=args.table_id, burst=args.burst
            )
        except PingError as error:
            lines.append(f"Failed: {error}")
        else:
            sent += args.burst
            if args.verbose:
                lines.append(f"Source address: {format_address(protocol, source)} ")
    return sent


def _format(reply: Reply) -> str:
    return (
        f"{reply.length} bytes from {format_address(reply.protocol, reply.source)}: icmp_seq={reply.sequence} ttl={reply.ttl} "
        f"time={format_float(reply.round_trip * 1000, 4)} ms"
    )


@command(
    "ping",
    sequence(
        one_of(ip4("target4"), ip6("target6"), NAMED4, NAMED6).or_error(f"expecting IP4/IP6 address `%U'. {USAGE}"),
        optional(one_of(NAMED4, NAMED6)),
        options(
            keyed("source", interface("source").or_error("unknown interface `%U'")),
            keyed("size", unsigned("size", DEFAULT_SIZE).or_error("expecting size but got `%U'")),
            keyed("table-id", unsigned("table_id", 0).or_error("expecting table-id but got `%U'")),
            keyed("interval", floating("interval", 1.0).or_error("expecting interval (floating point number) got `%U'")),
            keyed("repeat", unsigned("repeat", 5).or_error("expecting repeat count but got `%U'")),
            keyed("burst", unsigned("burst", 1).or_error("expecting burst count but got `%U'")),
            flag("verbose"),
        ),
    ),
    help="ping {<ip-addr> | ipv4 <ip4-addr> | ipv6 <ip6-addr>} [ipv4 <ip4-addr> | ipv6 <ip6-addr>] [source <interface>] "
    "[size <pktsize:60>] [interval <sec:1>] [repeat <cnt:5>] [table-id <id:0>] [burst <count:1>] [verbose]",
)
def ping(ctx: CommandContext, args: Args) -> str:
    """Send requests and wait for the replies; Ctrl-C ends it early."""
    if args.size > MAX_SIZE:
        raise CommandError(f"{args.size} is bigger than maximum allowed payload size {MAX_SIZE}")
    for version, target in ((4, args.target4), (6, args.target6)):
        if (args.ipv4 if version == 4 else args.ipv6) and target is None:
            raise CommandError(f"expecting IPv{version} address but got `'")
    if not 1 <= args.burst <= MAX_BURST:
        raise CommandError(f"burst size must be between 1 and {MAX_BURST}")
    lines: list[str] = []
    sent = received = 0
    run = ctx.engine.get(Ping).start()
    try:
        for number in range(1, args.repeat + 1):
            sent += _send(ctx, args, run, number, lines)
            ctx.engine.run_for(args.interval)
            lines += [_format(reply) for reply in run.replies]
            received += len(run.replies)
            run.replies.clear()
            if ctx.engine.interrupted:
                lines.append("Aborted due to a keypress.")
                break
    finally:
        ctx.engine.get(Ping).stop(run)
    loss = 100.0 * (sent - received) / sent if sent else 0.0
    lines += ["", f"Statistics: {sent} sent, {received} received, {loss:.0f}% packet loss"]
    return structured("\n".join(lines), {"sent": sent, "received": received})
