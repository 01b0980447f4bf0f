"""Trace packets from where they come in through VPP's graph, and write what `show trace` tells."""

from __future__ import annotations

import argparse

from vppsh.kube.captures.capture import Trace
from vppsh.kube.captures.front import add_capture, capture
from vppsh.kube.captures.inputs import DEFAULT, TYPES, nodes_of
from vppsh.kube.cluster import Cluster

HELP = "trace packets through VPP's graph"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_capture(parser, f"where packets come in: {TYPES} (default: {DEFAULT})")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    return capture(options, cluster, Trace, nodes_of(options.interface or DEFAULT, cluster.api))
