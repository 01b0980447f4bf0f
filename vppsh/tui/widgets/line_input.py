"""The field that lines are typed into: coloured by the grammar, with a suggestion from the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

    class Pasted(Message):
        """Several lines were pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, suggest: Callable[[str], str | None], keys: Mapping[str, Callable[[], None]]) -> None:
        """`keys` says what keys do that are not for editing, by their names; `?` stands for help."""
        super().__init__(select_on_focus=False, suggester=_FromHistory(suggest), highlighter=_Colours(self))
        self._acts = keys
        self._hints = Hints()
        self._held: list[events.Key] | None = None

    def hold(self) -> None:
        """Keep the keys that come, except Ctrl-C, until `release`: what they are for is not decided yet."""
        self._held = self._held or []

    def release(self) -> None:
        """Take up what was kept."""
        held, self._held = self._held or [], None
        for event in held:
            self.post_message(events.Key(event.key, event.character))

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
            self._acts["ctrl+c"]()
        else:
            self.action_copy()

    async def _on_key(self, event: events.Key) -> None:
        """Keys are taken one after the other, however fast they come; as bindings, some would overtake letters."""
        before = self.value[: self.cursor_position]
        bound = self._bindings.key_to_bindings.get(event.key)
        if self._held is not None and event.key != "ctrl+c":
            self._held.append(event)
        elif event.character == "?" and " | " not in before:  # behind a bar it may be part of a pattern
            self._acts["?"]()
        elif event.is_printable:
            await super()._on_key(event)
        elif event.key in self._acts and event.key != "ctrl+c":
            self._acts[event.key]()
        elif bound:
            await self.run_action(bound[0].action)
        else:
            return
        event.stop()
        event.prevent_default()

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

    def __init__(self, suggest: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._suggest = suggest

    async def get_suggestion(self, value: str) -> str | None:
        """The whole of a line that goes on from the value."""
        return self._suggest(value)
