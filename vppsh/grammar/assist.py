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
from vppsh.grammar.tree import SPECIAL, CommandTree, Node, listing_line
from vppsh.grammar.values import FILE


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


def _walk(tree: CommandTree, reader: Reader, spans: list[Span] | None = None) -> _Place:
    """Follow the words of commands, into braces that are open; what they leave is the input of the node reached."""
    node = tree.root
    while True:
        start = reader.pos
        child = tree.step(reader, node)
        if child is None:
            reader.pos = start
            inside = reader.opened_input() if node is not tree.root else None
            if inside is None:
                return _Place(node, reader)
            reader = inside
            continue
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
    place = _walk(tree, Reader(done))
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
        if candidate.text.startswith(partial) if candidate.text else not partial or candidate.kind == FILE:
            found.append(Completion(candidate.text, start, candidate.help, candidate.kind))
    return found


def help_text(tree: CommandTree, text: str) -> str:
    """What `?` shows after a text: the commands that its words begin."""
    done, partial = _partial(text)
    place = _walk(tree, Reader(done))
    node = place.node
    if not place.reader.finished() or (partial and not any(name.startswith(partial) for name in node.children)):
        return listing_line(node) if node.spec else ""  # arguments have begun: the command's own line
    below = [child for name, child in node.children.items() if name.startswith(partial)] if partial else [node]
    commands = [command for child in below for command in child.commands()]
    return "".join(listing_line(command) for command in sort_as_vpp(commands, lambda n: n.path) if command.spec)


def spans(tree: CommandTree, text: str, context: Context) -> list[Span]:
    """The parts of a line and what each was read as; what nothing would read is `unknown`."""
    found: list[Span] = []
    reader = Reader(text)
    while not reader.finished() and _colour(tree, reader, context, found):
        pass
    return found


def _colour(tree: CommandTree, reader: Reader, context: Context, found: list[Span]) -> bool:
    """Colour one command of a line; False when what comes after it cannot be told."""
    special = SPECIAL.match(reader.text, reader.pos)
    if special is not None:
        found.append(Span(special.start(1), special.end(1), "command"))
        return False
    place = _walk(tree, reader, found)
    inside = place.reader.sub_input() if place.node is not tree.root else None
    arguments = place.reader if inside is None else inside
    spec = place.node.spec
    if spec is None:
        if place.node.listed or place.node is tree.root:
            _mark_unknown(arguments, found)
        return False
    if spec.arguments is None:
        return place.reader is reader
    arguments.spans = found
    try:
        understood = spec.arguments.parse(arguments, context, place.node.defaults.copy())
    except NoInput:
        understood = True
    except VppshError:  # what was read before the error stays coloured
        understood = False
    finally:
        arguments.spans = None
    if not understood:
        _mark_unknown(arguments, found)
    return understood and place.reader is reader


def _mark_unknown(reader: Reader, found: list[Span]) -> None:
    """What a reader holds behind the last part that was read is not understood."""
    begin = max(found[-1].end - reader.base if found else 0, 0)
    rest = reader.text[begin:]
    begin += len(rest) - len(rest.lstrip(BLANKS))
    end = len(reader.text.rstrip(BLANKS))
    if begin < end:
        found.append(Span(reader.base + begin, reader.base + end, "unknown"))
