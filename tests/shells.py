"""Sessions without a dataplane, for tests of the command line itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vppsh.commands import echo, exec, macros, quit, show_cli, show_version, terminal, wait
from vppsh.commands.shell import percent, target
from vppsh.grammar.reader import Reader
from vppsh.registry import Catalog, Declaration, live
from vppsh.session import Session

SHELL_COMMANDS = (echo, exec, macros, percent, quit, show_cli, show_version, target, terminal, wait)


class FakeEngine:
    """What the commands of the shell ask of an engine."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.ran = 0.0

    def run_for(self, seconds: float) -> None:
        self.ran += seconds

    def interrupt(self) -> None:
        """Nothing ever runs that could be stopped."""

    def run_until_idle(self) -> None:
        """Nothing is ever to do."""


class Loops:
    """Interface names: loop0, loop1."""

    def __init__(self, engine: Any) -> None:
        self.indices = {"loop0": 1, "loop1": 2}

    def read(self, reader: Reader) -> int | None:
        start = reader.pos
        index = self.indices.get(reader.string() or "")
        if index is None:
            reader.pos = start
        return index

    def names(self) -> Iterable[str]:
        return self.indices


LOOPS = live("interface")(Loops)


def shell(*declarations: Declaration) -> Session:
    """A session with the shell's own commands, the interfaces loop0 and loop1, and these declarations."""
    catalog = Catalog()
    for module in SHELL_COMMANDS:
        catalog.extend(module)
    catalog.add(LOOPS)
    for declaration in declarations:
        catalog.add(declaration)
    return Session(FakeEngine(catalog))  # type: ignore[arg-type]
