"""What VPP's error counters and drop reasons mean, in plain words: the files `*.toml` beside this one.

A counter's severity in VPP says little: packets that were decapsulated well are counted as errors, ARP requests
that cost a packet as information. So each reason has a kind of ours:

drop   a packet ended here
punt   it was handed out of the dataplane
info   counted, and went on

A file holds one family (`ipsec.toml`). Its entries are told by VPP's text of the counter and, where the same words
mean different things at different nodes, by patterns of node names. `deciding.toml` says what a node decides by
(a route, an adjacency, an SA, a rule) and which command shows it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

SHOWN_WIDTH = 31
"""Columns of a counter's text that every `show errors` of VPP's prints; older ones cut it there."""


class Kind(StrEnum):
    """What a counter says of its packets."""

    DROP = "drop"
    PUNT = "punt"
    INFO = "info"


@dataclass(frozen=True)
class Reason:
    """One counter: VPP's words, ours, and what to look at.

    nodes   patterns of the nodes that count it; empty when the text alone tells
    text    as VPP has it
    causes  what usually brings it about, the likeliest first
    check   what an engineer looks at next; VPP's commands in backquotes
    icmp    the ICMP errors that tell a sender of it, as VPP's traces name them
    family  the file it stands in
    """

    text: str
    kind: Kind
    says: str
    nodes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    icmp: tuple[str, ...] = ()
    family: str = ""

    def fits(self, node: str) -> bool:
        return not self.nodes or any(fnmatchcase(node, pattern) for pattern in self.nodes)


@dataclass(frozen=True)
class SilentDrop:
    """A drop without a counter, told by the node that a packet left and the one that it went to."""

    nodes: tuple[str, ...]
    next: tuple[str, ...]
    says: str
    causes: tuple[str, ...] = ()
    check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deciding:
    """What a node decides by, told from the node and, where one node has several, from the counter.

    what  the object in words; `{name}` stands for a value of the packet's trace
    show  the command that shows it, with such names; empty when no command does
    seen  what of the packet the decision went by
    """

    nodes: tuple[str, ...]
    texts: tuple[str, ...] = ()
    what: str = ""
    show: str = ""
    seen: str = ""

    def fits(self, node: str, text: str) -> bool:
        return (not self.nodes or _any(self.nodes, node)) and (not self.texts or _any(self.texts, text))


class Knowledge:
    """All that is known, to be asked by node and counter."""

    def __init__(self, reasons: Iterable[Reason], silent: Iterable[SilentDrop], deciding: Iterable[Deciding] = ()) -> None:
        self.reasons = tuple(reasons)
        self.deciding = tuple(deciding)
        self._silent = tuple(silent)
        self._decided: dict[tuple[str, str], tuple[Deciding, ...]] = {}
        self._by_text: dict[str, list[Reason]] = {}
        for reason in self.reasons:
            self._by_text.setdefault(reason.text, []).append(reason)

    def find(self, node: str, text: str) -> Reason | None:
        """The reason that a node counts under this text, which may be cut off as `show errors` does."""
        candidates = self._by_text.get(text)
        if candidates is None and len(text) >= SHOWN_WIDTH:
            candidates = [reason for reason in self.reasons if reason.text.startswith(text)]
        return next((reason for reason in candidates or () if reason.fits(node)), None)

    def silent(self, node: str, following: str) -> SilentDrop | None:
        """What a drop without a counter means, when a packet goes from one node to another."""
        return next((each for each in self._silent if _any(each.nodes, node) and _any(each.next, following)), None)

    def refusal(self, icmp: str, version: int) -> Reason | None:
        """The reason that an ICMP error tells the sender of an IPv4 or IPv6 packet; `icmp` is its type as traces name it."""
        found = [reason for reason in self.reasons if icmp in reason.icmp]
        return next((reason for reason in found if reason.text.startswith(f"ip{version} ")), found[0] if found else None)

    def decided_by(self, node: str, text: str) -> tuple[Deciding, ...]:
        """What a node may have decided by when it counted this text, the most telling first."""
        known = self._decided.get((node, text))
        if known is None:
            known = self._decided[node, text] = tuple(each for each in self.deciding if each.fits(node, text))
        return known

    def search(self, words: str) -> list[Reason]:
        """Reasons whose text has these words in it, whatever the case; one that is the text itself is the only answer."""
        wanted = words.casefold()
        same = [reason for reason in self.reasons if reason.text.casefold() == wanted]
        return same or [reason for reason in self.reasons if wanted in reason.text.casefold()]


@cache
def knowledge() -> Knowledge:
    """Everything the files say; read once."""
    reasons: list[Reason] = []
    silent: list[SilentDrop] = []
    deciding: list[Deciding] = []
    for source in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".toml"):
            content = tomllib.loads(source.read_text(encoding="utf-8"))
            family = source.name.removesuffix(".toml")
            reasons += [_reason(each, family) for each in content.get("reason", ())]
            silent += [
                SilentDrop(
                    tuple(each["nodes"]), tuple(each["next"]), each["says"], tuple(each.get("causes", ())), tuple(each.get("check", ()))
                )
                for each in content.get("silent", ())
            ]
            deciding += [_deciding(each) for each in content.get("deciding", ())]
    return Knowledge(reasons, silent, deciding)


def _reason(entry: dict[str, Any], family: str) -> Reason:
    nodes, causes, check, icmp = (tuple(entry.get(key, ())) for key in ("nodes", "causes", "check", "icmp"))
    return Reason(entry["text"], Kind(entry["kind"]), entry["says"], nodes, causes, check, icmp, family)


def _deciding(entry: dict[str, Any]) -> Deciding:
    nodes, texts = (tuple(entry.get(key, ())) for key in ("nodes", "texts"))
    return Deciding(nodes, texts, *(entry.get(key, "") for key in ("what", "show", "seen")))


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
