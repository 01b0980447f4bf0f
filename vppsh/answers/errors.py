"""`show errors` and `show errors verbose` (VPP's vlib/error.c), of this version and of those that print no severity."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_LINE = re.compile(r"\s*(\d+)\s*([^\s\d]\S*)\s+(\S.*?)(?:\s+(error|warn|info|unknown))?\s*")
_INDEXED = re.compile(r"(.*\S)\s+(\d+)\s*")


@dataclass(frozen=True)
class ErrorCounter:
    """One counter: who counts, what, how often; all threads together."""

    node: str
    reason: str
    severity: str
    count: int


@dataclass(frozen=True)
class Errors:
    """The counters in VPP's order, and the lines that were not understood."""

    counters: tuple[ErrorCounter, ...]
    odd: tuple[str, ...] = ()


def read_errors(text: str) -> Errors:
    """The counters of an answer to `show errors`; VPP prints one line for each thread, which are added up."""
    found: dict[tuple[str, str], ErrorCounter] = {}
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.split()[:2] == ["Count", "Node"]:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            odd.append(line)
            continue
        count, node, reason, severity = int(match[1]), match[2], match[3], match[4] or ""
        before = found.get((node, reason))
        found[node, reason] = ErrorCounter(node, reason, severity, count + (before.count if before else 0))
    return Errors(tuple(found.values()), tuple(odd))


def read_errors_by_index(text: str) -> dict[int, ErrorCounter]:
    """The counters of an answer to `show errors verbose`, all threads together, by VPP's index: their place in its stats segment."""
    found: dict[int, ErrorCounter] = {}
    for line in text.partition("\nTotal:")[0].splitlines():
        match = _INDEXED.fullmatch(line)
        read = read_errors(match[1]).counters if match else ()
        if match and read:
            index, before = int(match[2]), found.get(int(match[2]))
            found[index] = replace(read[0], count=read[0].count + (before.count if before else 0))
    return found
