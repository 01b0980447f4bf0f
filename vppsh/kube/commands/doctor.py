"""Look at VPP on each node from the outside inwards: node, pod, container, socket, VPP. Works when VPP is down."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from vppsh.errors import ExitStatus, UsageError, VppshError
from vppsh.kube.arguments import add_nodes, add_output, selection_of
from vppsh.kube.captures.inputs import driver
from vppsh.kube.captures.lock import LockFile
from vppsh.kube.cluster import Cluster
from vppsh.kube.execution import run
from vppsh.kube.model import Node, Pod
from vppsh.kube.parallel import each, report, status_of
from vppsh.kube.target import PodTarget

HELP = "what is wrong with VPP on the nodes"
OK, NOTE, BAD = "ok", "note", "bad"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    state  ok, note (worth knowing), or bad
    """

    node: str
    check: str
    state: str
    detail: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows the command."""
    add_output(parser)
    add_nodes(parser)


def main(options: argparse.Namespace, cluster: Cluster) -> int:
    """Do it; the exit status: 1 when something is bad."""
    selection = selection_of(options)
    # A node without a pod is what one wants to hear of.
    nodes = cluster.nodes("*" if selection == "all" else selection)
    outcomes = each(nodes, lambda node: list(examine(cluster, node)))
    findings = [finding for outcome in outcomes for finding in outcome.value or ()]
    if options.output == "json":
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        width = max((len(finding.node) for finding in findings), default=0)
        for finding in findings:
            sys.stdout.write(f"{finding.node:{width}}  {finding.state:4}  {finding.check:10}  {finding.detail}\n")
    report(outcomes)
    bad = any(finding.state == BAD for finding in findings)
    return status_of(outcomes) or (ExitStatus.FAILED if bad else ExitStatus.OK)


def examine(cluster: Cluster, node: Node) -> Iterator[Finding]:
    """The findings of one node, as far as they can be had."""
    yield Finding(node.name, "node", OK if node.ready else BAD, f"{node.address}, {'ready' if node.ready else 'not ready'}")
    pod = node.pod
    if pod is None:
        yield Finding(node.name, "pod", BAD, "no pod with VPP runs on this node")
        return
    yield Finding(node.name, "pod", OK if pod.phase == "Running" else BAD, f"{pod.namespace}/{pod.name}, {pod.phase}")
    for container in pod.containers:
        state = BAD if not container.ready else NOTE if container.restarts else OK
        yield Finding(node.name, "container", state, f"{container.name}: {container.state}, {container.restarts} restarts")
    for check, look in (("socket", _socket), ("vpp", _vpp), ("plugins", _plugins), ("hugepages", _hugepages), ("driver", _driver),
                        ("capture", _capture)):  # fmt: skip
        try:
            state, detail = look(cluster, node, pod)
        except UsageError as error:
            state, detail = NOTE, str(error)
        except VppshError as error:
            state, detail = BAD, str(error)
        yield Finding(node.name, check, state, detail)


def _socket(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    settings = cluster.settings
    done = run(cluster.api, pod, settings.vpp_container, ("test", "-S", settings.socket))
    return (BAD, f"{settings.socket} is not there: VPP does not run") if done.status else (OK, settings.socket)


def _lines(cluster: Cluster, node: Node, line: str) -> str:
    target = PodTarget(cluster.api, node)
    try:
        return target.demand(line)[0]
    finally:
        target.close()


def _vpp(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    return OK, _lines(cluster, node, "show version").strip()


def _plugins(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    found = re.findall(r"^ +\d+\. (\S+)_plugin\.so", _lines(cluster, node, "show plugins"), re.MULTILINE)
    return OK, f"{len(found)} loaded"


def _hugepages(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    done = run(cluster.api, pod, cluster.settings.vpp_container, ("cat", "/proc/meminfo"))
    counts = {name: int(count) for name, count in re.findall(r"^(HugePages_\w+|Hugepagesize): +(\d+)", done.stdout.decode(), re.MULTILINE)}
    total = counts.get("HugePages_Total", 0)
    detail = f"{counts.get('HugePages_Free', 0)} of {total} free, {counts.get('Hugepagesize', 0)} kB each"
    return (OK if total else NOTE), detail


def _driver(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    return OK, f"{driver(cluster.api)}, as configured"


def _capture(cluster: Cluster, node: Node, pod: Pod) -> tuple[str, str]:
    holder = LockFile(cluster.api, node.name, pod).holder()
    return (NOTE, str(holder)) if holder else (OK, "nobody captures")
