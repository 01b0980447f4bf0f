"""Set the counters of VPP's graph and its error counters to zero: `clear runtime` and `clear errors`."""

from __future__ import annotations

import argparse
import json
import sys

from vppsh.kube.arguments import add_nodes, add_output, selection_of
from vppsh.kube.cluster import Cluster
from vppsh.kube.parallel import each, report, status_of

HELP = "set VPP's counters to zero"
LINES = ("clear runtime", "clear errors")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_output(parser)
    add_nodes(parser)


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    targets = cluster.targets(selection_of(options))
    outcomes = each(targets, lambda target: target.demand(*LINES))
    for target in targets:
        target.close()
    if options.output == "json":
        sys.stdout.write(json.dumps([{"node": outcome.name, "error": str(outcome.error or "")} for outcome in outcomes], indent=2) + "\n")
    report(outcomes)
    return status_of(outcomes)
