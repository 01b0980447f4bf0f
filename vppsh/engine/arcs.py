"""Feature arcs: per interface, the nodes that packets visit between an arc's start and its end.

Counterpart of vnet/feature. The order of an arc's features comes from their before/after declarations,
with VPP's own tie-break. A chain (the features enabled on an interface, then the arc's end) is a run of
node indices in `hops`, shared by all interfaces with the same chain; a packet's place in it is its
`feature_pos`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.errors import GraphError
from vppsh.registry import ArcSpec, Catalog, FeatureSpec

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.engine import Engine


class Arc:
    """One arc: its ordered features, and the chain of each interface.

    end    the node behind all features: without a declared one it is the last feature (vnet_config_init)
    chain  int32 by sw_if_index: the place of the interface's chain in `Arcs.hops`, -1 without features
    ends   interfaces whose packets leave the arc for another node than the arc's own end
    """

    def __init__(self, spec: ArcSpec, features: list[str], index: int) -> None:
        self.spec = spec
        self.name = spec.name
        self.index = index
        self.features = features
        self.end = spec.end or (features[-1] if features else None)
        self.enabled: dict[int, dict[str, int]] = {}
        self.ends: dict[int, str] = {}
        self.chain: NDArray[np.int32] = np.full(64, -1, np.int32)
        self.used = False

    def on(self, sw_if_index: int) -> list[str]:
        """The features enabled on an interface, in order; one that was enabled twice is there twice, as in VPP."""
        enabled = self.enabled.get(sw_if_index, {})
        return [name for name in self.features for _ in range(enabled.get(name, 0))]

    def end_on(self, sw_if_index: int) -> str | None:
        """The node behind the features of an interface."""
        return self.ends.get(sw_if_index, self.end)


class Arcs:
    """All arcs of an engine."""

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self._engine = engine
        self._arcs: dict[str, Arc] = {}
        self.hops: NDArray[np.int32] = np.zeros(64, np.int32)
        self._hops_used = 0
        self._chains: dict[tuple[str, ...], int] = {}
        faults: list[str] = []
        for index, spec in enumerate(catalog.arcs):
            features = [feature for feature in catalog.features if feature.arc == spec.name]
            try:
                self._arcs[spec.name] = Arc(spec, ordered(features, spec.end), index)
            except ValueError as error:
                faults.append(f"arc {spec.name}: {error}")
        if faults:
            raise GraphError(faults)

    def __getitem__(self, name: str) -> Arc:
        return self._arcs[name]

    def __iter__(self) -> Iterator[Arc]:
        yield from self._arcs.values()

    def find(self, name: str) -> Arc | None:
        """The arc of that name, if there is one."""
        return self._arcs.get(name)

    def enable(self, arc_name: str, feature: str, sw_if_index: int, on: bool = True) -> None:
        """Switch a feature on an interface; it is off again when switched off as often as on."""
        arc = self._arcs[arc_name]
        if feature not in arc.features:
            raise KeyError(f"{feature} is not a feature of the arc {arc_name}")
        counts = arc.enabled.setdefault(sw_if_index, {})
        counts[feature] = max(0, counts.get(feature, 0) + (1 if on else -1))
        self._rebuild(arc, sw_if_index)

    def set_end(self, arc_name: str, sw_if_index: int, node: str | None) -> None:
        """Let packets of an interface leave an arc for a node of its own; None: for the arc's end again."""
        arc = self._arcs[arc_name]
        if node is None:
            arc.ends.pop(sw_if_index, None)
        else:
            arc.ends[sw_if_index] = node
        self._rebuild(arc, sw_if_index)

    def clear(self, sw_if_index: int) -> None:
        """Switch all features of an interface off (it is going away)."""
        for arc in self._arcs.values():
            arc.ends.pop(sw_if_index, None)
            if arc.enabled.pop(sw_if_index, None) is not None:
                self._rebuild(arc, sw_if_index)

    def _rebuild(self, arc: Arc, sw_if_index: int) -> None:
        if sw_if_index >= len(arc.chain):
            grown = np.full(max(2 * len(arc.chain), sw_if_index + 1), -1, np.int32)
            grown[: len(arc.chain)] = arc.chain
            arc.chain = grown
        features = arc.on(sw_if_index)
        if not features:
            arc.chain[sw_if_index] = -1
        else:
            end = arc.end_on(sw_if_index)
            names = (*features, *([end] if end and end != features[-1] else []))
            arc.chain[sw_if_index] = self._place(names, arc.spec.starts)
        arc.used = bool((arc.chain >= 0).any())

    def _place(self, names: tuple[str, ...], starts: tuple[str, ...]) -> int:
        """Where a chain lies in `hops`, put there and linked in the graph if it is new."""
        graph = self._engine.graph
        for start in starts:
            graph.next_by_name(start, names[0])
        at = self._chains.get(names)
        if at is None:
            for name, following in zip(names, names[1:], strict=False):
                graph.next_by_name(name, following)
            at = self._hops_used
            self._hops_used += len(names)
            while self._hops_used > len(self.hops):
                self.hops = np.concatenate((self.hops, np.zeros_like(self.hops)))
            self.hops[at : at + len(names)] = [graph[name].index for name in names]
            self._chains[names] = at
        return at

    # In the packet path.

    def start(self, arc: Arc, ctx: Context, frame: Frame, sw_if_index: int | NDArray[np.int32], default: int) -> int | NDArray[np.int32]:
        """The next of packets that enter an arc on an interface each: its first feature, or `default`."""
        if not arc.used:
            return default
        if isinstance(sw_if_index, int):
            at = int(arc.chain[sw_if_index])
            if at < 0:
                return default
            ctx.buffers.feature_pos[frame.rows] = at + 1
            return self._slot(ctx, int(self.hops[at]))
        places = arc.chain[sw_if_index]
        entered = places >= 0
        if not entered.any():
            return default
        nexts = np.full(frame.n, default, np.int32)
        rows = frame.indices(ctx.buffers)
        ctx.buffers.feature_pos[rows[entered]] = places[entered] + 1
        nexts[entered] = ctx.slots(self.hops[places[entered]])
        return nexts

    def next(self, ctx: Context, frame: Frame) -> int | NDArray[np.int32]:
        """The next of packets that leave a feature: the following one of their chain."""
        buffers = ctx.buffers
        places = buffers.feature_pos[frame.rows]
        one = common(places)
        targets = self.hops[places] if one is None else None
        buffers.feature_pos[frame.rows] += 1
        return self._slot(ctx, int(self.hops[one])) if targets is None else ctx.slots(targets)

    def _slot(self, ctx: Context, target: int) -> int:
        return self._engine.graph.add_next(ctx.node, self._engine.graph.at(target))


def ordered(features: list[FeatureSpec], end: str | None) -> list[str]:
    """The features of an arc so that every before/after holds; ties in VPP's way (ValueError on a cycle)."""
    names = list(dict.fromkeys(feature.node for feature in features))
    after: dict[str, set[str]] = {name: set() for name in names}
    for feature in features:
        for name in feature.before:
            if name in after:
                after[name].add(feature.node)
        for name in feature.after:
            if name in after:
                after[feature.node].add(name)
    # VPP takes, from the end of the arc, the first of those registered that no other has to follow.
    followers: dict[str, set[str]] = {name: {other for other, needs in after.items() if name in needs} for name in names}
    result: list[str] = []
    while followers:
        last = next((name for name, others in followers.items() if not others), None)
        if last is None:
            raise ValueError("features run before each other: " + ", ".join(sorted(followers)))
        result.insert(0, last)
        del followers[last]
        for others in followers.values():
            others.discard(last)
    if end in result:
        result.remove(end)
        result.append(end)
    return result
