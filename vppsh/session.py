"""A session: lines are typed into it, and the engine that it has answers.

A session has its macros, its terminal settings and its history; several can share an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vppsh.commands.context import CommandContext, StructuredText
from vppsh.errors import CommandError
from vppsh.grammar.assist import Completion, complete
from vppsh.grammar.base import Context
from vppsh.grammar.macros import Macros
from vppsh.grammar.reader import Reader
from vppsh.grammar.tree import CommandTree
from vppsh.shell import MAX_LINE, Shell
from vppsh.targets.base import INTERRUPTED, Answer
from vppsh.terminal import Terminal

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

__all__ = ["MAX_LINE", "Session", "Terminal"]

OWN = "embedded"


class Here:
    """A session's own engine, as a target."""

    name = OWN
    where = "the dataplane of this process"
    cluster = False

    def __init__(self, session: Session) -> None:
        self._session = session

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line; a time-out is not kept."""
        return self._session.execute_here(line)

    def interrupt(self) -> None:
        """Stop the dataplane."""
        self._session.engine.interrupt()

    def close(self) -> None:
        """The engine belongs to who made it."""


class Session(Shell):
    """A shell with an engine.

    tree      the commands of VPP's that the engine has (default: those of its catalog); sessions can share it
    vpp_only  lines are VPP's and nothing else: no `%` commands, no pipes, no other targets
    peers     the sessions that the engine has, when it has more than this one
    """

    here: Here

    def __init__(
        self,
        engine: Engine,
        terminal: Terminal | None = None,
        tree: CommandTree | None = None,
        *,
        vpp_only: bool = False,
        peers: Callable[[], Sequence[Session]] | None = None,
    ) -> None:
        self.engine = engine
        self.context = CommandContext(engine, self)
        self.here = Here(self)
        commands = engine.catalog.commands
        super().__init__(terminal or Terminal(), (spec for spec in commands if spec.path.startswith("%")), self.context, self.here)
        self.tree = CommandTree(spec for spec in commands if not spec.path.startswith("%")) if tree is None else tree
        self.vpp_only = vpp_only
        self.peers = peers
        self.macros = Macros()

    def interrupt(self) -> None:
        """Let the line that is being executed end soon: the dataplane stops as well."""
        super().interrupt()
        self.engine.interrupt()

    def pause(self, seconds: float) -> None:
        """Let the dataplane run for that long."""
        self.engine.run_for(seconds)

    def settle(self) -> None:
        """Let the dataplane run until it is idle."""
        self.engine.run_until_idle()

    def _execute(self, line: str, out: list[str]) -> bool:
        if self.vpp_only and len(line) <= MAX_LINE:
            return self.run_here(line, out)
        return super()._execute(line, out)

    def run_here(self, line: str, out: list[str]) -> bool:
        """Run the commands of a line; when one fails, the last of `out` is the error."""
        text = self._expand(line)
        if self.vpp_only and not self.terminal.line_mode:
            text = text[:-1]  # what is typed key by key ends without a newline, which shows in some of VPP's errors
        return self._dispatch(Reader(text), out)

    def execute_here(self, line: str) -> Answer:
        """Answer a line of VPP's as a target does."""
        out: list[str] = []
        failed = not self.run_here(line, out)
        return Answer("".join(out), failed, tuple(text.data for text in out if isinstance(text, StructuredText)))

    def _expand(self, line: str) -> str:
        try:
            return self.macros.expand(line + "\n")
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _dispatch(self, reader: Reader, out: list[str]) -> bool:
        if reader.finished():
            return True
        try:
            self.tree.run_line(reader, self.context, out)
        except CommandError as error:
            out.append(f"{error}\n")
            return False
        return True

    def execute_aside(self, line: str) -> str | None:
        """Execute a line of an `exec` file: its answers go aside. None, or the quoted rest of a line that failed."""
        with self._nested():
            reader = Reader(self._expand(line)[:-1] if len(line) > 1 else line)
            if self.interrupted:
                self._aside.append(INTERRUPTED.text)
                return reader.quote()
            return None if self._dispatch(reader, self._aside) else reader.quote()

    def speaks(self) -> tuple[CommandTree, Context]:
        """The commands of the current target, and what exists there."""
        return (self.tree, self.context) if self.targets.current is self.here else super().speaks()

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """What may be typed at the cursor of a line."""
        return complete(self.tree, text[:cursor], cursor, self.context) if self.vpp_only else super().complete(text, cursor)
