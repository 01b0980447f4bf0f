"""A cluster of three Calico/VPP nodes behind the API server double."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Cluster, Container, Node, Pod

NODES = ("node-a", "node-b", "node-c")


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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """The double, serving such a cluster."""
    with ApiServer(populated(tmp_path / "pods"), tmp_path) as server:
        yield server
