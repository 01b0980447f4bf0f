"""The graph as a picture: a box for each node that moves, lines for who feeds whom, the heavier the more packets."""

from __future__ import annotations

from dataclasses import dataclass

from vppsh.prompt.answers import BAD_NODE
from vppsh.tui.flow import ABOUT, Flow, Link, Load
from vppsh.tui.layered import Bus, arrange
from vppsh.tui.line_drawing import Drawing
from vppsh.tui.numbers import short

NARROWEST = 28
# Shares of what all nodes spend from which on a box is marked.
WARM, HOT = 0.1, 0.25
# Shares of the busiest link: heavier lines from the first on, pale ones below the second.
HEAVY, FAINT = 0.25, 0.01


@dataclass(frozen=True)
class Box:
    """Where a node's box is: its first row and column, and how large it is."""

    node: str
    x: int
    y: int
    width: int
    height: int


class Picture:
    """A picture of one set of nodes and links; figures may change, places stay."""

    def __init__(self, flow: Flow) -> None:
        self._layout = arrange(
            {load.name: max(len(load.name) + 6, NARROWEST) for load in flow.loads},
            {(link.source, link.target): link.rate for link in flow.links},
        )
        self._back: dict[str, list[str]] = {}
        for source, target in self._layout.back:
            self._back.setdefault(source, []).append(target)
        self.shape = _shape(flow)
        self.boxes: dict[str, Box] = {}
        self._tops: list[int] = []
        self._height = self._stack()

    def shows(self, flow: Flow) -> bool:
        """Whether a flow has the same nodes and links."""
        return self.shape == _shape(flow)

    def _stack(self) -> int:
        """Rows for layers and what lies between them; the rows of all of it."""
        y = 0
        for layer, buses in zip(self._layout.layers, self._layout.buses):
            self._tops.append(y)
            heights = [3 + len(self._back.get(place.node, ())) for place in layer if place.node]
            for place in layer:
                if place.node:
                    height = 3 + len(self._back.get(place.node, ()))
                    self.boxes[place.node] = Box(place.node, place.x, y, place.width, height)
            y += max(heights, default=1) + _between(buses)
        self._tops.append(y)
        return y

    def draw(self, flow: Flow, cursor: str = "") -> Drawing:
        """The picture with the figures of now; the node under the cursor stands out."""
        drawing = Drawing(self._layout.width + 1, self._height)
        loads = {load.name: load for load in flow.loads}
        links = {(link.source, link.target): link for link in flow.links}
        most = max((link.rate for link in flow.links), default=0.0) or 1.0
        for number, layer in enumerate(self._layout.layers):
            below = self._tops[number + 1] - _between(self._layout.buses[number])
            for place in layer:
                if place.node:
                    self._box(drawing, loads[place.node], links, place.node == cursor)
                else:
                    weight, style = _pen(links.get(place.above[0].edge), most)
                    drawing.vertical(place.x, self._tops[number], below, weight, style)
            for bus in self._layout.buses[number]:
                self._lines(drawing, bus, links, most, below, self._tops[number + 1])
        return drawing

    def _box(self, drawing: Drawing, load: Load, links: dict[tuple[str, str], Link], chosen: bool) -> None:
        box = self.boxes[load.name]
        right, bottom = box.x + box.width - 1, box.y + box.height - 1
        heat = "hot" if load.share >= HOT else "warm" if load.share >= WARM else "box"
        frame = "cursor" if chosen else heat
        weight = 2 if chosen else 1
        drawing.horizontal(box.y, box.x, right, weight, frame)
        drawing.horizontal(bottom, box.x, right, weight, frame)
        drawing.vertical(box.x, box.y, bottom, weight, frame)
        drawing.vertical(right, box.y, bottom, weight, frame)
        name = "cursor" if chosen else "bad" if BAD_NODE.match(load.name) else "name"
        drawing.text(box.x + 2, box.y, f" {load.name} ", name)
        rate, share = f"{short(load.rate) or '0'}/s", f"{100 * load.share:.0f}%" if load.share >= 0.005 else ""
        called = f"{load.per_call:.1f}/call" if load.per_call else ""
        inner = box.width - 4
        drawing.text(box.x + 2, box.y + 1, f"{rate:<8} {called}"[: inner - 5].ljust(inner - 5) + f"{share:>5}", frame if chosen else heat)
        for row, target in enumerate(self._back.get(load.name, ()), box.y + 2):
            link = links.get((load.name, target))
            drawing.text(box.x + 2, row, f"↺ {short(link.rate) if link else ''} {target}"[:inner].ljust(inner), "back")

    def _lines(self, drawing: Drawing, bus: Bus, links: dict[tuple[str, str], Link], most: float, below: int, end: int) -> None:
        """The lines into one place, from the boxes that end above row `below` to the row before `end`."""
        into, row = bus.lower.center, below + 1 + bus.row
        last = end - 1 if bus.lower.node else end
        for way in bus.ways:
            weight, style = _pen(links.get(way.edge), most)
            box = self.boxes.get(way.upper.node)
            top = box.y + box.height - 1 if box else below
            if way.straight:
                drawing.vertical(into, top, last, weight, style)
            else:
                drawing.vertical(way.port, top, row, weight, style)
                drawing.horizontal(row, min(way.port, into), max(way.port, into), weight, style)
                drawing.vertical(into, row, last, weight, style)
        for way in bus.ways:
            link = links.get(way.edge)
            if link is not None and way.upper.node:
                label = f"{'' if link.counted else ABOUT}{short(link.rate)}"
                if drawing.free(way.port + 1, below, len(label)):
                    drawing.text(way.port + 1, below, label, "number")
        if bus.lower.node:
            drawing.text(into, end - 1, "▼", _pen(links.get(bus.ways[0].edge), most)[1])

    def beside(self, node: str, by: int) -> str:
        """The node so many boxes to the right of one, in its layer."""
        for layer in self._layout.layers:
            nodes = [place.node for place in layer if place.node]
            if node in nodes:
                return nodes[min(max(nodes.index(node) + by, 0), len(nodes) - 1)]
        return node

    def along(self, flow: Flow, node: str, by: int) -> str:
        """The node that most packets go to (down), or come from (up); itself where there is none."""
        links = flow.out_of(node) if by > 0 else flow.into(node)
        rows = {name: box.y for name, box in self.boxes.items()}
        ends = [link.target if by > 0 else link.source for link in links]
        return next((end for end in ends if (rows[end] - rows[node]) * by > 0), node)

    def at(self, x: int, y: int) -> str:
        """The node whose box is at a row and column; empty where there is none."""
        found = (box.node for box in self.boxes.values() if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height)
        return next(found, "")


def _shape(flow: Flow) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    return frozenset(load.name for load in flow.loads), frozenset((link.source, link.target) for link in flow.links)


def _between(buses: list[Bus]) -> int:
    """The rows between a layer and the next: numbers, buses, arrows; one is enough when all lines go straight down."""
    bent = [bus.row for bus in buses if not all(way.straight for way in bus.ways)]
    return 3 + max(bent) if bent else 1 if buses else 0


def _pen(link: Link | None, most: float) -> tuple[int, str]:
    """How heavy a line is, and its style."""
    share = link.rate / most if link else 0.0
    return (2, "main") if share >= HEAVY else (1, "line" if share >= FAINT else "faint")
