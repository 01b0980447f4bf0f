"""Why a packet fared as it did: verdict, place, reason in words, what decided, and what to look at next.

The words come from vppsh/knowledge, the values in them from the packet's own trace. Who has the dataplane at
hand (an engine, a CLI socket) gives a function that asks it, and what decided is shown as it is there now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from types import MappingProxyType
from typing import Any

from vppsh.knowledge import Deciding, Reason, SilentDrop, knowledge
from vppsh.traces.flows import first_flow, flows
from vppsh.traces.groups import plural
from vppsh.traces.headers import Value
from vppsh.traces.model import Packet
from vppsh.traces.scene import deciding_step, scene
from vppsh.traces.verdict import ON_THE_WAY_OUT, Ending, Outcome, Verdict, verdict

Ask = Callable[[str], str | None]
"""Answers a `show` line; None when that failed."""

WIDTH = 110
INDENT = 16
QUOTED_LINES = 16
NUMBERS = 8
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
QUOTED = re.compile(r"`([^`']+)`")
FIB_OF = re.compile(r"\bshow ip6? fib (?=SOURCE|DESTINATION|ADDRESS)")
# The words that stand for values in what the table says to look at.
STANDING_FOR: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "DESTINATION": ("destination",),
        "SOURCE": ("source",),
        "ADDRESS": ("arp_source", "destination"),
        "IF": ("interface",),
        "INDEX": ("sa",),
        "LABEL": ("label",),
        "PORT": ("port",),
    }
)
# VPP's counter of drops that no other one belongs to, and that nothing can be told from.
UNCOUNTED = ("", "null-node")
# Reasons to punt that nobody is registered for, and the counter that says what happened before.
NOBODY_WANTS: Mapping[str, str] = MappingProxyType(
    {"ipsec4-no-such-tunnel": "no matching tunnel", "ipsec6-no-such-tunnel": "no matching tunnel"}
)
ENDED = MappingProxyType(
    {
        Outcome.SENT: "it left by {interface}",
        Outcome.ANSWERED: "it asked for something that this node knows, and the answer left by {interface}",
        Outcome.DELIVERED: "it was for this node: a transport or service took it, which is where its trace ends",
        Outcome.HELD: "a fragment that waits for the others of its packet; it is dropped when they do not come in time",
        Outcome.HANDED_OFF: "it goes on in another thread: the rest is in a trace there",
        Outcome.CAPTURED: "a capture says that it was there, and nothing of its way",
        Outcome.UNFINISHED: "the trace stops here: it is cut off, or {node} took the packet without a word",
        Outcome.PUNTED: "it was handed out of the dataplane",
        Outcome.REFUSED: "the sender is told that it was dropped",
        Outcome.DROPPED: "it was dropped",
    }
)


@dataclass(frozen=True)
class Explanation:
    """What is to be said of a packet.

    position  of the step that decided
    node      the node of that step
    why       the reason in words
    seen      the values of the packet that the decision went by
    decided   the object that decided: a route, an adjacency, an SA, a rule; empty when the trace does not tell
    show      the command that shows the object, the packet's own values in it
    shown     what the dataplane answered to that, if it was asked
    causes    what usually brings it about
    check     what to look at next, the packet's own values in the commands
    way       where the packet changed its addresses: tunnels, translations
    """

    packet: Packet
    verdict: Verdict
    position: int
    node: str
    why: str
    seen: str = ""
    decided: str = ""
    show: str = ""
    shown: str = ""
    causes: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    way: tuple[str, ...] = ()


def explain(packet: Packet, ask: Ask | None = None) -> Explanation:
    """Why a packet fared as it did. With `ask`, the object that decided is looked up."""
    found, reason, fitting, facts = _told(packet)
    ending = found.verdict.ending
    return replace(
        found,
        seen=_seen(packet, ending, fitting, facts),
        shown=(ask(found.show) or "").strip("\n") if ask is not None and found.show else "",
        causes=tuple([_own(line, facts) for line in reason.causes]) if reason is not None else (),
        check=tuple([_own(line, facts) for line in reason.check]) if reason is not None else (),
        way=_way(packet, found.position if ending.outcome in (Outcome.DROPPED, Outcome.PUNTED) else ending.step),
    )


def _told(packet: Packet) -> tuple[Explanation, Reason | SilentDrop | None, list[Deciding], dict[str, Value]]:
    """What packets are told apart by: the explanation without the rest, and what the rest is made of."""
    found = verdict(packet)
    ending = found.ending
    position = deciding_step(packet, ending)
    node = packet.steps[position].node if packet.steps else ""
    facts = scene(packet, position)
    reason = _reason(packet, ending, position, facts)
    text = ending.reason if not isinstance(reason, Reason) else reason.text
    fitting = _fitting(node, ending, text)
    deciding = next((each for each in fitting if each.what and _complete(f"{each.what} {each.show}", facts)), None)
    show = _filled(deciding.show, facts) if deciding is not None else ""
    decided = _filled(deciding.what, facts) if deciding is not None else ""
    return Explanation(packet, found, position, node, _why(ending, reason, node), decided=decided, show=show), reason, fitting, facts


def _reason(packet: Packet, ending: Ending, position: int, facts: Mapping[str, Value]) -> Reason | SilentDrop | None:
    """What is known of an ending: by its counter, by the ICMP error that the sender got, else by the nodes on either side."""
    known = knowledge()
    if ending.outcome in (Outcome.DROPPED, Outcome.PUNTED) and ending.counter not in UNCOUNTED:
        node = packet.steps[position].node
        unwanted = NOBODY_WANTS.get(str(packet.steps[ending.step - 1].fields.values.get("reason_name", ""))) if ending.step else None
        return (known.find(node, unwanted) if unwanted else None) or known.find(ending.counter, ending.reason)
    if ending.outcome is Outcome.REFUSED:
        told = known.refusal(ending.reason.removeprefix("ICMP "), 6 if facts.get("version") == 6 else 4)
        if told is not None:
            return told
    if ending.outcome not in (Outcome.DROPPED, Outcome.PUNTED, Outcome.REFUSED) or not packet.steps:
        return None
    node = packet.steps[position].node
    following = next((step.node for step in packet.steps[position + 1 :]), "")
    return known.silent(node, following) or (known.find(ending.counter, ending.reason) if ending.counter else None)


def _why(ending: Ending, reason: Reason | SilentDrop | None, node: str) -> str:
    if reason is not None:
        return reason.says
    if ending.counter:
        return f"{ending.counter} counts it as `{ending.reason}'; nothing more is known of this counter"
    return ENDED[ending.outcome].format(interface=ending.interface, node=node)


def _fitting(node: str, ending: Ending, text: str) -> list[Deciding]:
    """What the node may have decided by, and the one whose counter it is, when a node counts for another or left no trace."""
    if ending.outcome in (Outcome.CAPTURED, Outcome.UNFINISHED, Outcome.HANDED_OFF):
        return []
    names = dict.fromkeys((node, ending.counter, ending.node) if ending.counter not in UNCOUNTED else (node, ending.node))
    return [each for name in names if name for each in knowledge().decided_by(name, text)]


def _seen(packet: Packet, ending: Ending, fitting: Iterable[Deciding], facts: Mapping[str, Value]) -> str:
    """The packet's values that the decision went by."""
    if ending.outcome is Outcome.SENT:
        last = scene(packet, ending.step)
        return _filled("adjacency {adjacency}: {via}", last) if _complete("{adjacency} {via}", last) else ""
    return next((_filled(each.seen, facts) for each in fitting if each.seen and _complete(each.seen, facts)), "")


