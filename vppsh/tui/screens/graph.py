"""Graph: the nodes as a table, or as a picture of who feeds whom."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from vppsh.tui.flow import Flow, chosen, flow_of, links_as_json, wanted
from vppsh.tui.questions import RUNTIME, Question
from vppsh.tui.report import Report
from vppsh.tui.reports.graph import GraphReport
from vppsh.tui.screens.grid_view import GridView
from vppsh.tui.widgets.flow_picture import FlowPicture
from vppsh.tui.widgets.grid_table import GridTable

PICTURE_HELP = """

The picture (`g') has a box for each node that handled packets lately, from the nodes that bring them in at the top to those that end \
them: packets a second, packets a call, share of what all nodes spend. Lines are heavier the more packets they carry; ↺ marks what goes \
back to a node above. Numbers with ~ are worked out from what nodes handle and what they sent so far; without it VPP counted them. Up \
and Down follow the most packets, Left and Right go to nodes beside, Enter tells more. `/' keeps the nodes that have the words, and \
those next to them. The graph itself is asked for once and on `r'. Of a VPP without workers it is also asked once, and on `r', what \
each of these nodes sent where (`show node', which is not mp-safe); with workers VPP does not tell that."""


class GraphTable(GridTable):
    """The table, with a key for the picture."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "picture", "Picture")]

    class PictureWanted(Message):
        """`g` was typed."""

    def action_picture(self) -> None:
        """Show the picture instead."""
        self.post_message(self.PictureWanted())


class GraphView(GridView):
    """Table or picture."""

    position: ClassVar[int] = GraphReport.position
    shows: ClassVar[type[Report] | None] = GraphReport
    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "picture", "Table")]
    DEFAULT_CSS = """
    GraphView > FlowPicture { display: none; }
    GraphView > .note { display: none; height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    GraphView.pictured > FlowPicture { display: block; }
    GraphView.pictured > .note { display: block; }
    GraphView.pictured > GraphTable { display: none; }
    """

    def __init__(self) -> None:
        super().__init__(GraphReport())
        self.table = GraphTable(self.report.columns, self.report.empty)
        self.picture = FlowPicture()
        self.pictured = False
        self._note = Static(classes="note", markup=False)
        self._wanted: tuple[Question, ...] = ()
        self._flow = Flow()

    @property
    def questions(self) -> tuple[Question, ...]:
        """For the picture also who feeds whom."""
        return (RUNTIME, *self._wanted) if self.pictured else (RUNTIME,)

    @property
    def readable(self) -> tuple[Question, ...]:
        """Also what the picture asked before the table was shown again."""
        return (RUNTIME, *self._wanted)

    @property
    def help_text(self) -> str:
        """Both."""
        return self.report.help + PICTURE_HELP

    def compose(self) -> ComposeResult:
        """The picture takes the table's place."""
        yield self._note
        yield self.picture
        yield from super().compose()

    def show(self) -> None:
        """Draw what is known now."""
        if not self.pictured:
            super().show()
            return
        self._flow = flow_of(self.store)
        asked = wanted(self.store, self._flow.loads)
        if asked != self._wanted:
            self._wanted = asked
            self.monitor.ask()
        self._arrange()
        self._show_detail()

    def _arrange(self) -> None:
        if not self.pictured:
            super()._arrange()
            return
        flow = chosen(self._flow, self.words)
        refused = "; ".join(self.store.refusals((RUNTIME, *self._wanted[:1])))
        words = f" that has `{self.words}' in its name" if self.words else ""
        self.picture.show_flow(flow, refused or f"no node{words} handled packets lately")
        self._note.update(Content(self._counted(flow)))

    def _counted(self, flow: Flow) -> str:
        """How much of it is counted, and what is left out."""
        parts = [f"{len(flow.loads)} nodes, {len(flow.links)} links"]
        if flow.omitted:
            parts.append(f"{flow.omitted} more handle packets, too: `/' chooses")
        if any(not link.counted for link in flow.links):
            parts.append("~ is worked out, r asks again")
        return "; ".join(parts)

    def switched(self) -> None:
        """Other nodes move there."""
        super().switched()
        self._wanted = ()

    def take_focus(self) -> None:
        """Keys go to what is shown."""
        (self.picture if self.pictured else self.table).focus()

    @on(GraphTable.PictureWanted)
    def action_picture(self) -> None:
        """The picture for the table, or the other way round."""
        self.pictured = not self.pictured
        self.set_class(self.pictured, "pictured")
        self.refresh_bindings()
        key = self.table.key if self.pictured else None
        self.monitor.ask()
        self.show()
        self.take_focus()
        if isinstance(key, tuple):
            self.picture.go_to(key[1])

    @on(FlowPicture.Chosen)
    def _node_chosen(self, event: FlowPicture.Chosen) -> None:
        event.stop()
        key: Hashable = ("", event.node)
        self.opened = None if self.opened == key else key
        self._show_detail()
        self.call_after_refresh(self.picture.go_to, event.node)  # there is less room, or more

    def drill(self, key: Hashable) -> None:
        """More about one node, in the table."""
        if self.pictured:
            self.action_picture()
        super().drill(key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A picture is not sorted, and has what moves."""
        return not (self.pictured and action in ("sort", "reverse", "everything")) and super().check_action(action, parameters)

    @property
    def current(self) -> Hashable | None:
        """In the picture, the box under the cursor."""
        return super().current if self.opened is not None or not self.pictured else ("", self.picture.node)

    def lines(self) -> list[str]:
        """For the picture also what tells who feeds whom."""
        lines = super().lines()
        return [*lines, *(question.line for question in self._wanted[:1])] if self.pictured and self.opened is None else lines

    def as_text(self) -> str:
        """The picture as it is drawn, or the table."""
        return self.picture.page.text_of_all() if self.pictured else super().as_text()

    def as_json(self) -> str:
        """The rows; of the picture the links."""
        if not self.pictured:
            return super().as_json()
        return links_as_json(self.picture.flow)

    def layout_state(self) -> dict[str, object]:
        """Also whether the picture was shown."""
        return {**super().layout_state(), "pictured": self.pictured}

    def restore(self, state: dict[str, object]) -> None:
        """Show what was shown."""
        super().restore(state)
        self.pictured = state.get("pictured") is True
        self.set_class(self.pictured, "pictured")
