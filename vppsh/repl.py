"""The shell at a terminal: lines are typed, executed and answered, and the dataplane runs beside that."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from vppsh import __version__
from vppsh.commands.show_version import VPP_VERSION
from vppsh.errors import ExitStatus
from vppsh.prompt.dataplane import Dataplane
from vppsh.prompt.interrupt import breakable, interruptible
from vppsh.prompt.plain import PlainPrompt
from vppsh.prompt.screen import Screen, harmless, plain, visible_length
from vppsh.prompt.typed import EMPTY, Kind, LineReader, Typed, lines_of
from vppsh.session import Answer, Session

PROMPT = "vpp# "
GREETING = (
    f"vppsh {__version__}: a dataplane of its own that answers as VPP {VPP_VERSION}.\n"
    "`?' lists what may be typed, %help the shell's own commands; Ctrl-D leaves.\n"
)
# Longer answers are not coloured when no pager asks for them page by page.
MOST_COLOURED = 2000


def main(session: Session) -> int:
    """Read and answer lines until the session is closed or the terminal is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    return Repl(session, Screen(os.environ)).run()


def _leave(number: int, frame: FrameType | None) -> None:
    """End in order, so that the terminal is left as it was found."""
    raise SystemExit(128 + number)


class Repl:
    """One person at one terminal."""

    def __init__(self, session: Session, screen: Screen) -> None:
        self._session = session
        self._screen = screen
        self._dataplane = Dataplane(session.engine, screen.write)
        self._plain = PlainPrompt(PROMPT, screen, self._dataplane)
        self._editor: LineReader | None = None
        terminal = session.terminal
        terminal.name = "unix-cli-stdin"
        terminal.interactive = terminal.history = True
        terminal.line_mode = terminal.crlf = False
        terminal.ansi = terminal.pager = not screen.is_dumb

    def run(self) -> int:
        """Read lines and answer them, until the end."""
        self._screen.write(GREETING)
        draft = EMPTY
        with breakable():
            while not self._session.closed:
                try:
                    draft = self._turn(draft)
                except KeyboardInterrupt:
                    self._screen.write("\n")
                    draft = EMPTY
        return ExitStatus.OK

    def _turn(self, draft: Typed) -> Typed:
        """Read once and do what was wanted; the draft to go on with."""
        self._screen.measure(self._session.terminal)
        typed = self._reader().read(draft)
        match typed.kind:
            case Kind.END:
                self._session.closed = True
            case Kind.CANCELLED:
                if not typed.text:
                    self._stop_streams()
            case Kind.HELP:
                self._help(typed.text[: typed.cursor])
                return typed
            case Kind.LINE:
                self._execute(typed.text)
        return EMPTY

    def _reader(self) -> LineReader:
        """The prompt that suits the terminal; `set terminal ansi` changes it."""
        if not (self._session.terminal.ansi and self._screen.is_terminal):
            return self._plain
        if self._editor is None:
            from vppsh.prompt.editor import Editor

            self._editor = Editor(PROMPT, self._session, self._dataplane)
        return self._editor

    def _execute(self, text: str) -> None:
        """Execute what was typed; Ctrl-C ends the line at work, and those that were to follow."""
        lines = lines_of(text)
        for line in lines:
            if len(lines) > 1:
                self._screen.write(f"{PROMPT}{harmless(line)}\n")
            self._dataplane.mend()
            with interruptible(self._session):
                answer = self._session.execute(line)
            self._show(answer)
            with interruptible(self._session):
                self._dataplane.settle()
            if self._session.closed or self._session.interrupted:
                break

    def _show(self, answer: Answer) -> None:
        """Write an answer, or page through it."""
        lines = harmless(answer.aside + answer.text).splitlines()
        if lines:
            self._show_lines(lines, errors=int(answer.failed))

    def _show_lines(self, lines: list[str], errors: int = 0) -> None:
        terminal = self._session.terminal
        self._screen.measure(terminal)
        coloured = self._screen.colours(terminal)
        width = max(terminal.width, 1)
        rows = sum(max((visible_length(line) + width - 1) // width, 1) for line in lines)
        paged = terminal.pager and terminal.height > 0 and terminal.pager_limit > 0 and rows >= terminal.height
        paint = self._painter() if coloured and (paged or len(lines) <= MOST_COLOURED) else plain
        if paged and rows <= terminal.pager_limit:
            from vppsh.prompt.pager import Pager, keyboard

            with keyboard(self._dataplane) as keys:
                Pager(self._screen, terminal, paint).show(lines, errors, keys)
            return
        first_error = len(lines) - errors
        self._screen.write("".join(f"{paint(line, number >= first_error)}\n" for number, line in enumerate(lines)))
        if paged:
            self._screen.write("-- pager buffer overflowed --\n")

    def _painter(self) -> Callable[[str, bool], str]:
        from vppsh.prompt.answers import Painter

        return Painter(self._session).paint

    def _help(self, text: str) -> None:
        from vppsh.prompt.completion import help_at

        self._show_lines(harmless(help_at(self._session, text)).splitlines())

    def _stop_streams(self) -> None:
        """Ctrl-C on an empty line stops what still runs."""
        stopped = self._dataplane.stop_streams()
        if stopped:
            sent = ", ".join(f"{stream.name} (sent {stream.sent})" for stream in stopped)
            self._screen.write(f"stopped: {sent}\n")
