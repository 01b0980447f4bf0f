"""An API server that has too much to do, or breaks off."""

from __future__ import annotations

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Fault
from kube.conftest import NODES
from vppsh.kube.api import ClusterError
from vppsh.kube.cluster import Cluster
from vppsh.kube.settings import KubeSettings

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_server_that_asks_for_patience_gets_it(server: ApiServer) -> None:
    server.cluster.faults.append(Fault("/nodes", status=429, headers={"Retry-After": "0"}, times=2))
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as cluster:
        assert tuple(node.name for node in cluster.nodes()) == NODES
    assert sum("/nodes" in request for request in server.cluster.requests) == 3


def test_patience_has_an_end(server: ApiServer) -> None:
    server.cluster.faults.append(Fault("/nodes", status=429, headers={"Retry-After": "0"}, times=100))
    with (
        Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as cluster,
        pytest.raises(ClusterError, match=r"^nodes: .*(429|too much)"),
    ):
        cluster.nodes()
    assert sum("/nodes" in request for request in server.cluster.requests) < 20


def test_an_answer_that_breaks_off(server: ApiServer) -> None:
    server.cluster.faults.append(Fault("/nodes", cut_after=100, times=100))
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as cluster, pytest.raises(ClusterError, match=r"^nodes: "):
        cluster.nodes()


def test_a_log_that_breaks_off_tells_what_came(server: ApiServer) -> None:
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as cluster:
        pod = cluster.nodes()[0].pod
        assert pod is not None
        server.cluster.faults.append(Fault("/log", cut_after=20))
        come: list[bytes] = []
        with pytest.raises(ClusterError, match="connection to the API server was lost"):
            come.extend(cluster.api.log(pod, "vpp"))
        assert b"".join(come) == b"vpp of node-a, line "


def test_a_server_that_does_not_answer_an_upgrade(server: ApiServer) -> None:
    server.cluster.faults.append(Fault("/exec", delay=20.0))
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()), request_timeout=0.5)) as cluster:
        target = cluster.targets("node-a")[0]
        with pytest.raises(ClusterError, match=r"exec in calico-vpp-node-1x/vpp: the API server did not answer within 0.5 s"):
            target.execute("show version")
