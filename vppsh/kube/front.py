"""`vppsh kube …`, and `kubectl vpp …`: what calicovppctl users type, on one node, several or all.

Each sub-command is a module of `vppsh.kube.commands` with its `HELP`, `add_arguments(parser)` and `main(options, cluster)`.
"""

from __future__ import annotations

import argparse
import pkgutil
from importlib import import_module

from vppsh.cli import guarded
from vppsh.kube import commands
from vppsh.kube.settings import add_settings, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands, each with its arguments."""
    parser.description = (
        "Nodes of a Calico/VPP cluster, by exec into their pods. NODES is a node's name, several with commas, "
        "a pattern such as `worker-*', or `all'."
    )
    parser.epilog = "Exit status: 0 all went well, 1 VPP refused a line, 2 wrong usage, 3 the cluster or a node cannot be reached."
    found = parser.add_subparsers(dest="kube_command", metavar="COMMAND", title="commands", required=True)
    for module in pkgutil.iter_modules(commands.__path__):
        command = import_module(f"{commands.__name__}.{module.name}")
        sub = found.add_parser(module.name.replace("_", "-"), help=command.HELP, description=command.__doc__)
        command.add_arguments(sub)
        add_settings(sub)


def main(options: argparse.Namespace) -> int:
    """Do what the arguments ask for; the exit status."""
    from vppsh.kube.cluster import Cluster

    command = import_module(f"{commands.__name__}.{options.kube_command.replace('-', '_')}")
    with Cluster(settings_of(options)) as cluster:
        status: int = command.main(options, cluster)
        return status


def kubectl_plugin() -> int:
    """The entry point of `kubectl-vpp`."""
    parser = argparse.ArgumentParser(prog="kubectl vpp")
    add_arguments(parser)
    return guarded("kubectl vpp", lambda: main(parser.parse_args()))
