"""How arguments are put together: in order, one of several, any order, in braces, on a line of their own."""

from __future__ import annotations

from typing import Any

from vppsh.errors import CommandError
from vppsh.grammar.base import Argument, Candidate, Context, Follow, NoInput, next_char
from vppsh.grammar.reader import BLANKS, END, Reader
from vppsh.grammar.values import Keyword

UNKNOWN_INPUT = "unknown input `%U'"


class Sequence(Argument):
    """Arguments one after the other: all of them, or (when one without an error text is missing) none."""

    def __init__(self, *parts: Argument) -> None:
        self.parts = parts
        self.first = _first_of_sequence(parts)

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read the parts in order."""
        start = reader.pos
        coloured = len(reader.spans or ())
        for part in self.parts:
            if not part.parse(reader, context, values):
                reader.pos = start
                if reader.spans is not None:
                    del reader.spans[coloured:]
                return False
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """The first part that the cursor is in."""
        for part in self.parts:
            result = part.follow(reader, context, out)
            if result is not Follow.NEXT:
                return result
        return Follow.NEXT

    def describe(self) -> str:
        """The parts with blanks between."""
        return " ".join(part.describe() for part in self.parts)

    def defaults(self) -> dict[str, Any]:
        """Of all parts."""
        return _defaults(self.parts)


class Optional(Argument):
    """An argument that may be missing."""

    def __init__(self, inner: Argument) -> None:
        self.inner = inner

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read it if it is there."""
        self.inner.parse(reader, context, values)
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """It, and what comes after it."""
        start = reader.pos
        if reader.finished():
            self.inner.follow(reader, context, out)
            return Follow.NEXT
        result = self.inner.follow(reader, context, out)
        if result is Follow.MISS:
            reader.pos = start
            return Follow.NEXT
        return result

    def describe(self) -> str:
        """In brackets."""
        return f"[{self.inner.describe()}]"

    def defaults(self) -> dict[str, Any]:
        """As the argument itself."""
        return self.inner.defaults()


class _Alternatives:
    """Several arguments, sorted by the characters they can begin with."""

    def __init__(self, alternatives: tuple[Argument, ...]) -> None:
        chars = set().union(*(alternative.first or () for alternative in alternatives))
        self._by_char = {char: tuple(a for a in alternatives if a.first is None or char in a.first) for char in chars}
        self._anywhere = tuple(a for a in alternatives if a.first is None)

    def at(self, reader: Reader) -> tuple[Argument, ...]:
        """Those that what comes next may be, in order."""
        try:
            char = reader.text[reader.pos]
        except IndexError:
            return self._anywhere
        return self._by_char.get(next_char(reader) if char in BLANKS else char, self._anywhere)


class OneOf(Argument):
    """The first of several arguments that is there."""

    def __init__(self, *alternatives: Argument) -> None:
        self.alternatives = alternatives
        self.first = _union(alternatives)
        self._fitting = _Alternatives(alternatives)

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Try them in order."""
        for alternative in self._fitting.at(reader):  # noqa: SIM110 - a generator would cost more than most alternatives
            if alternative.parse(reader, context, values):
                return True
        return False

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Those that fit the line so far."""
        start, here = reader.pos, False
        at_cursor = reader.finished()
        for alternative in self.alternatives:
            reader.pos = start
            result = alternative.follow(reader, context, out)
            if result is Follow.NEXT and not at_cursor:
                return result
            here = here or result is not Follow.MISS
        if here:
            return Follow.HERE
        reader.pos = start
        return Follow.MISS

    def describe(self) -> str:
        """With bars between."""
        return "|".join(alternative.describe() for alternative in self.alternatives)

    def defaults(self) -> dict[str, Any]:
        """Of all alternatives."""
        return _defaults(self.alternatives)


