"""The answer of `show errors` in plain words: which counters cost packets, which are good news, what they mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vppsh.knowledge import Kind, Reason, knowledge

# Count, node and reason in columns, severity; threads repeat the table.
LINE = re.compile(r"^\s*(\d{1,20})\s+(\S+)\s{2,}(\S.*?)\s+(?:error|warn|info)\s*$", re.MULTILINE)
ORDER = {Kind.DROP: 0, Kind.PUNT: 1, None: 2, Kind.INFO: 3}


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter that has counted, over all threads, and what it means; entry is None when the table does not know it."""

    node: str
    reason: str
    count: int
    entry: Reason | None

    @property
    def kind(self) -> Kind | None:
        """What happens to packets that are counted; None when it is not known."""
        return self.entry.kind if self.entry is not None else None


def counters(text: str) -> Iterator[Counted]:
    """The counters of an answer of `show errors`: drops first, then punts, those that are not known, and good news."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in LINE.finditer(text):
        counts[line[2], line[3]] += int(line[1])
    found = [Counted(node, reason, count, knowledge().find(node, reason)) for (node, reason), count in counts.items()]
    return iter(sorted(found, key=lambda each: (ORDER[each.kind], -each.count)))


def show_counters(text: str, kind: Kind | None = None) -> str:
    """The counters (of one kind, if one is given) as text."""
    chosen = [each for each in counters(text) if kind is None or each.kind is kind]
    if not chosen:
        return "no such counters\n" if kind is not None else "no counters\n"
    lines = []
    for each in chosen:
        lines.append(f"{each.count:>10}  {each.kind.value if each.kind else '?':<5} {each.node}: {each.reason}")
        if each.entry is not None:
            lines.append(f"{'':>10}        {each.entry.says}")
    return "\n".join(lines) + "\n"
