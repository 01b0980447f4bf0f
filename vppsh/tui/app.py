"""The application: tabs, the keys that every tab has, and the samples that come in."""

from __future__ import annotations

import pkgutil
import time
from collections import deque
from collections.abc import Callable, Hashable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Footer, Static, Tab, Tabs

from vppsh.tui import screens
from vppsh.tui.fleet import VITAL, Fleet, Survey
from vppsh.tui.remembered import recall, remember
from vppsh.tui.report import all_reports
from vppsh.tui.sampling import Sample
from vppsh.tui.screens.grid_view import GridView
from vppsh.tui.screens.view import View
from vppsh.tui.store import Store
from vppsh.tui.themes import THEMES
from vppsh.tui.watching import Watched
from vppsh.tui.widgets.help import HelpScreen
from vppsh.tui.widgets.save import SaveScreen
from vppsh.tui.widgets.status_line import StatusLine
from vppsh.tui.worker import Feed

# Samples that a paused view keeps for later.
MOST_WAITING = 3600
# What shows all targets is drawn so many seconds after a sample, together with those that came meanwhile.
GATHERED = 0.5
# Samples of many targets are taken for so many seconds, then keys have their turn.
TURN = 0.02


class Sampled(Message):
    """A sample of a target came."""

    def __init__(self, watched: Watched, sample: Sample) -> None:
        super().__init__()
        self.watched, self.sample = watched, sample


class Surveyed(Message):
    """Something was found out about where the targets run."""

    def __init__(self, survey: Survey) -> None:
        super().__init__()
        self.survey = survey