def _complete(text: str, facts: Mapping[str, Value]) -> bool:
    return all(slot[1] in facts for slot in SLOT.finditer(text))


def _filled(text: str, facts: Mapping[str, Value]) -> str:
    return SLOT.sub(lambda slot: format(facts[slot[1]], slot[2] or ""), text) if _complete(text, facts) else ""


def _own(line: str, facts: Mapping[str, Value]) -> str:
    """A line of what to look at, with the packet's own values in its commands."""
    return QUOTED.sub(lambda quoted: f"`{_command(quoted[1], facts)}`", line)


def _command(command: str, facts: Mapping[str, Value]) -> str:
    fib = f"index {facts['fib']!s} " if "fib" in facts else ""
    command = FIB_OF.sub(f"show {facts['ip']!s} fib {fib}", command)
    for word, names in STANDING_FOR.items():
        value = next((facts[name] for name in names if name in facts), None)
        if value is not None:
            command = re.sub(rf"\b{word}\b", str(value), command)
    return command


def _way(packet: Packet, last: int) -> tuple[str, ...]:
    """Where a packet's addresses changed on its way to a step: the first node of each."""
    changes: dict[str, str] = {}
    for each in flows(packet):
        node = packet.steps[each.step].node
        # Nodes that drop print whatever lies there as an IP header.
        if each.step <= last and node not in ON_THE_WAY_OUT:
            changes.setdefault(str(each.flow), node)
    return tuple([f"{flow}  (from {node} on)" for flow, node in changes.items()]) if len(changes) > 1 else ()


