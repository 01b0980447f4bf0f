"""Commands run and timed: wall time, which others on the machine lengthen, and processor time, which they hardly do."""

from __future__ import annotations

import resource
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timed:
    """What a command printed, and the seconds it took."""

    output: str
    wall: float
    processor: float


def timed(*command: str) -> Timed:
    """Run a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return Timed(done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
