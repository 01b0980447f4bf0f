"""show / clear runtime: what each node did and how long it took (VPP's vlib/node_cli.c).

VPP counts processor clocks. Here a clock is a nanosecond, so that `time` shows the same numbers.
"""

from __future__ import annotations

from vppsh.commands.columns import center, left, right
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.engine import Engine
from vppsh.engine.graph import Node
from vppsh.engine.runtime import Runtime, state_of
from vppsh.engine.wire.float_text import format_float
from vppsh.grammar.arguments import Args, Argument, flag, node_name, one_of, optional, sequence
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.registry import NodeKind, command

COLLECTION_INTERVAL = 10.0
"""How often VPP's statistics collector runs, in seconds; it is part of the first line."""


def _option(literal: str, *short: str) -> Argument:
    return optional(one_of(*(flag(text, literal) for text in (literal, *short))))


def _header(use_max: bool, use_time: bool) -> str:
    if use_max:
        names = ("Max Node Clocks", "Vectors at Max", "Max Clocks", "Avg Time (ns)" if use_time else "Avg Clocks", "Avg Vectors/Call")
        return center("Name", 30) + center(names[0], 17) + "".join(center(name, 16) for name in names[1:])
    names = ("Calls", "Vectors", "Suspends", "Packet-Time" if use_time else "Packet-Clocks", "Vectors/Call")
    return center("Name", 30) + center("State", 12) + "".join(center(name, 16) for name in names)


def _line(engine: Engine, node: Node, use_max: bool) -> str:
    per = node.vectors or node.calls or node.suspends
    clocks = node.clocks / per if per else 0.0
    vectors = node.vectors / node.calls if node.calls else 0.0
    if use_max:
        at_max = node.max_clocks / node.max_vectors if node.max_vectors else 0.0
        return (
            left(node.name, 30) + center(format_float(node.max_clocks, 2, "e"), 17) + center(node.max_vectors, 16)
            + "".join(center(format_float(value, 2, "e"), 16) for value in (at_max, clocks, vectors))
        )  # fmt: skip
    counts = "".join(right(count, 16) for count in (node.calls, node.vectors, node.suspends))
    state = center(state_of(engine, node), 12)
    return f"{left(node.name, 30)}{state}{counts}{right(format_float(clocks, 2, 'e'), 16)}{right(format_float(vectors, 2), 16)}"


def _rates(engine: Engine, nodes: list[Node]) -> str:
    runtime = engine.get(Runtime)
    elapsed = max(engine.clock.now() - runtime.cleared_at, 1e-9)
    tx = {interface.hardware.tx for interface in engine.interfaces}
    rates = [
        sum(node.vectors for node in nodes if chosen(node)) / elapsed
        for chosen in (
            lambda node: node.kind is NodeKind.INPUT,
            lambda node: node in tx,
            lambda node: node.name == "drop",
            lambda node: node.name == "punt",
        )
    ]
    internal = [node for node in nodes if node.kind is NodeKind.INTERNAL]
    calls = sum(node.calls for node in internal)
    vector_rate = sum(node.vectors for node in internal) / calls if calls else 0.0
    loops = (engine.dispatcher.loops - runtime.loops_at) / elapsed
    names = ("in", "out", "drop", "punt")
    return (
        f"Time {format_float(elapsed, 1)}, {format_float(COLLECTION_INTERVAL)} sec internal node vector rate {format_float(vector_rate, 2)}"
        f" loops/sec {format_float(loops, 2)}\n  vector rates "
        + ", ".join(f"{name} {format_float(rate, 4, 'e')}" for name, rate in zip(names, rates, strict=True))
    )


def _data(engine: Engine, nodes: list[Node]) -> list[dict[str, object]]:
    return [
        {"node": node.name, "state": state_of(engine, node), "calls": node.calls, "vectors": node.vectors, "suspends": node.suspends,
         "nanoseconds": node.clocks}
        for node in nodes
    ]  # fmt: skip


@command(
    "show runtime",
    one_of(
        node_name(),
        sequence(
            _option("time", "t"), _option("brief", "b"), _option("verbose", "v"), _option("max", "m"), _option("summary", "sum", "su")
        ),
    ),
    help="show runtime [time] [verbose] [max] [summary]",
)
def show_runtime(ctx: CommandContext, args: Args) -> str:
    """Calls, vectors and clocks of nodes since they were cleared: of one node, or of all that were called."""
    engine = ctx.engine
    if args.node is not None:
        return structured(f"{_header(False, False)}\n{_line(engine, args.node, False)}", _data(engine, [args.node]))
    nodes = sort_as_vpp(list(engine.graph), lambda node: node.name)
    lines = [_rates(engine, nodes)]
    shown = [] if args.summary else [node for node in nodes if node.calls or node.suspends or (args.verbose and not args.brief)]
    if not args.summary:
        lines.append(_header(args.max, args.time))
        lines += [_line(engine, node, args.max) for node in shown]
    return structured("\n".join(lines), _data(engine, shown))


@command("clear runtime", help="Clear packet processing runtime statistics")
def clear_runtime(ctx: CommandContext, args: Args) -> None:
    """Count calls, vectors and clocks from now on."""
    ctx.engine.get(Runtime).clear()
