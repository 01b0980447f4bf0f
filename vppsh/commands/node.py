"""show node: a node's next and previous nodes (VPP's vlib/node_cli.c)."""

from __future__ import annotations

from vppsh.commands.columns import center, left, right
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.graph import Node
from vppsh.engine.runtime import state_of
from vppsh.engine.vpp_nodes import vpp_nodes
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, node_name, options, unsigned
from vppsh.registry import NodeKind, command

PER_LINE = 3
VARIANTS = """
    Name             Priority  Active  Description
    default                 0    yes   default"""


def _variants(node: Node) -> str:
    known = vpp_nodes().get(node.name)
    # Nodes `NAME-output` are VPP's, whatever the interface is called.
    has_variants = known.variants if known is not None else node.name.endswith("-output") and node.spec.index is None
    return VARIANTS if has_variants else "\n    default only"


def _nexts(node: Node) -> str:
    lines = [f"\n    {right('next-index', 10)}  {right('node-index', 10)}  {center('Node', 30)} {right('Vectors', 8)}"]
    for slot, target in enumerate(node.nexts):
        count = node.next_vectors[slot]
        lines.append(f"\n    {center(slot, 10)}  {center(target.index, 10)}  {center(target.name, 30)} {center(count, 8)}")
    return "".join(lines) if node.nexts else "\n    none"


def _previous(node: Node) -> str:
    shown = [left(f"{each.name} ({each.index})", 35) for each in sorted(node.previous, key=lambda each: each.index)]
    rows = [shown[at : at + PER_LINE] for at in range(0, len(shown), PER_LINE)]
    return "".join("\n    " + "".join(row) for row in rows) or "\n    none"


def _totals(node: Node) -> str:
    names = ("Calls", "Clocks", "Vectors", "Max Clock", "Max Vectors")
    values = (node.calls, node.clocks, node.vectors, node.max_clocks, node.max_vectors)
    return f"\n{right('Thread', 8)}" + "".join(f" {center(name, 12)}" for name in names) + (
        f"\n{center(0, 8)}" + "".join(f" {center(value, 12)}" for value in values)
    )  # fmt: skip


@command(
    "show node",
    line_input(options(keyed("index", unsigned("index")), flag("verbose"), node_name(), error=None)),
    help="show node [index] <node-name | node-index>",
)
def show_node(ctx: CommandContext, args: Args) -> str:
    """What a node is, where it sends packets, and who sends packets to it."""
    engine = ctx.engine
    if not ctx.input.finished():
        problem = "unknown node name: '%U'" if args.node is None else "unknown input '%U'"
        raise CommandError(ctx.input.error_text(problem))
    node = args.node
    if node is None:
        try:
            node = engine.graph.at(-1 if args.index is None else args.index)
        except KeyError as error:
            raise CommandError("please specify valid node") from error
    sibling = f", sibling-of {node.spec.sibling_of}" if node.spec.sibling_of else ""
    text = f"node {node.name}, type {node.kind.value}, state {state_of(engine, node)}, index {node.index}{sibling}\n"
    text += f"  node function variants:{_variants(node)}\n\n  next nodes:{_nexts(node)}\n"
    if node.kind is NodeKind.INTERNAL:
        text += f"\n  known previous nodes:{_previous(node)}\n"
    if args.verbose:
        text += _totals(node)
    data = {
        "node": node.name, "type": node.kind.value, "state": state_of(engine, node), "index": node.index,
        "next": [{"slot": slot, "node": target.name, "vectors": node.next_vectors[slot]} for slot, target in enumerate(node.nexts)],
        "previous": sorted(each.name for each in node.previous),
    }  # fmt: skip
    return structured(text, data)
