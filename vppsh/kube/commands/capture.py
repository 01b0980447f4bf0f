"""Captures that are under way, or were left behind: `show` tells whose, `clear` ends them, whoever began them.

`clear` stops traces and captures, removes their filters, their files in VPP's container, and the lock.
"""

from __future__ import annotations

import argparse
import json
import sys

from vppsh.kube.api import ClusterError
from vppsh.kube.arguments import add_nodes, add_output, selection_of
from vppsh.kube.captures.capture import clear
from vppsh.kube.captures.lock import LockFile
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import Node
from vppsh.kube.parallel import each, report, status_of

HELP = "show or clear captures that were left behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("action", metavar="show|clear", choices=("show", "clear"), help="what to do about them")
    add_output(parser)
    add_nodes(parser, default="")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""

    def show(node: Node) -> str:
        if node.pod is None:
            raise ClusterError(f"{node.name}: no pod with VPP runs on this node")
        return str(LockFile(cluster.api, node.name, node.pod).holder() or "")

    nodes = cluster.nodes(selection_of(options))
    outcomes = each(nodes, show if options.action == "show" else lambda node: clear(cluster.api, node))
    if options.output == "json":
        values = [{"node": outcome.name, "capture": outcome.value or "", "error": str(outcome.error or "")} for outcome in outcomes]
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        past = "" if options.action == "show" else "cleared: "
        for outcome in outcomes:
            if outcome.error is None:
                sys.stdout.write(f"{outcome.name}: {past}{outcome.value or 'nobody holds the lock'}\n")
    report(outcomes)
    return status_of(outcomes)
