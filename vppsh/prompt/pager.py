"""The pager: long answers a page at a time, with the keys of VPP's own (vlib/unix/cli.c), and a search.

    space, PgDn      next page; at the end: leave        Up, PgUp     back
    Enter, Down      next line; at the end: leave        Home, End    first, last page
    / n N            search, again, backwards            q, Ctrl-C    leave
    Ctrl-L           draw the page again

The letters of less (f b j k g G) do what they do there. What was shown stays on the terminal, to be scrolled back to.
"""

from __future__ import annotations

import re
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from prompt_toolkit.input import Input, create_input
from prompt_toolkit.keys import Keys

from vppsh.prompt.screen import visible_length

if TYPE_CHECKING:
    from vppsh.prompt.background import Background
    from vppsh.prompt.screen import Screen
    from vppsh.terminal import Terminal

CLEAR = "\x1b[2J\x1b[1;1H"
CLEAR_LINE = "\x1b[2K"
BOLD, REVERSE, RESET = "\x1b[1m", "\x1b[7m", "\x1b[0m"
# How long to wait for the rest of an escape sequence, before it counts as the Escape key.
ESCAPE_WAIT = 0.05
LIKE_LESS = MappingProxyType(
    {
        "f": Keys.PageDown.value,
        "b": Keys.PageUp.value,
        "j": Keys.Down.value,
        "k": Keys.Up.value,
        "g": Keys.Home.value,
        "G": Keys.End.value,
    }
)


@dataclass(frozen=True)
class Row:
    """What fits on one line of the terminal."""

    text: str
    error: bool = False


def rows_of(lines: Sequence[str], width: int, errors: int = 0) -> list[Row]:
    """Lines cut to the width of the terminal; the last `errors` of them are an error's text."""
    rows: list[Row] = []
    first_error = len(lines) - errors
    for number, line in enumerate(lines):
        error = number >= first_error
        if visible_length(line) <= width:
            rows.append(Row(line, error))
        else:
            rows += [Row(line[start : start + width], error) for start in range(0, len(line), width)]
    return rows


@dataclass
class Pages:
    """Which rows are on the screen: `start` is the first one, a page holds `size`."""

    rows: list[Row]
    size: int
    start: int = 0
    pattern: re.Pattern[str] | None = field(default=None, repr=False)

    @property
    def end(self) -> int:
        """The row behind the last one shown."""
        return min(self.start + self.size, len(self.rows))

    @property
    def at_end(self) -> bool:
        """Nothing comes after this page."""
        return self.start + self.size >= len(self.rows)

    @property
    def last_start(self) -> int:
        """Where the last page begins."""
        return max(len(self.rows) - self.size, 0)

    def forward(self, count: int) -> list[Row]:
        """Go on; the rows that come into view."""
        shown = self.end
        self.start = min(self.start + count, max(self.start, len(self.rows) - 1))
        return self.rows[shown : self.end]

    def back(self, count: int) -> bool:
        """Go back; False at the top."""
        moved = self.start > 0
        self.start = max(self.start - count, 0)
        return moved

    def find(self, direction: int) -> bool:
        """Go to the next row that matches the pattern, not beyond the last page."""
        if self.pattern is None:
            return False
        number = self.start + direction
        while 0 <= number < len(self.rows):
            if self.pattern.search(self.rows[number].text):
                self.start = min(number, max(self.last_start, self.start)) if direction > 0 else number
                return True
            number += direction
        return False


def pattern_of(text: str) -> re.Pattern[str]:
    """A search pattern; small letters find both cases, and what is no regular expression is taken as it stands."""
    flags = re.RegexFlag(0) if text != text.lower() else re.IGNORECASE
    try:
        return re.compile(text, flags)
    except re.error:
        return re.compile(re.escape(text), flags)


class Keyboard:
    """Single keys, while the dataplane runs."""

    def __init__(self, source: Input, background: Background) -> None:
        self._source = source
        self._background = background
        self._pending: list[tuple[str, str]] = []

    def read(self) -> tuple[str, str]:
        """The next key and what it typed; Ctrl-C when the terminal is gone."""
        while not self._pending:
            if self._source.closed:
                return Keys.ControlC, ""
            self._background.wait_for(self._source.fileno())
            presses = self._source.read_keys()
            if not presses and not select.select([self._source.fileno()], [], [], ESCAPE_WAIT)[0]:
                presses = self._source.flush_keys()
            self._pending = [(str(getattr(press.key, "value", press.key)), press.data) for press in presses]
        return self._pending.pop(0)


@contextmanager
def keyboard(background: Background) -> Iterator[Keyboard]:
    """The keyboard, key by key."""
    source = create_input(sys.stdin)
    with source.raw_mode():
        yield Keyboard(source, background)


