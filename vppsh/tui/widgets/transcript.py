"""What was typed and answered: as many lines as are kept, of which only those in sight are coloured and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import ClassVar

import numpy as np
from pygments.token import _TokenType
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vppsh.prompt.answers import Address, AnswerLexer, Bad, Counter, Good, Heading, Interface, Mac, Names, NodeName, Time

MOST_LINES = 100_000
# A longer line is drawn without colours.
MOST_COLOURED = 4000
_STYLES: dict[_TokenType, str] = {
    Address: "transcript--address",
    Mac: "transcript--mac",
    Interface: "transcript--interface",
    NodeName: "transcript--node",
    Counter: "transcript--counter",
    Bad: "transcript--bad",
    Good: "transcript--good",
    Heading: "transcript--heading",
    Time: "transcript--time",
}


class Part(StrEnum):
    """What a line is."""

    TYPED = "typed"
    ANSWER = "answer"
    ERROR = "error"
    NOTE = "note"


class Transcript(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines, wrapped at the widget's width; it stays at the end unless it was scrolled away from there."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_STYLES.values(), "transcript--typed", "transcript--note", "transcript--plain"}
    DEFAULT_CSS = """
    Transcript { height: 1fr; scrollbar-size-horizontal: 0; }
    Transcript > .transcript--plain { color: $text; }
    Transcript > .transcript--typed { color: $text; text-style: bold; }
    Transcript > .transcript--note { color: $text-muted; text-style: italic; }
    Transcript > .transcript--address { color: $text-success; }
    Transcript > .transcript--mac { color: $text-secondary; }
    Transcript > .transcript--interface { color: $text-primary; }
    Transcript > .transcript--node { color: $text-primary; text-style: bold; }
    Transcript > .transcript--counter { color: $text-warning; }
    Transcript > .transcript--bad { color: $text-error; }
    Transcript > .transcript--good { color: $text-success; }
    Transcript > .transcript--heading { color: $text; text-style: bold; }
    Transcript > .transcript--time { color: $text-muted; }
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        super().__init__()
        self._most = most
        self._texts: list[str] = []
        self._parts: list[Part] = []
        self._lengths = np.zeros(0, np.int64)
        self._ends = np.zeros(0, np.int64)
        self._lexer = AnswerLexer(Names())
        self._follows, self._placing = True, False
        self.dropped = 0

    @property
    def lines(self) -> Sequence[str]:
        """What is kept."""
        return self._texts

    @property
    def parts(self) -> Sequence[Part]:
        """What each line is."""
        return self._parts

    @property
    def at_end(self) -> bool:
        """Whether it stays at the last line."""
        return self._follows

    def exchanges(self) -> list[dict[str, object]]:
        """What is kept, by typed lines: `line`, `answer` (its lines), `failed`."""
        found: list[dict[str, object]] = []
        answer: list[str] = []
        for text, part in zip(self._texts, self._parts):
            if part is Part.TYPED or not found:
                answer = [] if part is Part.TYPED else [text]
                found.append({"line": text if part is Part.TYPED else "", "answer": answer, "failed": part is Part.ERROR})
            else:
                answer.append(text)
                found[-1]["failed"] = found[-1]["failed"] or part is Part.ERROR
        return found

    def know(self, names: Names) -> None:
        """The names that stand out from now on."""
        self._lexer = AnswerLexer(names)

    def add(self, lines: Sequence[str], part: Part, last: Part | None = None) -> None:
        """Add lines at the end; the last one may be of another part. Beyond what is kept, the first ones are dropped."""
        if not lines:
            return
        before = self.virtual_size.height
        self._texts += lines
        self._parts += [part] * len(lines)
        if last is not None:
            self._parts[-1] = last
        self._lengths = np.concatenate((self._lengths, np.fromiter((len(line.rstrip()) for line in lines), np.int64, len(lines))))
        excess = len(self._texts) - self._most
        lost = 0
        if excess > 0:
            lost = int(self._ends[excess - 1]) if excess <= len(self._ends) else before
            del self._texts[:excess], self._parts[:excess]
            self._lengths = self._lengths[excess:]
            self.dropped += excess
        self._wrap()
        if self._follows:
            self.to_end()
        elif lost:
            self._place(self.scroll_offset.y - lost)

    def clear(self) -> None:
        """Forget all lines."""
        self._texts, self._parts = [], []
        self._lengths = np.zeros(0, np.int64)
        self._wrap()

    def to_end(self) -> None:
        """Show the last lines, and those that come."""
        self._follows = True
        self._place(self.virtual_size.height)

    def by_pages(self, pages: int) -> None:
        """Scroll by so many screens."""
        self.by_rows(pages * max(self.size.height - 1, 1))

    def by_rows(self, rows: int) -> None:
        """Scroll by so many rows."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def _place(self, row: int) -> None:
        """Put a row at the top, as far as there are enough below it; nobody scrolled."""
        self._placing = True
        try:
            self.scroll_to(y=max(row, 0), animate=False, force=True)
        finally:
            self._placing = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Who scrolls away from the end stays there; who scrolls to the end follows it."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing:
            self._follows = round(new_value) >= self.max_scroll_y

    def _wrap(self) -> None:
        """Count the rows that each line takes."""
        width = max(self.size.width, 1)
        self._ends = np.cumsum(np.maximum((self._lengths + width - 1) // width, 1))
        self.virtual_size = Size(width, int(self._ends[-1]) if self._ends.size else 0)
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Wrap anew, and keep what is at the end or at the top there."""
        follows, top = self._follows, int(np.searchsorted(self._ends, self.scroll_offset.y, "right"))
        if event.size.width != self.virtual_size.width:
            self._wrap()
            if not follows and top:
                self._place(int(self._ends[min(top, self._ends.size) - 1]))
        if follows:
            self.to_end()

    def render_line(self, y: int) -> Strip:
        """A row, which is a line or a piece of one."""
        width, row = self.size.width, y + self.scroll_offset.y
        plain = self.get_component_rich_style("transcript--plain")
        if row >= self.virtual_size.height:
            return Strip.blank(width, plain)
        number = int(np.searchsorted(self._ends, row, "right"))
        piece = row - (int(self._ends[number - 1]) if number else 0)
        text = self._texts[number]
        if len(text) > MOST_COLOURED:
            text, piece = text[piece * width : (piece + 1) * width], 0
        strip = Strip(list(self._segments(text, self._parts[number])))
        return strip.crop(piece * width, (piece + 1) * width).adjust_cell_length(width, plain)

    def _segments(self, text: str, part: Part) -> Iterator[Segment]:
        if part is not Part.ANSWER or len(text) > MOST_COLOURED:
            name = {Part.ERROR: "bad", Part.ANSWER: "plain"}.get(part, str(part))
            yield Segment(text, self.get_component_rich_style(f"transcript--{name}"))
            return
        for _, kind, piece in self._lexer.get_tokens_unprocessed(text):
            yield Segment(piece, self.get_component_rich_style(_STYLES.get(kind, "transcript--plain")))
