"""The tuples that address translation prints: a session's addresses and ports before and after, of both directions.

cnat prints the tuples of a session's directions, nat44-ed what a session's flows match and what they rewrite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vppsh.traces.flows import NAMES, Flow, flows, packet_flows
from vppsh.traces.model import Packet

LAYERS = ("inner", "outer")
NOBODY = ("0.0.0.0", "::")
_ADDRESS = r"[0-9a-f.:]+"
_TUPLE = re.compile(rf"(?P<proto>[\w/.-]+) \[(?P<src>{_ADDRESS});(?P<sport>\d+) -> (?P<dst>{_ADDRESS});(?P<dport>\d+)\]")
_KEY = re.compile(
    rf"search key local (?P<src>{_ADDRESS}):(?P<sport>\d+) remote (?P<dst>{_ADDRESS}):(?P<dport>\d+) proto (?P<proto>[\w/.-]+)"
)
_MATCH = re.compile(
    rf"saddr (?P<src>{_ADDRESS}) sport (?P<sport>\d+) daddr (?P<dst>{_ADDRESS}) dport (?P<dport>\d+) proto (?P<proto>[\w/.-]+)"
    r"(?P<rewrite>[^\n]* rewrite: [^\n]*)?"
)
_REWRITE = re.compile(rf"\b(?P<what>saddr|sport|daddr|dport) (?P<value>{_ADDRESS})")


def translations(packet: Packet) -> Iterator[Flow]:
    """The flows that sessions of translations have, as far as the packet's steps print them."""
    for step in packet.steps:
        if "nat" not in step.node:
            continue
        for pattern in (_TUPLE, _KEY, _MATCH):
            for match in pattern.finditer(step.text):
                flow = _flow(match.groupdict())
                if flow.source not in NOBODY or flow.destination not in NOBODY:
                    yield flow
                if pattern is _MATCH and match["rewrite"]:
                    yield _flow(match.groupdict() | _rewritten(match["rewrite"]))


def layered_flows(packet: Packet, layer: str) -> Iterator[Flow]:
    """The flows of a packet, or those inside or around tunnels: `outer` is the outermost header, where there is more than one."""
    if not layer:
        yield from packet_flows(packet)
        return
    located = flows(packet)
    most = max((each.level for each in located), default=0)
    for each in located:
        if most and (each.level == most if layer == "outer" else each.level < most):
            yield each.flow


def told_flows(packet: Packet, layer: str) -> Iterator[Flow]:
    """The flows of a packet's headers, and those of its translations unless a layer is asked for."""
    yield from layered_flows(packet, layer)
    if not layer:
        yield from translations(packet)


def _flow(named: dict[str, str | None]) -> Flow:
    protocol = (named["proto"] or "").lower()
    ports = int(named["sport"] or 0), int(named["dport"] or 0)
    return Flow(NAMES.get(protocol, protocol), named["src"] or "", named["dst"] or "", *ports)


def _rewritten(text: str) -> dict[str, str | None]:
    """What a flow's rewrite puts in the place of what it matches."""
    names = {"saddr": "src", "sport": "sport", "daddr": "dst", "dport": "dport"}
    return {names[match["what"]]: match["value"] for match in _REWRITE.finditer(text.partition("rewrite: ")[2])}