class Pager:
    """Shows an answer that is longer than the terminal is high."""

    def __init__(self, screen: Screen, terminal: Terminal, paint: Callable[[str, bool], str]) -> None:
        self._screen = screen
        self._terminal = terminal
        self._paint = paint

    def show(self, lines: Sequence[str], errors: int, keys: Keyboard) -> None:
        """Show the lines, the last `errors` of which are an error's; comes back when the user has seen enough."""
        pages = Pages(rows_of(lines, self._terminal.width, errors), self._page())
        self._write(pages, pages.rows[: pages.end])
        while True:
            self._prompt(pages)
            key, data = keys.read()
            if self._resized(pages, lines, errors):
                self._draw(pages)
            if not self._act(pages, key, data, keys):
                break
        self._erase()

    def _page(self) -> int:
        return max(self._terminal.height - 1, 1)

    def _resized(self, pages: Pages, lines: Sequence[str], errors: int) -> bool:
        """Fit the pages to the terminal, when its size has changed."""
        before = self._terminal.width, self._terminal.height
        self._screen.measure(self._terminal)
        if before == (self._terminal.width, self._terminal.height):
            return False
        share = pages.start / max(len(pages.rows), 1)
        pages.rows, pages.size = rows_of(lines, self._terminal.width, errors), self._page()
        pages.start = min(int(share * len(pages.rows)), pages.last_start)
        return True

    def _act(self, pages: Pages, key: str, data: str, keys: Keyboard) -> bool:
        """Do what a key says; False to leave."""
        key = LIKE_LESS.get(key, key)
        match key:
            case " " | Keys.PageDown.value | Keys.Enter.value | Keys.ControlJ.value | Keys.Down.value:
                if pages.at_end:
                    return key in (Keys.PageDown.value, Keys.Down.value)
                self._go_on(pages, pages.size if key in (" ", Keys.PageDown.value) else 1)
            case Keys.Up.value | Keys.PageUp.value:
                if pages.back(1 if key == Keys.Up.value else pages.size):
                    self._draw(pages)
            case Keys.Home.value:
                pages.start = 0
                self._draw(pages)
            case Keys.End.value:
                self._skip_to(pages, pages.last_start)
            case "/":
                self._search(pages, keys)
            case "n" | "N":
                self._find(pages, 1 if key == "n" else -1)
            case Keys.ControlL.value | Keys.ControlR.value:
                self._draw(pages)
            case "q" | "Q" | Keys.ControlC.value | Keys.ControlD.value:
                return False
        return True

    def _go_on(self, pages: Pages, count: int) -> None:
        rows = pages.forward(count)
        self._erase()
        self._write(pages, rows)

    def _skip_to(self, pages: Pages, start: int) -> None:
        """Show a page further down without those before it."""
        if start > pages.start:
            self._erase()
            self._screen.write(f"\r{self._bold('-- skipping --')}\n")
            pages.start = start
            self._write(pages, pages.rows[start : pages.end])

    def _search(self, pages: Pages, keys: Keyboard) -> None:
        """Read a pattern at the bottom of the screen, and go to where it matches next."""
        typed = ""
        while True:
            self._erase()
            self._screen.write(f"/{typed}")
            key, data = keys.read()
            if key in (Keys.Enter.value, Keys.ControlJ.value):
                break
            if key in (Keys.ControlC.value, Keys.Escape.value) or (key == Keys.Backspace.value and not typed):
                return
            if key == Keys.Backspace.value:
                typed = typed[:-1]
            elif key == Keys.ControlU.value:
                typed = ""
            elif data.isprintable():
                typed += data
        if typed:
            pages.pattern = pattern_of(typed)
        self._find(pages, 1)

    def _find(self, pages: Pages, direction: int) -> None:
        if pages.pattern is None:
            return
        if pages.find(direction):
            self._draw(pages)
        else:
            self._erase()
            self._screen.write(f"{self._bold('-- not found --')}\n")

    def _draw(self, pages: Pages) -> None:
        """Draw the whole page anew."""
        if self._terminal.ansi:
            self._screen.write(CLEAR)
        else:
            self._erase()
        self._write(pages, pages.rows[pages.start : pages.end])

    def _write(self, pages: Pages, rows: Sequence[Row]) -> None:
        self._screen.write("".join(f"{self._row(pages, row)}\n" for row in rows))

    def _row(self, pages: Pages, row: Row) -> str:
        if self._terminal.ansi and pages.pattern is not None and pages.pattern.search(row.text):
            return pages.pattern.sub(lambda found: f"{REVERSE}{found[0]}{RESET}" if found[0] else "", row.text)
        return self._paint(row.text, row.error)

    def _prompt(self, pages: Pages) -> None:
        self._screen.write("\r" + self._bold(f"-- more -- ({pages.start + 1}-{pages.end}/{len(pages.rows)})"))

    def _bold(self, text: str) -> str:
        return f"{BOLD}{text}{RESET}" if self._terminal.ansi else text

    def _erase(self) -> None:
        """Take away what stands on the bottom line."""
        self._screen.write(f"\r{CLEAR_LINE}" if self._terminal.ansi else "\r" + " " * (self._terminal.width - 1) + "\r")
