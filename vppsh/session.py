"""A session: lines are typed into it, and it answers.

A session has its macros, its terminal settings and its history; several can share an engine. What a
line is is settled here: a `%` command of the shell, or a line of VPP's with, perhaps, a pipe after it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vppsh.commands.context import CommandContext, StructuredText
from vppsh.errors import CommandError, UsageError, VppshError
from vppsh.grammar.assist import Completion, complete, help_text, spans
from vppsh.grammar.macros import Macros
from vppsh.grammar.reader import Reader, Span
from vppsh.grammar.tree import CommandTree
from vppsh.pipes import FILTER_HELP, Pipeline, split_pipes
from vppsh.targets.base import INTERRUPTED, NOTHING, Answer

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOG = logging.getLogger(__name__)

MAX_NESTING = 32
MAX_LINE = 1 << 20


@dataclass
class Terminal:
    """What VPP keeps of a session's terminal."""

    name: str = "unix-cli-local:1"
    node: str = "unix-cli-process-0"
    interactive: bool = False
    line_mode: bool = True
    width: int = 80
    height: int = 24
    ansi: bool = False
    history: bool = False
    history_limit: int = 50
    pager: bool = False
    pager_limit: int = 100000
    crlf: bool = True
    is_socket: bool = False
    process_index: int = 0
    descriptor: int = 0


