"""Lines for VPP on a node, or on several at once; without a line, lines from standard input or a prompt.

With several nodes a line goes to all of them, equal answers are told once. At the prompt `%target NAME` and `@NAME LINE` choose.
"""

from __future__ import annotations

import argparse
import sys

from vppsh.attach import add_policy, lines_of_stdin, policy_of, prompt, shell_line
from vppsh.errors import UsageError
from vppsh.kube.cluster import Cluster

HELP = "lines for VPP on a node, or a prompt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("--keep-going", action="store_true", default=argparse.SUPPRESS, help="go on after a line that failed")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how a line's answer is printed (default: text)")
    add_policy(parser)
    parser.add_argument("-n", "-node", "--node", dest="nodes", metavar="NODES", help="which nodes; the first word otherwise")
    parser.add_argument("words", metavar="[NODES] [LINE ...]", nargs=argparse.REMAINDER, help="which nodes, and a line")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    from vppsh.attached import Attached

    words = list(options.words)
    if options.nodes is None and not words:
        raise UsageError("which node? a name, several with commas, a pattern, or all")
    selection = words.pop(0) if options.nodes is None else options.nodes
    line = " ".join(words)
    if options.output == "json" and not line:
        raise UsageError("--output json: a line is missing")
    options.timeout = cluster.settings.request_timeout
    targets = cluster.targets(selection)
    shell = Attached(targets[0], policy=policy_of(options))
    for target in targets[1:]:
        shell.targets.add(target)
    try:
        if not line:
            return prompt(shell) if sys.stdin.isatty() else lines_of_stdin(shell, options)
        return shell_line(shell, f"@all {line}" if len(targets) > 1 else line, options.output)
    finally:
        shell.targets.close()
