"""The words of the filter language (expression.py): what a packet can be asked for."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType

from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.traces.expression import Predicate, Term, Token, Tokens
from vppsh.traces.flows import Flow
from vppsh.traces.model import Packet, seconds
from vppsh.traces.text import STAMP
from vppsh.traces.translations import LAYERS, layered_flows, told_flows
from vppsh.traces.verdict import Outcome, verdict

CHEAP, NODES, JUDGED, SEARCHED, PARSED = range(5)
DIRECTIONS = ("src", "dst")
OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, "=": operator.eq, "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge}
)
UNITS = MappingProxyType({"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9})
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)(s|ms|us|ns|)")
PROTOCOLS = ("tcp", "udp", "icmp", "icmp6", "esp", "ah", "gre", "sctp", "ipip", "igmp", "ospf", "vrrp")
OUTCOMES = MappingProxyType(
    {
        "dropped": (Outcome.DROPPED, Outcome.REFUSED),
        "punted": (Outcome.PUNTED,),
        "sent": (Outcome.SENT,),
        "refused": (Outcome.REFUSED,),
        "answered": (Outcome.ANSWERED,),
        "delivered": (Outcome.DELIVERED,),
        "captured": (Outcome.CAPTURED,),
        "held": (Outcome.HELD,),
        "handed-off": (Outcome.HANDED_OFF,),
        "unfinished": (Outcome.UNFINISHED,),
    }
)


@dataclass(frozen=True, slots=True)
class Test:
    """A predicate: a function, and what it costs."""

    check: Callable[[Packet], bool]
    cost: int

    def __call__(self, packet: Packet) -> bool:
        """Whether the packet fulfils it."""
        return self.check(packet)


def term(tokens: Tokens, word: Token) -> Predicate:
    """The predicate that begins with a word. Raises FilterError when none does, or when what it takes is wrong."""
    read = None if word.quoted else TERMS.get(word.text)
    if read is None:
        near = get_close_matches(word.text, TERMS, 1)
        hint = f": did you mean `{near[0]}'?" if near else f"; there are {', '.join(TERMS)}"
        raise tokens.fault(word.column, f"unknown word `{word.text}'{hint}")
    return read(tokens, word)


# Addresses, networks, ports.


def _qualified(tokens: Tokens, word: Token) -> Predicate:
    """`[inner|outer] [src|dst]` before host, net and port."""
    layer = direction = ""
    while word.text in LAYERS or word.text in DIRECTIONS:
        if word.text in LAYERS:
            if layer:
                raise tokens.wrong(word, f"one of `inner' and `outer' only, after `{layer}'")
            layer = word.text
        else:
            if direction:
                raise tokens.wrong(word, f"one of `src' and `dst' only, after `{direction}'")
            direction = word.text
        word = tokens.take("`host', `net' or `port'")
    for name, read in (("host", _host), ("net", _net), ("port", _port)):
        if word.text == name:
            return read(tokens, layer, direction)
    if layer and not direction and word.text in ("proto", *PROTOCOLS):
        name = tokens.take("a protocol").text if word.text == "proto" else word.text
        return _protocol_test(name, layer)
    raise tokens.wrong(word, "`host', `net', `port' or (behind `inner' and `outer') a protocol")


def _addresses(flow: Flow, direction: str) -> tuple[str, ...]:
    return {"src": (flow.source,), "dst": (flow.destination,)}.get(direction, (flow.source, flow.destination))


def _ports(flow: Flow, direction: str) -> tuple[int | None, ...]:
    return {"src": (flow.source_port,), "dst": (flow.destination_port,)}.get(direction, (flow.source_port, flow.destination_port))


def _printed(packet: Packet, needle: str) -> bool:
    """Whether any step prints a text at all: most packets are told apart by that alone."""
    return any(needle in step.text for step in packet.steps)


def _arp(packet: Packet, direction: str) -> Iterator[str]:
    for step in packet.steps:
        if "/IP4, address size" in step.text:
            for header in step.fields.headers:
                if header.name == "arp":
                    pair = (("src", header.source), ("dst", header.destination))
                    yield from (str(address) for side, address in pair if address is not None and direction in ("", side))


def _host(tokens: Tokens, layer: str, direction: str) -> Predicate:
    token = tokens.take("an address after `host'")
    try:
        parsed = ip_address(token.text)
    except ValueError:
        raise tokens.wrong(token, "an address after `host'") from None
    address = format_ip4_address(parsed.packed) if parsed.version == 4 else format_ip6_address(parsed.packed)

    def check(packet: Packet) -> bool:
        if not _printed(packet, address):
            return False
        if any(address in _addresses(flow, direction) for flow in told_flows(packet, layer)):
            return True
        return not layer and address in _arp(packet, direction)

    return Test(check, SEARCHED)


@lru_cache(maxsize=65536)
def _number(address: str) -> tuple[int, int]:
    """The version and number of a printed address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return (0, 0)
    return (parsed.version, int(parsed))


