"""The line being typed in character mode: edited and drawn as VPP does it (vlib/unix/cli.c).

The client's terminal shows what it is sent and nothing else, so every change of the line is answered with the bytes
that draw it: the rest of the line again, blanks over what is gone, and the cursor back to where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vppsh.serve.keyboard import Key
from vppsh.serve.output import Output
from vppsh.terminal import Terminal

PROMPT = b"vpp# "
BELL = b"\a"
CLEAR_SCREEN = b"\x1b[2J\x1b[1;1H"
BLANKS = b" \t\n\v\f\r"


class LineEditor:
    """One line, its cursor, and the way through the history.

    history   the lines typed before, the oldest first
    complete  the words that may stand in the place of the last one of a text
    """

    def __init__(self, output: Output, terminal: Terminal, history: Sequence[str], complete: Callable[[str], Sequence[str]]) -> None:
        self._output = output
        self._terminal = terminal
        self._history = history
        self._complete = complete
        self._line = bytearray()
        self._cursor = 0
        self._excursion = 0
        self._search = 0
        self._searched = bytearray()
        self._backwards = False
        self._keys: dict[Key, Callable[[], None]] = {
            Key.TAB: self._tab,
            Key.ERASE: self._erase,
            Key.ERASE_RIGHT: self._erase_right,
            Key.ERASE_WORD_LEFT: self._erase_word_left,
            Key.ERASE_LINE_LEFT: self._erase_line_left,
            Key.ERASE_LINE_RIGHT: lambda: self._cut(self._cursor, len(self._line)),
            Key.UP: lambda: self._browse(-1),
            Key.DOWN: lambda: self._browse(1),
            Key.LEFT: lambda: self._move(self._cursor - 1),
            Key.RIGHT: lambda: self._move(self._cursor + 1),
            Key.WORD_LEFT: self._word_left,
            Key.WORD_RIGHT: self._word_right,
            Key.HOME: lambda: self._move(0),
            Key.END: lambda: self._move(len(self._line)),
            Key.CLEAR: self._clear,
        }

    @property
    def empty(self) -> bool:
        """Nothing was typed."""
        return not self._line

    def prompt(self) -> None:
        """Ask for a line."""
        self._output.raw(PROMPT)

    def take(self) -> str:
        """The line, ended with Enter; the editor is empty again."""
        self._write(b"\n")
        line = self._line.decode("utf-8", "surrogateescape")
        self._line.clear()
        self._cursor = 0
        self._end_search()
        return line

    def rewind(self) -> None:
        """Begin at the end of the history again."""
        self._excursion = len(self._history)

    def key(self, key: Key) -> bool:
        """Act on a key; True when it ended the line as Enter does."""
        if key in (Key.SEARCH_BACKWARDS, Key.SEARCH_FORWARDS):
            return self._start_search(-1 if key == Key.SEARCH_BACKWARDS else 1)
        action = self._keys.get(key)
        if action is not None:
            action()
            if key not in (Key.TAB, Key.CLEAR):
                self._search = 0
            if key in (Key.ERASE, Key.ERASE_RIGHT, Key.ERASE_WORD_LEFT):
                self._excursion = 0
                self._searched.clear()
        return False

    def type(self, char: bytes) -> bool:
        """Insert a character; True when it ended the line, as a search without a match does."""
        if not 0x20 <= char[0] < 0x7F:
            return False
        if self._search and self._remembers:
            self._searched += char
            return self._find()
        self._line[self._cursor : self._cursor] = char
        self._redraw_from(self._cursor, self._cursor + 1)
        return False

    @property
    def _remembers(self) -> bool:
        return self._terminal.history and self._terminal.history_limit > 0

    def _write(self, text: bytes) -> None:
        self._output.write(text)
        if text:
            self._backwards = text.endswith(b"\b")

    def _step_left(self) -> None:
        """Move the terminal's cursor one to the left of ours, over the edge of the screen if need be."""
        width = self._terminal.width
        if self._terminal.ansi and width and (len(PROMPT) + self._cursor) % width == 0:
            if not self._backwards:
                # Having written the last column, a terminal keeps its cursor there: bring it to the next line first.
                self._write(bytes(self._line[self._cursor : self._cursor + 1]) or b" ")
                self._write(b"\r")
            self._write(b"\x1b[A\x1b[%dC" % (width - 1))
            self._backwards = True
        else:
            self._write(b"\b")

    def _left(self) -> None:
        """Move both cursors one to the left."""
        self._step_left()
        self._cursor -= 1

    def _wipe_left(self) -> None:
        """Blank what is left of the cursor, one by one."""
        while self._cursor > 0:
            self._step_left()
            self._write(b" ")
            self._step_left()
            self._cursor -= 1

    def _move(self, to: int) -> None:
        """Move the cursor; to the right by writing what it passes."""
        to = min(max(to, 0), len(self._line))
        if to > self._cursor:
            self._write(bytes(self._line[self._cursor : to]))
            self._cursor = to
        while self._cursor > to:
            self._left()

    def _redraw_from(self, start: int, cursor: int, gone: int = 0) -> None:
        """Draw the line from the cursor at `start` on, blanks over so many characters that are gone, and go to `cursor`."""
        self._write(bytes(self._line[start:]) + b" " * gone)
        self._cursor = len(self._line) + gone
        while self._cursor > cursor:
            self._left()

    def _cut(self, start: int, end: int) -> None:
        """Take a part of the line out; the cursor is where it was."""
        self._move(start)
        del self._line[start:end]
        self._redraw_from(start, start, end - start)

    def _erase(self) -> None:
        if self._cursor:
            self._cut(self._cursor - 1, self._cursor)

    def _erase_right(self) -> None:
        if self._cursor < len(self._line):
            self._cut(self._cursor, self._cursor + 1)

    def _erase_line_left(self) -> None:
        """Blank the end that the line will not have, then draw what is left of it from the beginning."""
        rest, length = self._line[self._cursor :], len(self._line)
        while self._cursor > len(rest):
            self._left()
        self._write(b" " * (length - self._cursor))
        self._cursor = length
        self._move(0)
        self._line = rest
        self._redraw_from(0, 0)

    def _erase_word_left(self) -> None:
        """Take out a word and the blanks behind it. VPP draws as many characters as before, then blanks over the last ones."""
        before = bytes(self._line[: self._cursor])
        start = before.rstrip(b" ").rfind(b" ") + 1
        gone, length = self._cursor - start, len(self._line)
        if not gone:
            return
        self._move(start)
        rest = bytes(self._line[start + gone :])
        self._write(rest + bytes(self._line[start + len(rest) :]))
        self._cursor = length
        for _ in range(gone):
            self._left()
        del self._line[start : start + gone]
        self._write(b" " * gone)
        self._cursor = length
        while self._cursor > start:
            self._left()

    def _word_left(self) -> None:
        before = bytes(self._line[: self._cursor]).rstrip(BLANKS)
        self._move(max(before.rfind(bytes([blank])) for blank in BLANKS) + 1)

    def _word_right(self) -> None:
        rest = bytes(self._line[self._cursor :])
        word = len(rest) - len(rest.lstrip(bytes(set(range(256)) - set(BLANKS))))
        self._move(self._cursor + len(rest) - len(rest[word:].lstrip(BLANKS)))

    def _clear(self) -> None:
        """Clear the screen, and draw prompt and line again."""
        cursor = self._cursor
        self._write(CLEAR_SCREEN if self._terminal.ansi else b"\n")
        self.prompt()
        self._redraw_from(0, cursor)

    def _replace(self, line: bytes) -> None:
        """Show another line in the place of what is left of the cursor, the cursor at its end."""
        self._wipe_left()
        self._line = bytearray(line)
        self._write(line)
        self._cursor = len(line)

    def _browse(self, step: int) -> None:
        """Go to an earlier or later line of the history; behind the last one, and before the first, there is an empty one."""
        if not self._remembers:
            return
        count = len(self._history)
        if count:
            at = self._excursion + step
            self._excursion = count if at < 0 or at == count else 0 if at > count else at
        self._write(b" " * (len(self._line) - self._cursor))
        self._cursor = len(self._line)
        self._replace(self._earlier(self._excursion) if self._excursion < count else b"")

    def _earlier(self, number: int) -> bytes:
        return self._history[number].encode("utf-8", "surrogateescape")

    def _start_search(self, direction: int) -> bool:
        """Search the history for what will be typed, or go on to the next match."""
        if not self._remembers:
            return False
        if self._search:
            self._search = direction
            self._excursion += direction
            return self._find()
        self._replace(b"")
        self._searched.clear()
        self._search = direction
        return False

    def _find(self) -> bool:
        """Show the next line of the history that holds what is searched for; True when there is none, which ends the line."""
        count = len(self._history)
        for _ in range(count):
            self._excursion = 0 if self._excursion > count - 1 else count - 1 if self._excursion < 0 else self._excursion
            line = self._earlier(self._excursion)
            if bytes(self._searched) in line:
                self._replace(line)
                return False
            self._excursion += self._search
        self._write(b"\nNo match...")
        self._line.clear()
        self._cursor = 0
        return True

    def _end_search(self) -> None:
        self._search = 0
        self._searched.clear()

    def _tab(self) -> None:
        """Complete the word before the cursor, or list what it may become."""
        after = bytes(self._line[self._cursor :])
        if after and after[0] not in BLANKS:
            self._output.raw(BELL)
            return
        typed = bytes(self._line[: self._cursor])
        word = typed[len(typed) - len(typed.rsplit(maxsplit=1)[-1]) :] if typed and typed[-1] not in BLANKS else b""
        found = [name.encode() for name in self._complete(typed.decode("utf-8", "surrogateescape"))]
        if not found:
            self._output.raw(BELL)
            return
        if len(found) == 1:
            self._move(len(typed) - len(word))
            grown = found[0] + (b"" if after else b" ")
        else:
            self._list(found)
            self.prompt()
            self._cursor = 0
            self._move(len(typed))
            grown = _common(found)[len(word) :]
        self._line[self._cursor : len(typed)] = grown
        self._redraw_from(self._cursor, self._cursor + len(grown))

    def _list(self, words: Sequence[bytes]) -> None:
        """The words in columns."""
        longest = max(len(word) for word in words)
        text, column = b"\n", 0
        for word in words:
            if column + longest >= self._terminal.width:
                text, column = text + b"\n", 0
            text += word.ljust(longest + 2)
            column += longest + 2
        self._write(text + b"\n")


def _common(words: Sequence[bytes]) -> bytes:
    """What all of the words begin with."""
    first, last = min(words), max(words)
    return first[: next((at for at, pair in enumerate(zip(first, last)) if pair[0] != pair[1]), len(first))]
