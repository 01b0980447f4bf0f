"""The shell behind the Console: lines are executed, completed and explained in the thread of their target.

Nothing here draws; what is given back can be drawn as it is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document

from vppsh.prompt.answers import Names, names_of
from vppsh.prompt.background import Background
from vppsh.prompt.completion import LineCompleter, expected, help_at
from vppsh.prompt.highlight import LONGEST, LineLexer
from vppsh.prompt.history import open_history
from vppsh.prompt.screen import harmless, plain
from vppsh.prompt.typed import lines_of
from vppsh.shell import Shell
from vppsh.terminal import Terminal

# Lines that are kept of what was answered.
MOST_LINES = 100_000
# Lines that are made harmless at a time, so that the screen is drawn in between.
AT_A_TIME = 500
TAB = 8


def console_terminal() -> Terminal:
    """What VPP is told of the Console: nothing is paged, as it scrolls by itself."""
    return Terminal(name="unix-cli-stdin", interactive=True, history=True, line_mode=False, crlf=False, ansi=True)


@dataclass(frozen=True)
class Said:
    """What a line was answered.

    lines    without control characters and colours, the last ones of them
    omitted  how many lines came before these
    failed   the last line is an error's
    leaving  the line asked to leave, as `quit` does
    names    what stands out in the answer
    """

    lines: list[str] = field(default_factory=list)
    omitted: int = 0
    failed: bool = False
    leaving: bool = False
    names: Names = field(default_factory=Names)


@dataclass(frozen=True)
class Hints:
    """What is known of a line that is being typed: the style of each character, and what it waits for."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    expected: str = ""


@dataclass(frozen=True)
class Choice:
    """A word that may stand in the place of what begins at `start`."""

    text: str
    start: int
    help: str = ""


@dataclass(frozen=True)
class Completed:
    """What Tab does to a text before the cursor: types what is certain, or offers a choice."""

    text: str
    typed: str = ""
    choices: tuple[Choice, ...] = ()


def some_at_a_time(text: str) -> Iterator[list[str]]:
    """The lines of a text as they may be shown, some at a time."""
    lines = text.removesuffix("\n").split("\n") if text else []
    for at in range(0, len(lines), AT_A_TIME):
        cleaned = harmless("\n".join(lines[at : at + AT_A_TIME]) + "\n")
        yield [plain(line, False).expandtabs(TAB) for line in cleaned.splitlines()]


class LineMemory:
    """The lines that were typed, here and at prompts of before; where one stands in going through them."""

    def __init__(self, terminal: Terminal) -> None:
        self._kept = open_history(terminal)
        self._lines: list[str] = []
        self._back, self._draft = 0, ""

    def load(self) -> None:
        """Read those of before."""
        self._lines = list(self._kept.load_history_strings())[::-1]

    def add(self, text: str) -> None:
        """Remember what is executed."""
        if text.strip():
            self._kept.append_string(text)
            self._lines += [line for line in lines_of(text) if line.strip() and self._lines[-1:] != [line]]

    def step(self, by: int, line: str) -> str:
        """The line so many before the one of now; at the end the draft that one began with."""
        if self._back == 0:
            self._draft = line
        self._back = max(min(self._back + by, len(self._lines)), 0)
        return self._lines[-self._back] if self._back else self._draft

    def rewind(self) -> None:
        """Begin at the last line again."""
        self._back = 0

    def suggest(self, text: str) -> str | None:
        """The newest line that goes on from a text."""
        return next((line for line in reversed(self._lines) if line.startswith(text) and "\n" not in line), None)


class Lines:
    """A shell whose lines are typed into the monitor; to be used in its target's thread, except for `interrupt`.

    terminal  what the Console is for the shell, in the place of the one it has at the prompt
    confirm   asks the user whether a line may be sent that changes something others work with
    told      what the dataplane has to say of its faults; it is taken away
    """

    def __init__(
        self, shell: Shell, background: Background, terminal: Terminal, confirm: Callable[[str], bool], told: Callable[[], str] = str
    ) -> None:
        self._shell, self._background = shell, background
        self._terminal, self._confirm, self._told = terminal, confirm, told
        self._completer, self._lexer = LineCompleter(shell), LineLexer(shell)

    @property
    def prompt(self) -> str:
        """What stands before a line: who answers it."""
        current = self._shell.targets.current
        return "vpp# " if current is self._shell.here else f"{current.name}# "

    def shown(self, line: str) -> str:
        """A typed line as it may stand on the screen: secrets that go to a live target are masked."""
        return line if self._shell.targets.current is self._shell.here else self._shell.policy.shown(line)

    def execute(self, line: str) -> Said:
        """Execute a line as the prompt does."""
        if line.split(maxsplit=1)[:1] == ["%tui"]:
            return Said(["%tui: this is the monitor; the other tabs are one key away (Escape, then their number)"], failed=True)
        shell = self._shell
        with self._lent():
            self._background.mend()
            answer = shell.execute(line)
            self._background.settle()
            leaving, shell.closed = shell.closed, False
        kept: deque[str] = deque(maxlen=MOST_LINES)
        count = 0
        for lines in some_at_a_time(answer.aside + answer.text + self._told()):
            count += len(lines)
            kept.extend(lines)
        return Said(list(kept), count - len(kept), answer.failed, leaving, names_of(shell) if kept else Names())

    def interrupt(self) -> None:
        """Let the line that is being executed end soon; called from another thread."""
        self._shell.interrupt()

    def hints(self, text: str) -> Hints:
        """What is known of a text that is being typed."""
        kinds = self._lexer.classes(text) if len(text) <= LONGEST else []
        return Hints(text, tuple(kind.removeprefix("class:kind.") for kind in kinds), expected(self._shell, text))

    def help(self, text: str) -> list[str]:
        """What `?` shows after a text."""
        return [line for lines in some_at_a_time(help_at(self._shell, text)) for line in lines]

    def complete(self, text: str) -> Completed:
        """What Tab does behind a text."""
        document = Document(text, len(text))
        found = list(self._completer.get_completions(document, CompleteEvent(completion_requested=True)))
        if len(found) == 1:
            return Completed(text, _typed(text, found[0]) + ("" if found[0].text.endswith(os.sep) else " "))
        common = get_common_complete_suffix(document, found) if found else ""
        if common:
            return Completed(text, text + common)
        return Completed(text, choices=tuple(_choice(text, each) for each in found))

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """The shell belongs to the Console while it executes a line, and to the prompt again afterwards."""
        shell = self._shell
        before = shell.terminal, shell.policy.confirm, shell.closed
        shell.terminal, shell.policy.confirm, shell.closed = self._terminal, self._confirm, False
        try:
            yield
        finally:
            shell.terminal, shell.policy.confirm, shell.closed = before


def _typed(text: str, found: Completion) -> str:
    return text[: len(text) + found.start_position] + found.text


def _choice(text: str, found: Completion) -> Choice:
    return Choice(found.text, len(text) + found.start_position, found.display_meta_text)
