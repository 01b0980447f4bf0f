"""Traces: text and dispatch traces read, packets filtered and grouped, the memory that a long text takes."""

from __future__ import annotations

import json
import sys

from bench.case import Bench, Figure, Outcome, Target, case
from bench.process import timed


@case("traces", "Packet traces", order=60)
def traces(bench: Bench) -> Outcome:
    found = json.loads(timed(sys.executable, "-m", "bench.traces", str(bench.work)).output)
    return Outcome(
        (
            Figure("`show trace` text read, packets of 10 steps", found["parse"], "packets/s", Target(20_000, at_least=True)),
            Figure("filter by prefix, port and verdict, and group: 100,000 packets", found["filter"], "s", Target(2)),
            Figure("dispatch trace read", found["dispatch"], "records/s", Target(30_000, at_least=True)),
            Figure("200 MB of text grouped by path, resident", found["stream"], "MB", Target(200)),
        )
    )
