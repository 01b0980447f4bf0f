"""The shell at a terminal: lines are typed, executed and answered, and the dataplane runs beside that."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.commands.show_version import VPP_VERSION
from vppsh.errors import ExitStatus
from vppsh.prompt.interrupt import breakable, interruptible, unbreakable
from vppsh.prompt.loading import Loader
from vppsh.prompt.screen import Screen, harmless, plain, visible_length
from vppsh.prompt.typed import EMPTY, Kind, LineReader, Typed, lines_of
from vppsh.session import Session
from vppsh.targets.base import Answer
from vppsh.terminal import Terminal

if TYPE_CHECKING:
    from vppsh.prompt.editor import Editor
    from vppsh.startup import Steps

PROMPT = "vpp# "
GREETING = (
    f"vppsh {__version__}: a dataplane of its own that answers as VPP {VPP_VERSION}.\n"
    "`?' lists what may be typed, %help the shell's own commands; Ctrl-D leaves.\n"
)
# Longer answers are not coloured when no pager asks for them page by page.
MOST_COLOURED = 2000


def main(steps: Steps) -> int:
    """Read and answer lines, in the session that the steps make, until it is closed or the terminal is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    screen = Screen(os.environ)
    with screen.kept():
        return Repl(steps, screen).run()


def _leave(number: int, frame: FrameType | None) -> None:
    """End in order, so that the terminal is left as it was found."""
    raise SystemExit(128 + number)


class Shell:
    """A session at a terminal, and its dataplane."""

    def __init__(self, session: Session, terminal: Terminal, screen: Screen) -> None:
        from vppsh.prompt.dataplane import Dataplane

        session.terminal = terminal
        self.session = session
        self.dataplane = Dataplane(session.engine, screen.write)


class Repl:
    """One person at one terminal."""

    def __init__(self, steps: Steps, screen: Screen) -> None:
        self._loader = Loader(steps)
        self._screen = screen
        able = not screen.is_dumb
        self._terminal = Terminal(name="unix-cli-stdin", interactive=True, history=True, line_mode=False, crlf=False, ansi=able, pager=able)
        self._shell: Shell | None = None
        self._plain: LineReader | None = None
        self._editor: Editor | None = None
        self._closed = False

    def run(self) -> int:
        """Read lines and answer them, until the end."""
        self._screen.write(GREETING)
        draft = EMPTY
        with breakable():
            while not self._closed:
                try:
                    draft = self._turn(draft)
                except KeyboardInterrupt:
                    self._screen.write("\n")
                    draft = EMPTY
        return ExitStatus.OK

    def _turn(self, draft: Typed) -> Typed:
        """Read once and do what was wanted; the draft to go on with."""
        try:
            self._screen.measure(self._terminal)
            typed = self._reader().read(draft)
        except KeyboardInterrupt:  # pressed between two prompts
            self._screen.write("\n")
            typed = Typed(Kind.CANCELLED)
        match typed.kind:
            case Kind.END:
                self._closed = True
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
        if not (self._terminal.ansi and self._screen.is_terminal):
            if self._plain is None:
                from vppsh.prompt.plain import PlainPrompt

                self._plain = PlainPrompt(PROMPT, self._screen, self._ready().dataplane)
            return self._plain
        if self._editor is None:
            from vppsh.prompt.editor import Editor

            self._editor = Editor(PROMPT, self._terminal, self._beside, self._ready)
            if self._shell is not None:
                self._editor.attach(self._shell.session, self._shell.dataplane)
        return self._editor

    def _ready(self) -> Shell:
        """The session and its dataplane, made now if they are not there yet."""
        if self._shell is None:
            with unbreakable():
                self._shell = Shell(self._loader.finish(), self._terminal, self._screen)
            if self._editor is not None:
                self._editor.attach(self._shell.session, self._shell.dataplane)
        return self._shell

    async def _beside(self, refresh: Callable[[], None]) -> None:
        """What goes on while a line is typed."""
        if self._shell is None:
            await self._loader.beside()
            self._ready()
            refresh()
        await self._ready().dataplane.beside(refresh)

    def _execute(self, text: str) -> None:
        """Execute what was typed; Ctrl-C ends the line at work, and those that were to follow."""
        shell = self._ready()
        session, dataplane = shell.session, shell.dataplane
        lines = lines_of(text)
        for line in lines:
            if len(lines) > 1:
                self._screen.write(f"{PROMPT}{harmless(line)}\n")
            dataplane.mend()
            with interruptible(session):
                answer = session.execute(line)
            self._show(answer)
            with interruptible(session):
                dataplane.settle()
            self._closed = session.closed
            if session.closed or session.interrupted:
                break

    def _show(self, answer: Answer) -> None:
        """Write an answer, or page through it."""
        lines = harmless(answer.aside + answer.text).splitlines()
        if lines:
            self._show_lines(lines, errors=int(answer.failed))

    def _show_lines(self, lines: list[str], errors: int = 0) -> None:
        terminal = self._terminal
        self._screen.measure(terminal)
        coloured = self._screen.colours(terminal)
        width = max(terminal.width, 1)
        rows = sum(max((visible_length(line) + width - 1) // width, 1) for line in lines)
        paged = terminal.pager and terminal.height > 0 and terminal.pager_limit > 0 and rows >= terminal.height
        paint = self._painter() if coloured and (paged or len(lines) <= MOST_COLOURED) else plain
        if paged and rows <= terminal.pager_limit:
            from vppsh.prompt.pager import Pager, keyboard

            with keyboard(self._ready().dataplane) as keys:
                Pager(self._screen, terminal, paint).show(lines, errors, keys)
            return
        first_error = len(lines) - errors
        self._screen.write("".join(f"{paint(line, number >= first_error)}\n" for number, line in enumerate(lines)))
        if paged:
            self._screen.write("-- pager buffer overflowed --\n")

    def _painter(self) -> Callable[[str, bool], str]:
        from vppsh.prompt.answers import Painter

        return Painter(self._ready().session).paint

    def _help(self, text: str) -> None:
        from vppsh.prompt.completion import help_at

        self._show_lines(harmless(help_at(self._ready().session, text)).splitlines())

    def _stop_streams(self) -> None:
        """Ctrl-C on an empty line stops what still runs."""
        stopped = self._ready().dataplane.stop_streams()
        if stopped:
            sent = ", ".join(f"{stream.name} (sent {stream.sent})" for stream in stopped)
            self._screen.write(f"stopped: {sent}\n")
