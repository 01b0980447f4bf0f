"""How fast a file of CLI lines is read and carried out: routes through `vppsh run`."""

from __future__ import annotations

from pathlib import Path

from bench.case import Bench, Figure, Outcome, Target, case
from bench.process import timed

# How many routes, and the wall time they may take.
ROUTES = ((100_000, Target(5)), (1_000_000, Target(60)))
NEXT_HOPS = 8


def prefix(index: int) -> str:
    """The index-th of a run of /24s from 16.0.0.0 on."""
    return f"{16 + (index >> 16)}.{(index >> 8) & 255}.{index & 255}.0/24"


def write_recipe(path: Path, routes: int) -> None:
    lines = [
        "create packet-generator interface pg0",
        "set interface state pg0 up",
        "set interface ip address pg0 10.0.0.1/24",
        *(f"set ip neighbor pg0 10.0.0.{2 + hop} 02:00:00:00:00:{2 + hop:02x}" for hop in range(NEXT_HOPS)),
        *(f"ip route add {prefix(index)} via 10.0.0.{2 + index % NEXT_HOPS} pg0" for index in range(routes)),
        f"show ip fib {prefix(routes - 1)}",
    ]
    path.write_text("\n".join(lines) + "\n")


@case("routes", "Control plane", order=30)
def routes(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    for count, target in ROUTES:
        recipe = bench.work / f"routes-{count}.vpp"
        write_recipe(recipe, count)
        run = timed(bench.vppsh, "run", str(recipe))
        if f"via 10.0.0.{2 + (count - 1) % NEXT_HOPS} pg0" not in run.output:
            raise RuntimeError(f"the last route is not there:\n{run.output[-1000:]}")
        figures.append(Figure(f"{count:,} routes with `vppsh run`, start-up included", run.wall, "s", target))
        figures.append(Figure("processor time of that", run.processor, "s"))
    return Outcome(tuple(figures))
