"""The log of VPP or of the agent, from one node, several or all."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator

from vppsh.errors import ExitStatus, VppshError
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import Node
from vppsh.targets.masking import MaskedStream, Masker

HELP = "what VPP or the agent logs"
COMPONENTS = ("vpp", "agent")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--tail", type=int, metavar="N", help="only the last N lines")
    parser.add_argument("-component", "--component", dest="component", choices=COMPONENTS, help=argparse.SUPPRESS)
    parser.add_argument("--insecure", action="store_true", help="show keys, pre-shared secrets and tokens")
    parser.add_argument("-n", "-node", "--node", dest="node_option", metavar="NODES", help=argparse.SUPPRESS)
    parser.add_argument("nodes", metavar="NODES", nargs="?", default="all", help="which nodes (default: all)")
    parser.add_argument("what", metavar="vpp|agent", nargs="?", choices=COMPONENTS, default="vpp", help="whose log")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    what = options.component or options.what
    nodes = [node for node in cluster.nodes(options.node_option or options.nodes) if node.pod is not None]
    lock = threading.Lock()
    failures: list[str] = []
    masker = Masker()

    def copy(node: Node) -> None:
        prefix = f"{node.name}: ".encode() if len(nodes) > 1 else b""
        try:
            for line in _lines(cluster, node, what, options, masker):
                with lock:
                    sys.stdout.buffer.write(prefix + line)
                    sys.stdout.buffer.flush()
        except VppshError as error:
            failures.append(f"{node.name}: {error}")

    threads = [threading.Thread(target=copy, args=(node,), daemon=True) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        sys.stderr.write(f"vppsh: {failure}\n")
    return ExitStatus.UNREACHABLE if failures else ExitStatus.OK


def _lines(cluster: Cluster, node: Node, what: str, options: argparse.Namespace, masker: Masker) -> Iterator[bytes]:
    """Whole lines of the log, secrets masked."""
    assert node.pod is not None
    settings = cluster.settings
    container = settings.vpp_container if what == "vpp" else settings.agent_container
    masked = None if options.insecure else MaskedStream(masker)
    held = b""
    for piece in cluster.api.log(node.pod, container, follow=options.follow, tail=options.tail):
        held += piece if masked is None else masked.feed(piece)
        *lines, held = held.split(b"\n")
        for line in lines:
            yield line + b"\n"
    held += b"" if masked is None else masked.end()
    if held:
        yield held + b"\n"
