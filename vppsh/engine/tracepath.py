"""Equal traces taken together: which ways packets went through the graph, and how many went each.

Counterpart of plugins/tracepath. A path is known by an ID, a hash of its length and of its nodes'
indices, which are VPP's own (vppsh/engine/vpp_nodes.txt).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.xxhash import xxhash64

if TYPE_CHECKING:
    from vppsh.engine.graph import Node
    from vppsh.engine.tracing import Trace


class TracePath(Struct, frozen=True):
    """A way through the graph and the traces that took it, oldest packet first."""

    nodes: tuple[Node, ...]
    traces: tuple[Trace, ...]

    @property
    def id(self) -> int:
        """VPP's 64-bit path ID."""
        return path_id([node.index for node in self.nodes])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes)


def path_id(indices: Sequence[int]) -> int:
    """The ID of the path through the nodes of those indices."""
    value = xxhash64(len(indices))
    for index in indices:
        value = xxhash64(value ^ index)
    return value


def collect_paths(traces: Iterable[Trace]) -> list[TracePath]:
    """The paths of traces, the one that most packets took first."""
    found: dict[tuple[Node, ...], list[Trace]] = {}
    for trace in traces:
        if trace.steps:
            found.setdefault(tuple(step.node for step in trace.steps), []).append(trace)
    paths = [TracePath(nodes, tuple(sorted(taken, key=lambda trace: trace.steps[0].time))) for nodes, taken in found.items()]
    return sorted(paths, key=lambda path: -len(path.traces))
