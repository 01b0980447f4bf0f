"""Where the boxes of a directed graph stand, in layers from the sources down, and which way the lines between them go.

The method is Sugiyama's: edges that go back are taken out, every node gets its layer, edges over several layers get a place in each of
them, neighbours are moved below each other. Lines go down from a box, along a bus, and down into the box they lead to; every box has
one bus for all that comes in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

GAP = 2
SWEEPS = 4
# Between two lines out of one box there is room for a number, where the box is wide enough.
PORT_ROOM = 7


@dataclass
class Place:
    """A box, or a line's way through a layer (then `node` is empty and it is one column wide)."""

    node: str
    width: int
    layer: int = 0
    x: int = 0
    above: list[Way] = field(default_factory=list, repr=False)
    below: list[Way] = field(default_factory=list, repr=False)

    @property
    def center(self) -> int:
        """The column in the middle, where lines come in."""
        return self.x + self.width // 2


@dataclass
class Way:
    """A piece of an edge between two layers: out at a column of the upper place, along a row, into the middle of the lower."""

    edge: tuple[str, str]
    upper: Place
    lower: Place
    port: int = 0

    @property
    def straight(self) -> bool:
        """Whether it goes straight down."""
        return self.port == self.lower.center


@dataclass
class Bus:
    """All that comes into one place from the layer above: its row below that layer's boxes, counted from 0."""

    lower: Place
    ways: list[Way]
    row: int = 0

    @property
    def left(self) -> int:
        """Its first column."""
        return min(self.lower.center, *(way.port for way in self.ways))

    @property
    def right(self) -> int:
        """Its last column."""
        return max(self.lower.center, *(way.port for way in self.ways))


@dataclass
class Layout:
    """Layers from the top, the buses below each, and the edges that go back up, which have no line."""

    layers: list[list[Place]]
    buses: list[list[Bus]]
    back: list[tuple[str, str]]

    @property
    def width(self) -> int:
        """The columns it takes."""
        return max((place.x + place.width for layer in self.layers for place in layer), default=0)


