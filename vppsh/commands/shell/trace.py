"""`%trace`: packet traces of this session's target, or of files, filtered, grouped, compared (see docs/trace.md)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import ShellContext
from vppsh.errors import CommandError, VppshError
from vppsh.grammar.arguments import Args, optional, rest_of_line
from vppsh.registry import command
from vppsh.traces.expression import compile_filter
from vppsh.traces.report import Question, Request, answer, answer_diff
from vppsh.traces.source import SHOW, open_trace
from vppsh.traces.text import Item, read_text
from vppsh.traces.top import KINDS

HERE = "the trace buffer"
USAGE = "%trace [list | explain [N] | group | tree | dot | json | top KIND | diff FILE] [max N] [FILE ...] [filter EXPRESSION]"


@command("%trace", optional(rest_of_line("line")), help=USAGE)
def percent_trace(ctx: ShellContext, args: Args) -> str:
    """The packets in the trace buffer (or in files), as text, one a line, by path, as a tree ...

    Behind `filter` everything up to the end of the line is the expression: host 10.0.0.2 and port 53 and dropped.
    """
    asked = _Words(args.line or "")
    request = Request(asked.question, None, asked.kind, asked.limit, asked.as_json, number=asked.number)
    if not asked.files:
        request.ask = lambda line: _shown(ctx, line)
    try:
        request.keep = compile_filter(asked.expression) if asked.expression is not None else None
        if asked.other is not None:
            names = (" ".join(asked.files) or HERE, asked.other)
            return answer_diff(request, _items(ctx, asked.files), _items(ctx, [asked.other]), names)[0]
        text = "".join(answer(request, _items(ctx, asked.files)))
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


def _shown(ctx: ShellContext, line: str) -> str | None:
    """What the session's target answers to a line; None when it refused it."""
    answer = ctx.session.execute_nested(line)
    return None if answer.failed else answer.text


def _items(ctx: ShellContext, files: list[str]) -> Iterator[Item]:
    """What is in files, or in the trace buffer when there are none."""
    for name in files:
        with open_trace(name) as file:
            yield from file.items()
    if not files:
        shown = ctx.session.execute_nested(SHOW)
        if shown.failed:
            raise CommandError(shown.text.rstrip("\n"))
        yield from read_text([shown.text], HERE)
