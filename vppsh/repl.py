"""The shell at a terminal: lines are typed, executed and answered, and the dataplane runs beside that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.commands.show_version import VPP_VERSION
from vppsh.errors import ExitStatus
from vppsh.prompt.background import Background, Nothing
from vppsh.prompt.interrupt import breakable, interruptible, unbreakable
from vppsh.prompt.loading import Loader
from vppsh.prompt.screen import Screen, harmless, plain, visible_length
from vppsh.prompt.typed import EMPTY, Kind, LineReader, Typed, lines_of
from vppsh.session import Session
from vppsh.shell import Shell
from vppsh.targets.base import Answer, Target
from vppsh.terminal import Terminal

if TYPE_CHECKING:
    from vppsh.prompt.editor import Editor

ShellSteps = Generator[None, None, Shell]

PROMPT = "vpp# "
HOW = "`?' lists what may be typed, %help the shell's own commands; Ctrl-D leaves.\n"
GREETING = f"vppsh {__version__}: a dataplane of its own that answers as VPP {VPP_VERSION}.\n{HOW}"
# How often it is looked whether a target has told its commands, in seconds: at first, and while it does not.
SOON, SELDOM = 0.05, 3.2
# Longer answers are not coloured when no pager asks for them page by page.
MOST_COLOURED = 2000


def main(steps: ShellSteps, greeting: str = GREETING) -> int:
    """Read and answer lines, in the shell that the steps make, until it is closed or the terminal is gone."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    screen = Screen(os.environ)
    with screen.kept():
        return Repl(steps, screen, greeting).run()


def _leave(number: int, frame: FrameType | None) -> None:
    """End in order, so that the terminal is left as it was found."""
    raise SystemExit(128 + number)


@dataclass(frozen=True)
class Ready:
    """A shell at a terminal, and what goes on beside it."""

    shell: Shell
    background: Background


async def _learn(shell: Shell, complete_anew: Callable[[], None]) -> None:
    """Wait until the commands of a target that is not ours are known, if they are not yet."""
    target = shell.targets.current
    pause = SOON
    while target is not shell.here and not shell.vocabularies.of(target).version:
        await asyncio.sleep(pause)
        pause = min(2 * pause, SELDOM)
        if shell.vocabularies.of(target).version:
            complete_anew()


class Repl:
    """One person at one terminal."""

    def __init__(self, steps: ShellSteps, screen: Screen, greeting: str) -> None:
        self._loader = Loader(steps)
        self._greeting = greeting
        self._screen = screen
        able = not screen.is_dumb
        self._terminal = Terminal(name="unix-cli-stdin", interactive=True, history=True, line_mode=False, crlf=False, ansi=able, pager=able)
        self._made: Ready | None = None
        self._plain: LineReader | None = None
        self._editor: Editor | None = None
        self._closed = False

    def run(self) -> int:
        """Read lines and answer them, until the end."""
        self._screen.write(self._greeting)
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

                self._plain = PlainPrompt(self._prompt, self._screen, self._ready().background)
            return self._plain
        if self._editor is None:
            from vppsh.prompt.editor import Editor

            self._editor = Editor(self._prompt, self._terminal, self._beside, self._ready)
            if self._made is not None:
                self._editor.attach(self._made.shell, self._made.background)
        return self._editor

    def _prompt(self) -> str:
        """What stands before a line: who answers it."""
        if self._made is None:
            return PROMPT
        shell = self._made.shell
        return PROMPT if shell.targets.current is shell.here else f"{shell.targets.current.name}# "

    def _ready(self) -> Ready:
        """The shell and what goes on beside it, made now if they are not there yet."""
        if self._made is None:
            with unbreakable():
                self._made = self._make(self._loader.finish())
            if self._editor is not None:
                self._editor.attach(self._made.shell, self._made.background)
        return self._made

    def _make(self, shell: Shell) -> Ready:
        shell.terminal = self._terminal
        shell.policy.confirm = self._confirm
        shell.shell_context.monitor = self._monitor
        background: Background = Nothing()
        if isinstance(shell, Session):
            from vppsh.prompt.dataplane import Dataplane

            background = Dataplane(shell.engine, self._screen.write)
        return Ready(shell, background)

    def _monitor(self, targets: Sequence[Target]) -> str:
        """Watch targets on the whole terminal, for `%tui`; what is left to be said. Raises SystemExit when a signal wants the end."""
        from vppsh.tui.from_prompt import watch

        context = self._ready().shell.shell_context
        context.monitor = None  # none within the monitor
        try:
            return watch(self._ready().shell, targets)
        finally:
            context.monitor = self._monitor

    def _confirm(self, question: str) -> bool:
        """Ask the user something; Enter and Ctrl-C mean no."""
        self._screen.write(question)
        try:
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            self._screen.write("\n")
            return False

    async def _beside(self, refresh: Callable[[], None], complete_anew: Callable[[], None]) -> None:
        """What goes on while a line is typed."""
        if self._made is None:
            await self._loader.beside()
            self._ready()
            complete_anew()
        ready = self._ready()
        learning = asyncio.ensure_future(_learn(ready.shell, complete_anew))
        try:
            await ready.background.beside(refresh)
        finally:
            learning.cancel()

    def _execute(self, text: str) -> None:
        """Execute what was typed; Ctrl-C ends the line at work, and those that were to follow."""
        shell, background = self._ready().shell, self._ready().background
        lines = lines_of(text)
        for line in lines:
            if len(lines) > 1:
                self._screen.write(f"{self._prompt()}{harmless(line)}\n")
            background.mend()
            with interruptible(shell):
                answer = shell.execute(line)
            self._show(answer)
            with interruptible(shell):
                background.settle()
            self._closed = shell.closed
            if shell.closed or shell.interrupted:
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

            with keyboard(self._ready().background) as keys:
                Pager(self._screen, terminal, paint).show(lines, errors, keys)
            return
        first_error = len(lines) - errors
        self._screen.write("".join(f"{paint(line, number >= first_error)}\n" for number, line in enumerate(lines)))
        if paged:
            self._screen.write("-- pager buffer overflowed --\n")

    def _painter(self) -> Callable[[str, bool], str]:
        from vppsh.prompt.answers import Painter

        return Painter(self._ready().shell).paint

    def _help(self, text: str) -> None:
        from vppsh.prompt.completion import help_at

        self._show_lines(harmless(help_at(self._ready().shell, text)).splitlines())

    def _stop_streams(self) -> None:
        """Ctrl-C on an empty line stops what still runs."""
        stopped = self._ready().background.stop()
        if stopped:
            self._screen.write(stopped)
