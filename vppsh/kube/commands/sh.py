"""A shell, or a command, in the container of VPP or of the agent.

With a terminal: a shell in it. Without one: the shell reads its commands from standard input. Words behind the node are
a command of their own, executed as they are, without a shell. The exit status is that of the command. In JSON its output
comes as a whole when it has ended.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator

from vppsh.errors import UsageError
from vppsh.kube.api import ClusterError
from vppsh.kube.arguments import add_output
from vppsh.kube.cluster import Cluster
from vppsh.kube.execution import completed, pieces

HELP = "a shell in the container of VPP or of the agent"
COMPONENTS = ("vpp", "agent")
# bash where there is one.
SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash; exec sh")
# Older clusters cannot say that the input has ended, so the script's length is told.
SCRIPT = ("sh", "-c", 'head -c "$1" | sh -s', "sh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("-c", "-component", "--component", dest="component", choices=COMPONENTS, help=argparse.SUPPRESS)
    add_output(parser)
    parser.add_argument("-n", "-node", "--node", dest="node_option", metavar="NODE", help=argparse.SUPPRESS)
    parser.add_argument("words", metavar="vpp|agent NODE [COMMAND ...]", nargs=argparse.REMAINDER, help="where, and what to execute there")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status of the command."""
    words = list(options.words)
    component = options.component or (words.pop(0) if words else "")
    if component not in COMPONENTS:
        raise UsageError(f"sh: expected vpp or agent, not {component!r}" if component else "sh: vpp or agent?")
    name = options.node_option or (words.pop(0) if words else "")
    if words[:1] == ["--"]:
        del words[0]
    nodes = cluster.nodes(name) if name else []
    if len(nodes) != 1:
        raise UsageError(f"sh: one node, not {len(nodes)}" if name else "sh: which node?")
    pod = nodes[0].pod
    if pod is None:
        raise ClusterError(f"{nodes[0].name}: no pod with VPP runs on this node")
    container = cluster.settings.vpp_container if component == "vpp" else cluster.settings.agent_container
    if options.output == "json":
        if not words and sys.stdin.isatty():
            raise UsageError("--output json: a command is missing")
    elif sys.stdin.isatty() and sys.stdout.isatty():
        from vppsh.kube.terminal import at_terminal

        return at_terminal(cluster.api, pod, container, words or SHELL)
    script = b"" if words else sys.stdin.buffer.read()
    running = pieces(cluster.api, pod, container, words or [*SCRIPT, str(len(script))], stdin=script)
    if options.output == "json":
        return _whole(running, nodes[0].name, component)
    while True:
        try:
            out, error = next(running)
        except StopIteration as end:
            return int(end.value)
        sys.stdout.buffer.write(out)
        sys.stdout.buffer.flush()
        sys.stderr.buffer.write(error)
        sys.stderr.buffer.flush()


def _whole(running: Generator[tuple[bytes, bytes], None, int], node: str, component: str) -> int:
    """What a command printed, and how it ended, as an object."""
    done = completed(running)
    out, error = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    told = {"node": node, "component": component, "stdout": out, "stderr": error, "status": done.status}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return done.status
