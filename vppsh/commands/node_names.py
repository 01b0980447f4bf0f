"""Names of graph nodes, as arguments and completions know them (VPP's unformat_vlib_node)."""

from __future__ import annotations

from collections.abc import Iterable

from vppsh.engine.engine import Engine
from vppsh.engine.graph import Node
from vppsh.grammar.reader import Reader
from vppsh.registry import live


class NodeNames:
    """The nodes of an engine by name."""

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph

    def read(self, reader: Reader) -> Node | None:
        """The node that the next word names."""
        start = reader.pos
        name = reader.string()
        node = None if name is None else self._graph.find(name)
        if node is None:
            reader.pos = start
        return node

    def names(self) -> Iterable[str]:
        """All nodes, in alphabetical order."""
        return sorted(node.name for node in self._graph)


NODE_NAMES = live("node")(NodeNames)
