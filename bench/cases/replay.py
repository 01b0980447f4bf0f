"""A capture of a million packets of mixed sizes through the router recipe, files and start-up included."""

from __future__ import annotations

import subprocess
import sys
import time

from bench import yardstick
from bench.case import Bench, Figure, Outcome, Target, case

PACKETS = 1_000_000


@case("replay", "Real input", order=20)
def replay(bench: Bench) -> Outcome:
    capture = bench.work / "million.pcap"
    if not capture.exists():
        maker = bench.root / "recipes" / "make_pcap.py"
        subprocess.run([sys.executable, str(maker), "--packets", str(PACKETS), str(capture)], check=True, stdout=subprocess.DEVNULL)
    capture.read_bytes()  # into the page cache: the disk is not what we measure
    command = [bench.vppsh, "replay", str(capture), "--config", str(bench.root / "recipes" / "router.vpp")]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    if f"{PACKETS:,}" not in done.stdout and str(PACKETS) not in done.stdout:
        raise RuntimeError(f"the summary does not tell of {PACKETS} packets:\n{done.stdout[-2000:]}")
    rate = PACKETS / seconds / 1000
    beside = yardstick.mpps(256) * 1000
    return Outcome((Figure("replay of 1,000,000 packets of mixed sizes", rate, "kpps", Target(500, at_least=True), yardstick=beside),))
