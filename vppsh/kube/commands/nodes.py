"""The nodes of the cluster, and the state of the pods that run VPP on them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from vppsh.errors import ExitStatus
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import Node

HELP = "list the nodes and their VPPs"
COLUMNS = ("NODE", "ADDRESS", "READY", "POD", "CONTAINERS", "RESTARTS")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("nodes", metavar="NODES", nargs="?", default="", help="which nodes (default: every one)")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how they are printed (default: text)")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    nodes = cluster.nodes(options.nodes)
    if options.output == "json":
        sys.stdout.write(json.dumps([asdict(node) for node in nodes], indent=2) + "\n")
        return ExitStatus.OK
    rows = [COLUMNS, *map(_row, nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    return ExitStatus.OK


def _row(node: Node) -> tuple[str, ...]:
    pod = node.pod
    if pod is None:
        return node.name, node.address, "yes" if node.ready else "no", "-", "-", "-"
    containers = ",".join(each.name if each.ready else f"{each.name}:{each.state}" for each in pod.containers) or pod.phase
    restarts = sum(each.restarts for each in pod.containers)
    return node.name, node.address, "yes" if node.ready else "no", pod.name, containers, str(restarts)
