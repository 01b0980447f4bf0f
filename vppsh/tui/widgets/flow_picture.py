"""The graph as a picture that scrolls, with a cursor that goes along its lines."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vppsh.tui.flow import KEPT, Flow, Link
from vppsh.tui.line_drawing import Drawing
from vppsh.tui.picture import Picture

_STYLES = ("name", "box", "warm", "hot", "bad", "back", "number", "main", "line", "faint", "cursor", "plain")


class FlowPicture(ScrollView, can_focus=True, inherit_bindings=False):
    """Boxes and lines; places change only when nodes or links do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "along(1)", "Where most go", show=False),
        Binding("up,k", "along(-1)", "Where most come from", show=False),
        Binding("left,h", "beside(-1)", "The node to the left", show=False),
        Binding("right,l", "beside(1)", "The node to the right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "page(-1000)", "First", show=False),
        Binding("end", "page(1000)", "Last", show=False),
        Binding("enter", "choose", "More"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"picture--{style}" for style in _STYLES}
    DEFAULT_CSS = """
    FlowPicture { height: 1fr; }
    FlowPicture > .picture--name { color: $text; text-style: bold; }
    FlowPicture > .picture--box { color: $text; }
    FlowPicture > .picture--plain { color: $text-muted; text-style: italic; }
    FlowPicture > .picture--warm { color: $text-accent; }
    FlowPicture > .picture--hot { color: $text-warning; text-style: bold; }
    FlowPicture > .picture--bad { color: $text-error; text-style: bold; }
    FlowPicture > .picture--back { color: $text-muted; }
    FlowPicture > .picture--number { color: $text; }
    FlowPicture > .picture--main { color: $text-primary; }
    FlowPicture > .picture--line { color: $text-primary; }
    FlowPicture > .picture--faint { color: $text-muted; text-style: dim; }
    FlowPicture > .picture--cursor { color: $block-cursor-foreground; background: $block-cursor-background; text-style: bold; }
    """

    class Chosen(Message):
        """Enter, or a click on the box that has the cursor."""

        def __init__(self, node: str) -> None:
            super().__init__()
            self.node = node

    def __init__(self) -> None:
        super().__init__()
        self.flow = Flow()
        self.node = ""
        self._picture = Picture(self.flow)
        self._page = self._picture.draw(self.flow)
        self._empty = ""
        self._left: dict[tuple[str, str], int] = {}

    @property
    def page(self) -> Drawing:
        """What is drawn."""
        return self._page

    def show_flow(self, flow: Flow, empty: str) -> None:
        """Draw this; without nodes, what is said instead."""
        self.flow, self._empty = self._steady(flow), empty
        flow = self.flow
        if not self._picture.shows(flow):
            self._picture = Picture(flow)
        if self.node not in self._picture.boxes:
            self.node = next((load.name for load in flow.loads), "")
        self._draw()

    def _steady(self, flow: Flow) -> Flow:
        """Keep links that carry nothing at the moment for a while, so that the picture does not jump."""
        now = {(link.source, link.target) for link in flow.links}
        self._left = {edge: left - 1 for edge, left in self._left.items() if left > 1} | dict.fromkeys(now, KEPT)
        names = {load.name for load in flow.loads}
        idle = [Link(*edge, 0.0, True) for edge in self._left if edge not in now and names.issuperset(edge)]
        return replace(flow, links=(*flow.links, *idle)) if idle else flow

    def _draw(self) -> None:
        self._page = self._picture.draw(self.flow, self.node if self.has_focus else "")
        size = Size(self._page.width, self._page.height)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def go_to(self, node: str) -> None:
        """Put the cursor on a node, if it is there."""
        box = self._picture.boxes.get(node)
        if box is not None:
            self.node = node
            self._draw()
            self.scroll_to_region(Region(box.x, max(box.y - 2, 0), box.width, box.height + 4), animate=False, force=True)

    def action_along(self, by: int) -> None:
        """To the node that most packets go to, or come from; out of sight of any, the picture scrolls."""
        node = self._picture.along(self.flow, self.node, by)
        if node == self.node:
            self.scroll_relative(y=by * 2, animate=False)
        else:
            self.go_to(node)

    def action_beside(self, by: int) -> None:
        """To the node beside."""
        node = self._picture.beside(self.node, by)
        if node == self.node:
            self.scroll_relative(x=by * 8, animate=False)
        else:
            self.go_to(node)

    def action_page(self, by: int) -> None:
        """Scroll by screens."""
        self.scroll_relative(y=by * max(self.size.height - 2, 1), animate=False)

    def action_choose(self) -> None:
        """More about the node."""
        if self.node:
            self.post_message(self.Chosen(self.node))

    def render_line(self, y: int) -> Strip:
        """A row, as much of it as is in sight."""
        width, row, left = self.size.width, y + self.scroll_offset.y, self.scroll_offset.x
        if row >= self._page.height or not self.flow.loads:
            text = self._empty if y == 0 and not self.flow.loads else ""
            return Strip([Segment(text[:width].ljust(width), self.get_component_rich_style("picture--plain"))], width)
        text, styles = self._page.row(row)
        segments, at = [], left
        for style, run in groupby(styles[left : left + width]):
            length = sum(1 for _ in run)
            segments.append(Segment(text[at : at + length], self.get_component_rich_style(f"picture--{style or 'box'}")))
            at += length
        return Strip(segments).adjust_cell_length(width, self.get_component_rich_style("picture--box"))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a box; on the one that has it: more about it."""
        node = self._picture.at(event.x + self.scroll_offset.x, event.y + self.scroll_offset.y)
        if node and node == self.node:
            self.action_choose()
        elif node:
            self.go_to(node)

    def on_focus(self) -> None:
        """The cursor is drawn while the picture has the focus."""
        self._draw()

    def on_blur(self) -> None:
        """See `on_focus`."""
        self._draw()
