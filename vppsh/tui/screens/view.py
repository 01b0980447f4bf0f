"""What every tab's content has in common."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.dom import DOMNode
from textual.widget import Widget

from vppsh.tui.questions import Question

if TYPE_CHECKING:
    from vppsh.tui.app import Monitor
    from vppsh.tui.fleet import Fleet
    from vppsh.tui.report import Report
    from vppsh.tui.store import Store


class View(Widget):
    """The content of one tab.

    name_      its word in the tabs
    questions  what is asked while it is in sight
    help_text  what `?` says of it
    whole      it is about all targets, not about one
    shows      the report that it shows, which then has no tab of its own
    endings    of files that it can be saved as
    """

    name_: ClassVar[str] = ""
    position: ClassVar[int] = 0
    whole: ClassVar[bool] = False
    shows: ClassVar[type[Report] | None] = None
    endings: ClassVar[tuple[str, ...]] = (".txt", ".json", ".svg")
    DEFAULT_CSS = "View { height: 1fr; }"

    @classmethod
    def of(cls, fleet: Fleet | None) -> View | None:
        """The tab for a monitor of one target, or of several; None when it has no use there."""
        return cls()

    @property
    def monitor(self) -> Monitor:
        """The application, as what it is."""
        from vppsh.tui.app import Monitor

        assert isinstance(self.app, Monitor)
        return self.app

    @property
    def store(self) -> Store:
        """What is known of the target."""
        return self.monitor.store

    @property
    def title(self) -> str:
        """Its word in the tabs."""
        return self.name_

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is asked while it is in sight."""
        return ()

    @property
    def readable(self) -> tuple[Question, ...]:
        """All that it may come to ask: answers to these are read also when something else is in sight by then."""
        return self.questions

    @property
    def help_text(self) -> str:
        """What `?` says of it."""
        return ""

    @property
    def large(self) -> bool:
        """Whether making its text takes so long that nobody can wait for it."""
        return False

    @property
    def keyed(self) -> Sequence[DOMNode]:
        """Whose keys are explained, the innermost first."""
        inner = [node for node in self.query("*") if node.can_focus and node.display]
        return *inner[:1], self

    def show(self) -> None:
        """Draw what is known now."""

    def switched(self) -> None:
        """The target is another one: forget what was opened, asked or chosen of the one before."""

    def take_focus(self) -> None:
        """Put the focus where keys are wanted."""

    def lines(self) -> list[str]:
        """The lines of VPP's behind what is seen."""
        return [question.line for question in self.questions]

    def as_text(self) -> str:
        """What is seen, as text."""
        return ""

    def as_json(self) -> str:
        """What is seen, as JSON."""
        return "[]\n"

    def save(self, path: Path) -> None:
        """Write what is seen to a file; its ending says how: .json, else text. Raises OSError."""
        text = self.as_json if path.suffix.casefold() == ".json" else self.as_text
        if not self.large:
            path.write_text(text(), encoding="utf-8")
            self.monitor.flash(f"saved as {path}")
            return

        def save() -> None:
            try:
                path.write_text(text(), encoding="utf-8")
                said = f"saved as {path}"
            except OSError as error:
                said = f"{path}: {error.strerror}"
            self.app.call_from_thread(self.monitor.flash, said)

        self.monitor.flash(f"saving {path} ...")
        self.run_worker(save, thread=True)

    def leave(self) -> list[str]:
        """The monitor ends: undo what was set on the target; the lines that still have to be sent, where that was not possible."""
        return []

    def layout_state(self) -> dict[str, object]:
        """What is remembered of its layout."""
        return {}

    def restore(self, state: dict[str, object]) -> None:
        """Take what was remembered; whatever is not understood is left."""

    def drill(self, key: Hashable) -> None:
        """Show more about something that another tab led to."""
