"""Lines for bridge domains, cross-connects, VLAN tags and stations."""

from __future__ import annotations

import re

from vppsh.answers.bridges import BridgeDomain, read_bridge_domains
from vppsh.answers.l2fib import read_l2fib
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe

_REWRITE = re.compile(r"(?P<what>pop|push|trans)-(?P<tags>[12](?:-[12])?)(?P<rest>(?: dot1q| dot1ad)(?: \d+)+)?")


def write_layer2(node: Node, recipe: Recipe) -> None:
    """The lines of everything in layer 2."""
    names = {each.name for each in node.interfaces}
    domains: dict[int, BridgeDomain] = {}
    for value in node.values("show bridge-domain", read_bridge_domains):
        for domain in value.domains:
            if domain.number not in domains or domain.members:
                domains[domain.number] = domain
    for domain in domains.values():
        recipe.add(_create(domain))
        for address, mac in domain.stations.items():
            recipe.add(f"set bridge-domain arp entry {domain.number} {address} {mac}")
    for name, each in node.addresses.items():
        if name in names and each.bridge >= 0:
            recipe.add(f"set interface l2 bridge {name} {each.bridge}{' bvi' if each.bvi else ''}{f' {each.group}' if each.group else ''}")
        elif name in names and each.peer in names:
            recipe.add(f"set interface l2 xconnect {name} {each.peer}")
    for domain in domains.values():
        for member in domain.members:
            match = _REWRITE.fullmatch(member.rewrite)
            if match is not None:
                recipe.add(f"set interface l2 tag-rewrite {member.interface} {_rewrite(match)}")
            elif member.rewrite.lower() != "none":
                recipe.note(f"the tag rewrite of {member.interface} is not rebuilt: {member.rewrite}")
    _write_stations(node, recipe, {domain.index: domain.number for domain in domains.values()}, names)


def _create(domain: BridgeDomain) -> str:
    switches = (
        ("learn", domain.learn), ("forward", domain.forward), ("uu-flood", domain.unknown == "flood"), ("flood", domain.flood),
        ("arp-term", domain.arp_term), ("arp-ufwd", domain.arp_unicast),
    )  # fmt: skip
    line = f"create bridge-domain {domain.number} {' '.join(f'{name} {int(on)}' for name, on in switches)}"
    return line + (f" mac-age {domain.age}" if domain.age else "")


def _rewrite(match: re.Match[str]) -> str:
    """What is done to VLAN tags as it is typed."""
    if match["what"] == "pop":
        return f"pop {match['tags']}"
    what = "push" if match["what"] == "push" else f"translate {match['tags']}"
    return what + (match["rest"] or "")


def _write_stations(node: Node, recipe: Recipe, numbers: dict[int, int], names: set[str]) -> None:
    """Learnt addresses are configured: who sends from another port than before is noticed there, and not here."""
    for value in node.values("show l2fib", read_l2fib):
        for each in value.stations:
            number = numbers.get(each.domain_index)
            if number is None or each.bvi or (each.interface not in names and not each.filtered):
                continue
            where = "filter" if each.filtered else f"{each.interface}{' static' if each.static else ''}"
            recipe.add(f"l2fib add {each.mac} {number} {where}")
