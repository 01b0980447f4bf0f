"""Error counters as arguments: `{ip4-input}.{bad_checksum}` (VPP's unformat_vlib_error)."""

from __future__ import annotations

from collections.abc import Iterable

from vppsh.engine.engine import Engine
from vppsh.grammar.arguments import Reader, live
from vppsh.grammar.values import Live
from vppsh.registry import live as declare


class ErrorNames:
    """Reads a node's name, a dot, and the name of one of its errors; the value is the error's index."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, reader: Reader) -> int | None:
        """Read one name. A name goes on to the next blank, so both have to be in braces."""
        start = reader.pos
        node = reader.string()
        if node is not None and node in self._engine.graph and reader.word("."):
            name = reader.string()
            index = None if name is None else self._engine.errors.find(node, name)
            if index is not None:
                return index
        reader.pos = start
        return None

    def names(self) -> Iterable[str]:
        """All errors of all nodes."""
        for node in self._engine.graph:
            if node.spec.errors_of is None:
                for counter in self._engine.errors.of_node(node.name):
                    yield f"{{{node.name}}}.{{{counter.spec.name}}}"


ERROR_NAMES = declare("error")(ErrorNames)


def error_name(name: str) -> Live:
    """The name of an error counter; the value is its index."""
    return live("error", name, metavar="<error>")
