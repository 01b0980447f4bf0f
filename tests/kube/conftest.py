"""A cluster of three Calico/VPP nodes behind the API server double."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Cluster, Container, Node, Pod

NODES = ("node-a", "node-b", "node-c")
ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = Path(__file__).with_name("engine.py")
VPPCTL = Path(__file__).with_name("vppctl.py")
PYTHON = {**os.environ, "PYTHONPATH": str(ROOT)}


def populated(folder: Path) -> Cluster:
    """Nodes `node-a` to `node-c`, each with its calico-vpp-node pod."""
    cluster = Cluster()
    for number, name in enumerate(NODES, 1):
        address = f"172.18.0.{number + 3}"
        cluster.add_node(Node(name, address))
        containers = [Container("vpp", [f"vpp of {name}, line {line}" for line in range(5)]), Container("agent", [f"agent of {name}"])]
        cluster.add_pod(Pod(f"calico-vpp-node-{number}x", name, folder / name, address=address, containers=containers))
    cluster.config_maps["calico-vpp-dataplane", "calico-vpp-config"] = {
        "CALICOVPP_INTERFACES": '{"uplinkInterfaces": [{"interfaceName": "eth0"}]}'
    }
    return cluster


@pytest.fixture(autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """The kubernetes client leaves sockets to the garbage collector: it runs here, so that no other test is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """The double, serving such a cluster."""
    with ApiServer(populated(tmp_path / "pods"), tmp_path) as server:
        yield server


def kube(server: ApiServer, *words: str, stdin: str = "", token: str | None = None) -> subprocess.CompletedProcess[str]:
    """`vppsh kube` in a process of its own."""
    command = [sys.executable, "-m", "vppsh", "kube", words[0], "--kubeconfig", str(server.write_kubeconfig(token)), *words[1:]]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=PYTHON, cwd=ROOT)


@contextmanager
def vpp(pod: Pod, *lines: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine behind the CLI socket of a pod, in a process of its own, and a vppctl that talks to it."""
    config = pod.root / "etc/vpp/startup.exec"
    config.write_text("".join(f"{line}\n" for line in lines))
    path = pod.root / "var/run/vpp/cli.sock"
    path.unlink(missing_ok=True)  # that of a VPP that was killed
    command = [sys.executable, str(ENGINE), str(pod.root / "tmp"), "--cli-sock", str(path), "--config", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, env=PYTHON, stderr=subprocess.PIPE)
    pod.environment["PYTHONPATH"] = str(ROOT)
    pod.commands["vppctl"] = lambda words: [sys.executable, str(VPPCTL), *words]
    try:
        while not path.exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The double with an engine in each pod, for tests that leave both as they were."""
    folder = tmp_path_factory.mktemp("live")
    cluster = populated(folder / "pods")
    with ExitStack() as stack:
        for pod in cluster.pods.values():
            stack.enter_context(vpp(pod, "create loopback interface", "set interface state loop0 up"))
        yield stack.enter_context(ApiServer(cluster, folder))
