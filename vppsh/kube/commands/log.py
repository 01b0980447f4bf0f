"""The log of VPP, of the agent or of felix, from one node, several or all.

Of felix, lines with `time=` are left away: they are those of other programs in its container. In JSON each line is an
object on a line of its own, so that it can be read as it comes.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Iterator

from vppsh.errors import ExitStatus, VppshError
from vppsh.kube.api import ClusterError
from vppsh.kube.arguments import add_output, count
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import Node, Pod
from vppsh.targets.masking import MaskedStream, Masker

HELP = "what VPP, the agent or felix logs"
COMPONENTS = ("vpp", "agent", "felix")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--tail", type=count, metavar="N", help="only the last N lines")
    parser.add_argument("-c", "-component", "--component", dest="component", choices=COMPONENTS, help=argparse.SUPPRESS)
    parser.add_argument("--insecure", action="store_true", help="show keys, pre-shared secrets and tokens")
    add_output(parser)
    parser.add_argument("-n", "-node", "--node", dest="node_option", metavar="NODES", help=argparse.SUPPRESS)
    parser.add_argument("nodes", metavar="NODES", nargs="?", default="all", help="which nodes (default: all)")
    parser.add_argument("what", metavar="vpp|agent|felix", nargs="?", choices=COMPONENTS, default="vpp", help="whose log")


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status."""
    what = options.component or options.what
    nodes = cluster.nodes(options.node_option or options.nodes)
    pods = {pod.node: pod for pod in cluster.api.felix_pods()} if what == "felix" else {node.name: node.pod for node in nodes}
    lock = threading.Lock()
    failures: list[str] = []
    gone: list[BrokenPipeError] = []
    masker = Masker()

    def copy(node: Node) -> None:
        prefix = f"{node.name}: ".encode() if len(nodes) > 1 else b""
        try:
            pod = pods.get(node.name)
            if pod is None:
                raise ClusterError("no pod with felix runs on this node" if what == "felix" else "no pod with VPP runs on this node")
            for line in _lines(cluster, pod, what, options, masker):
                told = prefix + line if options.output == "text" else _object(node.name, what, line)
                with lock:
                    sys.stdout.buffer.write(told)
                    sys.stdout.buffer.flush()
        except VppshError as error:
            failures.append(f"{node.name}: {error}")
        except BrokenPipeError as error:
            gone.append(error)

    threads = [threading.Thread(target=copy, args=(node,), daemon=True) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and not gone:
            thread.join(0.2)
    if gone:
        raise gone[0]  # nobody reads any more
    for failure in failures:
        sys.stderr.write(f"vppsh: {failure}\n")
    return ExitStatus.UNREACHABLE if failures else ExitStatus.OK


def _object(node: str, component: str, line: bytes) -> bytes:
    text = line.removesuffix(b"\n").decode("utf-8", "replace")
    return json.dumps({"node": node, "component": component, "line": text}).encode() + b"\n"


def _lines(cluster: Cluster, pod: Pod, what: str, options: argparse.Namespace, masker: Masker) -> Iterator[bytes]:
    """Whole lines of the log, secrets masked."""
    settings = cluster.settings
    container = {"vpp": settings.vpp_container, "agent": settings.agent_container, "felix": settings.felix_container}[what]
    masked = None if options.insecure else MaskedStream(masker)
    held = b""
    for piece in cluster.api.log(pod, container, follow=options.follow, tail=options.tail):
        held += piece if masked is None else masked.feed(piece)
        *lines, held = held.split(b"\n")
        for line in lines:
            if what != "felix" or b"time=" not in line:
                yield line + b"\n"
    held += b"" if masked is None else masked.end()
    if held:
        yield held + b"\n"