class Options(Argument):
    """Arguments in any order, until the input ends: the loop of `unformat` calls most VPP commands are.

    Alternatives are tried in the order given, each time from the first. When none fits, `error` is
    raised; without an error the rest of the line is left (for the next command of the line).
    """

    def __init__(self, *alternatives: Argument, error: str | None = UNKNOWN_INPUT) -> None:
        self.alternatives = alternatives
        self.error = error
        self._fitting = _Alternatives(alternatives)

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read alternatives while there is input."""
        length, fitting = len(reader.text), self._fitting.at
        while (start := reader.pos) < length:
            for alternative in fitting(reader):
                if alternative.parse(reader, context, values) and reader.pos != start:
                    break
            else:
                if self.error is None:
                    return True
                raise CommandError(reader.error_text(self.error))
        reader.pos = END
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """All that have not been typed yet."""
        used: set[int] = set()
        while not reader.finished():
            start, here = reader.pos, False
            for alternative in self.alternatives:
                reader.pos = start
                result = alternative.follow(reader, context, out)
                here = here or result is Follow.HERE
                if result is Follow.NEXT and reader.pos != start:
                    if isinstance(alternative, Keyword):
                        used.add(id(alternative))
                    break
            else:
                return Follow.HERE if here else Follow.MISS
        for alternative in self.alternatives:
            if id(alternative) not in used:
                alternative.follow(reader, context, out)
        return Follow.NEXT

    def describe(self) -> str:
        """Each in brackets."""
        return " ".join(f"[{alternative.describe()}]" for alternative in self.alternatives)

    def defaults(self) -> dict[str, Any]:
        """Of all alternatives."""
        return _defaults(self.alternatives)


class Block(Argument):
    """`{ ... }`: arguments in braces."""

    first = frozenset("{")

    def __init__(self, inner: Argument) -> None:
        self.inner = inner

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read the braces and what is in them."""
        inside = reader.sub_input()
        return inside is not None and self.inner.parse(inside, context, values)

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """The braces, and their inside while they are open."""
        if reader.finished():
            out.append(Candidate("{"))
            return Follow.HERE
        if reader.peek() != "{":
            return Follow.MISS
        opened = reader.pos
        reader.raw_string()
        if reader.pos != END:  # closed: an open brace takes everything
            reader.skip_blanks()
            return Follow.NEXT
        inside = Reader(reader.text, opened + 1)
        if self.inner.follow(inside, context, out) is Follow.NEXT:
            out.append(Candidate("}"))
        return Follow.HERE

    def describe(self) -> str:
        """In braces."""
        return f"{{ {self.inner.describe()} }}"

    def defaults(self) -> dict[str, Any]:
        """As the inside."""
        return self.inner.defaults()


class LineInput(Argument):
    """Arguments of a command that first takes the whole line for itself (VPP's unformat_line_input).

    Nothing of the line is left for a next command. Without a line the command answers nothing, or
    `empty_error`, or is called all the same when `call_when_empty`.
    """

    def __init__(self, inner: Argument, *, empty_error: str | None = None, call_when_empty: bool = False) -> None:
        self.inner = inner
        self.empty_error = empty_error
        self.call_when_empty = call_when_empty

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Cut the line and read it."""
        line = reader.line_input()
        if line is None:
            if self.call_when_empty:
                return True
            if self.empty_error is not None:
                raise CommandError(reader.error_text(self.empty_error))
            raise NoInput
        context.input = line
        return self.inner.parse(line, context, values)

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """As the inside."""
        return self.inner.follow(reader, context, out)

    def describe(self) -> str:
        """As the inside."""
        return self.inner.describe()

    def defaults(self) -> dict[str, Any]:
        """As the inside."""
        return self.inner.defaults()


class Raw(Argument):
    """The handler reads `ctx.input` itself: for commands too irregular for a grammar."""

    def __init__(self, syntax: str = "") -> None:
        self.syntax = syntax

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Leave everything to the handler."""
        if reader.spans is not None:
            reader.pos = END  # nobody runs the handler for colours: how much it would read is not known
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Show the syntax as a hint."""
        if self.syntax:
            out.append(Candidate("", self.syntax, "hint"))
        return Follow.HERE

    def describe(self) -> str:
        """The syntax as declared."""
        return self.syntax


def _defaults(parts: tuple[Argument, ...]) -> dict[str, Any]:
    """Defaults of several arguments; where two share a name, the first one that is not None counts."""
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.defaults().items():
            if merged.get(name) is None:
                merged[name] = value
    return merged


def _union(parts: tuple[Argument, ...]) -> frozenset[str] | None:
    chars: set[str] = set()
    for part in parts:
        if part.first is None:
            return None
        chars |= part.first
    return frozenset(chars)


def _first_of_sequence(parts: tuple[Argument, ...]) -> frozenset[str] | None:
    chars: set[str] = set()
    for part in parts:
        inner = part.inner.first if isinstance(part, Optional) else part.first
        if inner is None:
            return None
        chars |= inner
        if not isinstance(part, Optional):
            return frozenset(chars)
    return None


def sequence(*parts: Argument) -> Sequence:
    """Arguments one after the other."""
    return Sequence(*parts)


def optional(inner: Argument) -> Optional:
    """An argument that may be missing."""
    return Optional(inner)


def one_of(*alternatives: Argument) -> OneOf:
    """The first of several that is there."""
    return OneOf(*alternatives)


def options(*alternatives: Argument, error: str | None = UNKNOWN_INPUT) -> Options:
    """Arguments in any order until the input ends; `error=None` leaves the rest of the line instead."""
    return Options(*alternatives, error=error)


def keyed(literal: str, *parts: Argument) -> Sequence:
    """A keyword and the values after it: `max 5`."""
    return Sequence(Keyword(literal), *parts)


def block(inner: Argument) -> Block:
    """Arguments in braces."""
    return Block(inner)


def line_input(inner: Argument, *, empty_error: str | None = None, call_when_empty: bool = False) -> LineInput:
    """Arguments of a command that takes the whole line for itself."""
    return LineInput(inner, empty_error=empty_error, call_when_empty=call_when_empty)


def raw(syntax: str = "") -> Raw:
    """No grammar: the handler reads `ctx.input`."""
    return Raw(syntax)
