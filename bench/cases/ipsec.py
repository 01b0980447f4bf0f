"""ESP: packets of two sizes go into a protected IPIP tunnel and come out of one; each rate beside a bare loop of AES-GCM."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench.case import Bench, Figure, NodeCost, Outcome, Target, case

SMALL = 256
# The best vector for packets of a size: longer ones have to stay in the processor's cache.
LARGE = {64: 4096, 1400: 2048}
WAYS = {"encrypt": "into a protected tunnel", "decrypt": "out of a protected tunnel"}
ENOUGH = Target(0.6, at_least=True)


def measured(bench: Bench, way: str, size: int, vector: int) -> dict[str, Any]:
    """What `python -m bench.esp` says."""
    options = [f"--way={way}", f"--size={size}", f"--vector={vector}"]
    done = subprocess.run([sys.executable, "-m", "bench.esp", *options], cwd=bench.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bench.esp {' '.join(options)}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@case("ipsec", "ESP with AES-GCM-128, beside a bare loop of it", order=18)
def ipsec(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    costs: dict[str, tuple[NodeCost, ...]] = {}
    for way, name in WAYS.items():
        for size, large in LARGE.items():
            for vector in (SMALL, large):
                found = measured(bench, way, size, vector)
                target, title = ENOUGH if vector == large else None, f"{name}, {size:,} bytes, vector {vector:,}"
                figures.append(Figure(title, found["mpps"], "Mpps", target, found["loop"], found["mpps"] / found["loop"]))
                if vector == large:
                    costs[f"{way} {size:,} / {vector:,}"] = tuple(NodeCost(**cost) for cost in found["costs"])
    return Outcome(tuple(figures), costs)