@dataclass
class Session:
    """One place where lines are typed.

    vpp_only  lines are VPP's and nothing else: no `%` commands, no pipes
    peers     the sessions that the engine has, when it has more than this one
    """

    engine: Engine
    terminal: Terminal = field(default_factory=Terminal)
    tree: CommandTree = field(default=None)  # type: ignore[assignment]  # filled in below from the engine's catalog
    vpp_only: bool = False
    peers: Callable[[], Sequence[Session]] | None = None

    def __post_init__(self) -> None:
        """Build what depends on the engine."""
        commands = self.engine.catalog.commands
        if self.tree is None:
            self.tree = CommandTree(spec for spec in commands if not spec.path.startswith("%"))
        self.shell = CommandTree((spec for spec in commands if spec.path.startswith("%")), vpp_commands="")
        self.context = CommandContext(self.engine, self)
        self.macros = Macros()
        self.history: deque[str] = deque()
        self.lines_typed = 0
        self.accepted: list[str] = []
        self.closed = False
        self.interrupted = False
        self._aside: list[str] = []
        self._nesting = 0

    def execute(self, line: str) -> Answer:
        """Execute one typed line; errors are part of the answer."""
        self._aside = []
        self.interrupted = False
        line = line.strip("\r\n")
        if self.terminal.interactive:
            self._remember(line)
        answer = self._answer(line)
        return replace(answer, aside="".join(self._aside)) if self._aside else answer

    def execute_nested(self, line: str) -> Answer:
        """Execute a line on behalf of one that is being executed."""
        if self.interrupted:
            return INTERRUPTED
        with self._nested():
            return self._answer(line)

    def interrupt(self) -> None:
        """Let the line that is being executed end soon (Ctrl-C): the dataplane stops, further lines of a file are not begun."""
        self.interrupted = True
        self.engine.interrupt()

    def _remember(self, line: str) -> None:
        """Keep a typed line in the history, once when it is typed again and again."""
        kept = self.terminal.history and self.terminal.history_limit
        if kept and line and not line.isspace() and not (self.history and self.history[-1] == line):
            self.lines_typed += 1
            self.history.append(line)
            self.trim_history()

    def trim_history(self) -> None:
        """Forget what the terminal's settings do not keep."""
        keep = self.terminal.history_limit if self.terminal.history else 0
        while len(self.history) > keep:
            self.history.popleft()

    @contextmanager
    def _nested(self) -> Iterator[None]:
        if self._nesting >= MAX_NESTING:
            raise CommandError(f"lines nest more than {MAX_NESTING} deep")
        self._nesting += 1
        try:
            yield
        finally:
            self._nesting -= 1

    def _answer(self, line: str) -> Answer:
        out: list[str] = []
        fault: Exception | None = None
        failed = True
        try:
            failed = not self._execute(line, out)
        except VppshError as error:
            out.append(f"{error}\n")
        except Exception as error:  # a fault of ours must not take the shell and its dataplane with it
            LOG.exception("a fault of vppsh; please report it with the line that met it: %.200s", line)
            out.append(f"internal error: {type(error).__name__}: {error}\n")
            fault = error
        if not failed and line.lstrip()[:1] not in ("", "%"):
            self.accepted.append(line)
        if not out:
            return NOTHING
        data = tuple(text.data for text in out if isinstance(text, StructuredText))
        return Answer("".join(out), failed, data, fault=fault)

    def _execute(self, line: str, out: list[str]) -> bool:
        if len(line) > MAX_LINE:
            raise CommandError(f"the line has {len(line)} characters, more than {MAX_LINE}")
        if self.vpp_only:
            return self._dispatch(Reader(self._expand(line)), out)
        if line.lstrip()[:1] == "%":
            return self._shell_command(line.lstrip(), out)
        pipeline = split_pipes(line) if "|" in line or ">" in line else Pipeline(line)
        if not pipeline.stages:
            return self._dispatch(Reader(self._expand(line)), out)
        answers: list[str] = []
        succeeded = self._dispatch(Reader(self._expand(pipeline.line)), answers)
        error = [] if succeeded else [answers.pop()]
        out.append(pipeline.apply(answers))
        out += error
        return succeeded

    def _expand(self, line: str) -> str:
        try:
            return self.macros.expand(line + "\n")
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _dispatch(self, reader: Reader, out: list[str]) -> bool:
        """Run the commands of a line; when one fails, the last of `out` is the error."""
        if reader.finished():
            return True
        try:
            self.tree.run_line(reader, self.context, out)
        except CommandError as error:
            out.append(f"{error}\n")
            return False
        return True

    def _shell_command(self, line: str, out: list[str]) -> bool:
        reader = Reader(line + "\n", 1)
        node = self.shell.step(reader, self.shell.root)
        if node is None:
            raise UsageError(f"{line.split(maxsplit=1)[0]}: the shell has no such command; %help lists those it has")
        try:
            self.shell.call(node, reader, self.context, out)
        except CommandError as error:
            out.append(f"%{error}\n")
            return False
        if not reader.finished():
            raise UsageError(f"%{node.path}: unexpected `{reader.quote()}'")
        return True

    def execute_aside(self, line: str) -> str | None:
        """Execute a line of an `exec` file: its answers go aside. None, or the quoted rest of a line that failed."""
        with self._nested():
            reader = Reader(self._expand(line)[:-1] if len(line) > 1 else line)
            if self.interrupted:
                self._aside.append(INTERRUPTED.text)
                return reader.quote()
            return None if self._dispatch(reader, self._aside) else reader.quote()

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """What may be typed at the cursor of a line."""
        typed = text[:cursor]
        if self.vpp_only:
            return complete(self.tree, typed, cursor, self.context)
        if typed.startswith("%"):
            found = complete(self.shell, typed[1:], cursor - 1, self.context)
            return [replace(completion, start=completion.start + 1) for completion in found]
        after_bar = typed.rfind(" | ")
        word = typed[after_bar + 3 :].lstrip()
        if after_bar >= 0 and split_pipes(f"{typed[:after_bar]} | count").stages and not any(blank in word for blank in " \t"):
            start = cursor - len(word)
            return [Completion(name, start, help_line, "filter") for name, help_line in FILTER_HELP.items() if name.startswith(word)]
        return complete(self.tree, typed, cursor, self.context)

    def help(self, text: str) -> str:
        """What `?` shows after a text."""
        if text.startswith("%"):
            return help_text(self.shell, text[1:])
        return help_text(self.tree, text)

    def spans(self, text: str) -> list[Span]:
        """The parts of a line and what each was read as, for colouring."""
        if text.startswith("%"):
            return [Span(span.start + 1, span.end + 1, span.kind) for span in spans(self.shell, text[1:], self.context)]
        return spans(self.tree, split_pipes(text).line, self.context)
