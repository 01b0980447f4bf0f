"""The values that VPP's commands take: keywords, numbers, words, addresses, names of live things."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vppsh.grammar import addresses
from vppsh.grammar.base import Argument, Candidate, Context, Follow, Value
from vppsh.grammar.reader import Reader, item

FILE = "file"
"""The kind of candidates and completions that stand for any file."""

_DIGITS = frozenset("0123456789+")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class Keyword(Argument):
    """A literal; when it has a name, `Args` holds `value` if it was typed and `default` otherwise.

    The empty literal is always there: in a sequence it sets one more value.
    """

    def __init__(self, literal: str, name: str = "", value: Any = True, default: Any = False, help: str = "") -> None:
        self.literal = literal
        self.name = name
        self.value = value
        self.default = default
        self.help = help
        self.first = frozenset(literal[0]) if literal else None

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read the literal (as a prefix of the input, as VPP does)."""
        start = reader.pos
        if self.literal and not reader.word(self.literal):
            return False
        if reader.spans is not None and self.literal:
            reader.note(start, "keyword")
        if self.name:
            values[self.name] = self.value
        return True

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        """Offer the literal at the cursor."""
        if not self.literal:
            return Follow.NEXT
        if reader.finished():
            out.append(Candidate(self.literal, self.help))
            return Follow.HERE
        return Follow.NEXT if reader.word(self.literal) else Follow.MISS

    def describe(self) -> str:
        """The literal."""
        return self.literal

    def defaults(self) -> dict[str, Any]:
        """The default under its name."""
        return {self.name: self.default} if self.name else {}


class Level(Keyword):
    """`verbose %=`: a literal and, perhaps, a number; alone it counts as `value`."""

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        """Read the literal and the number."""
        if not super().parse(reader, context, values):
            return False
        number = reader.unsigned()
        if number is not None:
            values[self.name] = number
        return True

    def describe(self) -> str:
        """The literal with its number."""
        return f"{self.literal} [<number>]"


class Choice(Value):
    """One of several literals, tried in order; the value is what the literal stands for."""

    kind = "keyword"

    def __init__(self, name: str, choices: Mapping[str, Any], default: Any = None, *, many: bool = False) -> None:
        super().__init__(name, default, many=many)
        self.choices = dict(choices)
        self.first = frozenset(literal[0] for literal in choices)

    def read(self, reader: Reader, context: Context) -> Any | None:
        """Read one of the literals."""
        for literal, value in self.choices.items():
            if reader.word(literal):
                return value
        return None

    def candidates(self, context: Context) -> Iterable[Candidate]:
        """The literals."""
        return [Candidate(literal) for literal in self.choices]

    def describe(self) -> str:
        """The literals with bars between."""
        return "|".join(self.choices)


class Number(Value):
    """A whole number: `%d` (signed), `%u`, or `%x` with base 16; `0x` is read when asked for."""

    kind = "number"

    def __init__(
        self, name: str, default: Any = None, *, signed: bool, base: int = 10, bits: int = 32, many: bool = False, metavar: str = ""
    ) -> None:
        super().__init__(name, default, many=many, metavar=metavar)
        self.signed, self.base, self.bits = signed, base, bits
        self.first = _HEX_DIGITS | {"+"} if base == 16 else _DIGITS | {"-"} if signed else _DIGITS

    def read(self, reader: Reader, context: Context) -> int | None:
        """Read the number."""
        if self.base == 16:
            return reader.hexadecimal(self.bits)
        return reader.signed(self.bits) if self.signed else reader.unsigned(self.bits)


class Floating(Value):
    """`%f`."""

    kind = "number"
    first = frozenset("0123456789+-.")

    def read(self, reader: Reader, context: Context) -> float | None:
        """Read the number."""
        return reader.floating()


class String(Value):
    """`%s`: a word, or the text between braces; `delimiter` ends it as the character after %s in a format does."""

    kind = "string"

    def __init__(self, name: str, default: Any = None, *, delimiter: str = "", many: bool = False, metavar: str = "") -> None:
        super().__init__(name, default, many=many, metavar=metavar)
        self.delimiter = delimiter

    def read(self, reader: Reader, context: Context) -> str | None:
        """Read the word."""
        return reader.string(self.delimiter)


