"""The words that may stand where the cursor is, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from vppsh.tui.console import Choice

MOST_ROWS = 8


class Choices(Widget):
    """A list above the input; it never has the focus."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"choices--word", "choices--chosen", "choices--help"}
    DEFAULT_CSS = """
    Choices { height: auto; display: none; background: $panel; }
    Choices.wanted { display: block; }
    Choices > .choices--word { color: $text; }
    Choices > .choices--help { color: $text-muted; }
    Choices > .choices--chosen { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
    """

    class Taken(Message):
        """A word was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[Choice] = ()
        self.chosen = 0

    @property
    def choice(self) -> Choice | None:
        """The word that is chosen; None while there is no choice."""
        return self.choices[self.chosen] if self.choices else None

    def offer(self, choices: Sequence[Choice]) -> None:
        """Show these; none of them closes the list."""
        self.choices, self.chosen = choices, 0
        self.set_class(bool(choices), "wanted")
        self.refresh(layout=True)

    def move(self, by: int) -> None:
        """Choose the next one, or the one before."""
        if self.choices:
            self.chosen = (self.chosen + by) % len(self.choices)
            self.refresh()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many rows as there are words, up to some."""
        return min(len(self.choices), MOST_ROWS)

    @property
    def _first(self) -> int:
        """The first word in sight."""
        return max(min(self.chosen - MOST_ROWS // 2, len(self.choices) - MOST_ROWS), 0)

    def render_line(self, y: int) -> Strip:
        """A word and its help."""
        number, width = self._first + y, self.size.width
        if number >= len(self.choices):
            return Strip.blank(width)
        choice = self.choices[number]
        room = min(max(len(each.text) for each in self.choices) + 2, max(width // 2, 10))
        word = choice.text[: room - 1].ljust(room)
        note = choice.help
        if y == MOST_ROWS - 1 and number < len(self.choices) - 1:
            note = f"{note[: width - room - 20]:<{max(width - room - 20, 0)}} {len(self.choices) - number - 1} more"
        style, beside = ("choices--chosen",) * 2 if number == self.chosen else ("choices--word", "choices--help")
        segments = [Segment(word, self.get_component_rich_style(style)), Segment(note.ljust(width), self.get_component_rich_style(beside))]
        return Strip(segments).crop(0, width)

    def on_click(self, event: events.Click) -> None:
        """Take a word."""
        number = self._first + event.y
        if number < len(self.choices):
            self.chosen = number
            self.post_message(self.Taken())
