"""Completion: words of commands, names of what exists now, and files, each with its help beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from vppsh.grammar.reader import BLANKS
from vppsh.grammar.values import FILE
from vppsh.prompt.typed import line_at_end

if TYPE_CHECKING:
    from vppsh.shell import Shell

HELP_WIDTH = 70
# Beyond this a line was pasted, and nobody waits for completions at its end.
LONGEST = 20_000


class LineCompleter(Completer):
    """Completes the line that the cursor is in, by the grammar of its session."""

    def __init__(self, session: Shell) -> None:
        self._session = session
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """What may be typed at the cursor."""
        text = document.text_before_cursor
        if len(text) > LONGEST:
            return
        line = text[line_at_end(text) :]
        for found in self._session.complete(line, len(line)):
            if found.kind == FILE:
                yield from self._files(line[found.start :], complete_event)
            elif found.text:
                yield Completion(found.text, found.start - len(line), display_meta=one_line(found.help), style=f"class:kind.{found.kind}")

    def _files(self, name: str, event: CompleteEvent) -> Iterable[Completion]:
        """Files whose names go on from here; folders end in a slash, so that one can go on typing."""
        for found in self._paths.get_completions(Document(name), event):
            folder = found.display_text.endswith("/")
            yield Completion(found.text + "/" * folder, found.start_position, display=found.display, style="class:kind.file")


def one_line(text: str) -> str:
    """A help text as it fits beside a word."""
    line = " ".join(text.split())
    return line if len(line) <= HELP_WIDTH else line[: HELP_WIDTH - 3] + "..."


def expected(session: Shell, text: str) -> str:
    """What the line up to the cursor waits for: the syntax of its command, or what the next value is called."""
    text = text[line_at_end(text) :]
    if not text or text.isspace() or len(text) > LONGEST:
        return ""
    commands = session.help(text).splitlines()
    if len(commands) != 1:
        return ""
    path, _, syntax = commands[0].strip().partition("  ")
    if syntax.split()[:1] == path.split()[:1]:
        return one_line(syntax)
    hints = [found.help for found in session.complete(text, len(text)) if not found.text]
    return one_line(" ".join(hints) or f"{path}: {syntax}")


def help_at(session: Shell, text: str) -> str:
    """What `?` shows: the commands that the line may become, and the words that may follow."""
    text = text[line_at_end(text) :]
    answer = session.help(text)
    words = [found for found in session.complete(text, len(text)) if found.kind != "command"]
    if len(words) == 1 and words[0].kind == "hint" and words[0].help in answer:
        words = []
    answer += "".join(f"    {word.text or word.help:<38} {word.help if word.text else ''}".rstrip() + "\n" for word in words)
    if answer or not text.strip(BLANKS):
        return answer
    return f"no command begins with `{text.strip(BLANKS)}'\n"
