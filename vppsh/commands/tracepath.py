"""show trace paths, show trace path, show trace paths graphviz (VPP's tracepath plugin)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.tmpfile import tmp_file, write_tmp_file
from vppsh.engine.trace_text import format_trace
from vppsh.engine.tracepath import TracePath, collect_paths
from vppsh.grammar.arguments import Args, keyed, options, signed
from vppsh.registry import command

DEFAULT_PATHS = 10
DEFAULT_TRACES = 50
UNLIMITED = -1
WORD = 0xFFFFFFFF
THREAD = "--- Thread 0 vpp_main ---"
NO_PATH = "path index required. Use 'show trace paths' to see available paths."
WANT_PATH = "expected '<INDEX> [<INDEX>...]' or 'max COUNT', got `%U'"
WANT_GRAPH = "expected '<INDEX>', 'max COUNT' or 'file <filename>', got `%U'"
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")
PACKETS_PER_WIDTH = 32
MAX_WIDTH = 8


def _way(path: TracePath) -> str:
    return " -> ".join(path.names)


@command("show trace paths", options(keyed("max", signed("max", DEFAULT_PATHS)), error="expected 'max COUNT', got `%U'"),
         help="show trace paths [max COUNT]")  # fmt: skip
def show_paths(ctx: CommandContext, args: Args) -> str:
    """The ways that traced packets went, the most frequent first."""
    paths = collect_paths(ctx.engine.tracer)
    data = [{"count": len(path.traces), "id": f"0x{path.id:016x}", "path": path.names} for path in paths]
    if not paths:
        return structured("\nNo trace paths found\n", data)
    shown = min(len(paths), args.max & WORD)
    lines = ["", f"Found {len(paths)} unique paths across all threads (showing top {shown}):", ""]
    for number, path in enumerate(paths[:shown]):
        lines.append(f"  [{number}] Count: {len(path.traces)}  ID: 0x{path.id:016x}  Length: {len(path.nodes):2}  Threads: [0]")
        lines += [f"      Path: {_way(path)}", ""]
    if len(paths) > shown:
        lines.append(f"  ... {len(paths) - shown} more paths not shown (use 'max' to see more)")
    return structured("\n".join(lines), data)


@command("show trace path", options(signed("paths", many=True), keyed("max", signed("max", DEFAULT_TRACES)), error=WANT_PATH),
         help="show trace path [<INDEX>] [<INDEX>...] [max COUNT]")  # fmt: skip
def show_path(ctx: CommandContext, args: Args) -> str:
    """The traces of packets that went one way; `max` counts over all paths asked for."""
    if not args.paths:
        return NO_PATH
    limit = args.max & WORD
    shown = 0
    parts: list[str] = []
    for number, path in enumerate(collect_paths(ctx.engine.tracer)):
        if shown >= limit:
            break
        if number not in args.paths:
            continue
        parts.append(f"\n==================== Path [{number}] ====================\n")
        parts.append(f"Path: {_way(path)}\nThreads: [0]  Count: {len(path.traces)}\n\n{THREAD}\n")
        taken = path.traces[: limit - shown]
        for trace in taken:
            shown += 1
            parts.append(f"Packet {shown}\n\n{format_trace(ctx.engine, trace)}\n\n")
        if len(taken) < len(path.traces):
            parts.append(f"Limiting display to {args.max} packets. To display more specify max.\n")
    return "".join(parts) if shown else "No traces found for requested path indices"


@command(
    "show trace paths graphviz",
    options(keyed("max", signed("max", UNLIMITED)), keyed("file", tmp_file("file")), signed("paths", many=True), error=WANT_GRAPH),
    help="show trace paths graphviz [<INDEX>...] [max COUNT] [file <filename>]",
)
def show_paths_graphviz(ctx: CommandContext, args: Args) -> str:
    """The ways that traced packets went, in the language of graphviz."""
    numbered = [(number, path) for number, path in enumerate(collect_paths(ctx.engine.tracer)) if not args.paths or number in args.paths]
    text = _graphviz(numbered[: args.max & WORD])
    if args.file is None:
        return text
    write_tmp_file(args.file, text)
    return f"trace paths graph dumped into `{args.file}'. Run eg. `dot -Tsvg -O {args.file}'."


def _graphviz(paths: list[tuple[int, TracePath]]) -> str:
    lines = [
        "digraph trace_paths {", '  rankdir="LR";', "  splines=true;",
        '  node [shape=box, style="rounded,filled", fillcolor="#f7f7f7"];', "  edge [fontsize=10, arrowsize=0.7];",
    ]  # fmt: skip
    if not paths:
        return "\n".join([*lines, '  empty [label="No matching trace paths found"];', "}"])
    nodes = sorted({node for _, path in paths for node in path.nodes}, key=lambda node: node.index)
    lines += [f'  n{node.index} [label="{node.name}"];' for node in nodes]
    lines += ['  labelloc="b";', '  labeljust="l";', "  label=<", '    <TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4">']
    lines.append("      <TR><TD><B>Paths</B></TD></TR>")
    for number, path in paths:
        way = ", ".join(path.names)
        lines.append(f'      <TR><TD ALIGN="LEFT">Path {number}: {len(path.traces)} pkts, threads [0]<BR/>[{way}]</TD></TR>')
    lines += ["    </TABLE>", "  >;"]
    for number, path in paths:
        color = COLORS[number % len(COLORS)]
        width = min(MAX_WIDTH, 1 + len(path.traces) // PACKETS_PER_WIDTH)
        for step, (source, target) in enumerate(zip(path.nodes, path.nodes[1:], strict=False)):
            label = f'label="P{number}", ' if step == 0 else ""
            lines.append(f'  n{source.index} -> n{target.index} [{label}color="{color}", fontcolor="{color}", penwidth={width}];')
    return "\n".join([*lines, "}"])
