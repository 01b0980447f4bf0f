"""Run the benchmarks: `python -m bench [CASE ...]`; a run of all of them rewrites docs/performance.md."""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
from pathlib import Path

from bench import report
from bench.case import Bench, Case, Outcome, discover

ROOT = Path(__file__).resolve().parent.parent


def pin(core: int) -> None:
    """Keep this process and its children on one core, so that the yardstick and the engine share it."""
    os.sched_setaffinity(0, {core})


def show(case: Case, outcome: Outcome) -> None:
    print(f"{case.title}:")
    for figure in outcome.figures:
        beside = "" if figure.yardstick is None else f"   yardstick {report.number(figure.yardstick)}"
        share = "" if figure.share is None else f", share {figure.share:.2f}"
        target = "" if figure.target is None else f"   target {figure.target}: {'met' if figure.met else 'MISSED'}"
        print(f"  {figure.name:60} {report.number(figure.value):>8} {figure.unit}{beside}{share}{target}")
    for title, costs in outcome.costs.items():
        print(f"  {title}: " + ", ".join(f"{cost.node} {cost.nanoseconds:.1f} ns" for cost in costs))
    sys.stdout.flush()


def main() -> int:
    cases = discover()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure vppsh.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"which: {', '.join(case.name for case in cases)} (default: all)")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core to run on (default: the last)")
    options = parser.parse_args()
    unknown = set(options.cases) - {case.name for case in cases}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")

    pin(options.core)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # measured as installed: with byte code
    work = ROOT / "bench" / "work"
    work.mkdir(exist_ok=True)
    bench = Bench(vppsh=str(Path(sysconfig.get_path("scripts"), "vppsh")), work=work, root=ROOT)
    chosen = [case for case in cases if not options.cases or case.name in options.cases]
    outcomes = {}
    for case in chosen:
        outcomes[case] = case.function(bench)
        show(case, outcomes[case])
    if len(chosen) == len(cases):
        report.rewrite(ROOT / "docs" / "performance.md", report.text(outcomes, ROOT))
        print("docs/performance.md is rewritten")
    missed = [figure for outcome in outcomes.values() for figure in outcome.figures if not figure.met]
    print(f"{len(missed)} of the targets missed" if missed else "every target met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
