"""Files of command lines: VPP's `exec` files, and the kinder form that `vppsh run` reads.

`exec`: a line ends at its newline; backslash-newline joins lines; `#` starts a comment anywhere.
`run`: a line whose first character is `#` is a comment; a line with open braces goes on in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vppsh.errors import InputFileError

MAX_SHOWN = 60


@dataclass(frozen=True)
class ScriptLine:
    """A line to execute, and the number of the first line of the file that it comes from."""

    number: int
    text: str


def exec_lines(text: str) -> Iterator[str]:
    """The command lines of an `exec` file."""
    pos, length = 0, len(text)
    while True:
        while pos < length and text[pos] in " \t\r\n":
            pos += 1
        if pos >= length:
            return
        line, pos = _exec_line(text, pos)
        if line:
            yield line


def _exec_line(text: str, pos: int) -> tuple[str, int]:
    end = text.find("\n", pos)
    end = len(text) if end < 0 else end
    plain = text[pos:end]
    if "\\" not in plain and "#" not in plain:
        return plain, end + 1
    line: list[str] = []
    in_comment = False
    while pos < len(text):
        char = text[pos]
        pos += 1
        if char == "\n":
            break
        if char == "\\":
            following = text[pos : pos + 1]
            pos += 1
            if following == "\n":
                if not in_comment:
                    line.append("\n")
                in_comment = False
            elif not in_comment:
                line.append(char + following)
            continue
        in_comment = in_comment or char == "#"
        if not in_comment:
            line.append(char)
    return "".join(line), pos


def open_braces(text: str) -> int:
    """How many braces of a text stay open (less than none: too many were closed)."""
    return text.count("{") - text.count("}")


def run_lines(lines: Iterable[str], name: str) -> Iterator[ScriptLine]:
    """The command lines of a `run` file; raises InputFileError when braces stay open at its end."""
    pending: list[str] = []
    depth = first = 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not pending:
            if not line or line.startswith("#"):
                continue
            first = number
        depth += open_braces(line)
        pending.append(line)
        if depth <= 0:
            yield ScriptLine(first, " ".join(pending).strip() if len(pending) > 1 else line)
            pending, depth = [], 0
    if pending:
        shown = " ".join(pending).rstrip()
        shown = shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "..."
        raise InputFileError(f"{name}:{first}: braces never closed: {shown}")
