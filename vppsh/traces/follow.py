"""One packet over several traces: threads that handed it on, nodes with tunnels between them, captures of the wire.

Packets are the same when they share what no two packets should: an ESP sequence number, an address pair with ports and
IP identification, else the flow alone, first with first and second with second. Which of two traces came first
shows in the TTL; the clocks of the traces are compared by those packets that both have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vppsh.traces.fields import Role, role_of
from vppsh.traces.flows import Flow, flows, step_flows
from vppsh.traces.model import Packet


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet in one of the traces; `source` is the trace's position."""

    source: int
    packet: Packet


@dataclass(slots=True)
class Journey:
    """What was seen of one packet, in the order of its way."""

    sightings: list[Sighting]

    @property
    def sources(self) -> set[int]:
        """Which traces have it."""
        return {each.source for each in self.sightings}


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a trace's clock is ahead of the first trace's, in seconds.

    packets  how many the estimate comes from
    both     whether they went in both directions; the shortest delay counts as none if they did not
    delay    the shortest delay of one direction, when both are known
    """

    source: int
    ahead: float
    packets: int
    both: bool
    delay: float = 0.0


@dataclass(slots=True)
class Followed:
    """The journeys of all packets of some traces, and what is known of the traces' clocks; the first one has no entry."""

    names: Sequence[str]
    journeys: list[Journey] = field(default_factory=list)
    clocks: dict[int, Clock] = field(default_factory=dict)

    def time(self, sighting: Sighting, *, last: bool = False) -> float | None:
        """When a packet was seen first (or last) by the clock of the first trace; None when that is not known."""
        steps = sighting.packet.steps
        when = (steps[-1] if last else steps[0]).time if steps else None
        if when is None or not sighting.source:
            return when
        clock = self.clocks.get(sighting.source)
        return None if clock is None else when - clock.ahead


def stitched(packets: Iterable[Packet]) -> list[Packet]:
    """Packets with those put together that a thread handed on to another: the second trace begins with `handoff_trace`."""
    found = list(packets)
    given: dict[int, list[Packet]] = defaultdict(list)
    for packet in found:
        if packet.thread is not None and packet.steps and role_of(packet.steps[-1].node) is Role.HAND_OFF:
            given[packet.thread.index].append(packet)
    joined: dict[int, Packet] = {}
    taken: set[int] = set()
    for packet in found:
        values = packet.steps[0].fields.values if packet.steps else {}
        waiting = [each for each in given.get(_int(values.get("from_thread")), []) if id(each) not in taken]
        before = next((each for each in waiting if each.steps[0].fields.values.get("trace") == values.get("from_trace")), None)
        if before is None and waiting:
            seen = _first_flow(packet)
            before = next((each for each in waiting if seen is not None and _first_flow(each) == seen), None)
        if before is not None and "from_thread" in values:
            taken.add(id(before))
            joined[id(packet)] = Packet(
                [*before.steps, *packet.steps], before.number, before.thread, before.head, packet.tail, source=packet.source
            )
    return [joined.get(id(packet), packet) for packet in found if id(packet) not in taken]


def _int(value: object) -> int:
    return value if isinstance(value, int) else -1


def _first_flow(packet: Packet) -> Flow | None:
    return next((flow for step in packet.steps for flow in step_flows(step)), None)


def follow(traces: Sequence[tuple[str, Iterable[Packet]]]) -> Followed:
    """Which packets of which traces are the same, and how the clocks differ."""
    sources = [[Sighting(number, packet) for packet in stitched(packets)] for number, (_, packets) in enumerate(traces)]
    joined = _Joined()
    for first, second in ((one, other) for one in range(len(sources)) for other in range(one + 1, len(sources))):
        _match(sources[first], sources[second], joined)
    journeys: dict[int, Journey] = {}
    for sighting in (sighting for source in sources for sighting in source):
        journeys.setdefault(joined.root(id(sighting.packet)), Journey([])).sightings.append(sighting)
    for journey in journeys.values():
        journey.sightings.sort(key=lambda sighting: -_ttl(sighting.packet))
    found = Followed([name for name, _ in traces], list(journeys.values()))
    _set_clocks(found)
    return found


