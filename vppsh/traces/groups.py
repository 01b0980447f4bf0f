"""Packets that took the same way, counted and timed: `412 packets, 3 paths`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vppsh.traces.model import Packet, seconds
from vppsh.traces.verdict import Verdict, verdict

Path = tuple[str, ...]


@dataclass(slots=True)
class Timing:
    """How long after the step before a step came, in seconds."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0

    @property
    def mean(self) -> float | None:
        """The average; None when no step had a time."""
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class Group:
    """The packets of one path.

    timings   one for each step but the first
    example   the first packet of the path that was met
    """

    path: Path
    example: Packet
    packets: int = 0
    timings: list[Timing] = field(default_factory=list)
    threads: Counter[int] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def verdict(self) -> Verdict:
        """What became of the example, and so, as a rule, of all."""
        return verdict(self.example)

    @property
    def mean(self) -> float | None:
        """The average time from the first to the last step, in seconds."""
        known = [timing.mean for timing in self.timings if timing.mean is not None]
        return sum(known) if known else None


class Groups:
    """Packets by path; packets are counted, not kept."""

    def __init__(self, packets: Iterable[Packet] = ()) -> None:
        self._groups: dict[Path, Group] = {}
        for packet in packets:
            self.add(packet)

    def add(self, packet: Packet) -> None:
        """Count one packet."""
        path = packet.path
        group = self._groups.get(path)
        if group is None:
            group = self._groups[path] = Group(path, packet, timings=[Timing() for _ in path[1:]])
        group.packets += 1
        group.verdicts[verdict(packet)] += 1
        if packet.thread is not None:
            group.threads[packet.thread.index] += 1
        times = [seconds(step.stamp) for step in packet.steps]
        for timing, before, now in zip(group.timings, times, times[1:]):
            if now is not None and before is not None:
                # Stamps that go back (another thread's clock, midnight) say nothing about a duration.
                passed = now - before if now > before else 0.0
                timing.count += 1
                timing.total += passed
                if passed < timing.least:
                    timing.least = passed
                if passed > timing.most:
                    timing.most = passed

    def __iter__(self) -> Iterator[Group]:
        """The groups, those with most packets first."""
        return iter(sorted(self._groups.values(), key=lambda group: -group.packets))

    def __len__(self) -> int:
        return len(self._groups)

    def find(self, path: Path) -> Group | None:
        """The group of a path."""
        return self._groups.get(path)

    @property
    def packets(self) -> int:
        """How many packets were counted."""
        return sum(group.packets for group in self._groups.values())


def duration(value: float | None) -> str:
    """A time as people read it: `12.3 us`, `4.56 ms`, `-` when it is not known."""
    if value is None:
        return "-"
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def plural(count: int, noun: str) -> str:
    """`1 packet`, `2 packets`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def show_groups(groups: Groups, limit: int | None = None, *, timing: bool = True) -> str:
    """The groups as text."""
    shown = list(groups)[:limit]
    lines = [f"{plural(groups.packets, 'packet')}, {plural(len(groups), 'path')}"]
    for number, group in enumerate(shown, 1):
        threads = f", threads {' '.join(str(index) for index in sorted(group.threads))}" if len(group.threads) > 1 else ""
        lines += ["", f"[{number}] {plural(group.packets, 'packet')}: {_verdicts(group)}{threads}"]
        if not timing or group.mean is None:
            lines.append(f"    {' -> '.join(group.path)}")
            continue
        lines.append(f"    {'node':40} {'mean':>10} {'least':>10} {'most':>10}")
        lines.append(f"    {group.path[0] if group.path else '':40}")
        for node, each in zip(group.path[1:], group.timings):
            least = duration(each.least if each.count else None)
            lines.append(f"    {node:40} {duration(each.mean):>10} {least:>10} {duration(each.most if each.count else None):>10}")
        lines.append(f"    {'in all':40} {duration(group.mean):>10}")
    if len(shown) < len(groups):
        lines += ["", f"{len(groups) - len(shown)} more"]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _verdicts(group: Group) -> str:
    """What became of the packets; one line for all when it is the same."""
    if len(group.verdicts) == 1:
        return str(group.verdict)
    return "; ".join(f"{count} {text}" for text, count in group.verdicts.most_common(3))
