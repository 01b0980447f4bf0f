"""Capture packets as interfaces receive and transmit them, as a pcap file."""

from __future__ import annotations

import argparse
import re

from vppsh.errors import UsageError
from vppsh.kube.captures.capture import Pcap
from vppsh.kube.captures.front import add_capture, capture
from vppsh.kube.cluster import Cluster

HELP = "capture packets of interfaces"
ANY = "any"
_NAME = re.compile(r"[^\s{}|$?]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_capture(parser, f"the name of an interface (default: {ANY})")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    name = options.interface or ANY
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of an interface")
    return capture(options, cluster, Pcap, (name,))