class _Joined:
    """Sets of packets that are the same one (union-find), each with at most one packet of a source."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._sources: dict[int, set[int]] = {}

    def root(self, packet: int) -> int:
        """The packet that stands for a set."""
        while (parent := self._parent.get(packet, packet)) != packet:
            packet = parent
        return packet

    def join(self, one: Sighting, other: Sighting) -> bool:
        """Make two sets one, unless a source would have two packets in it."""
        first, second = self.root(id(one.packet)), self.root(id(other.packet))
        sources = self._sources.get(first, {one.source}), self._sources.get(second, {other.source})
        if first == second or sources[0] & sources[1]:
            return first == second
        self._parent[second] = first
        self._sources[first] = sources[0] | sources[1]
        return True


def _match(first: list[Sighting], second: list[Sighting], joined: _Joined) -> None:
    """Join the packets of two traces, by what tells packets apart best first."""
    left, right = {id(each.packet): each for each in first}, {id(each.packet): each for each in second}
    for strength in range(len(STRENGTHS)):
        waiting: dict[Hashable, list[Sighting]] = defaultdict(list)
        for sighting in left.values():
            for key in STRENGTHS[strength](sighting.packet):
                waiting[key].append(sighting)
        for sighting in list(right.values()):
            for key in STRENGTHS[strength](sighting.packet):
                partner = next((each for each in waiting.get(key, ()) if id(each.packet) in left and joined.join(each, sighting)), None)
                if partner is not None:
                    del left[id(partner.packet)], right[id(sighting.packet)]
                    break


def _esp(packet: Packet) -> Iterator[Hashable]:
    """SPI and sequence number, where a packet is encrypted or comes in encrypted."""
    for step in packet.steps:
        values = step.fields.values
        if "spi" in values and "seq" in values:
            yield ("esp", values["spi"], values["seq"])
        for header in step.fields.headers:
            if header.name == "esp":
                yield ("esp", header.values["spi"], header.values["seq"])


def _identified(packet: Packet) -> Iterator[Hashable]:
    """Inner headers with an identification other than zero."""
    return iter(dict.fromkeys((*each.flow.key, each.flow.ident) for each in flows(packet) if each.flow.ident and not each.level))


def _inner(packet: Packet) -> Iterator[Hashable]:
    """Inner headers alone."""
    return iter(dict.fromkeys(each.flow.key for each in flows(packet) if not each.level and not each.flow.ident))


def _outer(packet: Packet) -> Iterator[Hashable]:
    """Any headers: on the wire between two ends of a tunnel the outer one is what there is to see."""
    return iter(dict.fromkeys((*each.flow.key, each.flow.ident) for each in flows(packet)))


STRENGTHS = (_esp, _identified, _inner, _outer)


def _ttl(packet: Packet) -> int:
    """The TTL of the innermost header where a packet was first seen with it: it only gets less on the way."""
    for step in packet.steps:
        for header in reversed(step.fields.headers):
            if header.name in ("ip4", "ip6"):
                ttl = header.values.get("ttl")
                return ttl if isinstance(ttl, int) else 0
    return 0


def _set_clocks(found: Followed) -> None:
    """Estimate the clock of every trace that shares packets with one whose clock is known, beginning with the first."""
    reached = [0]
    for reference in reached:
        for source in range(1, len(found.names)):
            if source in found.clocks:
                continue
            clock = _clock(found, reference, source)
            if clock is not None:
                found.clocks[source] = clock
                reached.append(source)


def _clock(found: Followed, reference: int, source: int) -> Clock | None:
    """The clock of a trace beside a reference: half the difference of the shortest delays of both directions."""
    there: list[float] = []
    back: list[float] = []
    for journey in found.journeys:
        places = {sighting.source: position for position, sighting in enumerate(journey.sightings)}
        if reference not in places or source not in places:
            continue
        one, other = journey.sightings[places[reference]], journey.sightings[places[source]]
        if places[reference] < places[source]:
            left, came = found.time(one, last=True), other.packet.start
            if left is not None and came is not None:
                there.append(came - left)
        else:
            left, came = other.packet.steps[-1].time, found.time(one)
            if left is not None and came is not None:
                back.append(came - left)
    if there and back:
        return Clock(source, (min(there) - min(back)) / 2, len(there) + len(back), both=True, delay=(min(there) + min(back)) / 2)
    if there or back:
        return Clock(source, min(there) if there else -min(back), len(there) + len(back), both=False)
    return None
