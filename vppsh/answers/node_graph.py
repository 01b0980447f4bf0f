"""`show vlib graphviz` and `show node` (VPP's vlib/node_cli.c): who may send packets to whom, and how many a node sent where."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EDGE = re.compile(r'\s*"(?P<source>[^"]*)" -> "(?P<target>[^"]*)"\s*')
_FRAME = re.compile(r"\s*(?:digraph \{|\})\s*")
_HEAD = re.compile(
    r"node (?P<name>\S+), type (?P<type>\S+), state (?P<state>.+?), index (?P<index>\d+)(?:, sibling-of (?P<sibling>\S+))?\s*"
)
_NEXT = re.compile(r"\s*(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s*")
# A previous node takes so many columns, and is cut there.
_COLUMN = 35
_SECTIONS = {"node function variants:": "variants", "next nodes:": "next", "known previous nodes:": "previous", "Thread": "threads"}


@dataclass(frozen=True)
class NodeGraph:
    """The next nodes of each node, by name in slot order; lines that were not understood."""

    nexts: dict[str, tuple[str, ...]]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeLinks:
    """One node: where it sent packets since VPP began, on the main thread; names of previous nodes are cut when they are long."""

    name: str = ""
    type: str = ""
    nexts: tuple[tuple[str, int], ...] = ()
    previous: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()


def read_graphviz(text: str) -> NodeGraph:
    """The edges of an answer to `show vlib graphviz` without a filter."""
    nexts: dict[str, dict[str, None]] = {}
    odd: list[str] = []
    for line in text.splitlines():
        if match := _EDGE.fullmatch(line):
            nexts.setdefault(match[1], {})[match[2]] = None
        elif line.strip() and not _FRAME.fullmatch(line):
            odd.append(line)
    return NodeGraph({source: tuple(targets) for source, targets in nexts.items()}, tuple(odd))


def read_node(text: str) -> NodeLinks:
    """An answer to `show node NAME`, verbose or not."""
    name = kind = section = ""
    nexts: list[tuple[str, int]] = []
    previous: list[str] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        heading = next((_SECTIONS[each] for each in _SECTIONS if words.startswith(each)), "")
        if heading:
            section = heading
        elif not words or words in ("none", "default only") or section in ("variants", "threads") or words.startswith("next-index"):
            continue
        elif match := _HEAD.fullmatch(line):
            name, kind = match["name"], match["type"]
        elif section == "next" and (match := _NEXT.fullmatch(line)):
            nexts.append((match[3], int(match[4])))
        elif section == "previous":
            pieces = [line[4:][at : at + _COLUMN] for at in range(0, len(line) - 4, _COLUMN)]
            previous += [piece.partition(" (")[0].strip() for piece in pieces if piece.strip()]
        else:
            odd.append(line)
    return NodeLinks(name, kind, tuple(nexts), tuple(previous), tuple(odd))
