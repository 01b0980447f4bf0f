"""Journeys as text and values: where a packet was seen, when, in what it was packed, and where it was lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vppsh.traces.expression import Predicate
from vppsh.traces.flows import flows, packet_flows
from vppsh.traces.follow import Followed, Journey, Sighting
from vppsh.traces.groups import duration, plural
from vppsh.traces.verdict import Outcome, verdict


def chosen(found: Followed, keep: Predicate | None) -> list[Journey]:
    """The journeys that a filter keeps: those with any packet that it keeps."""
    return [journey for journey in found.journeys if keep is None or any(keep(sighting.packet) for sighting in journey.sightings)]


def show_journeys(found: Followed, keep: Predicate | None = None, limit: int | None = None) -> str:
    """Each packet on one timeline, then what all of them say of the traces."""
    journeys = chosen(found, keep)
    lines: list[str] = []
    for number, journey in enumerate(journeys[:limit], 1):
        lines += _journey(found, number, journey)
    if limit is not None and len(journeys) > limit:
        lines += [f"{len(journeys) - limit} more", ""]
    return "\n".join([*lines, *_clocks(found), *_summary(found, journeys), *_one_way(journeys)]) + "\n"


def _journey(found: Followed, number: int, journey: Journey) -> list[str]:
    first = journey.sightings[0].packet
    inner = next((each.flow for each in flows(first) if not each.level), None)
    lines = [f"[{number}] {inner or 'no IP header'}"]
    begin = found.time(journey.sightings[0])
    for sighting in journey.sightings:
        packet = sighting.packet
        when = found.time(sighting)
        passed = f"+{duration(when - begin)}" if when is not None and begin is not None else "+?"
        number_text = f" packet {packet.number}" if packet.number is not None else ""
        lines.append(f"    {passed:>12}  {found.names[sighting.source]}{number_text}: {verdict(packet)}{_packed(sighting)}")
        lines.append(f"    {'':12}    {' -> '.join(packet.path)}")
    return [*lines, ""]


def _packed(sighting: Sighting) -> str:
    """The headers of tunnels that were around the packet."""
    around = dict.fromkeys(str(each.flow) for each in flows(sighting.packet) if each.level)
    return f", in {', '.join(around)}" if around else ""


def _clocks(found: Followed) -> list[str]:
    lines = []
    for source in range(1, len(found.names)):
        clock = found.clocks.get(source)
        name = f"clock of {found.names[source]}"
        if clock is None:
            lines.append(f"{name}: not known, it has no packet with a time in common with the others")
            continue
        ahead = f"{abs(clock.ahead):.6f} s {'ahead of' if clock.ahead >= 0 else 'behind'} {found.names[0]}"
        how = (
            f"both directions, shortest delay {duration(clock.delay)}" if clock.both else "one direction: the shortest delay counts as none"
        )
        lines.append(f"{name}: {ahead}, by {plural(clock.packets, 'packet')} in {how}")
    return lines


def _summary(found: Followed, journeys: list[Journey]) -> list[str]:
    """For each trace: how many of its packets are in others, and what became of those that are not."""
    lines = []
    for source, name in enumerate(found.names):
        own = [journey for journey in journeys if source in journey.sources]
        alone = [journey for journey in own if len(journey.sources) == 1]
        lines.append(f"{name}: {plural(len(own), 'packet')}, {len(own) - len(alone)} of them in another trace too")
        fates = Counter(_fate(journey) for journey in alone)
        lines += [f"    {count} only here: {fate}" for fate, count in fates.most_common()]
    return lines


def _fate(journey: Journey) -> str:
    packet = journey.sightings[-1].packet
    found = verdict(packet)
    if found.outcome is Outcome.CAPTURED:
        return f"{found}, and in no other trace: it did not get there, or was not traced"
    if found.outcome is Outcome.SENT:
        return f"{found}, and not seen again"
    return str(found)


def _one_way(journeys: list[Journey]) -> list[str]:
    """Flows of which no answer is in any trace."""
    seen = {flow.key for journey in journeys for sighting in journey.sightings for flow in packet_flows(sighting.packet)}
    answered = {
        flow.key
        for journey in journeys
        for sighting in journey.sightings
        for flow in packet_flows(sighting.packet)
        if flow.reverse.key in seen
    }
    silent: Counter[str] = Counter()
    for journey in journeys:
        inner = [each.flow for sighting in journey.sightings for each in flows(sighting.packet) if not each.level]
        # One of several pairs of addresses (translation) with an answer is enough.
        if inner and inner[0].protocol in ("tcp", "udp") and not any(flow.key in answered for flow in inner):
            silent[str(inner[0])] += 1
    return [f"one direction only: {flow}, {plural(count, 'packet')}, no answer in any trace" for flow, count in silent.most_common()]


def journeys_value(found: Followed, keep: Predicate | None = None, limit: int | None = None) -> dict[str, Any]:
    """Journeys and clocks as plain lists, dicts, numbers and texts."""
    return {
        "traces": list(found.names),
        "clocks": [
            {"trace": found.names[clock.source], "ahead": clock.ahead, "packets": clock.packets, "both": clock.both, "delay": clock.delay}
            for clock in found.clocks.values()
        ],
        "journeys": [
            [
                {
                    "trace": found.names[sighting.source],
                    "number": sighting.packet.number,
                    "time": found.time(sighting),
                    "verdict": str(verdict(sighting.packet)),
                    "path": list(sighting.packet.path),
                    "flows": [
                        {"flow": str(each), "level": level}
                        for each, level in dict.fromkeys((e.flow, e.level) for e in flows(sighting.packet))
                    ],
                }
                for sighting in journey.sightings
            ]
            for journey in chosen(found, keep)[:limit]
        ],
    }
