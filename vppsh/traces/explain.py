"""Why a packet ended as it did: the verdict, where, in words, what decided, and what to check next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from types import MappingProxyType
from typing import Any

from vppsh.traces.fields import Role, role_of
from vppsh.traces.flows import first_flow, packet_flows
from vppsh.traces.groups import plural
from vppsh.traces.meaning import Counter, Kind, table
from vppsh.traces.model import Packet, Step
from vppsh.traces.verdict import Ending, Outcome, Verdict, verdict

# What a verdict says by itself, where no counter says more.
WORDS: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.SENT: "The packet was forwarded.",
        Outcome.DROPPED: "The packet was dropped, and no counter says more than the node's name.",
        Outcome.PUNTED: "The packet was punted: VPP does not handle it itself.",
        Outcome.REFUSED: "The packet was dropped, and an ICMP error was sent back.",
        Outcome.ANSWERED: "The packet asked for something, and the answer was sent.",
        Outcome.DELIVERED: "The packet was for VPP itself and has arrived.",
        Outcome.HELD: "The packet waits here: for its other fragments, or for a decision.",
        Outcome.HANDED_OFF: "The packet was handed on to another thread; its trace goes on there.",
        Outcome.CAPTURED: "The capture says that the packet was there, no more.",
        Outcome.UNFINISHED: "The trace stops in the middle: it is cut off, or the next node does not trace.",
    }
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a packet ended as it did.

    counter  the entry of the table of counters, when there is one
    words    what happened, in a sentence
    decided  the object that decided: a route, an adjacency, an association, a rule; empty when the trace does not tell
    check    lines to type next
    """

    verdict: Verdict
    counter: Counter | None
    words: str
    decided: str
    check: tuple[str, ...]

    @property
    def kind(self) -> Kind | None:
        """What the counter says of the packet: lost, punted, or mere information."""
        return self.counter.kind if self.counter is not None else None


def explain(packet: Packet) -> Explanation:
    """Why a packet ended as it did, as far as its trace and the table of counters tell."""
    found = verdict(packet)
    counted = _counted(found)
    counter = table().find(counted.counter, counted.reason, found.ending.node) if counted is not None else None
    values = _values(packet, found.ending)
    words = counter.words if counter is not None else WORDS[found.outcome]
    lines = [_filled(line, values) for line in counter.check] if counter is not None else []
    return Explanation(found, counter, words, _decided(packet, found.ending), tuple(line for line in lines if line is not None))


def _counted(found: Verdict) -> Ending | None:
    """The ending that names a counter: a refused packet's is that of the drop beside the error that was sent."""
    if found.ending.counter:
        return found.ending
    return next((each for each in found.endings if each.counter), None) if found.outcome is Outcome.REFUSED else None


def _steps(packet: Packet, ending: Ending) -> list[Step]:
    """The steps up to the decision: those of an ICMP error that was made because of it are another packet's."""
    if ending.outcome is Outcome.REFUSED:
        made = next((position for position, step in enumerate(packet.steps) if role_of(step.node) is Role.ERROR), len(packet.steps))
        return packet.steps[:made]
    return packet.steps[: ending.step + 1]


def _values(packet: Packet, ending: Ending) -> dict[str, Any]:
    """What is known of a packet: its addresses, and the values of its steps up to its end, the last ones first."""
    values: dict[str, Any] = {}
    steps = _steps(packet, ending)
    for step in steps:
        values.update({name: value for name, value in step.fields.values.items() if name not in ("source", "destination")})
    flow = first_flow(packet)
    if flow is not None:
        values.update(
            {"source": flow.source, "destination": _last_destination(steps, flow.destination), "ip": "ip6" if ":" in flow.source else "ip"}
        )
    return values


def _last_destination(steps: list[Step], first: str) -> str:
    """The destination that was looked up: that of the last lookup, after translations and tunnels."""
    for step in reversed(steps):
        if step.node.endswith("-lookup"):
            for header in step.fields.headers:
                if header.name in ("ip4", "ip6"):
                    return str(header.destination)
    return first


def _filled(text: str, values: Mapping[str, Any]) -> str | None:
    """A text with its values, None when one is missing or says that there is none (-1)."""
    names = [name for _, name, _, _ in Formatter().parse(text) if name]
    if any(name not in values or values[name] == -1 for name in names):
        return None
    return text.format_map(values)


def _decided(packet: Packet, ending: Ending) -> str:
    """What decided: of the steps up to the deciding one, the last that tells."""
    steps = _steps(packet, ending)
    last = next((position for position in range(len(steps) - 1, -1, -1) if steps[position].node == ending.node), len(steps) - 1)
    for step in reversed(steps[: last + 1]):
        for decider in table().deciders_of(step.node, ending.node):
            found = _filled(decider.text, _of_step(packet, step))
            if found is not None:
                return f"{step.node}: {found}"
    return ""


def _of_step(packet: Packet, step: Step) -> dict[str, Any]:
    """The values of a step, and the addresses of the header that it prints, or else of the packet's first."""
    values: dict[str, Any] = {}
    flow = first_flow(packet)
    if flow is not None:
        values = {"source": flow.source, "destination": flow.destination}
    for header in step.fields.headers:
        if header.name in ("ip4", "ip6"):
            values = {"source": header.source, "destination": header.destination}
            break
    return {**values, **step.fields.values}


@dataclass(slots=True)
class _Alike:
    """Packets with one explanation."""

    explanation: Explanation
    packets: list[Packet] = field(default_factory=list)


def show_explanations(packets: Iterable[Packet], limit: int | None = None) -> Iterator[str]:
    """Explanations as text, the most frequent first; packets that ended alike are told together."""
    alike: dict[tuple[str, str, str], _Alike] = {}
    for packet in packets:
        found = explain(packet)
        key = (str(found.verdict), found.words, found.decided)
        alike.setdefault(key, _Alike(found)).packets.append(packet)
    ordered = sorted(alike.values(), key=lambda each: -len(each.packets))
    for each in ordered[:limit]:
        yield _text(each)
    if limit is not None and len(ordered) > limit:
        yield f"{len(ordered) - limit} more\n"


def _text(alike: _Alike) -> str:
    found = alike.explanation
    numbers = [str(packet.number) for packet in alike.packets if packet.number is not None]
    shown = f" ({', '.join(numbers[:8])}{' ...' if len(numbers) > 8 else ''})" if numbers else ""
    about = dict.fromkeys(str(flow) for flow in packet_flows(alike.packets[0]))
    lines = [f"{plural(len(alike.packets), 'packet')}{shown}: {found.verdict}"]
    lines += [f"    {'such as':<9} {flow}" for flow in list(about)[:1]]
    lines.append(f"    {'why':<9} {found.words}")
    if found.decided:
        lines.append(f"    {'decided':<9} {found.decided}")
    if found.counter is not None and found.counter.causes:
        lines.append(f"    {'often':<9} {found.counter.causes}")
    lines += [f"    {'check' if position == 0 else '':<9} {line}" for position, line in enumerate(found.check)]
    return "\n".join(lines) + "\n\n"


def explanation_value(packet: Packet) -> dict[str, Any]:
    """An explanation as plain lists, dicts and texts."""
    found = explain(packet)
    return {
        "number": packet.number,
        "verdict": str(found.verdict),
        "outcome": found.verdict.outcome.value,
        "node": found.verdict.ending.node,
        "kind": found.kind.value if found.kind else None,
        "why": found.words,
        "decided": found.decided,
        "causes": found.counter.causes if found.counter else "",
        "check": list(found.check),
    }