def _net(tokens: Tokens, layer: str, direction: str) -> Predicate:
    token = tokens.take("a prefix after `net'")
    try:
        network: IPv4Network | IPv6Network = ip_network(token.text, strict=False)
    except ValueError:
        raise tokens.wrong(token, "a prefix after `net', such as 10.0.0.0/8") from None
    version, first, last = network.version, int(network.network_address), int(network.broadcast_address)

    def within(address: str) -> bool:
        kind, number = _number(address)
        return kind == version and first <= number <= last

    def check(packet: Packet) -> bool:
        if any(within(address) for flow in told_flows(packet, layer) for address in _addresses(flow, direction)):
            return True
        return not layer and any(within(address) for address in _arp(packet, direction))

    return Test(check, PARSED)


def _port(tokens: Tokens, layer: str, direction: str) -> Predicate:
    token = tokens.take("a port after `port'")
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", token.text)
    if match is None or int(match[1]) > 65535 or int(match[2] or 0) > 65535:
        raise tokens.wrong(token, "a port or a range of ports (N-M) after `port'")
    first, last = int(match[1]), int(match[2] or match[1])
    needle = match[1] if first == last else ""

    def check(packet: Packet) -> bool:
        if needle and not _printed(packet, needle):
            return False
        return any(port is not None and first <= port <= last for flow in told_flows(packet, layer) for port in _ports(flow, direction))

    return Test(check, SEARCHED if needle else PARSED)


def _protocol_test(name: str, layer: str) -> Predicate:
    wanted = name.lower()
    if wanted in ("ip4", "ip6"):
        return Test(lambda packet: any((":" in flow.source) == (wanted == "ip6") for flow in layered_flows(packet, layer)), PARSED)
    if wanted == "arp":
        return Test(lambda packet: any(True for _ in _arp(packet, "")), PARSED)
    return Test(lambda packet: any(flow.protocol == wanted for flow in layered_flows(packet, layer)), PARSED)


def _proto(tokens: Tokens, word: Token) -> Predicate:
    name = word.text if word.text != "proto" else tokens.take("a protocol after `proto'").text
    return _protocol_test(name, "")


# Where a packet came by, and what became of it.


def _node(tokens: Tokens, word: Token) -> Predicate:
    """`node NAME`: it came by the node; `*` for anything."""
    name = tokens.take("a node's name after `node'").text
    if any(mark in name for mark in "*?["):
        return Test(lambda packet: any(fnmatchcase(step.node, name) for step in packet.steps), NODES)
    return Test(lambda packet: any(step.node == name for step in packet.steps), NODES)


def _interface(tokens: Tokens, word: Token) -> Predicate:
    """`interface NAME`, `in NAME`, `out NAME`: received or sent by an interface, as far as the trace names it."""
    side = word.text
    name = tokens.take(f"an interface's name after `{side}'").text
    outputs = (f"{name}-output", f"{name}-tx")

    def sent(packet: Packet) -> bool:
        return any(step.node in outputs for step in packet.steps)

    def received(packet: Packet) -> bool:
        # Who has the target at hand knows the interface by its index.
        if packet.facts.get("received by") == name:
            return True
        if not _printed(packet, name):
            return False
        for step in packet.steps:
            if name in step.text and step.node not in outputs:
                values = step.fields.values
                if values.get("rx_interface") == name or (values.get("interface") == name and not step.node.endswith("-output")):
                    return True
        return False

    if side == "out":
        return Test(sent, NODES)
    return Test(received if side == "in" else lambda packet: sent(packet) or received(packet), SEARCHED)


def _outcome(tokens: Tokens, word: Token) -> Predicate:
    wanted = OUTCOMES[word.text]
    return Test(lambda packet: verdict(packet).outcome in wanted, JUDGED)


def _reason(tokens: Tokens, word: Token) -> Predicate:
    """`reason TEXT`: the error counter of its end has the text in it, whatever the case."""
    text = tokens.take("a text after `reason'").text.lower()

    def check(packet: Packet) -> bool:
        return any(text in f"{ending.counter}: {ending.reason}".lower() for ending in verdict(packet).endings) or (
            text in verdict(packet).ending.reason.lower()
        )

    return Test(check, JUDGED)


def _by(tokens: Tokens, word: Token) -> Predicate:
    """`by NODE`: the node decided what became of it."""
    name = tokens.take("a node's name after `by'").text
    return Test(lambda packet: fnmatchcase(verdict(packet).ending.node, name), JUDGED)


# Times, numbers, texts.


def _compared(tokens: Tokens, what: str) -> Callable[[float, float], bool]:
    token = tokens.take(f"<, <=, =, !=, >= or > after `{what}'")
    if token.quoted or token.text not in OPERATORS:
        raise tokens.wrong(token, f"<, <=, =, !=, >= or > after `{what}'")
    return OPERATORS[token.text]


