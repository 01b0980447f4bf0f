"""The ways of many packets in one picture: as Graphviz dot, and as a tree for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vppsh.traces.fields import Role, role_of
from vppsh.traces.groups import Groups, plural

COLOURS = {Role.DROP: "#f4b6b6", Role.PUNT: "#f6d9a8", Role.TRANSMIT: "#bfe3bf"}


def dot(groups: Groups) -> str:
    """A Graphviz digraph: a node for each graph node, an edge for each step, with packets counted."""
    nodes: Counter[str] = Counter()
    edges: Counter[tuple[str, str]] = Counter()
    for group in groups:
        for node in group.path:
            nodes[node] += group.packets
        for edge in zip(group.path, group.path[1:]):
            edges[edge] += group.packets
    most = max(edges.values(), default=1)
    lines = ["digraph trace {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="monospace"];']
    for node, count in nodes.items():
        colour = _colour(node)
        fill = f', fillcolor="{colour}"' if colour else ""
        lines.append(f'  {_quoted(node)} [label="{_escaped(node)}\\n{count}"{fill}];')
    for (one, other), count in edges.items():
        lines.append(f"  {_quoted(one)} -> {_quoted(other)} [label={count}, penwidth={1 + 4 * count / most:.1f}];")
    return "\n".join([*lines, "}"]) + "\n"


def _colour(node: str) -> str | None:
    role = role_of(node)
    return COLOURS.get(role) if role is not None else None


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


@dataclass
class _Branch:
    """A node of the tree: what comes after a common beginning."""

    packets: int = 0
    ends: int = 0
    verdict: str = ""
    after: dict[str, _Branch] = field(default_factory=dict)


def picture(groups: Groups, width: int = 100) -> str:
    """The paths as a tree from the first nodes down; what goes one way is written in one line, as wide as the terminal."""
    root = _Branch()
    for group in groups:
        branch = root
        for node in group.path:
            branch = branch.after.setdefault(node, _Branch())
            branch.packets += group.packets
        branch.ends += group.packets
        branch.verdict = str(group.verdict)
    lines = [f"{plural(groups.packets, 'packet')}, {plural(len(groups), 'path')}"]
    for node, branch in root.after.items():
        lines += _draw(node, branch, "", "", width)
    return "\n".join(lines) + "\n"


def _draw(node: str, branch: _Branch, lead: str, below: str, width: int) -> Iterator[str]:
    """The lines of a branch: the nodes up to the next fork, then those below."""
    line = f"{lead}{branch.packets} {node}"
    while len(branch.after) == 1 and not branch.ends:
        [(node, branch)] = branch.after.items()
        if len(line) + len(node) + 4 > width and len(line) > len(lead):
            yield f"{line} →"
            line = f"{below}    {node}"
        else:
            line += f" → {node}"
    yield f"{line}  [{branch.ends} {branch.verdict}]" if branch.ends else line
    items = list(branch.after.items())
    for position, (following, each) in enumerate(items):
        last = position == len(items) - 1
        yield from _draw(following, each, f"{below}{'└' if last else '├'}─ ", f"{below}{' ' if last else '│'}  ", width)
