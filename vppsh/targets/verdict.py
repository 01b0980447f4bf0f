"""Whether VPP refused a line, told from the answer: vppctl has no exit status, so there is nothing else to go by.

VPP ends the answer of a line that failed with an error in one of these forms (vlib/cli.c):

    unknown input `REST'                 no command begins like that
    PATH: TEXT                           the command with this path failed, or none below it fits

PATH is written in full whatever was typed, so an error is the last line of the answer that begins with a path whose
words the typed ones begin. An answer in which such a line comes by chance would have to repeat the very command.

What commands print about a failure while they return success (many `set` handlers that call vlib_cli_output) is not
recognised: to VPP these lines went well.
"""

from __future__ import annotations

import re

# An error is short; an answer of megabytes is not searched from its beginning.
LAST = 8192
_PATH = re.compile(r"(?P<path>[a-z0-9_-]+(?: [a-z0-9_-]+)*): ", re.IGNORECASE)
_UNKNOWN = re.compile(r"unknown input `")
_TOKENS = re.compile(r"[^\s{}]+")


def refused(line: str, answer: str) -> bool:
    """Whether the answer says that the line failed."""
    return error_at(line, answer) is not None


def error_at(line: str, answer: str) -> int | None:
    """Where in the answer VPP's error begins; None when the line went well."""
    words = _TOKENS.findall(line)
    start = max(answer.rfind("\n", 0, max(len(answer) - LAST, 0)) + 1, 0)
    for text in answer[start:].splitlines(keepends=True):
        if _UNKNOWN.match(text):
            return start
        found = _PATH.match(text)
        if found is not None and _typed(found["path"].split(), words):
            return start
        start += len(text)
    return None


def _typed(path: list[str], words: list[str]) -> bool:
    """Whether the typed words hold this path, each word perhaps shortened or a macro; a line may hold several commands."""
    count = len(path)
    return any(
        all(name.startswith(word) or word[0] == "$" for name, word in zip(path, words[start : start + count]))
        for start in range(len(words) - count + 1)
    )
