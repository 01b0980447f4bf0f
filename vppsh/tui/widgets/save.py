"""`x`: where to save the view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label


class SaveScreen(ModalScreen[str | None]):
    """Asks for a file's name; gives None when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    SaveScreen { align: center middle; }
    SaveScreen > Vertical { width: 70%; height: auto; border: round $primary; padding: 0 1; background: $surface; }
    SaveScreen Input, SaveScreen Input:focus { border: none; height: 1; }
    """

    def __init__(self, name: str, endings: Sequence[str]) -> None:
        super().__init__()
        self._name, self._endings = name, endings

    def compose(self) -> ComposeResult:
        """A label and a field."""
        with Vertical():
            yield Label(f"Save the view as; the ending says how: {', '.join(self._endings)}", markup=False)
            yield Input(self._name, select_on_focus=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)
