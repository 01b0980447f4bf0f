"""What may follow a line: `| grep RE`, `| head N`, `| tail N`, `| count`, `| json`, `| diff`, `> file`, `>> file`.

A pipe is one only where VPP's own lines have no use for it: outside braces, with blanks around it, and
before the name of a filter (or, for `>`, before one word that ends the line). `\\|` and `\\>` are never pipes.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vppsh.commands.context import StructuredText
from vppsh.errors import UsageError

DEFAULT_LINES = 10

_PIPE = re.compile(r"\s\|\s+(?P<filter>[a-z]+)(?=\s|\Z)|\s(?P<redirect>>>?)\s+(?P<file>\S+)\s*\Z")
_SKIPPED = re.compile(r"\\.|[{}]")


@dataclass(frozen=True)
class Stage:
    """One filter of a pipeline with its arguments as typed."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Pipeline:
    """A line for the dataplane and the stages its answer goes through."""

    line: str
    stages: tuple[Stage, ...] = ()

    @property
    def comparison(self) -> Stage | None:
        """The stage that compares what several targets answered."""
        return next((stage for stage in self.stages if stage.name == COMPARE), None)

    def apply(self, answers: Sequence[str]) -> str:
        """The answer after the last stage; raises UsageError for arguments that a filter does not understand."""
        text = "".join(answers)
        for number, stage in enumerate(self.stages):
            if stage.name == JSON:
                if number:
                    raise UsageError("json: must be the first filter: it turns the command's own answer into JSON")
                text = _as_json(answers, self.line)
            elif stage.name in REDIRECTS:
                _write(stage, text)
                text = ""
            else:
                lines = FILTERS[stage.name](text.splitlines(), stage.arguments)
                text = "".join(f"{line}\n" for line in lines)
        return text


def _grep(lines: list[str], arguments: str) -> list[str]:
    """`grep [-i] [-v] RE`: the lines that match (do not match, with -v)."""
    keep, flags = True, re.RegexFlag(0)
    while arguments[:3] in ("-i ", "-v "):
        keep, flags = (False, flags) if arguments[1] == "v" else (keep, flags | re.IGNORECASE)
        arguments = arguments[3:].lstrip()
    if len(arguments) > 1 and arguments[0] == arguments[-1] and arguments[0] in "\"'":
        arguments = arguments[1:-1]
    if not arguments:
        raise UsageError("grep: a pattern is missing")
    try:
        pattern = re.compile(arguments, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"grep: {arguments}: {error}") from error
    return [line for line in lines if bool(pattern.search(line)) == keep]


def _number(name: str, arguments: str) -> int:
    if not arguments:
        return DEFAULT_LINES
    if not arguments.isascii() or not arguments.isdigit() or len(arguments) > 9:
        raise UsageError(f"{name}: {arguments!r} is not a number of lines")
    return int(arguments)


def _head(lines: list[str], arguments: str) -> list[str]:
    """`head [N]`: the first lines."""
    return lines[: _number("head", arguments)]


def _tail(lines: list[str], arguments: str) -> list[str]:
    """`tail [N]`: the last lines."""
    return list(deque(lines, _number("tail", arguments)))


def _count(lines: list[str], arguments: str) -> list[str]:
    """`count`: how many lines."""
    if arguments:
        raise UsageError(f"count: takes no arguments, got {arguments!r}")
    return [str(len(lines))]


FILTERS: dict[str, Callable[[list[str], str], list[str]]] = {"grep": _grep, "head": _head, "tail": _tail, "count": _count}
FILTER_HELP = {
    "grep": "the lines that match: grep [-i] [-v] RE",
    "head": "the first lines: head [N]",
    "tail": "the last lines: tail [N]",
    "count": "how many lines",
    "json": "the structured form",
    "diff": "what targets answer differently: @a,b LINE | diff, LINE | diff @NAME",
}
JSON, COMPARE = "json", "diff"
REDIRECTS = {">": "w", ">>": "a"}


def _as_json(answers: Sequence[str], line: str) -> str:
    data = [answer.data for answer in answers if isinstance(answer, StructuredText)]
    if not data:
        raise UsageError(f"json: the answer of `{line.strip()}' has no structured form")
    return json.dumps(data[0] if len(data) == 1 else data, indent=2) + "\n"


def _write(stage: Stage, text: str) -> None:
    try:
        with Path(stage.arguments).expanduser().open(REDIRECTS[stage.name], encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{stage.name} {stage.arguments}: {reason}") from error


def split_pipes(line: str) -> Pipeline:
    """The line and the pipe after it."""
    inert = _inert(line)
    cuts: list[tuple[int, Stage]] = []
    for found in _PIPE.finditer(line):
        if inert[found.end("filter") - 1 if found["filter"] else found.start("redirect")]:
            continue
        if found["filter"] in FILTER_HELP:
            cuts.append((found.start(), Stage(found["filter"], "")))
        elif found["redirect"]:
            cuts.append((found.start(), Stage(found["redirect"], found["file"])))
    if not cuts:
        return Pipeline(line)
    ends = [start for start, _ in cuts[1:]] + [len(line)]
    stages = []
    for (start, stage), end in zip(cuts, ends):
        if stage.name not in REDIRECTS:
            stage = Stage(stage.name, line[start:end].strip().lstrip("|").strip()[len(stage.name) :].strip())
        stages.append(stage)
    return Pipeline(line[: cuts[0][0]], tuple(stages))


def _inert(line: str) -> bytearray:
    """For each character, whether it lies in braces."""
    marks, depth, last = bytearray(len(line)), 0, 0
    for found in _SKIPPED.finditer(line):
        if depth > 0:
            marks[last : found.end()] = b"\1" * (found.end() - last)
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        last = found.end()
    if depth > 0:
        marks[last:] = b"\1" * (len(line) - last)
    return marks
