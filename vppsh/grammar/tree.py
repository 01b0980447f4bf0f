"""The tree of commands and how a line finds its way through it (VPP's vlib/cli.c).

Words are matched against the names of *all* of VPP's commands (`vpp_commands.txt`), so that a prefix is
ambiguous here exactly when it is in VPP. A command that vppsh lacks answers that it is not supported,
and is not listed by help or `?`.

How VPP reads a line, which the code below keeps to:

- each level takes `help`, `?`, `choices`, `comment WORD` and `uncomment { ... }` before its own words
- a word is a name, or a prefix that only one name has
- `{ ... }` after a command is its input, and what the command leaves of it is forgotten
- when the words after a command fail, and the command can run by itself, it runs on the rest; the
  error of the words is forgotten
- what a command leaves of the line is dispatched as the next command
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vppsh.errors import CommandError
from vppsh.grammar.base import Args, Context, NoInput, next_char
from vppsh.grammar.ordering import sort_as_vpp
from vppsh.grammar.reader import BLANKS, END, Reader
from vppsh.registry import CommandSpec

VPP_COMMANDS = Path(__file__).with_name("vpp_commands.txt")
MAX_DEPTH = 32

_WORD = re.compile(r"[ \t\r\n]*([A-Za-z0-9_-]+)(?:[ \t\r\n]|\Z)")
_NAME = re.compile(r"[A-Za-z0-9_-]*")
SPECIAL = re.compile(r"[ \t\r\n]*(help|\?|choices|comment|vpplog|uncomment|leak-check)")


class UnsupportedCommandError(CommandError):
    """A command that VPP has and vppsh lacks."""


class Node:
    """A word of the tree: a command, a group of commands, or both."""

    __slots__ = ("cache", "children", "defaults", "help", "hits", "in_vpp", "long_help", "name", "path", "spec")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.help = ""
        self.long_help = ""
        self.spec: CommandSpec | None = None
        self.in_vpp = False
        self.children: dict[str, Node] = {}
        self.cache: dict[str, Node] = {}
        self.defaults: dict[str, Any] = {}
        self.hits = 0

    @property
    def runs(self) -> bool:
        """It is a command itself, in vppsh or only in VPP."""
        return self.spec is not None or self.in_vpp

    @property
    def listed(self) -> bool:
        """Help shows it: vppsh has it or something below it."""
        return self.spec is not None or any(child.listed for child in self.children.values())

    def help_text(self, long: bool = False) -> str:
        """What help says of it."""
        return (long and self.long_help) or self.help or f"{self.path} commands"

    def commands(self) -> Iterator[Node]:
        """It and all commands below it that run, in the order of VPP's registrations."""
        if self.runs:
            yield self
        for child in self.children.values():
            yield from child.commands()

    def find(self, word: str, whole: bool) -> Node | None:
        """The child that a word names; a whole word may be a name that others begin with."""
        named = [child for name, child in self.children.items() if name.startswith(word)] if word else []
        if len(named) > 1 and whole:
            named = [child for child in named if child.name == word]
        return named[0] if len(named) == 1 else None


