"""The line of `%trace`: its words, and what they ask about the packets of files or of a target's trace buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vppsh.errors import CommandError, VppshError
from vppsh.targets.base import Answer
from vppsh.traces.expression import compile_filter
from vppsh.traces.report import Question, Request, answer, answer_diff
from vppsh.traces.source import SHOW, open_trace
from vppsh.traces.text import Item, read_text
from vppsh.traces.top import KINDS

HERE = "the trace buffer"


def answer_line(line: str, execute: Callable[[str], Answer]) -> str:
    """The answer to the words behind `%trace`; `execute` asks the target. Raises CommandError."""
    asked = _Words(line)
    request = Request(asked.question, None, asked.kind, asked.limit, asked.as_json, number=asked.number)
    if not asked.files:
        request.ask = lambda line: _shown(execute, line)
    try:
        request.keep = compile_filter(asked.expression) if asked.expression is not None else None
        if asked.other is not None:
            names = (" ".join(asked.files) or HERE, asked.other)
            return answer_diff(request, _items(execute, asked.files), _items(execute, [asked.other]), names)[0]
        text = "".join(answer(request, _items(execute, asked.files)))
    except VppshError as error:
        raise CommandError(str(error)) from error
    if not request.count["read"]:
        return "no packets in the trace\n"
    if request.count["kept"] and not text:
        return f"there is no packet {asked.number} among them\n"
    return text if request.count["kept"] else f"none of {request.count['read']} packets fulfils the filter\n"


class _Words:
    """The words of the line."""

    def __init__(self, line: str) -> None:
        before, found, expression = f" {line} ".partition(" filter ")
        self.expression = expression.strip() if found else None
        self.question = Question.PACKETS
        self.kind = ""
        self.other: str | None = None
        self.limit: int | None = None
        self.number: int | None = None
        self.as_json = False
        self.files: list[str] = []
        words = iter(before.split())
        for word in words:
            if word in ("list", "explain", "group", "tree", "dot"):
                self.question = Question(word)
            elif word == "json":
                self.as_json = True
            elif word == "top":
                self.question, self.kind = Question.TOP, next(words, "")
                if self.kind not in KINDS:
                    raise CommandError(f"expected one of {', '.join(KINDS)} after top, got `{self.kind}'")
            elif word == "diff":
                self.other = next(words, None)
                if self.other is None:
                    raise CommandError("expected a file after diff")
            elif word == "max":
                count = next(words, "")
                if not count.isdecimal() or not int(count):
                    raise CommandError(f"expected a number after max, got `{count}'")
                self.limit = int(count)
            elif word.isdecimal() and self.question is Question.EXPLAIN and self.number is None:
                self.number = int(word)
            else:
                self.files.append(word)


def _shown(execute: Callable[[str], Answer], line: str) -> str | None:
    """What the session's target answers to a line; None when it refused it."""
    shown = execute(line)
    return None if shown.failed else shown.text


def _items(execute: Callable[[str], Answer], files: list[str]) -> Iterator[Item]:
    """What is in files, or in the trace buffer when there are none."""
    for name in files:
        with open_trace(name) as file:
            yield from file.items()
    if not files:
        shown = execute(SHOW)
        if shown.failed:
            raise CommandError(shown.text.rstrip("\n"))
        yield from read_text([shown.text], HERE)
