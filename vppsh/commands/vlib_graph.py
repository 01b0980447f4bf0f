"""show vlib graph, show vlib graphviz (VPP's vlib/node_cli.c)."""

from __future__ import annotations

from itertools import zip_longest
from math import log10

from vppsh.commands.columns import center, left
from vppsh.commands.context import CommandContext
from vppsh.commands.tmpfile import tmp_file, write_tmp_file
from vppsh.engine.graph import Graph, Node
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, node_name, optional, options
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.registry import command

WIDTH = 26
PACKETS_PER_COLOR = 32
COLORS = 8


def _lines(node: Node) -> str:
    """A node, its next nodes and slots, its previous nodes."""
    previous = sorted(node.previous, key=lambda each: each.index)
    rows = []
    for slot, (target, source) in enumerate(zip_longest(node.nexts, previous)):
        leads = center(f"{target.name} [{slot}]", WIDTH) if target is not None else " " * WIDTH
        rows.append(leads + (center(source.name, WIDTH) if source is not None else ""))
    return left(node.name, WIDTH) + f"\n{' ' * WIDTH}".join(rows)


@command("show vlib graph", optional(node_name()), help="Show packet processing node graph")
def show_graph(ctx: CommandContext, args: Args) -> str:
    """Every node, or one, with what comes before and after it."""
    text = "".join(center(name, WIDTH) for name in ("Name", "Next", "Previous")) + "\n"
    if args.node is not None:
        return f"{text}{_lines(args.node)}\n"
    nodes = sort_as_vpp(list(ctx.engine.graph), lambda node: node.name)
    return text + "".join(f"{_lines(node)}\n\n" for node in nodes)


@command(
    "show vlib graphviz",
    line_input(
        options(flag("filter"), flag("calls"), flag("vectors"), keyed("file", tmp_file("file"))),
        call_when_empty=True,
    ),
    help="Dump packet processing node graph as a graphviz dotfile",
)
def show_graphviz(ctx: CommandContext, args: Args) -> str:
    """The graph in the language of graphviz; with `filter` only nodes that worked, sized and coloured by how much."""
    if (args.calls or args.vectors) and not args.filter:
        raise CommandError("unknown input `'")
    text = _graphviz(ctx.engine.graph, args)
    if args.file is None:
        return text
    write_tmp_file(args.file, text)
    tool = "dot" if args.filter else "fdp"
    return f"vlib graph dumped into `{args.file}'. Run eg. `{tool} -Tsvg -O {args.file}'."


def _graphviz(graph: Graph, args: Args) -> str:
    chosen: dict[Node, str] = {}
    for node in graph:
        if not args.filter:
            chosen[node] = ""
        elif (node.calls or (args.vectors and not args.calls)) and (node.vectors or (args.calls and not args.vectors)):
            chosen[node] = f'  "{node.name}" [shape=circle{_style(node)}]\n'
    edges = [
        f'  "{node.name}" -> "{target.name}"\n' for node in chosen for target in node.nexts if target in chosen
    ]  # fmt: skip
    return "digraph {\n" + (LEGEND if args.filter else "") + "".join(chosen.values()) + "".join(edges) + "}\n"


def _style(node: Node) -> str:
    """Larger the more time a packet takes, darker the more packets a call has."""
    if not node.vectors:
        return ""
    size = 1 + log10(node.clocks / node.vectors + 1)
    style = f" width={size:.2f} fontsize={11 + 3 * size:.2f} fixedsize=true"
    if node.calls:
        color = min((node.vectors - 1) // (PACKETS_PER_COLOR * node.calls) + 1, COLORS)
        style += f" fillcolor={color} style=filled colorscheme=ylorrd8"
    return style


def _legend() -> str:
    circles = ['      0 [label="No packet", fixedsize=true shape=circle width=2 fontsize=17]\n']
    for color in range(1, COLORS + 1):
        low, high = (color - 1) * PACKETS_PER_COLOR + 1, color * PACKETS_PER_COLOR
        label = f"{low}-{high}" if color < COLORS else f"{low - 1}+"
        circles.append(
            f'      {color} [label="{label}", fillcolor={color} style=filled colorscheme=ylorrd8 fixedsize=true shape=circle width=2 '
            "fontsize=17]\n"
        )
    sizes = ['      a[label="0",fixedsize=true shape=circle width=1] \n']
    for step, name in enumerate("bcd", 1):
        sizes.append(f'      {name}[label="{10**step}",fixedsize=true shape=circle width={step + 1} fontsize={14 + 3 * step}]\n')
    return (
        '  rankdir="LR"\n  nodesep=2\n  subgraph cluster_legend {\n    label="Legend"\n    style="solid"\n    labelloc = b\n'
        '    subgraph cluster_colors {\n      label="Packets/Call"\n      style="solid"\n      labelloc = b\n' + "".join(circles)
        + '      0 -> 1 -> 2 -> 3 -> 4 [style="invis",weight =100]\n      5 -> 6 -> 7 -> 8 [style="invis",weight =100]\n    }\n'
        '    subgraph cluster_size {\n      label="Cycles/Packet"\n      style="solid"\n      labelloc = b\n' + "".join(sizes)
        + '      a -> b -> c -> d  [style="invis",weight =100]\n    }\n  }\n'
    )  # fmt: skip


LEGEND = _legend()
