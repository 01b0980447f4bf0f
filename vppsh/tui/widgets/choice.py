"""One of several, side by side in a line."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

GAP = " "


class Choice(Static):
    """Words of which one is chosen; a click chooses another."""

    DEFAULT_CSS = """
    Choice { height: 1; padding: 0; text-wrap: nowrap; }
    """

    class Chosen(Message):
        """A word was clicked."""

        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(markup=False)
        self._words = tuple(words)
        self._chosen = self._words[0]

    def choose(self, word: str) -> None:
        """Show which one is chosen."""
        self._chosen = word
        parts = [Content.styled(each, "reverse bold" if each == word else "") for each in self._words]
        self.update(Content(GAP).join(parts))

    def on_click(self, event: events.Click) -> None:
        """Choose what is under the pointer."""
        left = 0
        for word in self._words:
            if left <= event.x < left + len(word):
                self.post_message(self.Chosen(word))
            left += len(word) + len(GAP)
