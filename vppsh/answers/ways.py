"""What packets are forwarded by (VPP's dpo_id_t and its kinds), as it stands in answers of the FIB: a tree, indented."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

_PLACE = re.compile(r"(?:\[(?P<first>\d+)(?:-(?P<last>\d+))?\] )?\[@\d+\]: (?P<text>.*)")
_STACKED = re.compile(r"stacked-on(?: entry:\d+)?:|clone of \[\d+\]|unresolved|UNRESOLVED|load-balance-map: .*|(?:index|map):[ \d]*")
_HEX = re.compile(r"[0-9a-f]{8}: ([0-9a-f]+)")
_REWRITE = re.compile(
    r"(?:ip4|ip6|ipv4|ipv6|mpls|ethernet|arp|nsh|\S+)(?: \[features\])? via (?P<next_hop>\S+) +(?:(?P<interface>\S.*?):)? ?"
    r"mtu:(?P<mtu>\d+) next:\d+ flags:\[(?P<flags>[^]]*)\](?: (?:0{8}: )?(?P<bytes>[0-9a-f]+))?"
)
_INCOMPLETE = re.compile(r"arp-\S+: via (?P<next_hop>\S+) (?P<interface>.+)")
_GLEAN = re.compile(
    r"\S+-glean: (?:\[src:(?P<source>\S+)\] )?(?:(?P<interface>\S.*?):)? ?mtu:(?P<mtu>\d+) .*?flags:\[[^]]*\](?: (?P<bytes>[0-9a-f]+))?"
)
_BALANCE = re.compile(
    r"dpo-load-balance: \[proto:\S+ index:(?P<index>\d+) buckets:(?P<buckets>\d+) uRPF:(?P<urpf>-?\d+) (?:flags:\[[^]]*\] )?"
    r"to:\[(?P<packets>\d+):(?P<bytes>\d+)\](?: via:\[(?P<via_packets>\d+):(?P<via_bytes>\d+)\])?\]"
)
_LOOKUP = re.compile(r"\S+,\S+ lookup in (?P<table>\S.*)|\S+,\S+ lookup in interface .*")
_RECEIVE = re.compile(r"dpo-receive(?:: (?P<next_hop>\S+) on (?P<interface>.+))?")


class Kind(Enum):
    """What becomes of packets."""

    ADJACENCY = "adjacency"
    INCOMPLETE = "incomplete"
    GLEAN = "glean"
    BALANCE = "load-balance"
    LOOKUP = "lookup"
    RECEIVE = "receive"
    DROP = "drop"
    PUNT = "punt"
    NULL = "null"
    LABEL = "label"
    OTHER = "other"


# The kinds that are told by how they begin, longest first.
_BEGINNINGS = (
    ("dpo-drop", Kind.DROP),
    ("dpo-punt", Kind.PUNT),
    ("ip4-null", Kind.NULL),
    ("ip6-null", Kind.NULL),
    ("mpls-label", Kind.LABEL),
)
_SHAPES = (
    (Kind.BALANCE, _BALANCE),
    (Kind.ADJACENCY, _REWRITE),
    (Kind.INCOMPLETE, _INCOMPLETE),
    (Kind.GLEAN, _GLEAN),
    (Kind.LOOKUP, _LOOKUP),
    (Kind.RECEIVE, _RECEIVE),
)


@dataclass
class Way:
    """One step of forwarding, and what it leads on to.

    first, last          the buckets of the load-balance above that go this way; -1 when it is not in one
    text                 as VPP printed it
    next_hop, interface  empty where there is none; the interface of a glean is where it asks
    table                the name of the table that a look-up goes on in
    mtu                  -1 where there is none
    rewrite              the bytes put in front of packets, in hexadecimal
    index, buckets       of a load-balance
    packets, bytes       counters of a load-balance: looked up here, and by way of other routes
    """

    first: int
    last: int
    kind: Kind
    text: str
    next_hop: str = ""
    interface: str = ""
    table: str = ""
    mtu: int = -1
    rewrite: str = ""
    index: int = -1
    buckets: int = 0
    packets: int = 0
    bytes: int = 0
    via_packets: int = 0
    via_bytes: int = 0
    below: list[Way] = field(default_factory=list)

    @property
    def share(self) -> int:
        """How many buckets lead here: the weight, as far as it can be told."""
        return self.last - self.first + 1 if self.first >= 0 else 1

    @property
    def ends(self) -> list[Way]:
        """Where packets end up: the leaves below load-balances; a tunnel's adjacency counts as an end, whatever it is stacked on."""
        if self.kind in (Kind.BALANCE, Kind.OTHER, Kind.LABEL) and self.below:
            return [end for each in self.below for end in each.ends]
        return [self]


def read_ways(lines: Iterable[str]) -> tuple[list[Way], list[str]]:
    """The ways of indented lines, each with what is below it, and the lines that were not understood."""
    found: list[Way] = []
    odd: list[str] = []
    above: list[tuple[int, Way]] = []
    for line in lines:
        words = line.strip()
        if not words or _STACKED.fullmatch(words):
            continue
        match = _PLACE.fullmatch(words)
        if match is None:
            more = _HEX.fullmatch(words)
            if more is not None and above and above[-1][1].rewrite:
                above[-1][1].rewrite += more[1]
            else:
                odd.append(line)
            continue
        indent = len(line) - len(line.lstrip())
        while above and above[-1][0] >= indent:
            above.pop()
        first = int(match["first"]) if match["first"] else -1
        way = _way(first, int(match["last"]) if match["last"] else first, match["text"])
        (above[-1][1].below if above else found).append(way)
        above.append((indent, way))
    return found, odd


def _way(first: int, last: int, text: str) -> Way:
    for beginning, kind in _BEGINNINGS:
        if text.startswith(beginning):
            return Way(first, last, kind, text)
    for kind, pattern in _SHAPES:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        named = match.groupdict()
        way = Way(first, last, kind, text, named.get("next_hop") or "", named.get("interface") or "", named.get("table") or "")
        if kind is Kind.BALANCE:
            way.index, way.buckets = int(match["index"]), int(match["buckets"])
            way.packets, way.bytes = int(match["packets"]), int(match["bytes"])
            way.via_packets, way.via_bytes = int(match["via_packets"] or 0), int(match["via_bytes"] or 0)
        elif "mtu" in named:
            way.mtu, way.rewrite = int(match["mtu"]), match["bytes"] or ""
        return way
    return Way(first, last, Kind.OTHER, text)
