"""What became of a packet: sent, dropped, punted, answered ..., by which node, and VPP's reason."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from vppsh.traces.fields import Role, role_of
from vppsh.traces.model import Packet, Step

# Nodes that only carry out what was decided before them.
ON_THE_WAY_OUT = frozenset(
    ("drop", "error-drop", "punt", "error-punt", "ip4-drop", "ip6-drop", "mpls-drop", "ip4-punt", "ip6-punt", "feature-bitmap-drop")
)
DROPPING = frozenset(("error-drop", "ip4-drop", "ip6-drop", "mpls-drop", "feature-bitmap-drop"))
PUNTING = frozenset(("error-punt", "ip4-punt", "ip6-punt", "punt-dispatch"))


class Outcome(enum.Enum):
    """How a packet's way ended."""

    SENT = "sent"
    DROPPED = "dropped"
    PUNTED = "punted"
    REFUSED = "refused"
    ANSWERED = "answered"
    DELIVERED = "delivered"
    HELD = "held"
    HANDED_OFF = "handed off"
    CAPTURED = "captured"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Ending:
    """One end of a packet's way; copies and answers that share its trace have ends of their own.

    step       position of the last step that belongs to it
    node       the node that decided
    reason     VPP's text of the error counter, where a drop or punt names one
    counter    the node that the counter belongs to
    interface  where the packet was sent
    """

    outcome: Outcome
    step: int
    node: str
    reason: str = ""
    counter: str = ""
    interface: str = ""

    def __str__(self) -> str:
        if self.outcome is Outcome.SENT:
            return f"sent by {self.interface}"
        if self.outcome is Outcome.UNFINISHED:
            return f"unfinished: the trace ends in {self.node}" if self.node else "unfinished: no steps"
        if self.outcome is Outcome.CAPTURED:
            return f"captured at {self.node}"
        counted = f"{self.counter}: {self.reason}" if self.counter else self.reason
        return f"{self.outcome.value} by {self.node}" + (f" ({counted})" if counted else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a packet: the ending that matters, and all of them in order.

    REFUSED is a drop that was answered with an ICMP error, ANSWERED an answer that the packet asked for.
    """

    ending: Ending
    endings: tuple[Ending, ...]

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.ending.outcome

    @property
    def lost(self) -> bool:
        """Whether the packet did not get to where it wanted: dropped or refused."""
        return self.outcome in (Outcome.DROPPED, Outcome.REFUSED)

    def __str__(self) -> str:
        return str(self.ending)


def verdict(packet: Packet) -> Verdict:
    """What became of a packet. An answer or a copy that left does not hide that the packet itself was dropped."""
    known = packet.facts.get("verdict")
    if known is None:
        known = packet.facts["verdict"] = _captured(packet) if packet.origin == "capture" else _verdict(packet.steps)
    found: Verdict = known
    return found


def _captured(packet: Packet) -> Verdict:
    """A capture says that the packet was there, and, when VPP wrote it, why it was dropped."""
    first, last = packet.steps[0], packet.steps[-1]
    ending = Ending(Outcome.CAPTURED, 0, first.node)
    if role_of(last.node) is Role.DROP:
        values = last.fields.values
        counter = str(values.get("error_node", ""))
        ending = Ending(Outcome.DROPPED, len(packet.steps) - 1, counter, str(values.get("error", "")), counter)
    return Verdict(ending, (ending,))


def _verdict(steps: list[Step]) -> Verdict:
    """As verdict(). It follows from the path, but for what the last nodes say; packets without answers are judged once a path."""
    path = tuple([step.node for step in steps])
    shape = _shape(path)
    if not shape.answers:
        return _judged(path, tuple([steps[position].text for position in shape.telling]))
    endings = tuple(_endings(steps))
    return Verdict(_decisive(steps, endings), endings)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a path says without the texts of its steps: which of them must be read, and whether an answer may have been made."""

    telling: tuple[int, ...]
    answers: bool


@lru_cache(maxsize=4096)
def _shape(path: tuple[str, ...]) -> _Shape:
    roles = [role_of(node) for node in path]
    telling = [position for position, role in enumerate(roles) if role in (Role.DROP, Role.PUNT)]
    if path and path[-1].endswith("-output"):
        telling.append(len(path) - 1)
    return _Shape(tuple(telling), Role.ERROR in roles or Role.ANSWER in roles)


@lru_cache(maxsize=4096)
def _judged(path: tuple[str, ...], texts: tuple[str, ...]) -> Verdict:
    """The verdict on packets of one path whose telling steps have these texts."""
    told = dict(zip(_shape(path).telling, texts))
    steps = [Step("", node, told.get(position, "")) for position, node in enumerate(path)]
    endings = tuple(_endings(steps))
    return Verdict(_decisive(steps, endings), endings)


def _decisive(steps: list[Step], endings: tuple[Ending, ...]) -> Ending:
    """The ending that says what became of the packet itself."""
    roles = {role_of(step.node) for step in steps}
    sent = [each for each in endings if each.outcome is Outcome.SENT]
    if sent:
        for role, outcome in ((Role.ERROR, Outcome.REFUSED), (Role.ANSWER, Outcome.ANSWERED)):
            at = next((position for position, step in enumerate(steps) if role_of(step.node) is role), None)
            after = None if at is None else next((each for each in sent if each.step > at), None)
            if at is None or after is None:
                continue
            # An answer that waits for a neighbour, or has no route, is lost.
            if role is Role.ERROR or not any(each.outcome is Outcome.DROPPED and each.step > at for each in endings):
                node = _decider(steps, at - 1) if role is Role.ERROR else steps[at].node
                return Ending(outcome, after.step, node, _icmp(steps[at : after.step + 1]), interface=after.interface)
        if Role.COPY in roles:
            return replace(sent[0], interface=", ".join(dict.fromkeys(each.interface for each in sent)))
    lost = [each for each in endings if each.outcome in (Outcome.DROPPED, Outcome.PUNTED)]
    return (lost or list(endings))[0]


def _icmp(steps: list[Step]) -> str:
    """What the last ICMP message in some steps says."""
    for step in reversed(steps):
        for header in reversed(step.fields.headers):
            if header.name == "icmp":
                return f"ICMP {header.values.get('type', '')!s}"
    return ""


def _endings(steps: list[Step]) -> Iterator[Ending]:
    """All ends of a trace."""
    for position, step in enumerate(steps):
        role = role_of(step.node)
        if role in (Role.DROP, Role.PUNT):
            values = step.fields.values
            outcome = Outcome.DROPPED if role is Role.DROP else Outcome.PUNTED
            counter = str(values.get("error_node", ""))
            yield Ending(outcome, position, _decider(steps, position, counter), str(values.get("error", "")), counter)
        elif role is Role.TRANSMIT:
            yield Ending(Outcome.SENT, position, step.node, interface=step.node.removesuffix("-deleted").removesuffix("-tx"))
    last = _last(steps)
    if last is not None:
        yield last


def _last(steps: list[Step]) -> Ending | None:
    """The end of a trace that ends otherwise than by the usual nodes."""
    if not steps:
        return Ending(Outcome.UNFINISHED, 0, "")
    at, step = len(steps) - 1, steps[-1]
    role = role_of(step.node)
    if role in (Role.DROP, Role.PUNT, Role.TRANSMIT):
        return None
    if step.node.endswith("-output") and step.fields.values.get("interface") == step.node.removesuffix("-output"):
        # The transmitting node of some devices writes nothing.
        return Ending(Outcome.SENT, at, step.node, interface=step.node.removesuffix("-output"))
    outcome = {Role.DELIVER: Outcome.DELIVERED, Role.HOLD: Outcome.HELD, Role.HAND_OFF: Outcome.HANDED_OFF}.get(role or Role.COPY)
    if outcome is None and step.node in DROPPING:
        outcome = Outcome.DROPPED
    if outcome is None and step.node in PUNTING:
        outcome = Outcome.PUNTED
    if outcome in (Outcome.DROPPED, Outcome.PUNTED):
        return Ending(outcome, at, _decider(steps, at))
    return Ending(outcome or Outcome.UNFINISHED, at, step.node)


def _decider(steps: list[Step], at: int, counter: str = "") -> str:
    """The node before those that carry out a drop or punt. The steps of an answer or copy that left may lie between."""
    while at > 0:
        node = steps[at].node
        if node not in ON_THE_WAY_OUT and (not counter or node == counter or not node.endswith(("-tx", "-output"))):
            break
        at -= 1
    return steps[max(at, 0)].node
