"""The screen that answers are written to: its size, its colours, and nothing in it that could harm the terminal."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vppsh.terminal import Terminal

# VPP takes no terminal for larger than this, and one without a size for a VT100.
LARGEST = 512
WIDTH, HEIGHT = 80, 24
CHUNK = 4096
# Bracketed paste off, the cursor visible, long lines wrapped.
RESTORE = "\x1b[?2004l\x1b[?25h\x1b[?7h"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# An answer may carry colours; anything else that a terminal would obey is shown instead.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[[0-9;]*m)")


class Screen:
    """Standard output, when a person reads it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._output = sys.stdout.fileno()
        self.is_terminal = sys.stdout.isatty()
        self.is_dumb = not self.is_terminal or environment.get("TERM", "") in ("", "dumb", "unknown")
        self._no_colour = bool(environment.get("NO_COLOR"))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Leave the terminal as it was found, at whatever moment the end comes."""
        settings = termios.tcgetattr(sys.stdin.fileno())
        try:
            yield
        finally:
            with suppress(OSError, termios.error):  # a terminal that is gone
                # prompt_toolkit does this as well, unless it is told to end while it does.
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)
                if not self.is_dumb:
                    self.write(RESTORE)

    def colours(self, terminal: Terminal) -> bool:
        """Whether answers are coloured."""
        return terminal.ansi and self.is_terminal and not self._no_colour

    def measure(self, terminal: Terminal) -> None:
        """Tell the session how large its terminal is."""
        try:
            size = os.get_terminal_size(self._output)
        except OSError:
            return
        terminal.width = min(size.columns, LARGEST) or WIDTH
        terminal.height = min(size.lines, LARGEST) or HEIGHT

    def write(self, text: str) -> None:
        """Write a text at once: in pieces, so that Ctrl-C finds nothing left in a buffer."""
        sys.stdout.flush()
        data = _encode(text)
        while data:
            try:
                data = data[os.write(self._output, data[:CHUNK]) :]
            except BlockingIOError:  # somebody who shares the terminal made it so
                select.select([], [self._output], [])


def harmless(text: str) -> str:
    """A text with the control characters in it shown as `^X`."""
    return CONTROL.sub(lambda found: f"^{chr(ord(found[0]) ^ 0x40)}", text)


def plain(line: str, error: bool) -> str:
    """A line of an answer without colours, also without those it came with."""
    return COLOUR.sub("", line) if "\x1b" in line else line


def visible_length(text: str) -> int:
    """How many columns a text takes."""
    return len(COLOUR.sub("", text)) if "\x1b" in text else len(text)


def _encode(text: str) -> bytes:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace")
