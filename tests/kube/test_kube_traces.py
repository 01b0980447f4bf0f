"""Captures of the monitor on a cluster's node: they and calicovppctl's respect each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.conftest import populated, vpp
from vppsh.errors import CommandError
from vppsh.kube.captures.lock import PATH
from vppsh.kube.cluster import Cluster
from vppsh.kube.settings import KubeSettings
from vppsh.kube.watching import Nodes
from vppsh.targets.policy import Policy
from vppsh.targets.tracing import TraceCapture, TracePlan
from vppsh.tui.watching import Watched

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
POD = ("calico-vpp-dataplane", "calico-vpp-node-1x")
PLAN = TracePlan(("pg-input",), 2, "udp", "error-drop")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A node as the monitor watches it."""
    cluster = populated(tmp_path / "pods")
    (tmp_path / "node-a").symlink_to(cluster.pods[POD].root)
    with (
        vpp(cluster.pods[POD]),
        ApiServer(cluster, tmp_path) as server,
        Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as found,
    ):
        nodes = Nodes(found, "node-a", 1.0, Policy())
        watched = nodes.fleet().members[0].watched
        watched.feed.start(lambda sample: None)
        try:
            yield watched
        finally:
            watched.feed.stop()
            nodes.close()


def test_a_capture_holds_the_lock_until_all_is_taken_back(watched: Watched, tmp_path: Path) -> None:
    def ask(line: str) -> str:
        return watched.feed.ask(line).result(20).text

    def capture() -> TraceCapture:
        return TraceCapture(lambda line: watched.feed.ask(line).result(20), PLAN, watched.lock())

    file = tmp_path / "node-a" / PATH.removeprefix("/")
    functions = ask("show trace filter function")
    first, second = capture(), capture()
    first.begin()
    lock = json.loads(file.read_text())
    assert (lock["node_name"], lock["operation"], lock["bpf_active"]) == ("node-a", "trace", True)
    with pytest.raises(CommandError, match="a capture is running: trace by"):
        second.begin()
    second.take_back()
    assert file.exists()  # what was refused gives nothing back
    assert "(*) name:bpf_trace_filter" in ask("show trace filter function")
    first.take_back()
    assert not file.exists()
    assert ask("show trace filter function") == functions
    assert ask("show bpf trace filter") == "bpf trace filter is not set\n"