class CommandTree:
    """All commands, and the dispatch of lines to them."""

    def __init__(self, commands: Iterable[CommandSpec], vpp_commands: str | None = None) -> None:
        self.root = Node("", "")
        for line in (VPP_COMMANDS.read_text() if vpp_commands is None else vpp_commands).splitlines():
            if line and not line.startswith("#"):
                path, is_group, text = line.partition(" = ")
                node = self._ensure(path)
                node.in_vpp, node.help = not is_group, text
        for spec in commands:
            node = self._ensure(spec.path.lstrip("%"))
            node.spec, node.help, node.long_help = spec, spec.help, spec.long_help
            if spec.arguments is not None:
                node.defaults = spec.arguments.defaults()

    def _ensure(self, path: str) -> Node:
        node = self.root
        for word in path.split():
            node = node.children.setdefault(word, Node(word, f"{node.path} {word}".lstrip()))
        return node

    def node(self, path: str) -> Node | None:
        """The node with exactly this path."""
        node: Node | None = self.root
        for word in path.split():
            node = node.children.get(word) if node else None
        return node

    def run_line(self, reader: Reader, context: Context, out: list[str]) -> None:
        """Run every command of a line, adding the answers to `out`.

        Raises CommandError with the whole text of VPP's error; the reader then stands at what was not read.
        """
        while True:
            self._dispatch(reader, self.root, context, out)
            left = reader.pos
            if reader.finished():
                return
            reader.pos = left

    def _dispatch(self, reader: Reader, parent: Node, context: Context, out: list[str]) -> None:
        if reader.depth > MAX_DEPTH:
            raise CommandError(f"braces nest more than {MAX_DEPTH} deep")
        found = _WORD.match(reader.text, reader.pos)
        child = parent.cache.get(found[1]) if found is not None else None
        if found is not None and child is not None:
            reader.pos = found.end()
        elif SPECIAL.match(reader.text, reader.pos) and self._special(reader, parent, context, out):
            return
        else:
            child = self.step(reader, parent)
            if child is None:
                raise CommandError(reader.error_text(f"{parent.path}: unknown input `%U'".removeprefix(": ")))
            if found is not None and not SPECIAL.match(found[1]):
                parent.cache[found[1]] = child
        self._run(child, reader, context, out)

    def step(self, reader: Reader, parent: Node) -> Node | None:
        """Read one word and go to the child it names."""
        start = reader.pos
        reader.skip_blanks()
        if reader.pos == END:
            return None
        found = _NAME.match(reader.text, reader.pos)
        after = found.end() if found is not None else reader.pos
        word = reader.text[reader.pos : after]
        at_end = after >= len(reader.text)
        child = parent.find(word, whole=at_end or reader.text[after] in BLANKS)
        if child is None:
            some = any(name.startswith(word) for name in parent.children)
            reader.pos = END if at_end and some else start
        else:
            reader.pos = END if at_end else after + (reader.text[after] in BLANKS)
        return child

    def _run(self, node: Node, reader: Reader, context: Context, out: list[str]) -> None:
        """Run a command on what follows its name, or on the braces that do."""
        following = next_char(reader)
        if following == "{":
            reader = reader.sub_input() or reader
        elif not following:
            reader.pos = END
        if node.children:
            try:
                self._dispatch(reader, node, context, out)
                return
            except UnsupportedCommandError:
                raise
            except CommandError:
                if not node.runs:
                    raise
        if not node.runs:
            raise CommandError(f"{node.path}: no sub-commands")
        reader.skip_blanks()
        if reader.peek() == "?":
            reader.word("?")
            if node.spec is not None:
                out.append(listing_line(node))
            return
        self.call(node, reader, context, out)

    def call(self, node: Node, reader: Reader, context: Context, out: list[str]) -> None:
        """Read a command's arguments and run it."""
        spec = node.spec
        if spec is None:
            raise UnsupportedCommandError(f"{node.path}: vppsh does not support this command")
        node.hits += 1
        context.input = reader
        values = node.defaults.copy()
        try:
            if spec.arguments is not None and not spec.arguments.parse(reader, context, values):
                raise CommandError(context.input.error_text("unknown input `%U'"))
            text = spec.handler(context, Args(**values))
        except NoInput:
            return
        except UnsupportedCommandError:
            raise
        except CommandError as error:
            _answer(out, error.output)
            raise CommandError(f"{node.path}: {error}") from error
        _answer(out, text)

    def _special(self, reader: Reader, parent: Node, context: Context, out: list[str]) -> bool:
        """The words that every level knows; False when the line goes on with another word."""
        start = reader.pos
        if reader.word("help"):
            self._help(reader, parent, out)
            return True
        if reader.word("choices") or reader.word("?"):
            out.extend(listing_line(node) for node in sort_as_vpp(list(parent.commands()), lambda n: n.path) if node.spec)
            return True
        if reader.word("comment") and reader.string() is not None:
            return True
        reader.pos = start
        if reader.word("uncomment"):
            inside = reader.sub_input()
            if inside is not None:
                self._dispatch(inside, parent, context, out)
                return True
        reader.pos = start
        for word in ("vpplog", "leak-check"):
            if reader.word(word) and not reader.at_end():
                raise UnsupportedCommandError(f"{word}: vppsh does not support this command")
            reader.pos = start
        return False

    def _help(self, reader: Reader, parent: Node, out: list[str]) -> None:
        list_all = reader.at_end()
        node = parent
        while True:
            child = self.step(reader, node)
            if child is None:
                break
            node = child
        if not reader.at_end():
            raise CommandError(reader.error_text(f"{node.path}: unknown input `%U'".removeprefix(": ")))
        if node is not self.root and not node.listed:
            raise UnsupportedCommandError(f"{node.path}: vppsh does not support this command")
        if not list_all:
            _answer(out, node.help_text(long=True))
            return
        for child in sort_as_vpp(list(node.children.values()), lambda n: n.name):
            if child.listed:
                _answer(out, f"  {child.name:<30} {child.help_text()}")


def listing_line(node: Node) -> str:
    """A command's line in a `?` listing."""
    return f"  {node.path:<40} {node.help_text()}".rstrip("\n") + "\n"


def _answer(out: list[str], text: str | None) -> None:
    """Add an answer, ended by a newline as VPP ends every output."""
    if text:
        out.append(text)
        if not text.endswith("\n"):
            out.append("\n")
