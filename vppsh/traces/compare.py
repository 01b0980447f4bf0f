"""Two traces beside each other: paths that appear, vanish, or are taken by other shares of the packets; flows that go elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from vppsh.traces.flows import first_flow
from vppsh.traces.groups import Groups, Path, plural
from vppsh.traces.model import Packet

FlowKey = tuple[str, str, str, int | None, int | None]
# Shares that differ by less are the same: a trace is a sample.
NOTABLE = 0.05


class Side:
    """One of the two traces: its groups, and which paths its flows took."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        self.groups = Groups()
        self.flows: dict[FlowKey, Counter[Path]] = {}
        for packet in packets:
            self.groups.add(packet)
            flow = first_flow(packet)
            if flow is not None:
                self.flows.setdefault(flow.key, Counter())[packet.path] += 1

    def share(self, path: Path) -> float:
        """Which part of the packets took a path."""
        group = self.groups.find(path)
        return group.packets / self.groups.packets if group is not None else 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Flows that took one path before and another after.

    at  the position of the first node that differs
    """

    before: Path
    after: Path
    at: int


@dataclass(slots=True)
class Comparison:
    """What differs between two traces."""

    before: Side
    after: Side
    vanished: list[Path] = field(default_factory=list)
    appeared: list[Path] = field(default_factory=list)
    shifted: list[Path] = field(default_factory=list)
    turns: Counter[Turn] = field(default_factory=Counter)

    @property
    def same(self) -> bool:
        """Whether nothing worth mention differs."""
        return not (self.vanished or self.appeared or self.shifted or self.turns)


def parting(before: Path, after: Path) -> int:
    """The position at which two paths part."""
    for position, (one, other) in enumerate(zip(before, after)):
        if one != other:
            return position
    return min(len(before), len(after))


def compare(before: Iterable[Packet], after: Iterable[Packet]) -> Comparison:
    """What differs between two traces."""
    first, second = Side(before), Side(after)
    found = Comparison(first, second)
    found.vanished = [group.path for group in first.groups if second.groups.find(group.path) is None]
    found.appeared = [group.path for group in second.groups if first.groups.find(group.path) is None]
    found.shifted = [
        group.path
        for group in first.groups
        if second.groups.find(group.path) is not None and abs(first.share(group.path) - second.share(group.path)) >= NOTABLE
    ]
    for key, paths in first.flows.items():
        others = second.flows.get(key)
        if others is None:
            continue
        old, new = paths.most_common(1)[0][0], others.most_common(1)[0][0]
        if old != new:
            found.turns[Turn(old, new, parting(old, new))] += 1
    return found


def show_comparison(found: Comparison, names: tuple[str, str] = ("before", "after")) -> str:
    """The differences as text."""
    sides = (found.before, found.after)
    lines = [f"{name}: {plural(side.groups.packets, 'packet')}, {plural(len(side.groups), 'path')}" for name, side in zip(names, sides)]
    for title, paths, side in (
        (f"only in {names[0]}", found.vanished, found.before),
        (f"only in {names[1]}", found.appeared, found.after),
    ):
        for path in paths:
            group = side.groups.find(path)
            assert group is not None
            lines += ["", f"{title}: {plural(group.packets, 'packet')}, {group.verdict}", f"    {' -> '.join(path)}"]
    for path in found.shifted:
        shares = f"{found.before.share(path):.0%} of {names[0]}, {found.after.share(path):.0%} of {names[1]}"
        lines += ["", f"other share: {shares}", f"    {' -> '.join(path)}"]
    for turn, flows in found.turns.most_common():
        common = " -> ".join(turn.before[: turn.at]) or "the start"
        one, other = (" -> ".join(path[turn.at :]) or "(ends)" for path in (turn.before, turn.after))
        lines += ["", f"{plural(flows, 'flow')} took another way behind {common}", f"    {names[0]}: {one}", f"    {names[1]}: {other}"]
    if found.same:
        lines += ["", "no difference"]
    return "\n".join(lines) + "\n"
