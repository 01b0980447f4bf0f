"""The filter language: `host 10.0.0.2 and port 53 and dropped`.

    expression  what either `or` other
    either      `not` one, or one after the other with `and`; parentheses group
    term        a word of predicates.py and what it takes: `host ADDRESS`, `port N`, `node NAME`, `dropped` ...

`and` binds more closely than `or`. A word that is no operator may be quoted: reason "bad ip4 checksum".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vppsh.errors import UsageError
from vppsh.traces.model import Packet

TOKEN = re.compile(
    r"\s*(?:(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'[^']*')|(?P<mark>&&|\|\||<=|>=|==|!=|[()!<>=])|(?P<word>[^\s()!<>=&|\"']+|[&|]))"
)


class Predicate(Protocol):
    """What a packet may fulfil.

    cost  how much work a test is: of several that must hold, the cheap ones are asked first
    """

    @property
    def cost(self) -> int: ...

    def __call__(self, packet: Packet) -> bool: ...


class FilterError(UsageError):
    """An expression that cannot be read; the text shows it with a mark below the place.

    column  where, from 0 on
    """

    def __init__(self, expression: str, column: int, message: str) -> None:
        super().__init__(f"filter: column {column + 1}: {message}\n  {expression}\n  {' ' * column}^")
        self.column = column


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression, and where it begins."""

    text: str
    column: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """All of several."""

    parts: tuple[Predicate, ...]

    @property
    def cost(self) -> int:
        """That of the most expensive part."""
        return max(part.cost for part in self.parts)

    def __call__(self, packet: Packet) -> bool:
        """Whether each part holds."""
        return all(part(packet) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of several."""

    parts: tuple[Predicate, ...]

    @property
    def cost(self) -> int:
        """That of the most expensive part."""
        return max(part.cost for part in self.parts)

    def __call__(self, packet: Packet) -> bool:
        """Whether any part holds."""
        return any(part(packet) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Predicate

    @property
    def cost(self) -> int:
        """That of the part."""
        return self.part.cost

    def __call__(self, packet: Packet) -> bool:
        """Whether the part does not hold."""
        return not self.part(packet)


class Tokens:
    """The words of an expression, read from left to right."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[Token]:
        tokens = []
        at = 0
        text = self.expression.rstrip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise self.fault(at, "the quotation mark is not closed" if text[at] in "\"'" else f"`{text[at]}' has no meaning here")
            kind = match.lastgroup or "word"
            word = match[kind]
            if kind == "quoted":
                inner = re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] == '"' else word[1:-1]
                tokens.append(Token(inner, match.start(kind), quoted=True))
            else:
                tokens.append(Token(word, match.start(kind)))
            at = match.end()
        return tokens

    @property
    def end(self) -> int:
        """The column behind the last word."""
        return len(self.expression.rstrip())

    def peek(self) -> Token | None:
        """The next word, None at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def take(self, wanted: str) -> Token:
        """The next word. Raises FilterError at the end, saying what is wanted."""
        token = self.peek()
        if token is None:
            raise self.fault(self.end, f"expected {wanted}, but the expression ends")
        self._next += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Take the next word if it is one of these."""
        token = self.peek()
        if token is None or token.quoted or token.text not in texts:
            return False
        self._next += 1
        return True

    def fault(self, column: int, message: str) -> FilterError:
        """An error about a place of the expression."""
        return FilterError(self.expression, column, message)

    def wrong(self, token: Token, wanted: str) -> FilterError:
        """An error about a word that is not what is wanted."""
        return self.fault(token.column, f"expected {wanted}, got `{token.text}'")


Term = Callable[[Tokens, Token], Predicate]


def compile_filter(expression: str) -> Predicate:
    """The predicate that an expression stands for. Raises FilterError, which names the column, when it cannot be read."""
    from vppsh.traces.predicates import term

    tokens = Tokens(expression)
    if tokens.peek() is None:
        raise tokens.fault(0, "the expression is empty")
    found = _either(tokens, term)
    rest = tokens.peek()
    if rest is not None:
        raise tokens.wrong(rest, "`and', `or' or the end")
    return found


def _either(tokens: Tokens, term: Term) -> Predicate:
    parts = [_every(tokens, term)]
    while tokens.accept("or", "||"):
        parts.append(_every(tokens, term))
    return parts[0] if len(parts) == 1 else Some(tuple(sorted(parts, key=lambda part: part.cost)))


def _every(tokens: Tokens, term: Term) -> Predicate:
    parts = [_one(tokens, term)]
    while tokens.accept("and", "&&"):
        parts.append(_one(tokens, term))
    return parts[0] if len(parts) == 1 else All(tuple(sorted(parts, key=lambda part: part.cost)))


def _one(tokens: Tokens, term: Term) -> Predicate:
    if tokens.accept("not", "!"):
        return Not(_one(tokens, term))
    opening = tokens.peek()
    if tokens.accept("("):
        found = _either(tokens, term)
        if not tokens.accept(")"):
            assert opening is not None
            raise tokens.fault(opening.column, "this parenthesis is not closed")
        return found
    return term(tokens, tokens.take("a condition"))
