"""A capture of a million packets of mixed sizes through the router recipe, files and start-up included."""

from __future__ import annotations

import subprocess
import sys

from bench import yardstick
from bench.case import Bench, Figure, Outcome, Target, case
from bench.process import timed

PACKETS = 1_000_000


@case("replay", "Real input", order=20)
def replay(bench: Bench) -> Outcome:
    capture = bench.work / "million.pcap"
    maker = bench.root / "recipes" / "make_pcap.py"
    if not capture.exists() or capture.stat().st_mtime < maker.stat().st_mtime:
        subprocess.run([sys.executable, str(maker), "--packets", str(PACKETS), str(capture)], check=True, stdout=subprocess.DEVNULL)
    capture.read_bytes()  # into the page cache: the disk is not what we measure
    run = timed(bench.vppsh, "replay", str(capture), "--config", str(bench.root / "recipes" / "router.vpp"))
    if f"{PACKETS} packets from" not in run.output.replace(",", ""):
        raise RuntimeError(f"the summary does not tell of {PACKETS} packets:\n{run.output[-2000:]}")
    beside = yardstick.mpps(4096) * 1000
    return Outcome(
        (
            Figure("replay of 1,000,000 packets of mixed sizes", PACKETS / run.wall / 1000, "kpps", Target(500, at_least=True), beside),
            Figure("over the processor time of that", PACKETS / run.processor / 1000, "kpps"),
        )
    )
