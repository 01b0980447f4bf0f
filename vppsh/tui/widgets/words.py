"""A page of text over the view: an explanation."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class WordsScreen(ModalScreen[None]):
    """Text that may grow while it is read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,e", "dismiss", "Close"),
        Binding("c", "copy", "Copy"),
    ]
    DEFAULT_CSS = """
    WordsScreen { align: center middle; }
    WordsScreen > VerticalScroll { width: 96%; max-width: 124; height: 90%; border: round $primary; padding: 0 1; background: $surface; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._shown = Static(Content(text), markup=False)

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll():
            yield self._shown

    def say(self, text: str) -> None:
        """Show this instead."""
        self._text = text
        self._shown.update(Content(text))

    def action_copy(self) -> None:
        """Copy it."""
        self.app.copy_to_clipboard(self._text)