def all_views(fleet: Fleet | None) -> list[View]:
    """A tab for each report, and the tabs that are more than a table, in their order."""
    modules = [import_module(module.name) for module in pkgutil.iter_modules(screens.__path__, f"{screens.__name__}.")]
    found = [(module.__name__, kind) for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    kinds = [kind for home, kind in found if issubclass(kind, View) and kind.position and kind.__module__ == home]
    shown = {kind.shows for kind in kinds}
    placed: list[tuple[int, View]] = [(report.position, GridView(report)) for report in all_reports() if type(report) not in shown]
    placed += [(kind.position, view) for kind in kinds if (view := kind.of(fleet)) is not None]
    return [view for _, view in sorted(placed, key=lambda pair: pair[0])]


class Monitor(App[None]):
    """The monitor of one target at a time.

    watched  the target that the tabs are about
    fleet    all targets, when there may be several
    help_text  what `?` says on every tab
    left     lines that had to be sent to leave a target as it was, and could not be
    """

    help_text: ClassVar[str] = ""

    TITLE = "vppsh"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "Quit"),
        Binding("question_mark", "explain", "Help"),
        Binding("space", "pause", "Pause"),
        Binding("0", "rebase", "Baseline"),
        Binding("r", "hurry", "Now", show=False),
        Binding("y", "behind", "Line behind"),
        Binding("c", "copy", "Copy", show=False),
        Binding("o", "console", "Line to the Console", show=False),
        Binding("x", "save", "Save"),
        Binding("t", "next_theme", "Theme", show=False),
        Binding("right_square_bracket", "tab(1)", "Next tab", show=False),
        Binding("left_square_bracket", "tab(-1)", "Tab before", show=False),
        *(Binding(str(number), f"nth_tab({number})", f"Tab {number}", show=False) for number in range(1, 10)),
    ]
    CSS = """
    Tabs { height: 2; }
    .several Tab { padding: 0 1 0 0; }
    #flash { height: 1; display: none; background: $panel; color: $text; }
    #flash.said { display: block; }
    ContentSwitcher { height: 1fr; }
    ContentSwitcher.aged { opacity: 55%; }
    """

    def __init__(self, watched: Watched | Fleet, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.fleet = watched if isinstance(watched, Fleet) else None
        self.watched = watched.members[0].watched if isinstance(watched, Fleet) else watched
        self.left: list[str] = []
        self._clock = clock
        self.views = all_views(self.fleet)
        # What moves on this screen are figures; a terminal far away need not be sent anything else.
        self.animation_level = "none"
        self._waiting: list[Sampled] | None = None
        several = self.fleet is not None and len(self.fleet.members) > 1
        self._first = next((view for view in self.views if view.whole and several), self.views[0])
        self._gathering = self._taking = False
        self._arrived: deque[Sampled] = deque()
        if self.fleet is not None:
            self.bind("backspace,escape", "leave", description="Cluster", show=False)
            self.bind("greater_than_sign", "nth_target(1)", description="Next node", show=False)
            self.bind("less_than_sign", "nth_target(-1)", description="Node before", show=False)
        self._flashes = 0
        self._status, self._said, self._switcher = StatusLine(markup=False), Static(id="flash", markup=False), ContentSwitcher()
        for theme in THEMES:
            self.register_theme(theme)
        self._remembered = recall()
        theme_name = self._remembered.get("theme")
        self.theme = theme_name if theme_name in self.available_themes else THEMES[0].name

    def compose(self) -> ComposeResult:
        """Status, tabs, the view, a line for what is to be said, and the keys."""
        yield self._status
        tabs = [Tab(f"{number} {view.title}", id=f"tab-{view.id}") for number, view in enumerate(self.views, 1)]
        # With the one tab more, all have room in 80 columns only when they stand closer.
        yield Tabs(*tabs, active=f"tab-{self._first.id}", classes="several" if self.fleet else "")
        with self._switcher:
            yield from self.views
        yield self._said
        yield Footer()

    def on_mount(self) -> None:
        """Restore the layout, and begin."""
        states = self._remembered.get("views")
        for view in self.views:
            state = states.get(view.id) if isinstance(states, dict) else None
            if isinstance(state, dict):
                view.restore(state)
        self.query_one(Tabs).can_focus = False
        self._switcher.current = self._first.id
        self.set_interval(1.0, self._tick)
        self._shown()
        if self.fleet is not None:
            self.fleet.start(self._deliver, self._deliver_survey)
        else:
            self.feed.start(lambda sample: self._deliver(self.watched, sample))

    def _deliver(self, watched: Watched, sample: Sample) -> None:
        """Called in the feed's thread."""
        self.post_message(Sampled(watched, sample))

    def _deliver_survey(self, survey: Survey) -> None:
        """Called in the fleet's thread."""
        self.post_message(Surveyed(survey))

    @property
    def feed(self) -> Feed:
        """Where samples of the target come from."""
        return self.watched.feed

    @property
    def store(self) -> Store:
        """What is known of the target."""
        return self.watched.store

    @property
    def view(self) -> View:
        """The tab in sight."""
        current = self._switcher.current
        return next(view for view in self.views if view.id == current)

    def on_sampled(self, event: Sampled) -> None:
        """Take a sample, and draw what it changed."""
        if self._waiting is not None:
            self._waiting = [*self._waiting[-MOST_WAITING:], event]
            self._show_status()
        elif self.fleet is not None:
            self._arrived.append(event)
            self._take_soon()
        else:
            self._feed(event)
            self._draw()
            self._show_status()
        if event.sample.notices and event.watched is self.watched and not self.view.whole:
            self.flash(event.sample.notices.strip())

    def _take_soon(self) -> None:
        if not self._taking:
            self._taking = True
            self.set_timer(TURN / 2, self._take)

    def _take(self) -> None:
        """Take samples that have come, for a moment."""
        end, drawn = time.perf_counter() + TURN, False
        if self._waiting is not None:
            self._waiting += self._arrived
            self._arrived.clear()
        while self._arrived and time.perf_counter() < end:
            event = self._arrived.popleft()
            self._feed(event)
            drawn = drawn or event.watched is self.watched
        self._taking = False
        if self._arrived:
            self._take_soon()
        if self.view.whole:
            self._draw_soon()
        elif drawn:
            self._draw()
            self._show_status()

    def on_surveyed(self, event: Surveyed) -> None:
        """Take what is known of the places."""
        if self.fleet is not None:
            self.fleet.take(event.survey)
            if self._waiting is None:
                self._draw_soon()

    def _feed(self, event: Sampled) -> None:
        questions = {question.line: question for view in self.views for question in view.readable}
        if self.fleet is None:
            event.watched.store.feed(event.sample, questions.values())
        else:
            questions |= {question.line: question for question in VITAL}
            self.fleet.feed(event.watched, event.sample, questions.values())

    def _draw(self) -> None:
        self._switcher.set_class(bool(self.store.lost) and not self.view.whole, "aged")
        self.view.show()

    def _draw_soon(self) -> None:
        if not self._gathering:
            self._gathering = True
            self.set_timer(GATHERED, self._draw_gathered)

    def _draw_gathered(self) -> None:
        self._gathering = False
        if self._waiting is None:
            self._draw()
            self._show_status()

    def _tick(self) -> None:
        self._show_status()
        if self.view.whole and self._waiting is None:
            self._draw_soon()  # ages go on when nothing comes

    def _show_status(self) -> None:
        waiting = None if self._waiting is None else len(self._waiting)
        if self.fleet is not None and self.view.whole:
            self._status.show_fleet(self.fleet, waiting, self.activity())
        else:
            self._status.show(self.store, self._clock(), self.watched.interval(), waiting, self.activity())

    def activity(self) -> str:
        """What is to be said beside what the target does."""
        return "" if self.watched.recorder is None else self.watched.recorder.state()

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        """Another tab: ask what it needs."""
        name = (event.tab.id or "").removeprefix("tab-")
        # At the end tabs and views are taken away, one by one, and a tab becomes active that has no view any more.
        if any(view.id == name and view.is_attached for view in self.views):
            self._switcher.current = name
            self._shown()

    def look_again(self) -> None:
        """The view shows something else now: ask what that needs."""
        self._shown()

    def _shown(self) -> None:
        self.ask()
        self._draw()
        self._show_status()
        self.view.take_focus()

    def ask(self) -> None:
        """Ask from now on what the tab in sight needs."""
        view = self.view
        if self.fleet is None:
            self.feed.want(view.questions)
        else:
            self.fleet.look_at(None if view.whole else self.watched, view.questions)

    def go_to(self, name: str, key: Hashable | None = None) -> None:
        """Show a tab, and more about something on it."""
        view = next(view for view in self.views if view.id == name)
        self.query_one(Tabs).active = f"tab-{name}"
        self._switcher.current = name
        self._shown()
        if key is not None:
            view.drill(key)

    def switch(self, watched: Watched) -> None:
        """Let the tabs be about another target; what is known of this one is kept, and goes on."""
        if watched is not self.watched:
            self.watched = watched
            for view in self.views:
                view.switched()
            self._shown()

    def leave(self) -> None:
        """Show all targets, when there are several."""
        whole = next((view for view in self.views if view.whole), None)
        if whole is not None:
            self.go_to(whole.id or "")

    def action_leave(self) -> None:
        """See `leave`."""
        self.leave()

    def action_nth_target(self, by: int) -> None:
        """Go to the next target, or the one before, on the same tab."""
        if self.fleet is not None:
            members = self.fleet.members
            at = next(number for number, member in enumerate(members) if member.watched is self.watched)
            self.switch(members[(at + by) % len(members)].watched)

    def action_nth_tab(self, number: int) -> None:
        """Show a tab by its number."""
        if number <= len(self.views):
            self.go_to(self.views[number - 1].id or "")

    def action_tab(self, by: int) -> None:
        """Show the next tab, or the one before."""
        at = self.views.index(self.view)
        self.go_to(self.views[(at + by) % len(self.views)].id or "")

    def action_pause(self) -> None:
        """Stand still; samples go on and are taken when the view does."""
        if self._waiting is None:
            self._waiting = []
        else:
            waiting, self._waiting = self._waiting, None
            for sampled in waiting:
                self._feed(sampled)
            self._draw()
        self._show_status()

    def action_rebase(self) -> None:
        """Count from now on."""
        if self.fleet is not None and self.view.whole:
            self.fleet.rebase()
        else:
            self.store.rebase()
        self.view.show()
        self.flash("counting from now on; nothing was cleared on the target")

    def action_hurry(self) -> None:
        """A sample now."""
        if self.fleet is not None and self.view.whole:
            self.fleet.hurry()
        else:
            self.feed.hurry()

    def action_behind(self) -> None:
        """Tell and copy the lines behind the view."""
        lines = self.view.lines()
        self.copy_to_clipboard("\n".join(lines))
        self.flash(f"{'; '.join(lines)} (copied; `o' takes it to the Console)" if lines else "no line is asked for this view")

    def action_console(self) -> None:
        """The lines behind the view, ready to be executed on the Console."""
        self.go_to("console", tuple(self.view.lines()))

    def action_copy(self) -> None:
        """Copy the view as text."""
        if self.view.large:
            self.flash("this is too much for a clipboard; a filter makes it less, `x' saves it to a file")
            return
        self.copy_to_clipboard(self.view.as_text())
        self.flash("the view was copied as text")

    def action_explain(self) -> None:
        """What is seen, and the keys."""
        self.push_screen(HelpScreen(self.view, self))

    def action_next_theme(self) -> None:
        """The next of the monitor's themes."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.flash(f"theme {self.theme}")

    def action_save(self) -> None:
        """Ask for a file's name, and write the view to it."""
        name = f"vppsh-{self.view.id}-{time.strftime('%H%M%S')}.txt"
        self.push_screen(SaveScreen(name, self.view.endings), self.save)

    def save(self, name: str | None) -> None:
        """Write the view to a file; its ending says how."""
        if not name:
            return
        path = Path(name).expanduser()
        try:
            if path.suffix.casefold() == ".svg":
                path.write_text(self.export_screenshot(title=f"vppsh: {self.view.title}"), encoding="utf-8")
                self.flash(f"saved as {path}")
            else:
                self.view.save(path)
        except OSError as error:
            self.flash(f"{path}: {error.strerror}")

    def flash(self, text: str) -> None:
        """Say something for some seconds."""
        line = self._said
        line.update(Content(text))
        line.add_class("said")
        self._flashes += 1
        self.set_timer(4.0, lambda said=self._flashes: self._unsay(said))

    def _unsay(self, said: int) -> None:
        if said == self._flashes:
            self._said.remove_class("said")

    def layout_state(self) -> dict[str, Any]:
        """What is remembered for the next time."""
        return {"theme": self.theme, "views": {view.id: view.layout_state() for view in self.views}}

    def on_unmount(self) -> None:
        """Let go of the target, and remember the layout."""
        self.let_go()
        remember(self.layout_state())

    def let_go(self) -> None:
        """Undo what was set on targets, and end what runs beside the screen; also after a fault."""
        self.left = [line for view in self.views for line in view.leave()]
        (self.fleet or self.feed).stop()

    @property
    def fault(self) -> Exception | None:
        """What ended the monitor, when that was a fault of ours."""
        return self._exception

    def _fatal_error(self) -> None:
        """End after a fault: who runs the monitor tells it in a line, textual would in a page with the values of all variables."""
        self._close_messages_no_wait()
