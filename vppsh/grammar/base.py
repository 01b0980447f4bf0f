"""What every argument of a command can do: parse, say what may follow, describe itself.

A command declares its arguments once, as a tree of `Argument`s. The same tree reads the line, offers
completions, writes the syntax for help and tells the colours, so these can never disagree.

An argument of one's own is a subclass of `Value` with `read` (and, where there are names to offer,
`candidates`), or of `Argument` for something with structure.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

from vppsh.errors import CommandError
from vppsh.grammar.reader import BLANKS, Reader


class Args(SimpleNamespace):
    """The values of a command's arguments, by name."""


class Resolver(Protocol):
    """Knows the things of one kind that exist now: interfaces, nodes, streams, tables."""

    def read(self, reader: Reader) -> Any | None:
        """Read one name and give its value; None (and the reader back where it was) when there is no such thing."""

    def names(self) -> Iterable[str]:
        """The names to offer as completions."""


class Context(Protocol):
    """What parsing needs to know of its surroundings."""

    input: Reader

    def resolver(self, kind: str) -> Resolver:
        """The resolver for one kind of live value."""


@dataclass(frozen=True)
class Candidate:
    """Something that may be typed next: a text, or (without text) a hint of what is expected."""

    text: str
    help: str = ""
    kind: str = "keyword"


class Follow(enum.Enum):
    """How far an argument got with a line that ends where the cursor is."""

    NEXT = "read: what comes after it may follow"
    HERE = "the line ends within it: its candidates may follow"
    MISS = "the line does not go on with it"


class NoInput(Exception):  # noqa: N818 - not a fault: the command answers nothing
    """A command that reads a line of arguments got none; VPP then answers nothing."""


class Argument(ABC):
    """A part of a command's arguments.

    first   the characters its text can begin with, when known: lets a list of alternatives skip it
    """

    first: frozenset[str] | None = None

    @abstractmethod
    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read it and put its values in `values`; False, with the reader unmoved, when it is not there."""

    @abstractmethod
    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Read on towards the cursor, which is where the reader's text ends; add what may be typed there."""

    @abstractmethod
    def describe(self) -> str:
        """Its syntax, as help shows it."""

    def defaults(self) -> dict[str, Any]:
        """The values of what was not typed."""
        return {}

    def or_error(self, message: str) -> Required:
        """This argument must be there; `message` is VPP's text, with `%U` for the quoted rest."""
        return Required(self, message)


class Required(Argument):
    """An argument that must be there."""

    def __init__(self, inner: Argument, message: str) -> None:
        self.inner = inner
        self.message = message
        self.first = inner.first

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read it, or raise the error."""
        if self.inner.parse(reader, context, values):
            return True
        raise CommandError(reader.error_text(self.message))

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """As the argument itself."""
        return self.inner.follow(reader, context, out)

    def describe(self) -> str:
        """As the argument itself."""
        return self.inner.describe()

    def defaults(self) -> dict[str, Any]:
        """As the argument itself."""
        return self.inner.defaults()


class Value(Argument):
    """An argument that reads one value.

    name     its name in `Args`
    default  what `Args` holds when it was not typed
    many     may come several times; `Args` then holds a tuple
    kind     how it is coloured
    """

    kind = "value"

    def __init__(self, name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> None:
        self.name = name
        self.default = () if many and default is None else default
        self.many = many
        self.metavar = metavar or f"<{name.replace('_', '-')}>"

    @abstractmethod
    def read(self, reader: Reader, context: Context) -> Any | None:
        """Read the value; None, with the reader unmoved, when there is none."""

    def candidates(self, context: Context) -> Iterable[Candidate]:
        """What to offer where this value is expected."""
        return (Candidate("", self.metavar, "hint"),)

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read it and keep it under its name."""
        start = reader.pos
        value = self.read(reader, context)
        if value is None:
            return False
        if reader.spans is not None:
            reader.note(start, self.kind)
        values[self.name] = (*values.get(self.name, ()), value) if self.many else value
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Offer the candidates at the cursor."""
        if reader.finished():
            out.extend(self.candidates(context))
            return Follow.HERE
        start = reader.pos
        if not self.parse(reader, context, {}):
            return Follow.MISS
        read = reader.text[start : reader.pos]
        return Follow.HERE if read.count("{") > read.count("}") else Follow.NEXT

    def describe(self) -> str:
        """The placeholder, `<name>`."""
        return self.metavar

    def defaults(self) -> dict[str, Any]:
        """Its default under its name."""
        return {self.name: self.default}


def next_char(reader: Reader) -> str:
    """The first character that is not blank, or '' (the reader does not move)."""
    text, pos = reader.text, reader.pos
    try:
        while text[pos] in BLANKS:
            pos += 1
    except IndexError:
        return ""
    return text[pos]
