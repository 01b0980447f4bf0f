"""Forwarding of 64-byte packets between links of the host: system calls and copies included."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.case import Bench, Figure, Outcome, case

VECTORS = (256, 1024)
SHAPES = {
    "tap-in": "tap to packet generator",
    "tap-out": "packet generator to tap",
    "tap": "tap to tap",
    "veth": "host-interface to host-interface",
}


@case("devices", "Links of the host, IPv4 forwarding, 64-byte packets", order=70)
def devices(bench: Bench) -> Outcome:
    """Nothing is measured without root: links cannot be made then."""
    figures = []
    for shape, words in SHAPES.items() if os.geteuid() == 0 else ():
        for vector in VECTORS:
            command = ["unshare", "--net", sys.executable, "-m", "bench.devices", f"--shape={shape}", f"--vector={vector}"]
            done = subprocess.run(command, cwd=bench.root, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"bench.devices {shape}: {done.stderr[-2000:]}")
            figures.append(Figure(f"{words}, vector {vector:,}", json.loads(done.stdout)["pps"] / 1e3, "kpps"))
    return Outcome(tuple(figures))
