"""`show runtime` (VPP's vlib/node_cli.c), of one thread or several."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# A state that is not known must stand apart from the name; those that are may touch it.
_STATE = (
    r" *(?P<state>active|any wait|event wait|time wait|polling|interrupt wa(?:it)?|disabled|done|unknown)"
    r"| +(?P<other>[a-z]+(?: [a-z]+)?)"
)
_NUMBER = r"([-+.\de]+|nan|inf)"
_NODE = re.compile(rf"(?P<name>\S+?)(?:{_STATE}) +(\d+) +(\d+) +(\d+) +{_NUMBER} +{_NUMBER}\s*")
_THREAD = re.compile(r"Thread (\d+) (\S+)")
_TIME = re.compile(r"Time ([-+.\de]+), .*?vector rate ([-+.\de]+)(?: loops/sec ([-+.\de]+))?")
_RATES = re.compile(r"\s+vector rates in ([-+.\de]+), out ([-+.\de]+), drop ([-+.\de]+), punt ([-+.\de]+)")
_HEADER = re.compile(r"\s*Name\s+State\s+Calls\b.*")


@dataclass(frozen=True)
class NodeRuntime:
    """One node on one thread since VPP's last `clear runtime`; `clocks` are per packet, per call when there were no packets."""

    name: str
    state: str
    calls: int
    vectors: int
    suspends: int
    clocks: float
    per_call: float


@dataclass
class Thread:
    """One thread: how long it has counted (seconds), its mean vector size of late, its loops a second, and its nodes."""

    name: str
    seconds: float = 0.0
    vector_rate: float = 0.0
    loops: float = 0.0
    rates: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    nodes: list[NodeRuntime] = field(default_factory=list)


@dataclass(frozen=True)
class Runtime:
    """The threads in VPP's order, and the lines that were not understood."""

    threads: tuple[Thread, ...]
    odd: tuple[str, ...] = ()


def read_runtime(text: str) -> Runtime:
    """The threads and nodes of an answer to `show runtime`, `... verbose` or `... summary`."""
    threads: list[Thread] = []
    odd: list[str] = []
    named = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("-----") or _HEADER.fullmatch(line) or "events pending" in line:
            continue
        if match := _THREAD.match(line):
            named = match[2]
        elif match := _TIME.match(line):
            threads.append(Thread(named or "vpp_main", float(match[1]), float(match[2]), float(match[3] or 0)))
        elif not threads:
            odd.append(line)
        elif match := _RATES.match(line):
            threads[-1].rates = (float(match[1]), float(match[2]), float(match[3]), float(match[4]))
        elif match := _NODE.fullmatch(line):
            name, state, other, calls, vectors, suspends, clocks, per_call = match.groups()
            counts = int(calls), int(vectors), int(suspends)
            threads[-1].nodes.append(NodeRuntime(name, state or other, *counts, float(clocks), float(per_call)))
        else:
            odd.append(line)
    return Runtime(tuple(threads), tuple(odd))
