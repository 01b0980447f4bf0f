"""What a command's handler is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vppsh.errors import VppshError
from vppsh.grammar.base import Resolver
from vppsh.grammar.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vppsh.engine.engine import Engine
    from vppsh.session import Session
    from vppsh.shell import Shell
    from vppsh.targets.base import Target


class ShellContext:
    """Where a `%` command is executed.

    session  the shell that the line was typed into
    input    the reader of the command's input, for what its arguments left and for quoting it in errors
    monitor  shows targets on the whole terminal until the user comes back; None where nobody looks at a terminal
    """

    def __init__(self, session: Shell) -> None:
        self.session = session
        self.monitor: Callable[[Sequence[Target]], str] | None = None
        self.input = Reader("")

    def resolver(self, kind: str) -> Resolver:
        """The live names of one kind."""
        found: Resolver = self.session.speaks()[1].resolver(kind)
        return found


class CommandContext(ShellContext):
    """Where a line of VPP's is executed.

    engine   the dataplane
    session  the session that the line was typed into
    """

    session: Session

    def __init__(self, engine: Engine, session: Session) -> None:
        super().__init__(session)
        self.engine = engine
        self._resolvers: dict[str, Resolver] = {}

    def resolver(self, kind: str) -> Resolver:
        """The live names of one kind."""
        resolver = self._resolvers.get(kind)
        if resolver is None:
            for spec in self.engine.catalog.lives:
                self._resolvers.setdefault(spec.kind, spec.make(self.engine))
            resolver = self._resolvers.get(kind)
            if resolver is None:
                raise VppshError(f"no module declares live names of kind {kind!r}")
        return resolver


class StructuredText(str):
    """An answer that also has a structured form, for `| json`: plain lists, dicts, numbers and texts."""

    __slots__ = ("data",)
    data: Any


def structured(text: str, data: Any) -> StructuredText:
    """An answer and its structured form."""
    answer = StructuredText(text)
    answer.data = data
    return answer
