"""One line to fifty nodes at once."""

from __future__ import annotations

from pathlib import Path

from kube.apiserver import ApiServer
from kube.cluster import Cluster, Fault, Node, Pod
from kube.conftest import kube

COUNT = 50
# A vppctl of its own: it tells its version when so many have been asked for theirs, and not before.
VPPCTL = """
printf 'vpp# '
while read -r line; do
    if [ "$line" = 'show version' ]; then
        echo "$line" >> "$1"
        while [ "$(wc -l < "$1")" -lt "$2" ]; do sleep 0.2; done
        echo 'vpp v26.10-rc0'
    fi
    printf 'vpp# '
done
"""


def test_fifty_nodes_are_asked_at_once(tmp_path: Path) -> None:
    cluster = Cluster()
    for number in range(COUNT):
        cluster.add_node(Node(f"node-{number}"))
        pod = Pod(f"calico-vpp-node-{number}", f"node-{number}", tmp_path / f"pod-{number}")
        pod.commands["vppctl"] = lambda _: ["sh", "-c", VPPCTL, "sh", str(tmp_path / "asked"), str(COUNT)]
        cluster.add_pod(pod)
    with ApiServer(cluster, tmp_path) as server:
        done = kube(server, "vppctl", "all", "show", "version")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("== node-0, node-1, ")
    assert done.stdout.endswith(f" and 42 more ({COUNT} of {COUNT})\nvpp v26.10-rc0\n")
    assert len(cluster.executed) == COUNT


def test_a_slow_node_and_one_that_refuses(live: ApiServer) -> None:
    live.cluster.faults += [Fault("calico-vpp-node-2x/exec", delay=20.0), Fault("calico-vpp-node-3x/exec", status=429)]
    try:
        done = kube(live, "vppctl", "--request-timeout", "2", "all", "show version")
    finally:
        live.cluster.faults.clear()
    assert done.returncode == 3
    assert "== node-a (1 of 3)\nvpp v26.10-rc0" in done.stdout
    assert "node-b" in done.stdout
    assert "the API server has too much to do" in done.stdout