def _time(tokens: Tokens, word: Token) -> Predicate:
    """`time OPERATOR STAMP`: when its trace began, as VPP prints times."""
    compare = _compared(tokens, "time")
    token = tokens.take("a time")
    when = seconds(token.text) if re.fullmatch(STAMP, token.text) else None
    if when is None and re.fullmatch(r"\d+(\.\d+)?", token.text):
        when = float(token.text)
    if when is None:
        raise tokens.wrong(token, "a time as VPP prints it (00:00:01:500000, 1795410329.350446, 2026-11-23T05:05:29.350445) or seconds")
    moment = when

    def check(packet: Packet) -> bool:
        start = packet.start
        return start is not None and compare(start, moment)

    return Test(check, CHEAP)


def _took(tokens: Tokens, word: Token) -> Predicate:
    """`took OPERATOR TIME`: from its first to its last step."""
    compare = _compared(tokens, "took")
    token = tokens.take("a duration")
    match = AMOUNT.fullmatch(token.text)
    if match is None:
        raise tokens.wrong(token, "a duration such as 500us, 2ms or 1s")
    limit = float(match[1]) * UNITS[match[2]]

    def check(packet: Packet) -> bool:
        first, last = packet.start, packet.steps[-1].time if packet.steps else None
        return first is not None and last is not None and compare(last - first, limit)

    return Test(check, CHEAP)


def _counted(what: str, count: Callable[[Packet], int | None]) -> Term:
    """A word with a number of the packet: an operator and a number follow, or a number alone."""

    def read(tokens: Tokens, word: Token) -> Predicate:
        follows = tokens.peek()
        compare = _compared(tokens, what) if follows is not None and follows.text in OPERATORS else operator.eq
        token = tokens.take(f"a number after `{what}'")
        if not token.text.isdecimal():
            raise tokens.wrong(token, f"a number after `{what}'")
        limit = int(token.text)

        def check(packet: Packet) -> bool:
            value = count(packet)
            return value is not None and compare(value, limit)

        return Test(check, CHEAP)

    return read


def _field(tokens: Tokens, word: Token) -> Predicate:
    """`field NAME`, `field NAME OPERATOR VALUE`: a value that some step (or header) prints."""
    name = tokens.take("a field's name after `field'").text
    follows = tokens.peek()
    if follows is None or follows.quoted or follows.text not in OPERATORS:
        return Test(lambda packet: any(True for _ in _values(packet, name)), PARSED)
    sign = tokens.take("an operator").text
    token = tokens.take("a value")
    try:
        number = int(token.text, 0)
    except ValueError:
        if sign not in ("=", "==", "!="):
            raise tokens.wrong(token, f"a number after `{sign}'") from None
        return Test(lambda packet: any((str(value) == token.text) == (sign != "!=") for value in _values(packet, name)), PARSED)
    compare = OPERATORS[sign]
    return Test(lambda packet: any(isinstance(value, int) and compare(value, number) for value in _values(packet, name)), PARSED)


def _values(packet: Packet, name: str) -> Iterator[str | int | bytes]:
    for step in packet.steps:
        fields = step.fields
        if name in fields.values:
            yield fields.values[name]
        for header in fields.headers:
            if name in header.values:
                yield header.values[name]


def _named_field(name: str) -> Term:
    """A short word for the field of the same name."""

    def read(tokens: Tokens, word: Token) -> Predicate:
        follows = tokens.peek()
        compare = _compared(tokens, name) if follows is not None and follows.text in OPERATORS else operator.eq
        token = tokens.take(f"a number after `{name}'")
        try:
            number = int(token.text, 0)
        except ValueError:
            raise tokens.wrong(token, f"a number after `{name}'") from None
        return Test(lambda packet: any(isinstance(value, int) and compare(value, number) for value in _values(packet, name)), PARSED)

    return read


def _text(tokens: Tokens, word: Token) -> Predicate:
    """`text TEXT`: some step prints it."""
    text = tokens.take("a text after `text'").text
    return Test(lambda packet: _printed(packet, text), SEARCHED)


TERMS: Mapping[str, Term] = MappingProxyType(
    {
        **dict.fromkeys(("host", "net", "port"), _qualified),
        **dict.fromkeys((*LAYERS, *DIRECTIONS), _qualified),
        **dict.fromkeys(("proto", *PROTOCOLS, "arp", "ip4", "ip6"), _proto),
        "node": _node,
        "by": _by,
        **dict.fromkeys(("interface", "in", "out"), _interface),
        **dict.fromkeys(OUTCOMES, _outcome),
        "reason": _reason,
        "time": _time,
        "took": _took,
        "thread": _counted("thread", lambda packet: packet.thread.index if packet.thread else None),
        "number": _counted("number", lambda packet: packet.number),
        "steps": _counted("steps", lambda packet: len(packet.steps)),
        **{name: _named_field(name) for name in ("ttl", "vlan", "vni", "spi", "seq", "fib", "label", "length")},
        "field": _field,
        "text": _text,
    }
)
