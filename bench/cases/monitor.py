"""The monitor on a VPP with 500 interfaces, 2,000 nodes and 200,000 routes: keys, and what looking on costs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.case import Bench, Figure, Outcome, Target, case
from bench.monitor import Watched, big_vpp

# Down, a page, the last and the first row; all rows in another order, a filter.
MOVES = [*"jjjj", "\x1b[6~", "\x1b[5~", "G", "k", "\x1b[H", *"jjk"]
ARRANGES = ["s", "s", "S", "s", "S", "/", "1", "0"]
SCREENS = ("Overview", "Interfaces", "Graph", "Errors", "Tables")
ESCAPE = "\x1b"
FIRST_ROUTE = "10.0.0.0/24"
SECONDS = 20.0
SOON = Target(100)


@case("monitor", "The monitor, on a VPP with 500 interfaces, 2,000 nodes and 200,000 routes", order=70)
def monitor(bench: Bench) -> Outcome:
    """Keys on each screen, then a screen that is only looked at."""
    figures = []
    with big_vpp(bench.work) as path, TemporaryDirectory() as home:
        watched = Watched(bench.vppsh, path, Path(home))
        try:
            for name in SCREENS:
                watched.open(name)
                if name == "Tables":
                    watched.send("r")
                    figures.append(Figure("Tables: 200,000 routes asked for, read and drawn", watched.until(FIRST_ROUTE), "s"))
                    watched.settle()
                keys = MOVES if name == "Overview" else MOVES + ARRANGES
                answered = watched.keys(keys)
                # Not timed: textual waits a tenth of a second whether more follows an Escape.
                watched.press(ESCAPE)
                figures.append(Figure(f"{name}: a key until the screen has changed, median of {len(keys)}", answered.median, "ms", SOON))
                figures.append(Figure(f"{name}: the slowest of these", answered.worst, "ms", SOON))
            for name in SCREENS:
                watched.open(name)
                figures.append(Figure(f"{name}: processor when looked at, a sample a second", watched.share(SECONDS), "%", Target(15)))
        finally:
            watched.close()
    return Outcome(tuple(figures))
