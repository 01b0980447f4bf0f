"""Who talks to whom: the addresses and ports that a packet carries on its way, inside and outside of tunnels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from vppsh.traces.fields import Role, role_of
from vppsh.traces.model import Packet, Step

# VPP's names of IP protocols that people write differently.
NAMES = MappingProxyType({"ipsec_esp": "esp", "ipsec_ah": "ah", "ip_in_ip": "ipip", "ipv6": "ip6ip", "ip6_hop_by_hop_options": "hopopt"})
INSIDE = MappingProxyType({Role.ENCAPSULATE: 1, Role.DECAPSULATE: -1})


@dataclass(frozen=True, slots=True)
class Flow:
    """The addresses of an IP header, and what follows it.

    protocol  tcp, udp, icmp, esp, ipip ..., in lower case
    ident     the fragment id of IPv4, or the identifier of an ICMP echo; None where none is printed
    """

    protocol: str
    source: str
    destination: str
    source_port: int | None = None
    destination_port: int | None = None
    ident: int | None = None

    @property
    def reverse(self) -> Flow:
        """The other direction."""
        return Flow(self.protocol, self.destination, self.source, self.destination_port, self.source_port)

    @property
    def key(self) -> tuple[str, str, str, int | None, int | None]:
        """What all packets of one direction have in common."""
        return (self.protocol, self.source, self.destination, self.source_port, self.destination_port)

    def __str__(self) -> str:
        return f"{self.protocol} {endpoint(self.source, self.source_port)} -> {endpoint(self.destination, self.destination_port)}"


def endpoint(address: str, port: int | None) -> str:
    """`10.0.0.1:53`, `[2001:db8::1]:53`, or the address alone."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Located:
    """A flow where it was seen: the position of the step, and how many headers of tunnels the packet has around it.

    level  0 for the innermost header; 1 for that of a tunnel around it, and so on
    """

    step: int
    flow: Flow
    level: int


# An IP header as VPP prints it, from the colon before its addresses on, with the ports or the identifier behind it.
# All of it at once: filters look at every packet of a trace, and taking the whole text apart is much slower.
IP_HEADER = re.compile(
    r": ([0-9a-f.:]+) -> ([0-9a-f.:]+)\n(?: +version[^\n]*\n)? +tos 0x\w+, (?:ttl|flow)[^\n]*"
    r"(?:\n +fragment id 0x([0-9a-f]{1,8})[^\n]*|\n +IPV6_FRAG_HDR: [^\n]* id: (\d{1,18}))?"
    r"(?:\n *(?:UDP|TCP|SCTP): (\d{1,5}) -> (\d{1,5})\b|\n *ICMP [^\n]*? id (\d{1,5})$)?",
    re.MULTILINE | re.ASCII,
)
PROTOCOL = re.compile(r"[\w/.-]+|unknown \d+")


def step_flows(step: Step) -> list[Flow]:
    """The flows that a step prints, the outermost first."""
    text = step.text
    if " -> " not in text:
        return []
    found = []
    for match in IP_HEADER.finditer(text):
        flow = _flow(text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip(), *match.groups())
        if flow is not None:
            found.append(flow)
    return found


@lru_cache(maxsize=65536)
def _flow(
    name: str,
    source: str,
    destination: str,
    fragment: str | None,
    fragment6: str | None,
    source_port: str | None,
    destination_port: str | None,
    echo: str | None,
) -> Flow | None:
    """The flow of a header's texts; several nodes print the same of one packet."""
    if PROTOCOL.fullmatch(name) is None:
        return None
    ident = int(echo or fragment6 or 0) if echo or fragment6 else int(fragment, 16) if fragment else None
    return Flow(
        NAMES.get(name.lower(), name.lower()),
        source,
        destination,
        int(source_port) if source_port else None,
        int(destination_port) if destination_port else None,
        ident,
    )


def packet_flows(packet: Packet) -> Iterator[Flow]:
    """The flows of all steps, each once, in order; steps are read as far as they are asked for."""
    known = packet.facts.get("packet flows")
    if known is not None:
        yield from known
        return
    found: dict[Flow, None] = {}
    for step in packet.steps:
        for flow in step_flows(step):
            if flow not in found:
                found[flow] = None
                yield flow
    packet.facts["packet flows"] = tuple(found)


def flows(packet: Packet) -> list[Located]:
    """The flows of a packet in the order of its way.

    A node that adds or removes a tunnel's header changes the level from the next step on whose addresses are
    others: what nodes print of a packet before and after is all there is to go by.
    """
    known = packet.facts.get("flows")
    if known is not None:
        found: list[Located] = known
        return found
    found = []
    level = pending = 0
    current: tuple[str, str, str, int | None, int | None] | None = None
    for position, step in enumerate(packet.steps):
        seen = step_flows(step)
        if seen:
            if pending and current is not None and seen[0].key != current:
                level += 1 if pending > 0 else -1
                pending = 0
            current = seen[0].key
            found += [Located(position, flow, level - depth) for depth, flow in enumerate(seen)]
        role = role_of(step.node)
        if role is not None and role in INSIDE:
            pending = INSIDE[role]
    lowest = min((each.level for each in found), default=0)
    if lowest:
        found = [Located(each.step, each.flow, each.level - lowest) for each in found]
    packet.facts["flows"] = found
    return found


def first_flow(packet: Packet) -> Flow | None:
    """The flow that a packet came in with."""
    for step in packet.steps:
        seen = step_flows(step)
        if seen:
            return seen[0]
    return None
