"""trace add / filter, show trace, clear trace (VPP's vlib/trace.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.packet_filters import PacketFilters
from vppsh.engine.trace_text import format_trace
from vppsh.engine.tracing import FilterKind, TimestampFormat, TraceFilter
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    choice,
    flag,
    keyed,
    keyword,
    line_input,
    node_name,
    one_of,
    options,
    sequence,
    signed,
)
from vppsh.registry import command

DEFAULT_MAX = 50
LIMITED = "Limiting display to {} packets. To display more specify max."
THREAD = "------------------- Start of thread 0 vpp_main -------------------"
WANT_FILTER = "expected 'include NODE COUNT' or 'exclude NODE COUNT' or 'none', got `%U'"
WANT_COUNT = "expected NODE COUNT, got `%U'"


@command(
    "trace add",
    line_input(options(sequence(node_name(), signed("count")), flag("verbose"), flag("filter"), error=WANT_COUNT)),
    help="trace add <input-graph-node> <add'l-pkts-for-node-> [filter] [verbose]",
)
def trace_add(ctx: CommandContext, args: Args) -> None:
    """Let more packets of a node be traced: all, or (`filter`) those that the filter function accepts."""
    node = args.node
    if node is None:
        raise CommandError(ctx.input.error_text(WANT_COUNT))
    if not node.spec.traceable:
        raise CommandError(f"node '{node.name}' doesn't support per-node tracing. There may be another way to initiate trace on this node.")
    tracer = ctx.engine.tracer
    tracer.verbose = args.verbose
    tracer.choose = ctx.engine.get(PacketFilters).accepts_trace if args.filter else None
    tracer.limit(node, args.count)


@command(
    "trace filter",
    one_of(
        sequence(keyword("include", "kind", FilterKind.INCLUDE), node_name(), signed("count")),
        sequence(keyword("exclude", "kind", FilterKind.EXCLUDE), node_name(), signed("count")),
        keyword("none", "kind", FilterKind.NONE),
    ).or_error(WANT_FILTER),
    help="trace filter none | [include|exclude] NODE COUNT",
)
def trace_filter(ctx: CommandContext, args: Args) -> None:
    """Keep only traces that visit, or do not visit, a node."""
    if args.kind is FilterKind.NONE:
        ctx.engine.tracer.set_filter(TraceFilter())
    else:
        ctx.engine.tracer.set_filter(TraceFilter(args.kind, args.node, args.count & 0xFFFFFFFF))


@command("clear trace", help="Clear trace buffer and free memory")
def clear_trace(ctx: CommandContext, args: Args) -> None:
    """Forget all traces and stop tracing."""
    ctx.engine.tracer.clear()


@command("show trace", options(keyed("max", signed("max", DEFAULT_MAX)), error="expected 'max COUNT', got `%U'"),
         help="Show trace buffer [max COUNT]")  # fmt: skip
def show_trace(ctx: CommandContext, args: Args) -> str:
    """The traces, oldest packet first; as in VPP, those that the trace filter refuses are dropped by this."""
    tracer = ctx.engine.tracer
    tracer.apply_filter()
    traces = tracer.by_time()
    if not traces:
        return f"{THREAD}\nNo packets in trace buffer\n"
    limit = args.max & 0xFFFFFFFF
    text = "".join(f"Packet {number}\n{format_trace(ctx.engine, trace)}\n\n" for number, trace in enumerate(traces[:limit], 1))
    if len(traces) <= limit:
        return f"{THREAD}\n{text}"
    warning = LIMITED.format(args.max)
    return f"{warning}\n{THREAD}\n{text}{warning}\n"


STYLES = {style.value: style for style in TimestampFormat}


@command(
    "set trace timestamp-format",
    line_input(options(choice("style", STYLES), error="expected 'relative', 'unix', or 'datetime', got `%U'"),
               empty_error="expected timestamp format"),
    help="set trace timestamp-format <relative|unix|datetime>",
)  # fmt: skip
def set_timestamp_format(ctx: CommandContext, args: Args) -> None:
    """How show trace writes times."""
    if args.style is not None:
        ctx.engine.tracer.timestamps = args.style


@command("show trace timestamp-format", help="show trace timestamp-format")
def show_timestamp_format(ctx: CommandContext, args: Args) -> str:
    """How show trace writes times."""
    return f"trace timestamp format: {ctx.engine.tracer.timestamps.value}\n"