@dataclass(slots=True)
class _Alike:
    """Packets with one explanation: that of the first, their numbers as far as they are shown, and how many there are."""

    first: Explanation
    numbers: list[int]
    packets: int = 0


def show_explanations(
    packets: Iterable[Packet], limit: int | None = None, number: int | None = None, ask: Ask | None = None
) -> Iterator[str]:
    """Explanations as text, the most frequent first; packets that ended alike are told together. With a number, of that packet only."""
    alike: dict[tuple[str, str, str], _Alike] = {}
    for own, packet in _numbered(packets, number):
        found = _told(packet)[0]
        each = alike.setdefault((str(found.verdict), found.why, found.decided), _Alike(found, []))
        each.packets += 1
        if len(each.numbers) <= NUMBERS:
            each.numbers.append(own)
    ordered = sorted(alike.values(), key=lambda each: -each.packets)
    answers: dict[str, str] = {}
    for each in ordered[:limit]:
        each.first = explain(each.first.packet)
        show = each.first.show
        if ask is not None and show and show not in answers:
            answers[show] = (ask(show) or "").strip("\n")
        yield _text(each, answers.get(show, ""))
    if limit is not None and len(ordered) > limit:
        yield f"{len(ordered) - limit} more\n"


def _text(alike: _Alike, shown: str) -> str:
    """What is to be said of packets, a line or some for each thing."""
    found = alike.first
    numbers = ", ".join(str(number) for number in alike.numbers[:NUMBERS])
    more = " ..." if len(alike.numbers) > NUMBERS else ""
    lines = [f"{plural(alike.packets, 'packet')} ({numbers}{more}): {found.verdict}"]
    lines += _item("such as", str(first_flow(found.packet) or frame_kind(found.packet)))
    lines += _item("where", _where(found))
    lines += _item("why", found.why)
    lines += _item("seen", found.seen)
    lines += _item("way", *found.way)
    lines += _item("decided by", found.decided)
    answer = shown.splitlines()
    lines += [f"{'':{INDENT}}| {line}".rstrip() for line in answer[:QUOTED_LINES]]
    if len(answer) > QUOTED_LINES:
        lines.append(f"{'':{INDENT}}| ({len(answer) - QUOTED_LINES} lines more)")
    lines += _item("because of", *found.causes)
    shows = (f"`{found.show}`",) if found.show and not any(f"`{found.show}`" in line for line in found.check) else ()
    lines += _item("look at", *shows, *found.check)
    return "\n".join(lines) + "\n\n"


def frame_kind(packet: Packet) -> str:
    """What a packet without an IP header is: the first line that says it."""
    for step in packet.steps:
        for header in step.fields.headers:
            if header.name == "arp":
                return f"arp {header.values.get('opcode')!s} {header.source} -> {header.destination}"
            if header.name == "ethernet":
                return f"{header.values.get('type')!s} {header.source} -> {header.destination}"
    return "?"


def _item(title: str, *entries: str) -> list[str]:
    """Entries below each other, with their title beside the first."""
    lines = []
    for at, entry in enumerate(each for each in entries if each):
        head = f"    {title if at == 0 else '':<{INDENT - 4}}"
        lines += wrap(entry, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False, break_on_hyphens=False)
    return lines


def _where(found: Explanation) -> str:
    """The path, with the node that decided in brackets."""
    path = [f"[{node}]" if at == found.position else node for at, node in enumerate(found.packet.path)]
    return " -> ".join(path)


def explanation_value(number: int, found: Explanation) -> dict[str, Any]:
    """An explanation as plain lists, dicts and texts."""
    ending = found.verdict.ending
    return {
        "number": number,
        "verdict": ending.outcome.value,
        "text": str(found.verdict),
        "node": found.node,
        "step": found.position,
        "path": list(found.packet.path),
        "counter": f"{ending.counter}: {ending.reason}" if ending.counter else None,
        "why": found.why,
        "seen": found.seen or None,
        "decided_by": found.decided or None,
        "show": found.show or None,
        "shown": found.shown or None,
        "causes": list(found.causes),
        "check": list(found.check),
        "way": list(found.way),
    }


def explained(packets: Iterable[Packet], number: int | None = None, ask: Ask | None = None) -> Iterator[tuple[int, Explanation]]:
    """Explanations of packets, or of the one with a number, each with its number: where a trace has none, its place."""
    return ((own, explain(packet, ask)) for own, packet in _numbered(packets, number))


def _numbered(packets: Iterable[Packet], number: int | None) -> Iterator[tuple[int, Packet]]:
    """Packets with their numbers or places; the one with a number, if that is given."""
    for position, packet in enumerate(packets, 1):
        own = position if packet.number is None else packet.number
        if number is None or own == number:
            yield own, packet
