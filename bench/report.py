"""The table of docs/performance.md: written between two markers, the rest of the page is prose."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.case import Case, Figure, NodeCost, Outcome

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclass(frozen=True)
class Machine:
    """Where the figures were taken."""

    processor: str
    cores: int
    kernel: str
    python: str
    numpy: str

    @classmethod
    def here(cls) -> Machine:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        processor = found[1].strip() if found else platform.machine()
        return cls(processor, os.cpu_count() or 1, platform.release(), platform.python_version(), np.__version__)

    def __str__(self) -> str:
        return f"{self.processor}, {self.cores} cores, Linux {self.kernel}, Python {self.python}, numpy {self.numpy}"


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def figure_row(figure: Figure) -> str:
    beside = "" if figure.yardstick is None else f"{number(figure.yardstick)} {figure.unit}"
    share = "" if figure.share is None else f"{figure.share:.2f}"
    target = "" if figure.target is None else f"{figure.target}{'' if figure.share is not None else ' ' + figure.unit}"
    verdict = "" if figure.target is None else "yes" if figure.met else "**no**"
    return f"| {figure.name} | {number(figure.value)} {figure.unit} | {beside} | {share} | {target} | {verdict} |"


def cost_table(title: str, columns: dict[str, tuple[NodeCost, ...]]) -> Iterable[str]:
    """Nanoseconds a packet per node, one column per measurement."""
    nodes = list(dict.fromkeys(cost.node for costs in columns.values() for cost in costs))
    yield f"Cost per node, nanoseconds a packet ({title}, from `show runtime`):"
    yield ""
    yield "| node | " + " | ".join(columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for node in nodes:
        cells = [next((f"{cost.nanoseconds:.1f}" for cost in costs if cost.node == node), "") for costs in columns.values()]
        yield f"| {node} | " + " | ".join(cells) + " |"
    sums = (sum(cost.nanoseconds * cost.part for cost in costs) for costs in columns.values())
    yield "| **each packet** | " + " | ".join(f"**{total:.1f}**" for total in sums) + " |"
    yield ""


def revision(root: Path) -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown revision"


def text(outcomes: dict[Case, Outcome], root: Path) -> str:
    """The measured part of the page."""
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    lines = [
        f"Taken {today} at {revision(root)} with `make bench`, pinned to one core of: {Machine.here()}.",
        "",
        "| figure | measured | yardstick beside it | share | target | met |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for case, outcome in outcomes.items():
        lines.append(f"| **{case.title}** | | | | | |")
        lines += map(figure_row, outcome.figures)
    lines.append("")
    for case, outcome in outcomes.items():
        if outcome.costs:
            lines += cost_table(case.title, outcome.costs)
    return "\n".join(lines)


def rewrite(page: Path, measured: str) -> None:
    """Put the measured part between the page's markers."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no {BEGIN} ... {END}")
    page.write_text(f"{before}{BEGIN}\n{measured.rstrip()}\n{END}{after}")
