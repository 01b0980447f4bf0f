"""`show bridge-domain`, of all domains or one, with `detail` or not (VPP's l2_bd.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE = re.compile(
    r"\s*(?P<domain>\d+)\s+(?P<index>\d+)\s+\d+\s+(?P<age>off|\d+)\s+(?P<learn>on|off)\s+(?P<forward>on|off)\s+(?P<unknown>\S+)\s+"
    r"(?P<flood>on|off)\s+(?P<term>on|off)\s+(?P<unicast>on|off)\s+(?P<learnt>\d+)\s+(?P<limit>\d+)\s+(?P<bvi>\S.*?)\s*"
)
_MEMBER = re.compile(
    r"\s+(?P<name>\S+)\s+(?P<index>\d+)\s+\d+\s+(?P<group>\d+)\s+(?P<bvi>\*|-|uu)\s+(?P<flood>[*-])\s+(?P<rewrite>\S.*?)\s*"
)
_STATION = re.compile(r"\s+(?P<address>[0-9a-f:.]+)\s+=>\s+(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s*")
_TAG = re.compile(r"\s+BD-Tag: (?P<tag>.*)")
_HEADS = (["BD-ID", "Index"], ["Interface", "If-idx"], ["IP4/IP6", "to"])


@dataclass(frozen=True)
class BridgeMember:
    """A port: its split-horizon group, whether it is the BVI, and what becomes of VLAN tags, in VPP's words."""

    interface: str
    group: int
    bvi: bool
    rewrite: str


@dataclass
class BridgeDomain:
    """One domain.

    age        minutes after which addresses are forgotten, 0 for never
    unknown    what is done with packets to unknown stations: flood, drop, or the interface that gets them
    arp_term   ARP and neighbour solicitations are answered by `stations` (address to MAC)
    """

    number: int
    index: int
    age: int
    learn: bool
    forward: bool
    unknown: str
    flood: bool
    arp_term: bool
    arp_unicast: bool
    bvi: str
    members: list[BridgeMember] = field(default_factory=list)
    stations: dict[str, str] = field(default_factory=dict)
    tag: str = ""


@dataclass(frozen=True)
class BridgeDomains:
    """The domains in VPP's order, and the lines that were not understood."""

    domains: tuple[BridgeDomain, ...]
    odd: tuple[str, ...] = ()


def read_bridge_domains(text: str) -> BridgeDomains:
    """The domains of an answer to `show bridge-domain`."""
    found: list[BridgeDomain] = []
    odd: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[:2] in _HEADS or line.startswith(("no bridge-domains", "span-l2-input")):
            continue
        if (match := _LINE.fullmatch(line)) is not None:
            on = {name: match[name] == "on" for name in ("learn", "forward", "flood", "term", "unicast")}
            age = 0 if match["age"] == "off" else int(match["age"])
            bvi = "" if match["bvi"] == "N/A" else match["bvi"]
            found.append(
                BridgeDomain(
                    int(match["domain"]), int(match["index"]), age, on["learn"], on["forward"], match["unknown"], on["flood"], on["term"],
                    on["unicast"], bvi,
                )
            )  # fmt: skip
        elif not found or not _detail(found[-1], line):
            odd.append(line)
    return BridgeDomains(tuple(found), tuple(odd))


def _detail(domain: BridgeDomain, line: str) -> bool:
    """Read a line below a domain; whether it was understood."""
    if (match := _MEMBER.fullmatch(line)) is not None:
        domain.members.append(BridgeMember(match["name"], int(match["group"]), match["bvi"] == "*", match["rewrite"]))
    elif (match := _STATION.fullmatch(line)) is not None:
        domain.stations[match["address"]] = match["mac"]
    elif (match := _TAG.fullmatch(line)) is not None:
        domain.tag = match["tag"]
    else:
        return False
    return True
