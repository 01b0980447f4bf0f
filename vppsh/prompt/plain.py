"""The prompt of a terminal that cannot move its cursor (TERM=dumb): no escape codes, the terminal's own line editing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from vppsh.grammar.scripts import open_braces
from vppsh.prompt.typed import Kind, Typed

if TYPE_CHECKING:
    from vppsh.prompt.background import Background
    from vppsh.prompt.screen import Screen

LONGEST = 1 << 16


class PlainPrompt:
    """Reads whole lines from the terminal."""

    def __init__(self, prompt: Callable[[], str], screen: Screen, background: Background) -> None:
        self._prompt = prompt
        self._screen = screen
        self._background = background
        self._left = b""
        self._ended = False

    def read(self, draft: Typed) -> Typed:
        """A line, or several while braces are open. There is nothing to go on with: drafts cannot be edited here."""
        lines: list[str] = []
        try:
            while not lines or open_braces("\n".join(lines)) > 0:
                self._screen.write("...> " if lines else self._prompt())
                line = self._line()
                if line is None:
                    self._screen.write("\n")
                    return Typed(Kind.END)
                lines.append(line)
        except KeyboardInterrupt:
            self._screen.write("\n")
            return Typed(Kind.CANCELLED, "\n".join(lines))
        return Typed(Kind.LINE, "\n".join(lines))

    def _line(self) -> str | None:
        """The next line without its end; None at the end of the input."""
        descriptor = sys.stdin.fileno()
        while b"\n" not in self._left and not self._ended:
            self._background.wait_for(descriptor)
            data = os.read(descriptor, LONGEST)
            self._ended = not data
            self._left += data
        if self._ended and not self._left:
            return None
        line, _, self._left = self._left.partition(b"\n")
        return line.decode(errors="surrogateescape")