class FileName(String):
    """The name of a file, as a word; whoever completes it knows the disk."""

    kind = FILE

    def candidates(self, context: Context) -> Iterable[Candidate]:
        """A hint that a file is expected."""
        return (Candidate("", self.metavar, FILE),)


class Rest(Value):
    """Everything up to the end of the line."""

    kind = "string"

    def read(self, reader: Reader, context: Context) -> str | None:
        """Read the line."""
        return reader.line()


class HexString(Value):
    """An even number of hex digits; the value is bytes."""

    kind = "number"
    first = _HEX_DIGITS

    def read(self, reader: Reader, context: Context) -> bytes | None:
        """Read the digits."""
        return reader.hex_string()


class Pattern(Value):
    """Whatever a regular expression matches; the value is made from the match."""

    def __init__(
        self, name: str, pattern: str, make: Callable[[re.Match[str]], Any], default: Any = None, *, many: bool = False, metavar: str = ""
    ) -> None:
        super().__init__(name, default, many=many, metavar=metavar)
        self.pattern = item(pattern)
        self.make = make

    def read(self, reader: Reader, context: Context) -> Any | None:
        """Read the match."""
        found = reader.take(self.pattern)
        return None if found is None else self.make(found)


class Read(Value):
    """A value read by a function `(reader) -> value | None`."""

    def __init__(
        self,
        name: str,
        function: Callable[[Reader], Any | None],
        default: Any = None,
        *,
        first: Iterable[str] | None = None,
        kind: str = "value",
        many: bool = False,
        metavar: str = "",
    ) -> None:
        super().__init__(name, default, many=many, metavar=metavar)
        self.function = function
        self.first = None if first is None else frozenset(first)
        self.kind = kind

    def read(self, reader: Reader, context: Context) -> Any | None:
        """Call the function."""
        return self.function(reader)


