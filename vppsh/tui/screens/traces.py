"""Traces: a capture from the target, its packets and their paths, and one packet in full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from weakref import WeakKeyDictionary

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from vppsh.errors import UsageError
from vppsh.targets.tracing import TracePlan
from vppsh.traces.explain import show_explanations
from vppsh.traces.model import Packet
from vppsh.tui import traces
from vppsh.tui.behind import Behind
from vppsh.tui.capturing import Capturing, News, through
from vppsh.tui.inputs import busy_inputs, input_nodes, input_of
from vppsh.tui.questions import INTERFACES, RUNTIME, Question
from vppsh.tui.screens.view import View
from vppsh.tui.store import Store
from vppsh.tui.traces import Taken
from vppsh.tui.widgets.capture import CaptureScreen
from vppsh.tui.widgets.expression_bar import ExpressionBar
from vppsh.tui.widgets.packet_list import PacketList
from vppsh.tui.widgets.words import WordsScreen

# The names of interfaces; asked again now and then, so that a target that is lost is seen here as well.
NAMES = replace(INTERFACES, every=5.0)
INPUTS = replace(RUNTIME, every=float("inf"))
# How often a capture's progress is told (seconds).
TOLD = 0.5
NOTHING_THERE = "a recording has no packets, and there is nothing to capture from"


@dataclass
class Traced:
    """What is known of one target's packets.

    fault  why the last capture ended, when that was not as planned
    """

    capturing: Capturing
    found: Taken = field(default_factory=Taken)
    fault: str = ""


class Told(Message):
    """A capture tells something, from its own thread."""

    def __init__(self, store: Store, news: News) -> None:
        super().__init__()
        self.store, self.news = store, news


class TracesView(View):
    """The tab of packets."""

    name_: ClassVar[str] = "Traces"
    position: ClassVar[int] = 50
    endings: ClassVar[tuple[str, ...]] = (".txt", ".json", ".pcapng", ".svg")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "capture", "Capture"),
        Binding("b", "buffer", "Buffer"),
        Binding("slash", "filter", "Filter"),
        Binding("e", "words", "Explain"),
        Binding("escape", "back", "Back", show=False),
    ]
    DEFAULT_CSS = """
    TracesView { layout: vertical; }
    TracesView > Static { height: auto; color: $text-muted; }
    TracesView > Static.wrong { color: $text-error; }
    """

    def __init__(self) -> None:
        super().__init__(id="traces")
        self._targets: WeakKeyDictionary[Store, Traced] = WeakKeyDictionary()
        self._state = Static(markup=False)
        self.list = PacketList()
        self.bar = ExpressionBar()

    @property
    def questions(self) -> tuple[Question, ...]:
        """Names of interfaces, and once which nodes bring packets in."""
        return (NAMES, INPUTS)

    @property
    def help_text(self) -> str:
        """How captures work, and what is seen of them."""
        return traces.HELP

    @property
    def traced(self) -> Traced:
        """What is known of the packets of the target in sight."""
        store, watched = self.store, self.monitor.watched
        if store not in self._targets:
            self._targets[store] = Traced(Capturing(watched))
        return self._targets[store]

    def compose(self) -> ComposeResult:
        """What there is, the packets, and the filter."""
        yield self._state
        yield self.list
        yield self.bar

    def on_mount(self) -> None:
        """A capture's progress is told while it runs."""
        self.set_interval(TOLD, self._tell_progress)

    def show(self) -> None:
        """Draw what is known now; take back what a lost target has kept."""
        traced = self.traced
        if traced.capturing.left and not self.store.lost:
            traced.capturing.take_back(self._teller())
        if self.list.found is not traced.found:
            self.list.show_found(traced.found)
        self._tell()

    def take_focus(self) -> None:
        """Keys go to the packets."""
        self.list.take_focus()

    @on(PacketList.Listed)
    def _tell(self) -> None:
        """The line above the packets."""
        traced, capturing = self.traced, self.traced.capturing
        left = "; ".join(capturing.left)
        if capturing.busy:
            text = capturing.progress(len(traced.found.packets))
        elif not self._live():
            text = NOTHING_THERE
        elif traced.fault or left:
            text = " │ ".join(part for part in (traced.fault, f"to be taken back when the target answers: {left}" if left else "") if part)
        else:
            listing = self.list.listing
            text = traces.told(traced.found, len(listing.rows), len(listing.ways), self.list.way, self.list.choice.expression)
        self._state.update(Content(text))
        self._state.set_class(not capturing.busy and bool(traced.fault or left), "wrong")

    def _tell_progress(self) -> None:
        if self.traced.capturing.busy:
            self._tell()

    @on(PacketList.Sorted)
    def _sorted(self, event: PacketList.Sorted) -> None:
        direction = "from the largest" if event.order.descending else "from the smallest"
        self.monitor.flash(f"sorted by {event.column.title}, {direction}")

    # Captures.

    def _teller(self) -> Callable[[News], None]:
        store = self.store

        def tell(news: News) -> None:
            self.post_message(Told(store, news))

        return tell

    def _live(self) -> bool:
        """Whether there is somebody to capture from."""
        return self.monitor.watched.shell is not None

    def _names(self) -> dict[int, str]:
        known = self.store.value(NAMES)
        return {each.index: each.name for each in known.interfaces} if known else {}

    def action_capture(self) -> None:
        """Ask what to capture; while something is captured, end it."""
        capturing = self.traced.capturing
        if not self._live():
            self.monitor.flash(NOTHING_THERE)
        elif capturing.busy:
            capturing.stop()
            self.monitor.flash("the capture ends, and what was set is taken back")
        else:
            self._ask(capturing.plan or TracePlan(tuple(busy_inputs(self.store))))

    def _ask(self, plan: TracePlan) -> None:
        where = f"{self.store.name} {self.store.where}"
        self.monitor.push_screen(CaptureScreen(plan, input_nodes(self.store), where), self._begin)

    def _begin(self, plan: TracePlan | None) -> None:
        traced = self.traced
        if plan is None or traced.capturing.busy:
            return
        try:
            traced.capturing.start(plan, self._names(), self._teller())
        except UsageError as error:
            traced.fault = str(error)
        else:
            traced.fault, traced.found = "", Taken()
        self.show()

    def action_buffer(self) -> None:
        """Show what the target's trace buffer has."""
        traced = self.traced
        if not self._live():
            self.monitor.flash(NOTHING_THERE)
        elif not traced.capturing.busy:
            traced.fault = ""
            traced.capturing.look(self._names(), self._teller())
            self._tell()

    @on(Told)
    def _told(self, event: Told) -> None:
        event.stop()
        traced = self._targets.get(event.store)
        if traced is None:
            return
        traced.fault = event.news.fault or traced.fault
        traced.found = event.news.found or traced.found
        if event.store is self.store:
            self.show()

    def leave(self) -> list[str]:
        """End captures; the lines that could not be taken back."""
        capturings = [traced.capturing for traced in self._targets.values()]
        for capturing in capturings:
            capturing.stop()
        return [line for capturing in capturings for line in capturing.finish()]

    def drill(self, key: Hashable) -> None:
        """The packets behind a number on another tab: a capture is prepared, and what it brings is filtered."""
        if not isinstance(key, Behind):
            return
        self.list.group(False)
        self.bar.set(key.expression)
        if self.traced.capturing.busy or not self._live():
            return
        nodes = input_nodes(self.store)
        # A node that brings packets in needs no filter: it is where they are traced from.
        if key.visits in nodes:
            self._ask(TracePlan((key.visits,)))
            return
        known = self.store.value(NAMES)
        interface = next((each for each in known.interfaces if each.name == key.interface), None) if known else None
        node = input_of(interface, nodes) if interface is not None else ""
        self._ask(TracePlan((node,) if node else tuple(busy_inputs(self.store)), visits=key.visits))

    # The filter, and words.

    def action_filter(self) -> None:
        """Type an expression."""
        self.bar.edit()

    @on(ExpressionBar.Changed)
    def _filtered(self, event: ExpressionBar.Changed) -> None:
        event.stop()
        self.list.filter(event.expression)

    @on(ExpressionBar.Done)
    def _typed(self, event: ExpressionBar.Done) -> None:
        event.stop()
        self.list.take_focus()

    def action_back(self) -> None:
        """Close what is open: the line of the filter, the packet, the path, the filter, the paths."""
        if self.bar.typing:
            self.bar.set("")
        elif self.list.back():
            pass
        elif self.bar.wanted:
            self.bar.set("")
        elif self.list.grouped:
            self.list.group(False)
        else:
            self.monitor.leave()
            return
        self.list.take_focus()

    def action_words(self) -> None:
        """Say in words why the packet, or those of the path, fared so."""
        packets = self.list.meant()
        if packets:
            screen = WordsScreen("...")
            self.monitor.push_screen(screen)
            self.run_worker(self._explain(screen, packets), exclusive=True, group="words")

    async def _explain(self, screen: WordsScreen, packets: list[Packet]) -> None:
        """First in words alone, then with what decided as the target shows it now."""
        execute = through(self.monitor.watched.feed)

        def ask(line: str) -> str | None:
            answer = execute(line)
            return None if answer.failed else answer.text

        screen.say(await asyncio.to_thread(lambda: "".join(show_explanations(packets))))
        if not self.store.lost:
            screen.say(await asyncio.to_thread(lambda: "".join(show_explanations(packets, ask=ask))))

    # What leaves the screen.

    def lines(self) -> list[str]:
        """The lines of the last capture, or of the one that would be asked for."""
        plan = self.traced.capturing.plan or TracePlan(tuple(busy_inputs(self.store)) or ("INPUT-NODE",))
        return [*plan.begin, plan.show, *plan.end("FUNCTION")]

    def as_text(self) -> str:
        """What is seen: the packet, or a table."""
        return self.list.as_text()

    def as_json(self) -> str:
        """The packets that are listed, or the open one, as `vppsh trace` reads them."""
        return traces.as_json_lines(self.list.packets())

    def save(self, path: Path) -> None:
        """Write the packets in sight in a thread: many take their time."""
        self.run_worker(self._save(path, self.list.packets()), group="save")

    async def _save(self, path: Path, packets: list[Packet]) -> None:
        try:
            said = await asyncio.to_thread(traces.write, path, packets)
        except OSError as error:
            said = f"{path}: {error.strerror}"
        self.monitor.flash(said)

    def layout_state(self) -> dict[str, object]:
        """Earlier filters, and whether paths are wanted."""
        return {"filters": self.bar.history, "paths": self.list.grouped}

    def restore(self, state: dict[str, object]) -> None:
        """As before."""
        filters = state.get("filters")
        if isinstance(filters, list):
            self.bar.history = [each for each in filters if isinstance(each, str)]
        self.list.grouped = state.get("paths") is True
