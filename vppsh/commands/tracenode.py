"""tracenode feature: trace or capture what an interface routes (VPP's tracenode plugin)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.tracenode import PCAP, TRACE, TraceNodes
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, line_input, options
from vppsh.registry import command


@command("tracenode feature", line_input(options(flag("disable"), flag("pcap"), interface(), error=None)),
         help="tracenode feature <intfc> [disable] [pcap]")  # fmt: skip
def tracenode_feature(ctx: CommandContext, args: Args) -> None:
    """Put trace-filtering, or pcap-filtering, on the unicast arcs of an interface, or take it away."""
    if args.interface == 0:
        raise CommandError("Local interface not supported...")
    if args.interface is None:
        raise CommandError("Software interface required")
    ctx.engine.get(TraceNodes).set(args.interface, PCAP if args.pcap else TRACE, not args.disable)
