"""The graph: nodes, their next nodes and their counters, built from the catalog and checked as a whole.

Counterpart of vlib/node.c. A node's next is a small integer, its slot; `Node.nexts[slot]` is the node
there. Nodes of interfaces (`pg0-output`, `pg0-tx`) are added and renamed while the engine runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from vppsh.engine.errors import ErrorTable
from vppsh.engine.vpp_nodes import vpp_nodes
from vppsh.errors import GraphError
from vppsh.registry import Catalog, NodeKind, NodeSpec

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.frame import Frame

# VPP 26.10 gives the nodes of the first interface that is created after start-up this index.
FIRST_INTERFACE_INDEX = 766
# Nodes that VPP does not have are numbered from here on, out of the way of interfaces.
FIRST_OWN_INDEX = 4096


def index_of(spec: NodeSpec) -> int | None:
    """The index that a node has in VPP, or the one it was declared with."""
    known = vpp_nodes().get(spec.name)
    return spec.index if known is None else known.index


class Node:
    """A node at work: its slots, what it has done, and the frame that waits for it.

    next_vectors  packets handed to each slot
    clocks        nanoseconds spent in the node
    max_clocks    the most that one call took, and max_vectors how many packets it had
    polling       an input node that has something to do; one that reads descriptors runs besides when they can be read
    busy          an input node whose work has an end: the dataplane is not idle before it
    """

    __slots__ = (
        "busy", "calls", "clocks", "context", "error_base", "function", "index", "max_clocks", "max_vectors", "name", "next_vectors",
        "nexts", "pending", "polling", "previous", "slots", "spec", "suspends", "trace_count", "trace_limit", "vectors",
    )  # fmt: skip

    def __init__(self, spec: NodeSpec, index: int) -> None:
        self.spec = spec
        self.name = spec.name
        self.index = index
        self.function: Callable[..., Any] = spec.function
        self.context: Context
        self.nexts: list[Node] = []
        self.slots: dict[Node, int] = {}
        self.next_vectors: list[int] = []
        self.previous: set[Node] = set()
        self.error_base = 0
        self.pending: Frame | None = None
        self.polling = False
        self.busy = False
        self.trace_limit = 0
        self.trace_count = 0
        self.calls = self.vectors = self.clocks = self.suspends = self.max_clocks = self.max_vectors = 0

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    @property
    def kind(self) -> NodeKind:
        return self.spec.kind

    def clear_runtime(self) -> None:
        """Forget what `show runtime` counts."""
        self.calls = self.vectors = self.clocks = self.suspends = self.max_clocks = self.max_vectors = 0


class Graph:
    """All nodes of an engine, by name and by index."""

    def __init__(self, catalog: Catalog, make_context: Callable[[Node], Context]) -> None:
        self.errors = ErrorTable()
        self._make_context = make_context
        self._by_name: dict[str, Node] = {}
        self._by_index: dict[int, Node] = {}
        self._siblings: dict[str, list[Node]] = {}
        self._check(catalog)
        for spec in self._in_order(catalog.nodes):
            known = index_of(spec)
            self._install(spec, self._free_index(FIRST_OWN_INDEX if known is None else known))
        for node in list(self._by_name.values()):
            self._connect(node)

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Node]:
        """Nodes in the order of their indices, as VPP lists them."""
        return (self._by_index[index] for index in sorted(self._by_index))

    def find(self, name: str) -> Node | None:
        """The node of that name, if there is one."""
        return self._by_name.get(name)

    def at(self, index: int) -> Node:
        """The node of that index (KeyError if there is none)."""
        return self._by_index[index]

    def add_node(self, spec: NodeSpec) -> Node:
        """Add a node while the engine runs (an interface's); a name that is taken goes to the newcomer, as interface names do."""
        known = index_of(spec)
        node = self._install(spec, self._free_index(FIRST_INTERFACE_INDEX if known is None else known))
        self._connect(node)
        return node

    def rename(self, node: Node, name: str) -> None:
        """Give a node another name (interfaces come, go and are reused)."""
        if self._by_name.get(node.name) is node:
            del self._by_name[node.name]
        node.name = name
        node.spec = replace(node.spec, name=name)
        self._by_name[name] = node
        self.errors.rename(node.error_base, name)

    def reuse(self, node: Node, spec: NodeSpec) -> None:
        """Let a node that nobody uses any more serve as another one, at its old index."""
        self.rename(node, spec.name)
        node.spec = spec
        node.function = spec.function
        node.error_base = self.errors.add(spec.name, spec.errors)
        node.clear_runtime()
        node.context.bind()
        for name in spec.nexts:
            self.add_next(node, self[name])

    def add_next(self, node: Node, target: Node) -> int:
        """The slot of `node` that leads to `target`, made if there is none; siblings get it too."""
        slot = node.slots.get(target)
        if slot is None:
            for relative in self._siblings.get(node.spec.sibling_of or node.name, [node]):
                self._link(relative, target)
            if target not in node.slots:
                self._link(node, target)
            slot = node.slots[target]
        return slot

    def next_by_name(self, node: str, target: str) -> int:
        """`add_next` by names."""
        return self.add_next(self[node], self[target])

    def _link(self, node: Node, target: Node) -> None:
        if target not in node.slots:
            node.slots[target] = len(node.nexts)
        node.nexts.append(target)
        node.next_vectors.append(0)
        target.previous.add(node)

    def _install(self, spec: NodeSpec, index: int) -> Node:
        node = Node(spec, index)
        self._by_name[spec.name] = node
        self._by_index[index] = node
        node.error_base = self.errors.add(spec.name, spec.errors)
        node.context = self._make_context(node)
        return node

    def _connect(self, node: Node) -> None:
        spec = node.spec
        if spec.errors_of:
            node.error_base = self[spec.errors_of].error_base
        family = spec.sibling_of or spec.name
        relatives = self._siblings.setdefault(family, [])
        if node not in relatives:
            relatives.append(node)
        nexts = spec.nexts or (self[spec.sibling_of].spec.nexts if spec.sibling_of else ())
        for name in nexts:
            self._link(node, self[name])
        node.context.bind()

    def _free_index(self, wanted: int) -> int:
        while wanted in self._by_index:
            wanted += 1
        return wanted

    def _in_order(self, specs: Iterable[NodeSpec]) -> list[NodeSpec]:
        return sorted(specs, key=lambda spec: ((index := index_of(spec)) is None, index or 0))

    def _check(self, catalog: Catalog) -> None:
        """Refuse a catalog whose names do not fit together, with every fault at once."""
        specs: dict[str, NodeSpec] = {}
        faults = []
        for spec in catalog.nodes:
            if spec.name in specs:
                faults.append(f"{spec.module}: node {spec.name} is declared in {specs[spec.name].module} too")
            specs[spec.name] = spec

        def unknown(owner: str, role: str, name: str) -> None:
            if name not in specs:
                near = difflib.get_close_matches(name, specs, 1)
                faults.append(f"{owner}: {role} {name} is not a node" + (f" (did you mean {near[0]}?)" if near else ""))

        for spec in catalog.nodes:
            owner = f"{spec.module}: node {spec.name}"
            for name in spec.nexts:
                unknown(owner, "next", name)
            if spec.sibling_of:
                unknown(owner, "sibling", spec.sibling_of)
            if spec.errors_of:
                unknown(owner, "the owner of its errors,", spec.errors_of)
            if len({e.name for e in spec.errors}) != len(spec.errors):
                faults.append(f"{owner}: an error is declared twice")
        for arc in catalog.arcs:
            for name in (*arc.starts, *([arc.end] if arc.end else [])):
                unknown(f"arc {arc.name}", "node", name)
        seen: dict[tuple[str, int], str] = {}
        for demux in catalog.demuxes:
            owner = f"{demux.module or demux.node}: {demux.node} to {demux.target}"
            unknown(owner, "node", demux.node)
            unknown(owner, "node", demux.target)
            other = seen.setdefault((demux.node, demux.key), demux.target)
            if other != demux.target:
                faults.append(f"{owner}: {demux.key:#x} goes to {other} already")
        arcs = {arc.name for arc in catalog.arcs}
        for feature in catalog.features:
            owner = f"feature {feature.node}"
            unknown(owner, "node", feature.node)
            if feature.arc not in arcs:
                faults.append(f"{owner}: {feature.arc} is not a feature arc")
            on_arc = {f.node for f in catalog.features if f.arc == feature.arc}
            on_arc |= {arc.end for arc in catalog.arcs if arc.name == feature.arc and arc.end}
            strangers = {*feature.before, *feature.after} - on_arc
            faults += [f"{owner}: {name} is not a feature of the arc {feature.arc}" for name in sorted(strangers)]
        if faults:
            raise GraphError(faults)
