"""Filter expressions read (libpcap's grammar).

`and` and `or` bind alike, from left to right. A name or number without qualifiers takes those of the
one before it: `port 80 or 443`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.expression import (
    And,
    Arithmetic,
    Binary,
    ByteTest,
    Cast,
    Direction,
    Expression,
    Ip4Text,
    Ip6Text,
    Length,
    Load,
    Longer,
    MacText,
    Name,
    Negative,
    Not,
    Number,
    Or,
    Primitive,
    Protocol,
    Qualifiers,
    Relation,
    Subject,
    Tagged,
    Type,
)
from vppsh.engine.bpf.lexer import PROTOCOLS, Token, tokens

T = TypeVar("T")

MAX_DEPTH = 100
PRECEDENCE = {"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5}
UNARY = 6
# libpcap's grammar gives these no precedence: what is to their right is all theirs.
GREEDY = ("%", "^")
RELATIONS = (">", ">=", "=", "<=", "<", "!=")
TYPES = {kind.value: kind for kind in Type}
SUBJECTS = ("number", "name", "address4", "address6", "mac")


def parse(text: str) -> Expression | None:
    """The expression of a text; None when it is empty, which accepts every packet."""
    parser = Parser(tokens(text))
    if parser.peek() == "end":
        return None
    expression, _ = parser.expression(None)
    parser.expect("end")
    return expression


class Parser:
    """A list of tokens and how far it has been read."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._pos = 0
        self._depth = 0

    def peek(self, ahead: int = 0) -> str:
        """The kind of a token not read yet."""
        return self._tokens[min(self._pos + ahead, len(self._tokens) - 1)].kind

    def take(self) -> Token:
        """Read a token."""
        token = self._tokens[self._pos]
        self._pos += 1
        return token

    def accept(self, kind: str) -> bool:
        """Read a token if it is of that kind."""
        if self.peek() != kind:
            return False
        self._pos += 1
        return True

    def expect(self, kind: str) -> Token:
        """Read a token that must be of that kind."""
        if self.peek() != kind:
            raise BpfError("syntax error")
        return self.take()

    def _attempt(self, read: Callable[[], T]) -> T | None:
        """What `read` reads; nothing is read when it fails."""
        start, depth = self._pos, self._depth
        try:
            return read()
        except BpfError as error:
            if error.ours:
                raise
            self._pos, self._depth = start, depth
            return None

    def _deeper(self, read: Callable[[], T]) -> T:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BpfError(f"vppsh's filters nest at most {MAX_DEPTH} deep", ours=True)
        result = read()
        self._depth -= 1
        return result

    # Conditions. Each answers its expression and the qualifiers that a name after it inherits.

    def expression(self, inherited: Qualifiers | None) -> tuple[Expression, Qualifiers | None]:
        """Terms joined by `and` and `or`."""
        left, qualifiers = self._term(inherited)
        while self.peek() in ("&&", "||"):
            join = And if self.take().kind == "&&" else Or
            right, qualifiers = self._term(qualifiers)
            left = join(left, right)
        return left, qualifiers

    def _term(self, inherited: Qualifiers | None) -> tuple[Expression, Qualifiers | None]:
        if self.accept("!"):
            inner, qualifiers = self._deeper(lambda: self._term(inherited))
            return Not(inner), qualifiers
        relation = self._attempt(self._relation) if self._begins_arithmetic() else None
        if relation is not None:
            return relation, None
        if inherited is not None and self.peek() in (*SUBJECTS, "("):
            subject = self._attempt(lambda: self._subjects(inherited))
            if subject is not None:
                return subject, inherited
        if self.accept("("):
            inner, _ = self._deeper(lambda: self.expression(inherited))
            self.expect(")")
            return inner, inherited
        return self._primitive()

    def _primitive(self) -> tuple[Expression, Qualifiers | None]:
        kind = self.peek()
        if kind in ("less", "greater"):
            self.take()
            return Longer(self.expect("number").value, kind == "less"), None
        if kind == "byte":
            self.take()
            at = self.expect("number").value
            if self.peek() not in ("&", "|", "<", ">", "="):
                raise BpfError("syntax error")
            return ByteTest(at, self.take().kind, self.expect("number").value), None
        if kind in ("vlan", "mpls"):
            self.take()
            number = self._attempt(self._plain_number)
            return Tagged(kind, None if number is None else number.value), None
        protocol = self.take().kind if kind in PROTOCOLS or kind == "link" else None
        if self.peek() in ("broadcast", "multicast"):
            return Cast(self.take().kind, protocol), None
        direction = self._direction()
        type_ = None
        if self.peek() in TYPES and not (self.peek() == "proto" and direction is not None):
            type_ = TYPES[self.take().kind]
        if direction is None and type_ is None:
            if protocol is None:
                raise BpfError("syntax error")
            return Protocol(protocol), None
        qualifiers = Qualifiers(protocol, direction, type_)
        return self._subjects(qualifiers), qualifiers

    def _direction(self) -> Direction | None:
        if self.peek() not in ("src", "dst"):
            return None
        first = self.take().kind
        if self.peek() in ("&&", "||") and self.peek(1) in ("src", "dst") and self.peek(1) != first:
            joined = Direction.BOTH if self.take().kind == "&&" else Direction.EITHER
            self.take()
            return joined
        return Direction.SOURCE if first == "src" else Direction.DESTINATION

    def _subjects(self, qualifiers: Qualifiers) -> Expression:
        """A name or number, `not` one, or several in parentheses."""
        if self.accept("!"):
            return Not(self._deeper(lambda: self._subjects(qualifiers)))
        if not self.accept("("):
            return Primitive(qualifiers, self._subject())
        left = self._deeper(lambda: self._subjects(qualifiers))
        while self.peek() in ("&&", "||"):
            join = And if self.take().kind == "&&" else Or
            left = join(left, self._subjects(qualifiers))
        self.expect(")")
        return left

    def _subject(self) -> Subject:
        kind = self.peek()
        if kind not in SUBJECTS:
            raise BpfError("syntax error")
        token = self.take()
        if kind == "number":
            return Number(token.value)
        if kind == "name":
            return Name(token.text)
        if kind == "mac":
            return MacText(token.text)
        if kind == "address6":
            return Ip6Text(token.text, self.expect("number").value) if self.accept("/") else Ip6Text(token.text)
        if self.accept("/"):
            return Ip4Text(token.text, length=self.expect("number").value)
        if self.accept("mask"):
            return Ip4Text(token.text, mask=self.expect("address4").text)
        return Ip4Text(token.text)

    # Arithmetic.

    def _begins_arithmetic(self) -> bool:
        kind = self.peek()
        return kind in ("number", "len", "-", "(") or ((kind in PROTOCOLS or kind == "link") and self.peek(1) == "[")

    def _relation(self) -> Expression:
        left = self._arithmetic(0)
        if self.peek() not in RELATIONS:
            raise BpfError("syntax error")
        return Relation(self.take().kind, left, self._arithmetic(0))

    def _arithmetic(self, floor: int) -> Arithmetic:
        left = self._operand()
        while True:
            operator = self.peek()
            if operator in GREEDY:
                self.take()
                left = Binary(operator, left, self._deeper(partial(self._arithmetic, 0)))
            elif PRECEDENCE.get(operator, 0) > floor:
                self.take()
                left = Binary(operator, left, self._deeper(partial(self._arithmetic, PRECEDENCE[operator])))
            else:
                return left

    def _operand(self) -> Arithmetic:
        kind = self.peek()
        if kind == "-":
            self.take()
            return Negative(self._deeper(partial(self._arithmetic, UNARY)))
        if kind == "len":
            self.take()
            return Length()
        if kind == "(":
            self.take()
            inner = self._deeper(partial(self._arithmetic, 0))
            self.expect(")")
            return inner
        if kind in PROTOCOLS or kind == "link":
            self.take()
            self.expect("[")
            at = self._deeper(partial(self._arithmetic, 0))
            size = self.expect("number").value if self.accept(":") else 1
            self.expect("]")
            return Load(kind, at, size)
        return self._plain_number()

    def _plain_number(self) -> Number:
        if self.accept("("):
            number = self._deeper(self._plain_number)
            self.expect(")")
            return number
        return Number(self.expect("number").value)
