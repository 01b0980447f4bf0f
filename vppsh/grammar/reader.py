"""A line being read, with the semantics of VPP's `unformat` (vppinfra/unformat.c).

What a line means in VPP hangs on small rules of unformat: literals match as prefixes of the input
(`up` matches in `upwards` and leaves `wards`), blanks are skipped before and after every item, braces
make one value of many words, and whatever did not match is left where it was. `Reader` keeps to them,
so that a grammar written on it accepts and refuses what VPP does and quotes the same rest in errors.

A typed line ends in a newline, a line of an `exec` file does not. The difference shows: a reader that
tried to read past its end stays there (`END`) and quotes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

END = 1 << 62
"""Position of a reader that met the end of its input (VPP's UNFORMAT_END_OF_INPUT)."""

BLANKS = " \t\r\n"
QUOTE_LIMIT = 30
MAX_DIGITS = 20  # longer numbers overflow 64 bits, which VPP refuses as well


def item(expression: str) -> re.Pattern[str]:
    """A pattern for `Reader.take`: the expression with the blanks around it; its value is in its groups."""
    return re.compile(rf"[ \t\r\n]*(?:{expression})[ \t\r\n]*")


_SIGNED = item(r"([+-]?[0-9]+)")
_UNSIGNED = item(r"(\+?[0-9]+)")
_HEX = item(r"(\+?[0-9a-fA-F]+)")
_HEX_DIGITS = item(r"([0-9a-fA-F]+)")
_BRACES = re.compile(r"[{}]|\\.?", re.DOTALL)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_PLAIN_WORD = re.compile(r"[^\\{} \t\r\n]+(?=[ \t\r\n])")
_NAME_AND_ID = item(r"([^\\{}. \t\r\n]+)\.([+-]?[0-9]{1,20})")


@dataclass(frozen=True)
class Span:
    """A part of a line and what it was read as, for colouring."""

    start: int
    end: int
    kind: str


class Reader:
    """A text and how far it has been read.

    Methods that read a value skip blanks before and after it, and answer None (and stay where they
    are) when the input does not hold such a value.
    """

    __slots__ = ("base", "depth", "pos", "spans", "text")

    def __init__(self, text: str, pos: int = 0) -> None:
        self.text = text
        self.pos = pos
        self.base = 0
        self.depth = 0
        self.spans: list[Span] | None = None

    def __repr__(self) -> str:
        return f"Reader({self.text!r}, {'END' if self.pos == END else self.pos})"

    # -- where we are

    def at_end(self) -> bool:
        """True when nothing is left (blanks count: skip them first when they should not)."""
        if self.pos >= len(self.text):
            self.pos = END
            return True
        return False

    def skip_blanks(self) -> None:
        """Go to the next character that is not blank, or to the end."""
        text, pos = self.text, self.pos
        try:
            while text[pos] in BLANKS:
                pos += 1
        except IndexError:
            pos = END
        self.pos = pos

    def finished(self) -> bool:
        """Skip blanks; True when nothing is left."""
        self.skip_blanks()
        return self.pos == END

    def peek(self) -> str:
        """The next character, or '' at the end."""
        return self.text[self.pos] if self.pos < len(self.text) else ""

    def rest(self) -> str:
        """Everything not read yet."""
        return self.text[self.pos :] if self.pos < len(self.text) else ""

    def quote(self) -> str:
        """The rest as VPP quotes it in an error: at most 30 characters, control characters escaped."""
        left = len(self.text) - self.pos
        if left <= 0:
            return ""
        shown = self.text[self.pos : self.pos + QUOTE_LIMIT]
        if left <= QUOTE_LIMIT:
            shown = shown.rstrip(BLANKS)
        shown = shown.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
        return shown + "..." if left > QUOTE_LIMIT else shown

    def error_text(self, message: str) -> str:
        """An error text of VPP's source, with `%U` replaced by the quoted rest."""
        return message.replace("%U", self.quote())

    def note(self, start: int, kind: str) -> None:
        """Remember, when colours are wanted, what the text from `start` to here was read as."""
        if self.spans is not None:
            read = self.text[start : self.pos]
            first = self.base + start + len(read) - len(read.lstrip(BLANKS))
            self.spans.append(Span(first, first + len(read.strip(BLANKS)), kind))

    # -- literals

    def word(self, literal: str) -> bool:
        """Read a literal: it matches as a prefix; a blank in it stands for any number of blanks."""
        start, text = self.pos, self.text
        if text.startswith(literal, start):
            self.pos = start + len(literal)
            self.skip_blanks()
            return True
        if text[start : start + 1] not in BLANKS and " " not in literal:
            return False
        self.skip_blanks()
        for part in literal.split(" "):
            if not self.text.startswith(part, self.pos):
                self.pos = start
                return False
            self.pos += len(part)
            self.skip_blanks()
        return True

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what a pattern made by `item` matches here."""
        text = self.text
        found = pattern.match(text, self.pos)
        if found is not None:
            end = found.end()
            self.pos = end if end < len(text) else END
        return found

    # -- numbers

    def _integer(self, pattern: re.Pattern[str], base: int, low: int, high: int) -> int | None:
        start = self.pos
        found = self.take(pattern)
        if found is None:
            return None
        if len(found[1]) <= MAX_DIGITS:
            value = int(found[1], base)
            if low <= value <= high:
                return value
        self.pos = start
        return None

    def signed(self, bits: int = 32) -> int | None:
        """`%d`: a decimal number that fits a signed integer of that many bits."""
        return self._integer(_SIGNED, 10, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)

    def unsigned(self, bits: int = 32) -> int | None:
        """`%u`: a decimal number without minus."""
        return self._integer(_UNSIGNED, 10, 0, (1 << bits) - 1)

    def hexadecimal(self, bits: int = 32) -> int | None:
        """`%x`: hex digits without 0x (a format that wants it says so)."""
        return self._integer(_HEX, 16, 0, (1 << bits) - 1)

    def floating(self) -> float | None:
        """`%f`. As in VPP, a minus reaches the whole part only."""
        start = self.pos
        self.skip_blanks()
        value = self._floating()
        if value is None:
            self.pos = start
        else:
            self.skip_blanks()
        return value

    def _floating(self) -> float | None:
        text, digits, signs, part = self.text, ["", "", ""], [1, 1], 0
        pos = begin = self.pos
        while pos < len(text):
            char = text[pos]
            if char in "+-":
                if part < 2 and digits[0]:
                    break
                if not (part == 2 and not digits[2]) and pos > begin:
                    return None
                signs[part // 2] = -1 if char == "-" else 1
            elif char in "eE":
                if pos == begin:
                    return None
                part = 2
            elif char == ".":
                if part:
                    return None
                part = 1
            elif char in "0123456789":
                digits[part] += char
                if len(digits[part]) > MAX_DIGITS:
                    return None
            else:
                break
            pos += 1
        if not digits[0] and not digits[1]:
            return None
        self.pos = pos if pos < len(text) else END
        whole = signs[0] * float(digits[0] or 0)
        fraction = float("0." + digits[1]) if digits[1] else 0.0
        exponent = signs[1] * int(digits[2] or 0)
        return float((whole + fraction) * 10.0**exponent) if abs(exponent) <= 300 else 0.0 if exponent < 0 else float("inf")

    # -- strings

    def string(self, delimiter: str = "") -> str | None:
        """`%s`, `%v`: a word, or everything between balanced braces; a backslash takes the next character as it is."""
        start = self.pos
        self.skip_blanks()
        value = self.raw_string(delimiter)
        if value is None:
            self.pos = start
        else:
            self.skip_blanks()
        return value

    def raw_string(self, delimiter: str = "") -> str | None:
        """`string()` without skipping blanks."""
        text, pos = self.text, self.pos
        if pos >= len(text):
            return None
        if text[pos] == "{":
            return self._braced()
        plain = None if delimiter else _PLAIN_WORD.match(text, pos)
        if plain is not None:
            self.pos = plain.end()
            return plain[0]
        taken: list[str] = []
        while pos < len(text):
            char = text[pos]
            if char in BLANKS or char == delimiter:
                self.pos = pos
                return "".join(taken)
            if char == "\\":
                pos += 1
                char = text[pos : pos + 1]
            taken.append(char)
            pos += 1
        if not taken:
            return None
        self.pos = END
        return "".join(taken)

    def _braced(self) -> str:
        """What is between an opening brace and the closing one that belongs to it, or the end."""
        text, depth, opened = self.text, 0, self.pos
        end = len(text)
        self.pos = END
        for found in _BRACES.finditer(text, opened):
            depth += {"{": 1, "}": -1}.get(found[0], 0)
            if depth == 0:
                end, self.pos = found.start(), found.end()
                break
        inside = text[opened + 1 : end]
        if "\\" in inside:
            inside = _ESCAPED.sub(r"\1", inside)
        return inside or ("{" if depth else "")  # an opening brace at the very end is a word

    def name_and_id(self) -> tuple[str, int] | None:
        """`%_%v.%d%_`: a name, a dot, a number, without blanks between (a sub-interface)."""
        start = self.pos
        found = self.take(_NAME_AND_ID)
        if found is None:
            return None
        number = int(found[2])
        if -(1 << 31) <= number < 1 << 31:
            return found[1], number
        self.pos = start
        return None

    def hex_string(self) -> bytes | None:
        """`unformat_hex_string`: an even number of hex digits."""
        start = self.pos
        found = self.take(_HEX_DIGITS)
        if found is None or len(found[1]) % 2:
            self.pos = start
            return None
        return bytes.fromhex(found[1])

    def line(self) -> str | None:
        """`unformat_line`: everything up to the newline, blanks included; None when that is nothing."""
        if self.at_end():
            return None
        end = self.text.find("\n", self.pos)
        if end < 0:
            line, self.pos = self.text[self.pos :], END
        else:
            line, self.pos = self.text[self.pos : end], end + 1
        return line or None

    def line_input(self) -> Reader | None:
        """`unformat_line_input`: the line as a reader of its own."""
        start = self.pos
        line = self.line()
        return None if line is None else self._inner(line, start)

    def _inner(self, text: str, start: int) -> Reader:
        """A reader of a part that begins at `start`, with the same list of spans."""
        inner = Reader(text)
        inner.base = self.base + start
        inner.depth = self.depth + 1
        inner.spans = self.spans
        return inner

    def sub_input(self) -> Reader | None:
        """`{ ... }` as a reader of its own; None when no brace comes next."""
        start = self.pos
        self.skip_blanks()
        if self.peek() == "{":
            opened = self.pos
            inner = self.raw_string()
            if inner is not None:
                self.skip_blanks()
                return self._inner(inner, opened + 1)
        self.pos = start
        return None

    def opened_input(self) -> Reader | None:
        """`{ ...` whose closing brace is not there yet, as a reader of its own; None (and nothing read) otherwise."""
        start = self.pos
        self.skip_blanks()
        opened = self.pos
        if self.peek() == "{":
            self.raw_string()
            if self.pos == END:  # closed, it would stand behind the brace
                return self._inner(self.text[opened + 1 :], opened + 1)
        self.pos = start
        return None
