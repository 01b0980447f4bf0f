"""The table of counters and drop reasons: what they mean in plain words, what usually causes them, what to look at next.

The data is in vppsh/traces/knowledge/*.toml:

    [[counter]]          a counter, or a place where packets end without one
    node                 whose counter it is, `*` and `?` for anything
    text                 VPP's text
    at                   only where this node decided (for `null-node: blackholed packets`, which says nothing by itself)
    kind                 drop, punt or info
    words, causes        what it means, what is usually behind it
    check                lines to type next; {destination} and other values of the packet are filled in, or the line is left out

    [[object]]           what decides at a node: `text` with values of its trace
    also                 nodes that decide by it, though it was another node that printed it
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

PACKAGE = "vppsh.traces.knowledge"
# `show errors` cuts texts off at the width of its column.
COLUMN = 35


class Kind(enum.Enum):
    """What happens to a packet that is counted."""

    DROP = "drop"
    PUNT = "punt"
    INFO = "info"


@dataclass(frozen=True)
class Counter:
    """An entry of the table."""

    node: str
    text: str
    kind: Kind
    words: str
    causes: str = ""
    check: tuple[str, ...] = ()
    at: str = ""

    def fits(self, node: str, text: str, decider: str) -> bool:
        """Whether the entry is about this counter of a node; where another one decided, if it asks for that."""
        return fnmatchcase(node, self.node) and _same(text, self.text) and (not self.at or fnmatchcase(decider, self.at))


def _same(text: str, whole: str) -> bool:
    return text in (whole, whole[:COLUMN].rstrip())


@dataclass(frozen=True)
class Decider:
    """What decides at some nodes, as a text with the names of their values."""

    node: str
    text: str
    also: tuple[str, ...] = ()

    def decides(self, printed: str, decider: str) -> bool:
        """Whether it is told of a step of the node `printed` when `decider` decided."""
        return fnmatchcase(printed, self.node) and (printed == decider or any(fnmatchcase(decider, each) for each in self.also))


@dataclass(frozen=True)
class Table:
    """All entries; where several fit, one that names the deciding node comes first, then the one with the longer node."""

    counters: tuple[Counter, ...]
    deciders: tuple[Decider, ...]

    def find(self, node: str, text: str, decider: str = "") -> Counter | None:
        """What a counter means, as far as the table knows."""
        return next((each for each in self.counters if each.fits(node, text, decider)), None)

    def deciders_of(self, printed: str, decider: str) -> Iterator[Decider]:
        """What a step of one node tells of the decision of another, or the same."""
        return (each for each in self.deciders if each.decides(printed, decider))


@cache
def table() -> Table:
    """The table of the data files."""
    counters: list[Counter] = []
    deciders: list[Decider] = []
    for file in sorted(files(PACKAGE).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            found = tomllib.loads(file.read_text(encoding="utf-8"))
            counters += [
                Counter(**{**each, "kind": Kind(each["kind"]), "check": tuple(each.get("check", ()))}) for each in found.get("counter", ())
            ]
            deciders += [Decider(each["node"], each["text"], tuple(each.get("also", ()))) for each in found.get("object", ())]
    counters.sort(key=lambda each: (not each.at, -len(each.node)))
    return Table(tuple(counters), tuple(deciders))
