"""How fast a file of CLI lines is read and carried out: 100,000 routes through `vppsh run`."""

from __future__ import annotations

from pathlib import Path

from bench.case import Bench, Figure, Outcome, Target, case
from bench.process import timed

ROUTES = 100_000
NEXT_HOPS = 8


def prefix(index: int) -> str:
    """The index-th of a run of /24s from 16.0.0.0 on."""
    return f"{16 + (index >> 16)}.{(index >> 8) & 255}.{index & 255}.0/24"


def write_recipe(path: Path) -> None:
    lines = [
        "create packet-generator interface pg0",
        "set interface state pg0 up",
        "set interface ip address pg0 10.0.0.1/24",
        *(f"set ip neighbor pg0 10.0.0.{2 + hop} 02:00:00:00:00:{2 + hop:02x}" for hop in range(NEXT_HOPS)),
        *(f"ip route add {prefix(index)} via 10.0.0.{2 + index % NEXT_HOPS} pg0" for index in range(ROUTES)),
        f"show ip fib {prefix(ROUTES - 1)}",
    ]
    path.write_text("\n".join(lines) + "\n")


@case("routes", "Control plane", order=30)
def routes(bench: Bench) -> Outcome:
    recipe = bench.work / "routes.vpp"
    write_recipe(recipe)
    run = timed(bench.vppsh, "run", str(recipe))
    if f"via 10.0.0.{2 + (ROUTES - 1) % NEXT_HOPS} pg0" not in run.output:
        raise RuntimeError(f"the last route is not there:\n{run.output[-1000:]}")
    name = "100,000 routes with `vppsh run`, start-up included"
    return Outcome((Figure(name, run.wall, "s", Target(5)), Figure("processor time of that", run.processor, "s")))
