"""How long a person waits for the first answer, and for a prompt that takes keys."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import pexpect

from bench.case import Bench, Figure, Outcome, Target, case
from bench.process import timed

RUNS = 10


def median_of(runs: int, measure: Callable[[], float]) -> float:
    """Median in seconds, after one run that warms the page cache and byte code."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def terminal(bench: Bench) -> pexpect.spawn:
    """vppsh on a terminal of its own, with its history in the work folder."""
    home = bench.work / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "TERM": "xterm-256color",
        "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody answers its question for the cursor's place
    }
    return pexpect.spawn(bench.vppsh, env=environment, timeout=30, encoding="utf-8", dimensions=(40, 120))


def seconds_to_prompt(bench: Bench) -> float:
    """From starting the process until a typed key is drawn behind the prompt."""
    start = time.perf_counter()
    shell = terminal(bench)
    try:
        shell.expect("vpp")
        shell.expect("# ")
        shell.send("q")
        shell.expect("q")
        return time.perf_counter() - start
    finally:
        shell.close(force=True)


@case("startup", "Start-up, median of 10", order=50)
def startup(bench: Bench) -> Outcome:
    version = [timed(bench.vppsh, "--version") for _ in range(RUNS + 1)][1:]
    line = [timed(bench.vppsh, "-c", "show version") for _ in range(RUNS + 1)][1:]
    return Outcome(
        (
            Figure("`vppsh --version`", statistics.median(run.wall for run in version), "s", Target(0.12)),
            Figure("processor time of that", statistics.median(run.processor for run in version), "s"),
            Figure("`vppsh -c 'show version'`", statistics.median(run.wall for run in line), "s", Target(0.45)),
            Figure("processor time of that", statistics.median(run.processor for run in line), "s"),
            Figure("prompt takes keys", median_of(RUNS, lambda: seconds_to_prompt(bench)), "s", Target(0.7)),
        )
    )
