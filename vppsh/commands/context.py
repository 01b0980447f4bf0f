"""What a command's handler is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vppsh.errors import VppshError
from vppsh.grammar.base import Resolver
from vppsh.grammar.reader import Reader

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.session import Session


class CommandContext:
    """Where a line is executed.

    engine   the dataplane
    session  the session that the line was typed into
    input    the reader of the command's input, for what its arguments left and for quoting it in errors
    """

    def __init__(self, engine: Engine, session: Session) -> None:
        self.engine = engine
        self.session = session
        self.input = Reader("")
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
