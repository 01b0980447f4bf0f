"""Watch the nodes: a table of all, and for each what `vppsh tui` shows. With one node: that one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields

from vppsh.attach import policy_of
from vppsh.kube.arguments import add_nodes, selection_of
from vppsh.kube.cluster import Cluster
from vppsh.kube.settings import KubeSettings
from vppsh.tui.command import add_watching, check_watching

HELP = "watch the nodes: what they do now, what they drop, which are lost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_watching(parser)
    add_nodes(parser, several=True)


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    check_watching(options)
    from vppsh.kube.watching import Nodes
    from vppsh.tui.fleet_front import watch_fleet

    nodes = Nodes(cluster, selection_of(options), options.interval or 1.0, policy_of(options), list(_given(options)))
    try:
        return watch_fleet(nodes.fleet(fixed=bool(options.record or options.text or options.json)), options)
    finally:
        nodes.close()


def _given(options: argparse.Namespace) -> Iterator[str]:
    """The options of the cluster as they were given."""
    for field in fields(KubeSettings):
        if hasattr(options, field.name):
            yield from (f"--{field.name.replace('_', '-')}", f"{getattr(options, field.name)}")
