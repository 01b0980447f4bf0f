"""Help for who types: completion, `?`, and what each part of a line is.

All three walk the tree of commands and then the command's own arguments, which know what may follow.
Nothing is executed.
"""

from __future__ import annotations

from dataclasses import dataclass

from vppsh.errors import VppshError
from vppsh.grammar.base import Candidate, Context, NoInput
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.grammar.reader import BLANKS, Reader, Span
from vppsh.grammar.tree import CommandTree, Node, listing_line


@dataclass(frozen=True)
class Completion:
    """A text that can replace the line from `start` to the cursor; without text, a hint of what is expected."""

    text: str
    start: int
    help: str = ""
    kind: str = "keyword"


@dataclass(frozen=True)
class _Place:
    """How far a line goes into the tree: the last word's node, and where its arguments begin."""

    node: Node
    reader: Reader


def _walk(tree: CommandTree, text: str, spans: list[Span] | None = None) -> _Place:
    """Follow the words of commands; what they leave is the input of the node reached."""
    reader, node = Reader(text), tree.root
    while True:
        start = reader.pos
        child = tree.step(reader, node)
        if child is None:
            reader.pos = start
            return _Place(node, reader)
        if spans is not None:
            reader.spans = spans
            reader.note(start, "command" if child.listed else "unsupported")
            reader.spans = None
        node = child


def _partial(text: str) -> tuple[str, str]:
    """The text split into whole words and the word being typed."""
    cut = len(text)
    while cut and text[cut - 1] not in BLANKS and text[cut - 1] not in "{}":
        cut -= 1
    return text[:cut], text[cut:]


def complete(tree: CommandTree, text: str, cursor: int, context: Context) -> list[Completion]:
    """What may be typed at the cursor."""
    done, partial = _partial(text[:cursor])
    start = len(done)
    place = _walk(tree, done)
    found: list[Completion] = []
    if place.reader.finished():
        children = sort_as_vpp([child for child in place.node.children.values() if child.listed], lambda child: child.name)
        found += [Completion(child.name, start, child.help, "command") for child in children if child.name.startswith(partial)]
    candidates: list[Candidate] = []
    spec = place.node.spec
    if spec is not None and spec.arguments is not None:
        try:
            spec.arguments.follow(place.reader, context, candidates)
        except VppshError:  # the words before the cursor are already wrong: nothing can be offered
            candidates.clear()
    for candidate in dict.fromkeys(candidates):
        if candidate.text.startswith(partial) and (candidate.text or not partial):
            found.append(Completion(candidate.text, start, candidate.help, candidate.kind))
    return found


def help_text(tree: CommandTree, text: str) -> str:
    """What `?` shows after a text: the commands that its words begin."""
    done, partial = _partial(text)
    place = _walk(tree, done)
    node = place.node
    if not place.reader.finished() or (partial and not any(name.startswith(partial) for name in node.children)):
        return listing_line(node) if node.spec else ""  # arguments have begun: the command's own line
    below = [child for name, child in node.children.items() if name.startswith(partial)] if partial else [node]
    commands = [command for child in below for command in child.commands()]
    return "".join(listing_line(command) for command in sort_as_vpp(commands, lambda n: n.path) if command.spec)


def spans(tree: CommandTree, text: str, context: Context) -> list[Span]:
    """The parts of a line and what each was read as; what no part covers was not understood."""
    found: list[Span] = []
    place = _walk(tree, text, found)
    spec = place.node.spec
    if spec is not None and spec.arguments is not None:
        place.reader.spans = found
        try:
            spec.arguments.parse(place.reader, context, place.node.defaults.copy())
        except (VppshError, NoInput):
            return found  # what was read before the error stays coloured
    return found
