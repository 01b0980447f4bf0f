"""Colours of the line that is being typed: each part by what the grammar reads it as."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from vppsh.grammar.reader import BLANKS
from vppsh.pipes import split_pipes
from vppsh.prompt.typed import parts

if TYPE_CHECKING:
    from vppsh.shell import Shell

# A longer text was pasted; colouring it at every key would make the prompt slow.
LONGEST = 5000
MACRO = re.compile(r"(?<!\\)\$(?:\([\w-]+\)|\w+)")
STYLE = Style.from_dict(
    {
        "prompt": "ansidefault bold",
        "continuation": "ansibrightblack",
        "kind.command": "bold",
        "kind.keyword": "ansiblue",
        "kind.interface": "ansicyan",
        "kind.hw-interface": "ansicyan",
        "kind.ethernet-interface": "ansicyan",
        "kind.node": "ansimagenta",
        "kind.stream": "ansimagenta",
        "kind.address": "ansigreen",
        "kind.number": "ansiyellow",
        "kind.macro": "ansimagenta bold",
        "kind.pipe": "ansibrightblack",
        "kind.comment": "ansibrightblack italic",
        "kind.unsupported": "ansibrightblack",
        "kind.unknown": "ansired",
        "auto-suggestion": "ansibrightblack",
        "bottom-toolbar": "noreverse",
        "bottom-toolbar.text": "",
        "status.name": "bold",
        "status.rate": "ansigreen",
        "status.broken": "ansired bold",
        "status.hint": "ansibrightblack",
    }
)


class LineLexer(Lexer):
    """Colours what is typed; what a command would not understand stands out."""

    def __init__(self, session: Shell) -> None:
        self._session = session

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The fragments of each line of the text."""
        text = document.text
        classes = self.classes(text) if len(text) <= LONGEST else [""] * len(text)
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def line_of(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            return list(_runs(document.lines[number], classes[starts[number] : starts[number + 1]]))

        return line_of

    def classes(self, text: str) -> list[str]:
        """The style of each character."""
        styles = [""] * len(text)
        several = "\n" in text
        for begin, end in parts(text):
            self._colour(text[begin:end], begin, styles, several=several)
        return styles

    def _colour(self, line: str, at: int, styles: list[str], *, several: bool) -> None:
        """Colour one line to execute, which begins at `at`."""
        if several and line.lstrip().startswith("#"):
            styles[at : at + len(line)] = ["class:kind.comment"] * len(line)
            return
        piped = len(line) if line.startswith("%") else len(split_pipes(line).line)
        styles[at + piped : at + len(line)] = ["class:kind.pipe"] * (len(line) - piped)
        for span in self._session.spans(line):
            word = line[span.start : span.end]
            # The word that is being typed is not wrong yet.
            if span.kind != "unknown" or span.end < len(line) or any(blank in word for blank in BLANKS):
                styles[at + span.start : at + span.end] = [f"class:kind.{span.kind}"] * (span.end - span.start)
        for found in MACRO.finditer(line):
            styles[at + found.start() : at + found.end()] = ["class:kind.macro"] * len(found[0])


def _runs(line: str, styles: list[str]) -> Iterator[tuple[str, str]]:
    """A line as pieces of one style each."""
    begin = 0
    for position in range(1, len(line) + 1):
        if position == len(line) or styles[position] != styles[begin]:
            yield styles[begin], line[begin:position]
            begin = position