def arrange(boxes: Mapping[str, int], edges: Mapping[tuple[str, str], float]) -> Layout:
    """Places for boxes of these widths, in the order of their weight, joined by these edges with their weights."""
    forward, back = _without_cycles(list(boxes), edges)
    layer_of = _layers(list(boxes), forward)
    layers: list[list[Place]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    places = {node: Place(node, width, layer_of[node]) for node, width in boxes.items()}
    for place in places.values():
        layers[place.layer].append(place)
    weights: dict[int, float] = {}
    for edge in forward:
        upper, lower = places[edge[0]], places[edge[1]]
        for number in range(upper.layer + 1, lower.layer):
            passing = Place("", 1, number)
            layers[number].append(passing)
            weights[id(_join(edge, upper, passing))] = edges[edge]
            upper = passing
        weights[id(_join(edge, upper, lower))] = edges[edge]
    _order(layers, weights)
    _place(layers, weights)
    for layer in layers:
        for place in layer:
            _ports(place)
    return Layout(layers, [_buses(layer) for layer in layers], back)


def _join(edge: tuple[str, str], upper: Place, lower: Place) -> Way:
    way = Way(edge, upper, lower)
    upper.below.append(way)
    lower.above.append(way)
    return way


def _without_cycles(nodes: Sequence[str], edges: Mapping[tuple[str, str], float]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The edges without those that close a cycle, and those."""
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(edges, key=lambda edge: -edges[edge]):
        after[source].append(target)
    entered = {target for _, target in edges}
    forward: list[tuple[str, str]] = []
    back: list[tuple[str, str]] = []
    done: set[str] = set()
    for root in sorted(nodes, key=lambda node: node in entered):
        if root in done:
            continue
        path, todo = {root}, [(root, iter(after[root]))]
        done.add(root)
        while todo:
            node, rest = todo[-1]
            target = next(rest, "")
            if not target:
                path.discard(node)
                todo.pop()
                continue
            (back if target in path else forward).append((node, target))
            if target not in done:
                done.add(target)
                path.add(target)
                todo.append((target, iter(after[target])))
    return forward, back


def _layers(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The layer of each node: one below the lowest that leads to it."""
    after: dict[str, list[str]] = defaultdict(list)
    waits = dict.fromkeys(nodes, 0)
    for source, target in edges:
        after[source].append(target)
        waits[target] += 1
    layer = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waits[node]]
    while ready:
        node = ready.pop()
        for target in after[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    return layer


def _order(layers: list[list[Place]], weights: Mapping[int, float]) -> None:
    """Put neighbours of neighbouring layers in the same order, so that few lines cross."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for number in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            order = {id(place): at for at, place in enumerate(layers[number - 1 if down else number + 1])}
            wish = {id(place): _mean(place, down, order, weights) for place in layers[number]}
            before = {id(place): float(at) for at, place in enumerate(layers[number])}
            layers[number].sort(key=lambda place: before[id(place)] if wish[id(place)] is None else wish[id(place)] or 0.0)


def _mean(place: Place, down: bool, at: Mapping[int, float], weights: Mapping[int, float]) -> float | None:
    """The mean of where a place's neighbours are, the heavier the more; None when it has none."""
    ways = [(way.upper if down else way.lower, weights[id(way)]) for way in (place.above if down else place.below)]
    total = sum(weight for _, weight in ways)
    return sum(at[id(other)] * weight for other, weight in ways) / total if total > 0 else None


def _place(layers: list[list[Place]], weights: Mapping[int, float]) -> None:
    """Columns: each place as near as can be to the middle of its neighbours, in its layer's order."""
    for layer in layers:
        _spread(layer, [None] * len(layer))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            neighbours = [way.upper if down else way.lower for place in layer for way in (place.above if down else place.below)]
            at = {id(other): float(other.center) for other in neighbours}
            _spread(layer, [_mean(place, down, at, weights) for place in layer])
    first = min((place.x for layer in layers for place in layer), default=0)
    for layer in layers:
        for place in layer:
            place.x -= first


def _spread(layer: Sequence[Place], wishes: Sequence[float | None]) -> None:
    """Columns such that the middles are near to what is wished and no two places touch (pool adjacent violators)."""
    offset, pools = 0, list[tuple[float, float, list[Place], list[int]]]()
    for place, wish in zip(layer, wishes):
        wanted, weight = (float(place.x - offset), 0.01) if wish is None else (wish - place.width // 2 - offset, 1.0)
        pools.append((wanted * weight, weight, [place], [offset]))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            sums, total, places, offsets = pools.pop()
            pools[-1] = pools[-1][0] + sums, pools[-1][1] + total, [*pools[-1][2], *places], [*pools[-1][3], *offsets]
        offset += place.width + GAP
    left = None
    for sums, total, places, offsets in pools:
        for place, before in zip(places, offsets):
            x = round(sums / total) + before
            place.x = x if left is None else max(x, left)
            left = place.x + place.width + GAP


def _ports(place: Place) -> None:
    """The columns at which lines leave a place: above where they lead to, with room for a number beside each if there is."""
    ways = sorted(place.below, key=lambda way: way.lower.center)
    if not place.node or len(ways) == 1:
        low, high = (place.x + 1, place.x + place.width - 2) if place.node else (place.x, place.x)
        for way in ways:
            way.port = min(max(way.lower.center, low), high)
        return
    room = place.width - 2
    step = min(PORT_ROOM, max(room // max(len(ways), 1), 1))
    low, high = place.x + 1, place.x + place.width - 2
    after = low
    for number, way in enumerate(ways):
        last = high - step * (len(ways) - 1 - number)
        way.port = min(max(way.lower.center, after), max(last, low), high)
        after = way.port + step


def _buses(layer: Sequence[Place]) -> list[Bus]:
    """The buses below a layer, with rows such that no two lie on each other."""
    found: dict[int, Bus] = {}
    for place in layer:
        for way in place.below:
            found.setdefault(id(way.lower), Bus(way.lower, [])).ways.append(way)
    bent = [bus for bus in found.values() if not all(way.straight for way in bus.ways)]
    # A line goes down to its bus, and from another bus down to its box: in one column the first must end above the second.
    goes_down = {bus.lower.center: bus for bus in bent}
    before: dict[int, set[int]] = {id(bus): set() for bus in bent}
    for bus in bent:
        for way in bus.ways:
            other = goes_down.get(way.port)
            if other is not None and other is not bus:
                before[id(other)].add(id(bus))
    rows: dict[int, int] = {}
    taken: list[list[tuple[int, int]]] = []
    left = sorted(bent, key=lambda bus: bus.right - bus.left)
    while left:
        bus = next((each for each in left if before[id(each)] <= rows.keys()), left[0])
        left.remove(bus)
        row = max((rows[each] + 1 for each in before[id(bus)] if each in rows), default=0)
        while row < len(taken) and any(bus.left <= right + 1 and first <= bus.right + 1 for first, right in taken[row]):
            row += 1
        while row >= len(taken):
            taken.append([])
        taken[row].append((bus.left, bus.right))
        bus.row = rows[id(bus)] = row
    return list(found.values())
