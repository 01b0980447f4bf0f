"""More of IP routing: IPv6, many routes, several paths, reassembly; each rate beside the yardstick's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.case import Bench, Figure, NodeCost, Outcome, Target, case

SMALL, LARGE = 256, 4096
MANY = (1_000, 100_000, 1_000_000)
# A lookup among many routes may cost half as much again as one among a thousand.
LOOKUP = Target(1.5)
LOADED, RESIDENT = Target(60), Target(1500)


def measured(bench: Bench, shape: str, vector: int, routes: int = 1) -> dict[str, Any]:
    """What `python -m bench.forward` says of one shape."""
    options = [f"--shape={shape}", f"--vector={vector}", f"--routes={routes}"]
    done = subprocess.run([sys.executable, "-m", "bench.forward", *options], cwd=bench.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bench.forward {' '.join(options)}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def beside(name: str, found: dict[str, Any], target: Target | None = None, *, largest: bool = False) -> Figure:
    yardstick = found["yardstick_largest" if largest else "yardstick"]
    return Figure(name, found["mpps"], "Mpps", target, yardstick, found["mpps"] / yardstick)


@case("routing", "IP routing, 64-byte packets", order=12)
def routing(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    costs: dict[str, tuple[NodeCost, ...]] = {}
    for vector, target in ((SMALL, Target(0.4, at_least=True)), (LARGE, Target(0.6, at_least=True))):
        found = measured(bench, "ip6", vector)
        figures.append(beside(f"IPv6, vector {vector:,}", found, target, largest=vector == LARGE))
        costs[f"IPv6 / {vector:,}"] = tuple(NodeCost(**cost) for cost in found["costs"])
    more = {"ecmp": "8 equal paths", "reassembly": "reassembly of 1,400 + 200 bytes, packets out"}
    figures += [
        beside(f"{name}, vector {vector:,}", measured(bench, shape, vector)) for shape, name in more.items() for vector in (SMALL, LARGE)
    ]
    return Outcome(tuple(figures), costs)


@case("tables", "Many routes", order=14)
def tables(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    lookups: dict[int, float] = {}
    for routes in MANY:
        found = measured(bench, "ip4", SMALL, routes)
        lookups[routes] = next(cost["nanoseconds"] for cost in found["costs"] if cost["node"] == "ip4-lookup")
        figures.append(beside(f"{routes:,} routes, random destinations, vector {SMALL}", found))
        if routes > MANY[0]:
            ratio = lookups[routes] / lookups[MANY[0]]
            figures.append(Figure(f"ip4-lookup among {routes:,} routes over that among {MANY[0]:,}", ratio, "", LOOKUP))
    figures.append(Figure(f"{MANY[-1]:,} routes added, processor time", found["configured"], "s", LOADED))
    figures.append(Figure(f"{MANY[-1]:,} routes, resident memory", found["resident"], "MB", RESIDENT))
    return Outcome(tuple(figures))
