"""What came from the keyboard, and how it is cut into lines to execute."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from vppsh.errors import InputFileError
from vppsh.grammar.scripts import open_braces, run_lines


class Kind(enum.Enum):
    """Why the prompt came back."""

    LINE = "a line to execute"
    HELP = "? was pressed"
    CANCELLED = "Ctrl-C"
    END = "Ctrl-D, or the terminal is gone"


@dataclass(frozen=True)
class Typed:
    """What was typed, and where the cursor stood."""

    kind: Kind
    text: str = ""
    cursor: int = 0


class LineReader(Protocol):
    """Where lines come from."""

    def read(self, draft: Typed) -> Typed:
        """Let the user go on with a draft; the dataplane runs meanwhile."""
        ...


EMPTY = Typed(Kind.LINE)


def lines_of(text: str) -> list[str]:
    """The lines to execute in a text: several when it was pasted, one when its newlines are within braces."""
    if "\n" not in text:
        return [text]
    try:
        return [line.text for line in run_lines(text.split("\n"), "input")]
    except InputFileError:  # braces left open on purpose: the command will tell what it misses
        return [" ".join(line.strip() for line in text.split("\n"))]


def parts(text: str) -> Iterator[tuple[int, int]]:
    """Where each line to execute begins and ends in a text."""
    begin = end = depth = 0
    for line in text.split("\n"):
        end += len(line)
        depth += open_braces(line)
        if depth <= 0:
            yield begin, end
            begin, depth = end + 1, 0
        end += 1
    if begin < end:
        yield begin, len(text)


def line_at_end(text: str) -> int:
    """Where the line begins that the end of a text is in."""
    return list(parts(text))[-1][0] if "\n" in text else 0
