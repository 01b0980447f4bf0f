"""set / show bpf trace filter, and which function filters traces and captures (VPP's bpf_trace_filter plugin, vlib/trace.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf_trace_filter import BpfTraceFilter
from vppsh.engine.packet_filters import FUNCTIONS, FilterFunction, PacketFilters
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, line_input, options, string
from vppsh.registry import command


@command(
    "set bpf trace filter",
    line_input(options(flag("del", "delete"), flag("no-optimize", "optimize", value=False, default=True), string("expression"))),
    help="set bpf trace filter [del] [no-optimize] {<pcap string>}",
)
def set_bpf_trace_filter(ctx: CommandContext, args: Args) -> None:
    """Compile the expression that the function bpf_trace_filter filters by; several words go into `{{ }}`."""
    bpf = ctx.engine.get(BpfTraceFilter)
    if args.delete:
        bpf.unset()
    elif args.expression is not None:
        try:
            bpf.set(args.expression, optimized=args.optimize)
        except BpfError as error:
            # What libpcap refuses too is said in VPP's words; what it would take is said plainly.
            reason = f": {error}" if error.ours else ""
            raise CommandError(f"Failed pcap_compile of {args.expression}{reason}") from error


@command("show bpf trace filter", help="show bpf trace filter")
def show_bpf_trace_filter(ctx: CommandContext, args: Args) -> str:
    """The program that the expression was compiled to."""
    if not ctx.input.finished():
        raise CommandError(ctx.input.error_text("unknown input '%U'"))
    program = ctx.engine.get(BpfTraceFilter).program
    return "bpf trace filter is not set" if program is None else program.listing()


FUNCTION = line_input(options(choice("function", {function.name: function for function in FUNCTIONS}),
                              error="expected valid trace filter function, got `%U'"))  # fmt: skip


def _listing(chosen: FilterFunction) -> str:
    return "".join(
        f"{'(*) ' if function is chosen else ''}name:{function.name} description: {function.description} priority: {function.priority}\n"
        for function in FUNCTIONS
    )


@command("set trace filter function", FUNCTION, help="set trace filter function <func_name>")
def set_trace_filter_function(ctx: CommandContext, args: Args) -> None:
    """Choose what `trace add ... filter` asks."""
    ctx.engine.get(PacketFilters).trace = args.function


@command("show trace filter function", help="show trace filter function")
def show_trace_filter_function(ctx: CommandContext, args: Args) -> str:
    """The functions there are, and which one filters traces."""
    return _listing(ctx.engine.get(PacketFilters).trace)


@command("set pcap filter function", FUNCTION, help="set pcap filter function <func_name>")
def set_pcap_filter_function(ctx: CommandContext, args: Args) -> None:
    """Choose what `pcap trace ... filter` asks."""
    ctx.engine.get(PacketFilters).pcap = args.function


@command("show pcap filter function", help="show pcap filter function")
def show_pcap_filter_function(ctx: CommandContext, args: Args) -> str:
    """The functions there are, and which one filters captures."""
    return _listing(ctx.engine.get(PacketFilters).pcap)
