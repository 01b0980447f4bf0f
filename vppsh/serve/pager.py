"""Long answers a page at a time, as VPP shows them to an interactive client (vlib/unix/cli.c)."""

from __future__ import annotations

import re

from vppsh.serve.keyboard import Key
from vppsh.serve.output import Output
from vppsh.terminal import Terminal

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
BOLD, RESET = b"\x1b[1m", b"\x1b[0m"
CLEAR_LINE = b"\x1b[2K"
SCROLL_DOWN, SAVE_CURSOR, RESTORE_CURSOR, TOP = b"\x1b[1T", b"\x1b[s", b"\x1b[u", b"\x1b[1;1H"
CLEAR_SCREEN = b"\x1b[2J\x1b[1;1H"
# While an answer comes in, line by line, VPP draws its prompt anew at every tenth row behind the first page.
DRAWN_EVERY = 10


class ServedPager:
    """The answer being paged: its rows, and which of them is at the top of the screen."""

    def __init__(self, output: Output, terminal: Terminal) -> None:
        self._output = output
        self._terminal = terminal
        self._text = ""
        self._rows: list[bytes] = []
        self._start = 0

    @property
    def active(self) -> bool:
        """Whether keys are the pager's."""
        return bool(self._rows)

    @property
    def _page(self) -> int:
        return max(self._terminal.height - 1, 0)

    def show(self, text: str) -> bool:
        """Show an answer; True when it is paged, and keys are needed to see the rest."""
        terminal = self._terminal
        if not (terminal.pager and terminal.pager_limit and terminal.height):
            self._output.write(_bytes(text))
            return False
        rows = self._cut(text)
        if len(rows) > terminal.pager_limit:
            self._output.write(_bytes(text))
            self._output.write(b"\r" + self._bold(b"-- pager buffer overflowed --") + b"\n")
            return False
        self._output.write(b"".join(rows[: self._page]))
        if len(rows) < terminal.height:
            return False
        self._text, self._rows, self._start = text, rows, 0
        if not rows[self._page - 1].endswith(b"\n"):
            self._output.write(b"\n")
        for row in range(self._page, len(rows)):
            if row % DRAWN_EVERY == 0:
                whole = next((end for end in range(row, len(rows)) if rows[end].endswith(b"\n")), len(rows) - 1)
                self._prompt(whole + 1)
        self._prompt()
        return True

    def key(self, key: Key) -> bool:
        """Act on a key; True when the user has seen enough."""
        at_end = self._start + self._terminal.height > len(self._rows)
        last = max(len(self._rows) - self._page, 0)
        match key:
            case Key.QUIT:
                return self._leave()
            case Key.NEXT_PAGE | Key.ENTER if at_end:
                return self._leave()
            case Key.NEXT_PAGE | Key.PAGE_DOWN if not at_end:
                self._forward(self._page)
            case Key.ENTER | Key.DOWN if not at_end:
                self._forward(1)
            case Key.UP if self._start and self._terminal.ansi:
                self._scroll_down()
            case Key.UP if self._start:
                self._back(self._start - 1)
            case Key.PAGE_UP if self._start:
                self._back(max(self._start - self._page, 0))
            case Key.HOME if self._start:
                self._back(0)
            case Key.END if self._start < last:
                self._erase()
                self._output.write(b"\r" + self._bold(b"-- skipping --") + b"\n")
                self._start = last
                self._draw(self._rows[last:])
            case Key.REDRAW:
                self.redraw()
        return False

    def resized(self) -> None:
        """Cut the answer anew for a terminal of another size, and draw the page that begins with the same line."""
        if self._rows:
            line = sum(row.endswith(b"\n") for row in self._rows[: self._start])
            self._rows = self._cut(self._text)
            ends = [number for number, row in enumerate(self._rows) if row.endswith(b"\n")]
            self._start = ends[line - 1] + 1 if line else 0
            self.redraw()

    def redraw(self) -> None:
        """Draw the page again."""
        if self._terminal.ansi:
            self._output.write(CLEAR_SCREEN)
        else:
            self._erase()
        self._draw(self._rows[self._start : self._start + self._page])

    def _cut(self, text: str) -> list[bytes]:
        """The rows of a text on a terminal of this width."""
        width = max(self._terminal.width, 1)
        rows: list[bytes] = []
        for line in _LINE.findall(_bytes(text)):
            body = line.removesuffix(b"\n")
            rows += [body[start : start + width] for start in range(0, max(len(body), 1), width)]
            if body is not line:
                rows[-1] += b"\n"
        return rows

    def _forward(self, count: int) -> None:
        shown = self._start + self._page
        rows = self._rows[shown : shown + count]
        self._start += len(rows)
        self._erase()
        self._draw(rows)

    def _scroll_down(self) -> None:
        """Go back by a row: the terminal scrolls, and the row is written at its top."""
        self._start -= 1
        self._erase()
        self._output.write(SCROLL_DOWN + SAVE_CURSOR + TOP + CLEAR_LINE + self._rows[self._start] + RESTORE_CURSOR)
        self._erase()
        self._prompt()

    def _back(self, start: int) -> None:
        self._start = start
        self._erase()
        self._draw(self._rows[start : start + self._page])

    def _draw(self, rows: list[bytes]) -> None:
        self._output.write(b"".join(rows))
        if rows and not rows[-1].endswith(b"\n"):
            self._output.write(b"\n")
        self._prompt()

    def _prompt(self, known: int | None = None) -> None:
        """How far the page reaches; `known` is how many rows there were when it was drawn."""
        count = len(self._rows) if known is None else known
        shown = f"-- more -- ({self._start + 1}-{min(self._start + self._page, count)}/{count})"
        self._output.write(b"\r" + self._bold(shown.encode()))

    def _leave(self) -> bool:
        self._erase()
        self._text, self._rows = "", []
        return True

    def _bold(self, text: bytes) -> bytes:
        return BOLD + text + RESET if self._terminal.ansi else text

    def _erase(self) -> None:
        """Take the prompt away."""
        self._output.write(b"\r" + (CLEAR_LINE if self._terminal.ansi else b" " * (self._terminal.width - 1) + b"\r"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
