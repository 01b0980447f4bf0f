"""IPv4 forwarding of 64-byte packets over growing vectors, each rate beside the yardstick's."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from bench.case import Bench, Figure, NodeCost, Outcome, Target, case

VECTORS = (256, 1024, 2048, 4096)
AT_256, AT_BEST = Target(0.4, at_least=True), Target(0.6, at_least=True)


@dataclass(frozen=True)
class Rate:
    """What one configuration forwarded, in million packets a second, and the yardstick meanwhile: at its vector size, at 4,096."""

    mpps: float
    yardstick: float
    yardstick_largest: float
    costs: tuple[NodeCost, ...]


def forward(bench: Bench, vector: int, routes: int, interfaces: int = 1) -> Rate:
    """Measure one configuration in a process of its own."""
    options = [f"--vector={vector}", f"--routes={routes}", f"--interfaces={interfaces}"]
    done = subprocess.run([sys.executable, "-m", "bench.forward", *options], cwd=bench.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bench.forward {' '.join(options)}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    return Rate(found["mpps"], found["yardstick"], found["yardstick_largest"], tuple(NodeCost(**cost) for cost in found["costs"]))


def described(routes: int) -> str:
    return "1 route" if routes == 1 else f"{routes:,} routes, random destinations"


@case("forward", "IPv4 forwarding, 64-byte packets", order=10)
def forwarding(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    costs: dict[str, tuple[NodeCost, ...]] = {}
    for routes in (1, 1000):
        rates = {vector: forward(bench, vector, routes) for vector in VECTORS}
        for vector, rate in rates.items():
            share, target = rate.mpps / rate.yardstick, AT_256 if vector == VECTORS[0] else None
            name = f"{described(routes)}, vector {vector:,}"
            figures.append(Figure(name, rate.mpps, "Mpps", target, rate.yardstick, share))
            costs[f"{routes:,} / {vector:,}"] = rate.costs
        best = max(rates, key=lambda vector: rates[vector].mpps / rates[vector].yardstick_largest)
        rate = rates[best]
        name = f"{described(routes)}, best vector ({best:,}) beside the yardstick at 4,096"
        figures.append(Figure(name, rate.mpps, "Mpps", AT_BEST, rate.yardstick_largest, rate.mpps / rate.yardstick_largest))
    several = forward(bench, VECTORS[0], 1000, interfaces=4)
    name = f"{described(1000)}, over 4 interfaces, vector {VECTORS[0]}"
    figures.append(Figure(name, several.mpps, "Mpps", None, several.yardstick, several.mpps / several.yardstick))
    costs["1,000 over 4 interfaces / 256"] = several.costs
    return Outcome(tuple(figures), costs)
