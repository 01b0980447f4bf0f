"""`vppsh kube vppctl`, `nodes` and `log` on a cluster of three nodes, and what happens when something of it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Fault
from kube.conftest import kube, vpp
from vppsh.errors import TargetError, UsageError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import Node, select
from vppsh.kube.settings import KubeSettings
from vppsh.kube.target import PodTarget

SPACE = "calico-vpp-dataplane"
POD = "calico-vpp-node-1x"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def api(live: ApiServer) -> Iterator[Api]:
    api = Api(KubeSettings(kubeconfig=str(live.write_kubeconfig()), request_timeout=10.0))
    yield api
    api.close()


@pytest.fixture
def target(live: ApiServer, api: Api) -> Iterator[PodTarget]:
    target = PodTarget(api, api.nodes()[0])
    yield target
    target.close()


def test_lines_share_one_session(live: ApiServer, target: PodTarget) -> None:
    before = len(live.cluster.executed)
    assert target.execute("show version").text.startswith("vpp v26.10-rc0")
    assert "loop0" in target.execute("show interface").text
    assert target.execute("set interface state loop0 up").text == ""
    refused = target.execute("show nonsense")
    assert (refused.failed, refused.text) == (True, "show: unknown input `nonsense'\n")
    assert [words for _, words in live.cluster.executed[before:]] == [
        ("env", "TERM=dumb", "/usr/bin/vppctl", "-s", "/var/run/vpp/cli.sock")
    ]


def test_a_line_is_one_message_there(live: ApiServer, target: PodTarget) -> None:
    target.execute("show version")
    typed = live.cluster.pods[SPACE, POD].typed
    before = len(typed)
    for line in ("show interface", "show nonsense", "set interface state loop0 up"):
        target.execute(line)
    assert typed[before:] == [b"show interface\n", b"show nonsense\n", b"set interface state loop0 up\n"]


@pytest.mark.parametrize("line", ["echo what?", "echo a\tb", "echo " + "x" * 600])
def test_lines_that_an_editor_would_take_otherwise(target: PodTarget, line: str) -> None:
    assert target.execute(line).text.split() == line.split()[1:]


def test_answers_that_look_like_prompts(target: PodTarget) -> None:
    assert target.execute("echo vpp# ").text == "vpp# \n" or target.execute("echo vpp#").text == "vpp#\n"
    assert target.execute("echo still in step").text == "still in step\n"


def test_a_long_answer(target: PodTarget) -> None:
    text = target.execute("show node counters verbose 2").text
    assert text.count("\n") > 300
    assert "more" not in text.splitlines()[-1]


def test_nothing_typed_reaches_a_shell(live: ApiServer, target: PodTarget) -> None:
    marker = Path(live.cluster.pods[SPACE, POD].root, "tmp/pwned")
    for line in ("show version; touch /tmp/pwned", "show version $(touch /tmp/pwned)", "echo `touch /tmp/pwned`?"):
        target.execute(line)
    assert not marker.exists()


def test_one_line_on_one_node(live: ApiServer) -> None:
    done = kube(live, "vppctl", "node-b", "show", "version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("vpp v26.10-rc0")
    refused = kube(live, "vppctl", "-node", "node-b", "show", "nonsense")
    assert (refused.returncode, refused.stdout) == (1, "show: unknown input `nonsense'\n")


def test_one_line_on_all_nodes(live: ApiServer) -> None:
    done = kube(live, "vppctl", "all", "show interface | grep loop0")
    assert done.returncode == 0
    assert done.stdout.startswith("== node-a, node-b, node-c (3 of 3)\nloop0 ")
    answers = json.loads(kube(live, "vppctl", "--output", "json", "node-[ab]", "show version").stdout)
    assert [answer["target"] for answer in answers] == ["node-a", "node-b"]


def test_lines_from_standard_input(live: ApiServer) -> None:
    done = kube(live, "vppctl", "node-c", stdin="show version\n@node-c echo by name\n")
    assert done.returncode == 0
    assert done.stdout.endswith("by name\n")


def test_nodes(live: ApiServer) -> None:
    lines = kube(live, "nodes").stdout.splitlines()
    assert lines[0].split() == ["NODE", "ADDRESS", "READY", "POD", "CONTAINERS", "RESTARTS"]
    assert lines[1].split() == ["node-a", "172.18.0.4", "yes", POD, "vpp,agent", "0"]
    assert [node["name"] for node in json.loads(kube(live, "nodes", "--output", "json").stdout)] == ["node-a", "node-b", "node-c"]


def test_logs(live: ApiServer) -> None:
    assert kube(live, "log", "node-a", "--tail", "1").stdout == "vpp of node-a, line 4\n"
    several = kube(live, "log", "all", "agent").stdout.splitlines()
    assert sorted(several) == [f"node-{each}: agent of node-{each}" for each in "abc"]


def test_secrets_in_logs_are_masked(server: ApiServer) -> None:
    server.cluster.pods[SPACE, POD].containers[0].log[:] = ["ikev2 psk hunter2hunter2", "done"]
    masked = kube(server, "log", "node-a").stdout
    assert "hunter2" not in masked
    assert "<masked:" in masked
    assert "hunter2" in kube(server, "log", "node-a", "--insecure").stdout


def test_a_node_that_is_not_there(live: ApiServer) -> None:
    done = kube(live, "vppctl", "node-x", "show version")
    assert done.returncode == 2
    assert "no node 'node-x'; the nodes are: node-a, node-b, node-c" in done.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "not allowed"), (404, "not found"), (500, "this was to happen")],
)
def test_requests_that_the_server_refuses(server: ApiServer, status: int, words: str) -> None:
    server.cluster.faults.append(Fault("/nodes", status=status))
    with Cluster(KubeSettings(kubeconfig=str(server.write_kubeconfig()))) as cluster, pytest.raises(ClusterError, match=words) as refused:
        cluster.nodes()
    assert refused.value.code == status


def test_a_token_that_has_expired_is_not_shown(server: ApiServer) -> None:
    done = kube(server, "nodes", token="a-secret-token")
    assert done.returncode == 3
    assert "the token or certificate is wrong or has expired" in done.stderr
    assert "a-secret-token" not in done.stderr


def test_exec_that_is_not_allowed(server: ApiServer) -> None:
    server.cluster.forbidden.add("create pods/exec")
    done = kube(server, "vppctl", "node-a", "show version")
    assert done.returncode == 3
    assert 'cannot create resource "pods/exec"' in done.stdout + done.stderr


def test_a_server_that_is_not_there(tmp_path: Path, server: ApiServer) -> None:
    config = json.loads(server.write_kubeconfig().read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "nobody"
    path.write_text(json.dumps(config))
    with (
        Cluster(KubeSettings(kubeconfig=str(path), request_timeout=2.0)) as cluster,
        pytest.raises(ClusterError, match="cannot be reached"),
    ):
        cluster.nodes()
    with pytest.raises(ClusterError, match="kubeconfig: "), Cluster(KubeSettings(kubeconfig=str(tmp_path / "missing"))) as cluster:
        cluster.nodes()


def test_a_node_without_vpp(server: ApiServer) -> None:
    done = kube(server, "vppctl", "node-a", "show version")
    assert done.returncode == 3
    assert "node-a" in done.stdout + done.stderr


def test_a_connection_lost_in_the_middle_of_an_answer(server: ApiServer) -> None:
    pod = server.cluster.pods[SPACE, POD]
    with vpp(pod, "create loopback interface"):
        api = Api(KubeSettings(kubeconfig=str(server.write_kubeconfig()), request_timeout=10.0))
        target = PodTarget(api, api.nodes()[0])
        server.cluster.faults.append(Fault("/exec", cut_after=3000))
        with pytest.raises(TargetError, match="node-a: "):
            target.execute("show node counters verbose 2")
        answer = target.execute("show version")
        assert answer.text.startswith("vpp v26.10-rc0")
        target.close()
        api.close()


def test_a_pod_that_is_replaced(server: ApiServer) -> None:
    pod = server.cluster.pods[SPACE, POD]
    with vpp(pod) as process:
        api = Api(KubeSettings(kubeconfig=str(server.write_kubeconfig()), request_timeout=10.0))
        target = PodTarget(api, api.nodes()[0])
        assert not target.execute("show version").failed
        process.terminate()
        process.wait()
        server.cluster.remove_pod(pod)
        pod.name = "calico-vpp-node-new"
        server.cluster.add_pod(pod)
    with vpp(pod):
        answer = target.execute("show version")
        assert not answer.failed
        assert answer.aside == "node-a: connected anew to calico-vpp-dataplane/calico-vpp-node-new\n"
        target.close()
        api.close()


def test_selections() -> None:
    nodes = [Node("a1", "", ready=True), Node("a2", "", ready=True), Node("b", "", ready=False)]
    assert [node.name for node in select(nodes, "a*,b,a1")] == ["a1", "a2", "b"]
    with pytest.raises(UsageError, match="no node has a pod"):
        select(nodes, "all")
    with pytest.raises(UsageError, match=r"no node '\.\./x'"):
        select(nodes, "../x")
