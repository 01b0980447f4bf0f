"""Who sends most, where most is dropped: counts of a trace's packets by what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from vppsh.errors import UsageError
from vppsh.traces.flows import endpoint, first_flow
from vppsh.traces.model import Packet
from vppsh.traces.verdict import Outcome, verdict


def _source(packet: Packet) -> str:
    flow = first_flow(packet)
    return flow.source if flow else "(no address)"


def _destination(packet: Packet) -> str:
    flow = first_flow(packet)
    return flow.destination if flow else "(no address)"


def _service(packet: Packet) -> str:
    flow = first_flow(packet)
    return f"{flow.protocol} {endpoint(flow.destination, flow.destination_port)}" if flow else "(no address)"


def _flow(packet: Packet) -> str:
    flow = first_flow(packet)
    return str(flow) if flow else "(no address)"


def _drop(packet: Packet) -> str | None:
    found = verdict(packet)
    return str(found) if found.lost or found.outcome is Outcome.PUNTED else None


def _interface(packet: Packet) -> str:
    ending = verdict(packet).ending
    return ending.interface or "(not sent)"


KINDS: Mapping[str, Callable[[Packet], str | None]] = MappingProxyType(
    {
        "sources": _source,
        "destinations": _destination,
        "services": _service,
        "flows": _flow,
        "drops": _drop,
        "verdicts": lambda packet: str(verdict(packet)),
        "interfaces": _interface,
        "inputs": lambda packet: packet.steps[0].node if packet.steps else "(no steps)",
    }
)


def top(packets: Iterable[Packet], kind: str) -> Counter[str]:
    """Packets counted by one of KINDS. Raises UsageError for any other."""
    name_of = KINDS.get(kind)
    if name_of is None:
        raise UsageError(f"top {kind}: there is no such list: it is one of {', '.join(KINDS)}")
    counted: Counter[str] = Counter()
    for packet in packets:
        name = name_of(packet)
        if name is not None:
            counted[name] += 1
    return counted


def show_top(counted: Counter[str], kind: str, limit: int = 10) -> str:
    """The list, the largest first."""
    if not counted:
        return f"no {kind}\n"
    total = counted.total()
    lines = [f"{count:>8} {count / total:>4.0%}  {name}" for name, count in counted.most_common(limit)]
    if len(counted) > limit:
        lines.append(f"{len(counted) - limit} more")
    return "\n".join(lines) + "\n"
