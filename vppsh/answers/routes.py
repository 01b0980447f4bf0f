"""A route as answers of the FIB print it: in brief (prefix, forwarding) and in detail (sources, path-lists, paths, extensions)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vppsh.answers.ways import Kind, Way, read_ways

_HEAD = re.compile(r"(?P<prefix>\S+)(?: fib:(?P<fib>\d+) index:(?P<index>\d+) locks:(?P<locks>\d+))?\s*")
_CHAIN = re.compile(r"(?: forwarding: )? +(?P<chain>\S+)-chain| forwarding:   UNRESOLVED| +UNRESOLVED")
_SOURCE = re.compile(
    r"  (?P<name>\S.*?) refs:(?P<refs>\d+)(?: entry-flags:(?P<entry>\S*))?(?: src-flags:(?P<source>\S*))?(?: (?P<rest>\S.*))?"
)
_PATH_LIST = re.compile(r" +path-list:\[\d+\] locks:\d+(?: flags:(?P<flags>\S*))?(?: uPRF-list:.*)?")
_PATH = re.compile(
    r" +path:\[(?P<index>\d+)\] pl-index:\d+ (?P<proto>\S+) weight=(?P<weight>\d+) pref=(?P<preference>\d+) (?P<kind>\S.*?): *"
    r"(?: oper-flags:(?P<oper>\S*))?(?: cfg-flags:(?P<config>\S*))? *"
)
_NEXT_HOP = re.compile(r"(?P<next_hop>[0-9a-f:.]+) (?:if_index:\d+|(?P<interface>\S.*?))(?: \(p2p\))?")
_VIA = re.compile(r"via (?P<next_hop>\S+(?: (?:eos|neos))?) in fib:(?P<fib>\d+) via-fib:-?\d+ via-dpo:\[.*\]")
_TABLE = re.compile(r"m?fib-index:(?P<fib>\d+)")
_OUT = re.compile(r"if_index:\d+|UDP-encap ID:\d+|via-fmask:.*|via bier-table:.*|(?P<interface>[^\s\[]\S*)")
_LABELS = re.compile(r"path:(?P<index>\d+) (?:mpls-flags:\[[^]]*\])? ?(?:labels:\[(?P<labels>.*)\]|adj-flags:\[[^]]*\])")


@dataclass
class RoutePath:
    """A path as it was configured.

    kind       VPP's word: attached-nexthop, attached, recursive, deag, exclusive, special, receive ...
    flags      the words of both kinds of flags
    fib        FIB index that a recursive path or a look-up goes on in, -1 otherwise
    labels     as VPP prints them
    """

    index: int
    proto: str
    kind: str
    weight: int
    preference: int
    flags: tuple[str, ...]
    next_hop: str = ""
    interface: str = ""
    fib: int = -1
    labels: str = ""
    ways: list[Way] = field(default_factory=list)


@dataclass
class RouteSource:
    """Who has put in the route, with which flags, by which paths; `ways` is what it puts between. The best source is the first."""

    name: str
    refs: int
    entry_flags: tuple[str, ...]
    flags: tuple[str, ...]
    rest: str = ""
    paths: list[RoutePath] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class Route:
    """One route: where its packets go, and in detail, why.

    forwarding   None when it is not resolved
    sources      empty unless the answer had details
    delegates    text lines, of `detail`
    """

    prefix: str
    chain: str
    forwarding: Way | None
    sources: tuple[RouteSource, ...] = ()
    delegates: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def ends(self) -> list[Way]:
        """Where its packets end up; a load-balance below another counts by its own ends."""
        return self.forwarding.ends if self.forwarding is not None else []

    @property
    def kinds(self) -> set[Kind]:
        """What becomes of its packets."""
        return {end.kind for end in self.ends}


def read_route(text: str) -> Route:
    """A route from its lines; what is not understood is in `odd`."""
    first, *lines = text.splitlines() or [""]
    head = _HEAD.fullmatch(first)
    odd = [] if head is not None else [first]
    prefix = head["prefix"] if head is not None else first.strip()
    at = next((n for n, line in enumerate(lines) if _CHAIN.fullmatch(line.rstrip())), len(lines))
    sources = _sources(lines[:at], odd)
    rest = lines[at + 1 :]
    end = next((n for n, line in enumerate(rest) if line.startswith((" Delegates:", " Children:"))), len(rest))
    ways, unknown = read_ways(rest[:end])
    chain = _CHAIN.fullmatch(lines[at].rstrip()) if at < len(lines) else None
    name = chain["chain"] or "" if chain is not None else ""
    delegates = tuple(line for line in rest[end:] if line.strip())
    return Route(prefix, name, ways[0] if ways else None, tuple(sources), delegates, (*odd, *unknown))


def _sources(lines: list[str], odd: list[str]) -> list[RouteSource]:
    """The sources with their paths; what is not understood is added to `odd`."""
    found: list[RouteSource] = []
    forwarding: list[tuple[RouteSource | RoutePath, list[str]]] = []
    for line in lines:
        words = line.strip()
        if not words or words == "Extensions:" or _PATH_LIST.fullmatch(line):
            continue
        if (match := _SOURCE.fullmatch(line)) is not None:
            source = RouteSource(match["name"], int(match["refs"]), _flags(match["entry"]), _flags(match["source"]), match["rest"] or "")
            found.append(source)
            forwarding.append((source, []))
        elif not found:
            odd.append(line)
        elif (match := _PATH.fullmatch(line)) is not None:
            flags = _flags(match["oper"]) + _flags(match["config"])
            path = RoutePath(int(match["index"]), match["proto"], match["kind"], int(match["weight"]), int(match["preference"]), flags)
            found[-1].paths.append(path)
            forwarding.append((path, []))
        elif (match := _LABELS.fullmatch(words)) is not None:
            for each in found[-1].paths:
                if each.index == int(match["index"]):
                    each.labels = match["labels"] or ""
        elif not (found[-1].paths and _leads(found[-1].paths[-1], words)):
            forwarding[-1][1].append(line)
    for holder, its in forwarding:
        holder.ways, unknown = read_ways(its)
        odd += unknown
    return found


def _leads(path: RoutePath, words: str) -> bool:
    """Whether the line says where a path leads."""
    for pattern in (_NEXT_HOP, _VIA, _TABLE, _OUT):
        match = pattern.fullmatch(words)
        if match is not None and words != "unresolved" and not words.startswith("stacked-on"):
            named = match.groupdict()
            path.next_hop, path.interface = named.get("next_hop") or path.next_hop, named.get("interface") or path.interface
            path.fib = int(named["fib"]) if named.get("fib") else path.fib
            return True
    return False


def _flags(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").split(",") if word)
