"""Capture every packet before every node that it visits, as a pcap file that Wireshark knows."""

from __future__ import annotations

import argparse

from vppsh.kube.captures.capture import Dispatch
from vppsh.kube.captures.front import add_capture, capture
from vppsh.kube.captures.inputs import DEFAULT, TYPES, nodes_of
from vppsh.kube.cluster import Cluster

HELP = "capture packets before every node"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_capture(parser, f"where packets come in: {TYPES} (default: {DEFAULT})")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    return capture(options, cluster, Dispatch, nodes_of(options.interface or DEFAULT, cluster.api))
