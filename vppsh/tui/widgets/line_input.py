"""The field that lines are typed into: coloured by the grammar, with a suggestion from the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from vppsh.tui.console import Hints

_KINDS = {
    "command": "line--command",
    "keyword": "line--keyword",
    "interface": "line--name",
    "hw-interface": "line--name",
    "ethernet-interface": "line--name",
    "node": "line--name",
    "stream": "line--name",
    "address": "line--address",
    "number": "line--number",
    "macro": "line--number",
    "pipe": "line--dim",
    "comment": "line--dim",
    "unsupported": "line--dim",
    "unknown": "line--unknown",
}


class LineInput(Input):
    """One line; what is printable is typed, a `?` asks for help."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "cancel", "Interrupt, forget the line")]
    COMPONENT_CLASSES: ClassVar[set[str]] = set(_KINDS.values())
    DEFAULT_CSS = """
    LineInput { height: 1; border: none; padding: 0; background: transparent; }
    LineInput:focus { border: none; background-tint: transparent; }
    LineInput > .line--command { text-style: bold; }
    LineInput > .line--keyword { color: $text-primary; }
    LineInput > .line--name { color: $text-secondary; }
    LineInput > .line--address { color: $text-success; }
    LineInput > .line--number { color: $text-warning; }
    LineInput > .line--dim { color: $text-muted; }
    LineInput > .line--unknown { color: $text-error; }
    """

    class HelpWanted(Message):
        """`?` was typed."""

    class Cancelled(Message):
        """Ctrl-C was typed."""

    class Pasted(Message):
        """Several lines were pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, history: Callable[[], Sequence[str]]) -> None:
        super().__init__(select_on_focus=False, suggester=_FromHistory(history), highlighter=_Colours(self))
        self._hints = Hints()

    def know(self, hints: Hints) -> None:
        """Colour what was typed."""
        self._hints = hints
        self.refresh()

    def kinds(self, text: str) -> Sequence[str]:
        """What the characters of a text are, as far as it was judged already."""
        known = self._hints
        same = next((at for at, (one, other) in enumerate(zip(text, known.text)) if one != other), min(len(text), len(known.text)))
        return known.kinds[:same]

    def action_cancel(self) -> None:
        """Ctrl-C: copy what is selected, or else interrupt."""
        if self.selection.is_empty:
            self.post_message(self.Cancelled())
        else:
            self.action_copy()

    async def _on_key(self, event: events.Key) -> None:
        before = self.value[: self.cursor_position]
        if event.character == "?" and " | " not in before:  # behind a bar it may be part of a pattern
            event.stop()
            event.prevent_default()
            self.post_message(self.HelpWanted())
            return
        await super()._on_key(event)

    def _on_paste(self, event: events.Paste) -> None:
        if "\n" in event.text.strip("\r\n"):
            event.stop()
            event.prevent_default()
            self.post_message(self.Pasted(event.text))
        else:
            super()._on_paste(event)
            event.prevent_default()


class _Colours(Highlighter):
    """Colours a line by what is known of it."""

    def __init__(self, field: LineInput) -> None:
        self._field = field

    def highlight(self, text: Text) -> None:
        """Colour each run of characters of one kind."""
        at = 0
        for kind, run in groupby(self._field.kinds(text.plain)):
            length = sum(1 for _ in run)
            if kind in _KINDS:
                text.stylize(self._field.get_component_rich_style(_KINDS[kind], partial=True), at, at + length)
            at += length


class _FromHistory(Suggester):
    """The newest line of the history that goes on from what was typed."""

    def __init__(self, history: Callable[[], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._history = history

    async def get_suggestion(self, value: str) -> str | None:
        """The rest of a line."""
        return next((line for line in reversed(self._history()) if line.startswith(value) and "\n" not in line), None)
