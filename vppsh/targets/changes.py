"""Whether a line changes the state of the VPP that it is sent to.

Told before it is sent, so everything is a change that is not known to be none: what shows, helps and pings. A line
may hold several commands, and VPP goes on with the next one where a command has stopped reading, so whatever could
be the beginning of another command behind a `show` makes the line a change as well.
"""

from __future__ import annotations

import re
from pathlib import Path

from vppsh.grammar.tree import VPP_COMMANDS, Node

# Commands that leave everything as it is.
HARMLESS = frozenset(("show", "help", "history", "ping", "quit", "exit", "q", "echo", "choices", "?", "comment"))
# Below `show`, words that make a command reset what it shows.
RESETS = frozenset(("clear", "clear-hit", "reset"))
_TOKENS = re.compile(r"[^\s{}]+")


class ChangeDetector:
    """Knows the paths of VPP's commands."""

    def __init__(self, commands: str | None = None) -> None:
        """`commands` is a list of paths, one a line, with ` = help` after mere groups."""
        self._root = Node("", "")
        for line in (Path(VPP_COMMANDS).read_text() if commands is None else commands).splitlines():
            if line and not line.startswith("#"):
                path, is_group, _ = line.partition(" = ")
                node = self._root
                for word in path.split():
                    node = node.children.setdefault(word, Node(word, f"{node.path} {word}".lstrip()))
                node.in_vpp = not is_group

    def why(self, line: str) -> str:
        """The part of a line that may change something; nothing when none does."""
        words = _TOKENS.findall(line)
        if not words:
            return ""
        if "$" in line:
            return next(word for word in words if "$" in word)
        first = self._root.find(words[0], whole=True)
        name = first.name if first is not None else words[0]
        if name not in HARMLESS:
            return " ".join(words[:3])
        if name == "show" and first is not None:
            reset = RESETS.intersection(words)
            if reset:
                return " ".join(words)
            return self._another(words[self._length(first, words[1:]) + 1 :])
        return ""

    def _length(self, node: Node, words: list[str]) -> int:
        """How many of the words belong to the path of a command below a node."""
        for number, word in enumerate(words):
            child = node.find(word, whole=True)
            if child is None:
                return number
            node = child
        return len(words)

    def _another(self, words: list[str]) -> str:
        """A command that changes something among the words that follow a command's own, when its whole path is there."""
        for start in range(len(words)):
            node = self._root.find(words[start], whole=True)
            if node is None or node.name in HARMLESS:
                continue
            reached = [node]
            for word in words[start + 1 :]:
                child = reached[-1].find(word, whole=True)
                if child is None:
                    break
                reached.append(child)
            # A single word that merely begins a command's name is more likely an argument (`show bridge-domain 1 arp`).
            if any(found.in_vpp for found in reached[1:]) or (node.in_vpp and node.name == words[start]):
                return " ".join(words[start : start + len(reached)])
        return ""
