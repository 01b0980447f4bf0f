"""Resident memory of an engine that has nothing to do, at its prompt."""

from __future__ import annotations

import re
from pathlib import Path

from bench.case import Bench, Figure, Outcome, Target, case
from bench.cases.startup import terminal

LINES = ("create packet-generator interface pg0", "set interface state pg0 up", "show interface")


def resident_megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if not found:
        raise RuntimeError(f"process {pid} has gone")
    return int(found[1]) / 1024


@case("memory", "Memory", order=40)
def memory(bench: Bench) -> Outcome:
    shell = terminal(bench)
    try:
        for line in LINES:
            shell.expect("# ")
            shell.sendline(line)
        shell.expect("local0")
        shell.expect("# ")
        return Outcome((Figure("idle engine at its prompt, resident", resident_megabytes(shell.pid), "MB", Target(150)),))
    finally:
        shell.close(force=True)
