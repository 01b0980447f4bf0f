"""An API server that has too much to do, or breaks off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Fault
from kube.conftest import NODES, kube
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


SECRET = "c2VjcmV0LXRva2Vu"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: lab
contexts: [{{name: lab, context: {{cluster: lab, user: lab}}}}]
clusters: [{{name: lab, cluster: {{server: "{server}", certificate-authority: "{authority}"}}}}]
users: [{{name: lab, user: {{{user}}}}}]
"""


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (f"token: {SECRET}", "the token or certificate is wrong or has expired"),
        (f"token: [{SECRET}", "line 7: not YAML"),
        (f"client-certificate-data: {SECRET}, client-key-data: {SECRET}", "cannot be reached: "),
        (f"client-certificate-data: {SECRET}x", "kubeconfig: something in it is not as it should be"),
        (f"client-certificate: /no/such/{SECRET[:4]}", "kubeconfig: "),
        (f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: 'false', env: [{{name: X, value: {SECRET}}}]}}", "has expired"),
    ],
)
@pytest.mark.parametrize("asked", [("nodes",), ("vppctl", "all", "show", "version")])
def test_no_secret_of_a_kubeconfig_is_told(server: ApiServer, tmp_path: Path, asked: tuple[str, ...], user: str, words: str) -> None:
    path = tmp_path / "theirs"
    path.write_text(KUBECONFIG.format(server=server.url, authority=server.authority, user=user))
    command, *rest = asked
    done = kube(server, command, "--kubeconfig", str(path), *rest)
    assert (done.returncode, done.stdout) == (3, "")
    assert words in done.stderr
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_tells_the_token(server: ApiServer, tmp_path: Path) -> None:
    plugin, path = tmp_path / "plugin", tmp_path / "theirs"
    status = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": server.cluster.token}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(status)}'\n")
    plugin.chmod(0o755)
    user = f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {plugin}, interactiveMode: Never}}"
    path.write_text(KUBECONFIG.format(server=server.url, authority=server.authority, user=user))
    done = kube(server, "sh", "--kubeconfig", str(path), "vpp", "node-a", "stat", "-c", "%F", "/tmp")
    assert (done.returncode, done.stdout) == (0, "directory\n")


def test_a_server_that_does_not_answer_an_upgrade(server: ApiServer) -> None:
    server.cluster.faults.append(Fault("/exec", delay=20.0))
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()), request_timeout=0.5)) as cluster:
        target = cluster.targets("node-a")[0]
        with pytest.raises(ClusterError, match=r"exec in calico-vpp-node-1x/vpp: the API server did not answer within 0.5 s"):
            target.execute("show version")
