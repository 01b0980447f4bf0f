"""The role in docs/kubernetes.md allows every request that the commands make, and nothing that none of them makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from kube.apiserver import ApiServer
from kube.cluster import Container, Pod
from kube.conftest import ROOT, kube

COMMANDS = [
    ("nodes",),
    ("vppctl", "all", "show", "version"),
    ("vppctl", "node-a", "echo what?"),
    ("log", "all"),
    ("log", "node-a", "felix"),
    ("clear",),
    ("sh", "vpp", "node-a", "stat", "/tmp"),
    ("trace", "node-a", "--timeout", "0.1", "--interface", "phy"),
    ("pcap", "node-a", "--timeout", "0.1", "--protocol", "udp"),
    ("dispatch", "node-a", "--timeout", "0.1"),
    ("capture", "show", "all"),
    ("capture", "clear", "all"),
    ("doctor",),
    ("tui", "--text", "cluster"),
]
PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[a-z]+))?)?"
)


class Right(NamedTuple):
    """To do something with a resource; without a namespace, with those of the whole cluster."""

    namespace: str
    group: str
    resource: str
    verb: str


def rights() -> set[Right]:
    """What the documented roles allow those to whom they are bound."""
    text = (ROOT / "docs/kubernetes.md").read_text().split("```yaml\n")[1].split("```")[0]
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(text))
    bound = {(each["roleRef"]["kind"], each["metadata"].get("namespace", "")) for each in objects if "roleRef" in each}
    roles = [each for each in objects if "rules" in each and (each["kind"], each["metadata"].get("namespace", "")) in bound]
    return {
        Right(role["metadata"].get("namespace", ""), group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needed(request: str) -> Right | None:
    """The right that a request needs; None for what everybody may ask."""
    path = urlsplit(request.removeprefix("GET ")).path
    if path == "/version":
        return None
    found = PATH.fullmatch(path)
    assert found is not None, request
    resource = found["resource"] + (f"/{found['part']}" if found["part"] else "")
    return Right(found["namespace"] or "", found["group"] or "", resource, "get" if found["name"] else "list")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_documented_role_is_enough_and_not_more(live: ApiServer, tmp_path: Path) -> None:
    felix = Pod("calico-node-x", "node-a", tmp_path / "felix", "calico-system", {"k8s-app": "calico-node"}, [Container("calico-node")])
    live.cluster.add_pod(felix)
    before = len(live.cluster.requests)
    try:
        for command in (*COMMANDS, ("export", "--out", str(tmp_path / "x.tar.gz"))):
            assert kube(live, *command).returncode in (0, 1, 2), command
    finally:
        live.cluster.remove_pod(felix)
    asked = {right for request in live.cluster.requests[before:] if (right := needed(request))}
    allowed = rights()
    assert asked <= allowed
    # Older API servers see the upgrade to a WebSocket as `get`, newer ones as `create`.
    assert allowed - asked == {Right("calico-vpp-dataplane", "", "pods/exec", "create")}
