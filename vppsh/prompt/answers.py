"""Colours of answers: a pygments lexer for what VPP prints, and the terminal's colours for its tokens.

Every line is lexed on its own, so that a page of a long answer costs a page's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Text, Token, _TokenType

if TYPE_CHECKING:
    from vppsh.shell import Shell

Address = Token.Vpp.Address
Mac = Token.Vpp.Mac
Interface = Token.Vpp.Interface
NodeName = Token.Vpp.Node
Counter = Token.Vpp.Counter
Bad = Token.Vpp.Bad
Good = Token.Vpp.Good
Heading = Token.Vpp.Heading
Time = Token.Vpp.Time
Escape = Token.Vpp.Escape

COLOURS = {
    Address: "32",
    Mac: "35",
    Interface: "36",
    NodeName: "1;34",
    Counter: "33",
    Bad: "31",
    Good: "32",
    Heading: "1",
    Time: "2",
}
BAD_WORDS = frozenset(
    (
        "blackholed",
        "down",
        "drop",
        "dropped",
        "drops",
        "error",
        "errors",
        "expired",
        "failed",
        "invalid",
        "mismatch",
        "punts",
        "rx-error",
        "rx-miss",
        "rx-no-buf",
        "throttled",
        "tx-error",
        "unknown",
        "unreachable",
    )
)
BAD_NODE = re.compile(r"(?:.*-)?(?:drop|punt)\Z|null-node\Z")
IP6 = r"(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(?=[0-9a-fA-F:]{0,39}::)[0-9a-fA-F:]{2,39})"


@dataclass(frozen=True)
class Names:
    """The names that stand out in answers."""

    interfaces: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()


def names_of(session: Shell) -> Names:
    """The names of what a session's engine has now."""
    return Names(frozenset(session.names("interface")), frozenset(session.names("node")))


def _word(lexer: AnswerLexer, found: re.Match[str], context: Any = None) -> Iterator[tuple[int, _TokenType, str]]:
    """A word, by what is known under that name."""
    word = found[0]
    bare = word.rstrip(".-")
    kind = Text
    if bare in lexer.names.interfaces:
        kind = Interface
    elif bare in lexer.names.nodes:
        kind = Bad if BAD_NODE.match(bare) else NodeName
    elif bare.lower() in BAD_WORDS:
        kind = Bad
    elif bare == "up":
        kind = Good
    yield found.start(), kind, bare
    if len(bare) < len(word):
        yield found.start() + len(bare), Text, word[len(bare) :]


class AnswerLexer(RegexLexer):
    """Interfaces, nodes, addresses, counters, drops and errors in the answers of VPP's debug CLI."""

    name = "VPP debug CLI"
    aliases = ("vppctl",)
    names = Names()
    tokens = {  # noqa: RUF012 - pygments wants a dict on the class and never changes it
        "root": [
            (r"\x1b\[[0-9;]*m", Escape),
            (r"[ \t]+", Text),
            (r"-{4,}.*-{4,}|Packet \d+\Z", Heading),
            (r"(\d\d:\d\d:\d\d:\d{6}:)([ ])", bygroups(Time, Text)),
            (r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}(?![\w:])", Mac),
            (IP6 + r"(?:/\d{1,3})?(?![\w:])", Address),
            (r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w.])", Address),
            (r"(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w.:-])", Counter),
            (r"[\w@][\w@./-]*", _word),
            (r".", Text),
        ]
    }

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.names = names


class Painter:
    """Colours lines of answers."""

    def __init__(self, session: Shell) -> None:
        self._session = session
        self._lexer: AnswerLexer | None = None

    def paint(self, line: str, error: bool) -> str:
        """A line with its colours; an error's is of one colour."""
        if error:
            return f"\x1b[{COLOURS[Bad]}m{line}\x1b[0m" if line else line
        if self._lexer is None:
            self._lexer = AnswerLexer(names_of(self._session))
        painted: list[str] = []
        own = False
        for _, kind, text in self._lexer.get_tokens_unprocessed(line):
            own = own or kind is Escape
            code = None if own else COLOURS.get(kind)
            painted.append(text if code is None else f"\x1b[{code}m{text}\x1b[0m")
        return "".join(painted)
