"""The double is what it says: the real kubectl and the kubernetes client work against it, and its faults happen."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from urllib3.exceptions import ProtocolError
from websocket import WebSocketConnectionClosedException, create_connection

from kube.apiserver import ApiServer
from kube.cluster import Fault
from kube.selection import SelectorError, fits_fields, fits_labels
from kube.websocket import accept_key

# The kubernetes client leaves the sockets of its streams to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
SPACE = "calico-vpp-dataplane"
POD = "calico-vpp-node-1x"


def kubectl(server: ApiServer, *words: str, stdin: bytes = b"", token: str | None = None) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    kubeconfig = server.write_kubeconfig(token)
    cache = server.folder / "kubectl-cache"
    command = [program, f"--kubeconfig={kubeconfig}", f"--cache-dir={cache}", *words]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


@pytest.fixture
def api(server: ApiServer) -> Iterator[client.CoreV1Api]:
    connection = config.new_client_from_config(str(server.write_kubeconfig()))
    yield client.CoreV1Api(connection)
    connection.rest_client.pool_manager.clear()


def test_kubectl_lists(server: ApiServer) -> None:
    nodes = kubectl(server, "get", "nodes", "-o", "json")
    assert nodes.returncode == 0, nodes.stderr
    assert [item["metadata"]["name"] for item in json.loads(nodes.stdout)["items"]] == ["node-a", "node-b", "node-c"]
    pods = kubectl(
        server, "-n", SPACE, "get", "pods", "-l", "k8s-app=calico-vpp-node", "--field-selector", "spec.nodeName=node-b", "-o", "name"
    )
    assert pods.stdout.decode() == "pod/calico-vpp-node-2x\n"
    assert kubectl(server, "-n", SPACE, "get", "pods", "-l", "k8s-app=other", "-o", "name").stdout == b""
    assert b"uplinkInterfaces" in kubectl(server, "-n", SPACE, "get", "configmap", "calico-vpp-config", "-o", "yaml").stdout


def test_kubectl_reads_logs(server: ApiServer) -> None:
    assert kubectl(server, "-n", SPACE, "logs", POD, "-c", "vpp", "--tail=2").stdout == b"vpp of node-a, line 3\nvpp of node-a, line 4\n"
    missing = kubectl(server, "-n", SPACE, "logs", "nobody")
    assert missing.returncode == 1
    assert b'pods "nobody" not found' in missing.stderr


def test_kubectl_executes(server: ApiServer) -> None:
    Path(server.cluster.pods[SPACE, POD].root, "tmp/file").write_bytes(b"\0binary\xff" * 10_000)
    done = kubectl(server, "-n", SPACE, "exec", POD, "-c", "vpp", "--", "cat", "/tmp/file")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\0binary\xff" * 10_000, b"")
    failed = kubectl(server, "-n", SPACE, "exec", POD, "-c", "vpp", "--", "sh", "-c", "echo to stderr >&2; exit 7")
    assert failed.returncode == 7
    assert failed.stderr.startswith(b"to stderr\n")
    unknown = kubectl(server, "-n", SPACE, "exec", POD, "-c", "vpp", "--", "nonsense")
    assert unknown.returncode != 0
    assert b"executable file not found" in unknown.stderr


def test_kubectl_sends_input_until_its_end(server: ApiServer) -> None:
    done = kubectl(server, "-n", SPACE, "exec", "-i", POD, "-c", "vpp", "--", "cat", stdin=b"through and back\n" * 1000)
    assert done.stdout == b"through and back\n" * 1000


def test_kubectl_with_a_wrong_token(server: ApiServer) -> None:
    refused = kubectl(server, "get", "nodes", token="not it")
    assert refused.returncode == 1
    assert b"You must be logged in to the server" in refused.stderr


def test_the_client_lists_executes_and_follows(server: ApiServer, api: client.CoreV1Api) -> None:
    pods = api.list_namespaced_pod(SPACE, label_selector="k8s-app=calico-vpp-node", field_selector="spec.nodeName=node-c").items
    assert [(pod.metadata.name, pod.spec.node_name, pod.status.phase) for pod in pods] == [("calico-vpp-node-3x", "node-c", "Running")]
    answer = stream(api.connect_get_namespaced_pod_exec, POD, SPACE, container="vpp", command=["ls", "/var"], stdout=True, stderr=True)
    assert answer == "run\n"
    log = server.cluster.pods[SPACE, POD].containers[0].log
    following = api.read_namespaced_pod_log(POD, SPACE, container="vpp", follow=True, tail_lines=1, _preload_content=False)
    lines = iter(following)
    assert next(lines) == b"vpp of node-a, line 4\n"
    log.append("one more")
    assert next(lines) == b"one more\n"
    server.cluster.remove_pod(server.cluster.pods[SPACE, POD])
    assert list(lines) == []


def test_executing_with_a_terminal(server: ApiServer, api: client.CoreV1Api) -> None:
    web = stream(
        api.connect_get_namespaced_pod_exec, POD, SPACE, container="vpp", command=["sh"], stdin=True, stdout=True, stderr=True, tty=True,
        _preload_content=False,
    )  # fmt: skip
    web.write_channel(4, json.dumps({"Width": 123, "Height": 45}))
    web.write_stdin("stty size; exit 3\n")
    web.run_forever(timeout=20)
    assert "45 123" in web.read_stdout()
    assert web.returncode == 3
    web.close()


def test_faults_happen_once_and_in_the_middle(server: ApiServer, api: client.CoreV1Api) -> None:
    server.cluster.faults += [
        Fault("/nodes$", status=500),
        Fault("/nodes$", status=429, headers={"Retry-After": "0"}),
        Fault("/exec", cut_after=1000),
        Fault("/log", cut_after=30),
    ]
    with pytest.raises(ApiException) as refused:
        api.list_node()
    assert refused.value.status == 500
    assert len(api.list_node().items) == 3, "the client asks again when it is told to"
    assert server.cluster.requests.count("GET /api/v1/nodes") == 3
    Path(server.cluster.pods[SPACE, POD].root, "tmp/file").write_bytes(b"x" * 100_000)
    url = f"wss://127.0.0.1:{server.server_port}/api/v1/namespaces/{SPACE}/pods/{POD}/exec?command=cat&command=/tmp/file&stdout=1"
    options = {"ca_certs": str(server.authority)}
    web = create_connection(
        url, sslopt=options, header={"Authorization": "Bearer the-token"}, subprotocols=["v5.channel.k8s.io"], timeout=20
    )
    received = b""
    with suppress(WebSocketConnectionClosedException, ssl.SSLError):
        while message := web.recv():
            assert message[0] == 1
            received += message[1:]
    web.close()
    assert len(received) == 1000
    log = api.read_namespaced_pod_log(POD, SPACE, container="vpp", _preload_content=False)
    with pytest.raises(ProtocolError):
        log.read()
    log.close()


def test_what_the_token_may_not_do(server: ApiServer, api: client.CoreV1Api) -> None:
    server.cluster.forbidden.add("list nodes")
    with pytest.raises(ApiException) as refused:
        api.list_node()
    assert refused.value.status == 403
    assert 'cannot list resource \\"nodes\\"' in refused.value.body


def test_a_slow_answer_holds_up_nobody_else(server: ApiServer, api: client.CoreV1Api) -> None:
    server.cluster.faults.append(Fault("/nodes/node-a", delay=1.0))
    slow = threading.Thread(target=api.read_node, args=("node-a",))
    slow.start()
    while not any("node-a" in line for line in server.cluster.requests):
        time.sleep(0.01)
    assert api.read_node("node-b").metadata.name == "node-b"
    assert slow.is_alive()
    slow.join()


def test_another_authority_is_not_believed(server: ApiServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.get_server_certificate(("127.0.0.1", server.server_port), ca_certs=ssl.get_default_verify_paths().cafile)


def test_the_accept_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "RFC 6455 1.3"


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(("1", "2"))))
def test_label_selectors(labels: dict[str, str]) -> None:
    assert fits_labels(labels, "a=1") == (labels.get("a") == "1") == fits_labels(labels, "a==1") == (not fits_labels(labels, "a!=1"))
    assert fits_labels(labels, "b") == ("b" in labels) == (not fits_labels(labels, "!b"))
    assert fits_labels(labels, "a in (1, 2),c notin (2)") == (labels.get("a") in ("1", "2") and labels.get("c") != "2")


def test_field_selectors() -> None:
    pod = {"spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    assert fits_fields(pod, "spec.nodeName=n,status.phase!=Failed")
    assert not fits_fields(pod, "spec.nodeName!=n")
    with pytest.raises(SelectorError):
        fits_fields(pod, "spec.colour=blue")