class Live(Value):
    """The name of a thing that exists now; the context's resolver for `live_kind` knows them."""

    def __init__(self, live_kind: str, name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> None:
        super().__init__(name, default, many=many, metavar=metavar)
        self.live_kind = live_kind
        self.kind = live_kind

    def read(self, reader: Reader, context: Context) -> Any | None:
        """Ask the resolver."""
        return context.resolver(self.live_kind).read(reader)

    def candidates(self, context: Context) -> Iterable[Candidate]:
        """The names that exist."""
        return [Candidate(name, self.metavar, self.live_kind) for name in context.resolver(self.live_kind).names()]


def keyword(literal: str, name: str = "", value: Any = True, default: Any = False, *, help: str = "") -> Keyword:
    """A literal; with a name it is also a value."""
    return Keyword(literal, name, value, default, help)


def flag(literal: str, name: str = "", *, value: Any = True, default: Any = False, help: str = "") -> Keyword:
    """A literal whose presence is a value, named like the literal unless told otherwise."""
    return Keyword(literal, name or literal.replace("-", "_").replace(" ", "_"), value, default, help)


def level(literal: str, name: str = "", *, value: int = 1, default: int = 0) -> Level:
    """A literal with an optional number (`%=`): `verbose`, `verbose 2`."""
    return Level(literal, name or literal.replace("-", "_"), value, default)


def choice(name: str, choices: Mapping[str, Any], default: Any = None, *, many: bool = False) -> Choice:
    """One of several literals, tried in the order given."""
    return Choice(name, choices, default, many=many)


def on_off(name: str, default: Any = None) -> Choice:
    """`enable`/`on` or `disable`/`off` (VPP's unformat_vlib_enable_disable)."""
    return Choice(name, {"enable": True, "on": True, "disable": False, "off": False}, default)


def signed(name: str, default: Any = None, *, bits: int = 32, many: bool = False, metavar: str = "") -> Number:
    """`%d`."""
    return Number(name, default, signed=True, bits=bits, many=many, metavar=metavar)


def unsigned(name: str, default: Any = None, *, bits: int = 32, many: bool = False, metavar: str = "") -> Number:
    """`%u`; `bits` is 64 for `%lu` and 8 or 16 for VPP's unformat_u8 and unformat_u16."""
    return Number(name, default, signed=False, bits=bits, many=many, metavar=metavar)


def hexadecimal(name: str, default: Any = None, *, bits: int = 32, many: bool = False, metavar: str = "") -> Number:
    """`%x`."""
    return Number(name, default, signed=False, base=16, bits=bits, many=many, metavar=metavar)


def floating(name: str, default: Any = None, *, metavar: str = "") -> Floating:
    """`%f`."""
    return Floating(name, default, metavar=metavar)


def string(name: str, default: Any = None, *, delimiter: str = "", many: bool = False, metavar: str = "") -> String:
    """`%s` or `%v`."""
    return String(name, default, delimiter=delimiter, many=many, metavar=metavar)


def file_name(name: str, default: Any = None, *, metavar: str = "") -> FileName:
    """`%s` that names a file."""
    return FileName(name, default, metavar=metavar)


def rest_of_line(name: str, default: Any = None) -> Rest:
    """What is left of the line, as it stands."""
    return Rest(name, default)


def hex_string(name: str, default: Any = None) -> HexString:
    """Bytes in hex."""
    return HexString(name, default)


def pattern(
    name: str, expression: str, make: Callable[[re.Match[str]], Any], default: Any = None, *, many: bool = False, metavar: str = ""
) -> Pattern:
    """What a regular expression matches."""
    return Pattern(name, expression, make, default, many=many, metavar=metavar)


def read_with(
    name: str,
    function: Callable[[Reader], Any | None],
    default: Any = None,
    *,
    first: Iterable[str] | None = None,
    kind: str = "value",
    many: bool = False,
    metavar: str = "",
) -> Read:
    """A value read by a function of one's own, which leaves the reader unmoved when it answers None."""
    return Read(name, function, default, first=first, kind=kind, many=many, metavar=metavar)


def ip4(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """An IPv4 address; the value is a number."""
    return Read(name, addresses.read_ip4, default, first=_DIGITS, kind="address", many=many, metavar=metavar)


def ip6(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """An IPv6 address; the value is a number."""
    return Read(name, addresses.read_ip6, default, first=_HEX_DIGITS | {":"}, kind="address", many=many, metavar=metavar)


def ip_address(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """An address of either version; the value is an `IpAddress`."""
    return Read(name, addresses.read_ip_address, default, first=_HEX_DIGITS | {":", "+"}, kind="address", many=many, metavar=metavar)


def ip4_prefix(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """`%U/%d` with an IPv4 address; the value is an `IpPrefix` whose length was not checked."""
    return Read(name, addresses.read_ip4_prefix, default, first=_DIGITS, kind="address", many=many, metavar=metavar)


def ip6_prefix(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """`%U/%d` with an IPv6 address; the value is an `IpPrefix` whose length was not checked."""
    return Read(name, addresses.read_ip6_prefix, default, first=_HEX_DIGITS | {":"}, kind="address", many=many, metavar=metavar)


def ip_prefix(name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Read:
    """A prefix of either version with a length that fits; the value is an `IpPrefix`, host bits as typed."""
    return Read(name, addresses.read_ip_prefix, default, first=_HEX_DIGITS | {":", "+"}, kind="address", many=many, metavar=metavar)


def mac(name: str, default: Any = None, *, metavar: str = "") -> Read:
    """A MAC address; the value is six bytes."""
    return Read(name, addresses.read_mac, default, first=_HEX_DIGITS, kind="address", metavar=metavar)


def live(kind: str, name: str, default: Any = None, *, many: bool = False, metavar: str = "") -> Live:
    """The name of a live thing of the given kind (see `registry.live`)."""
    return Live(kind, name, default, many=many, metavar=metavar)


def interface(name: str = "interface", default: Any = None, *, many: bool = False) -> Live:
    """The name of an interface or sub-interface; the value is its sw_if_index."""
    return Live("interface", name, default, many=many, metavar="<interface>")


def node_name(name: str = "node", default: Any = None, *, many: bool = False) -> Live:
    """The name of a graph node; the value is what the resolver for nodes gives."""
    return Live("node", name, default, many=many, metavar="<node>")
