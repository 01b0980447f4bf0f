"""What the API server double serves: nodes, pods, config maps, and the faults that are to happen.

A pod is a folder that stands for its file system, and the commands that can be executed in it: real processes, whose
arguments and output have the pod's paths (`/tmp/...`, `/var/run/vpp/...`) where the host has those of the folder.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CREATED = "2026-11-01T08:00:00Z"
# What a pod's own file system has; anything else in an argument is left as it is.
POD_PATHS = re.compile(r"^/(tmp|var|run|etc|usr/bin)(/|$)")

# Programs of the host that every pod has.
PROGRAMS = frozenset(("cat", "ls", "rm", "head", "tail", "test", "gzip", "sleep", "sh", "stat", "tar", "ps", "df"))


@dataclass
class Fault:
    """Something that goes wrong with requests whose path matches, so many times.

    status     answer with this HTTP status instead, with `headers`
    delay      seconds before the answer begins
    cut_after  bytes of the body, log or exec output after which the connection is dropped without a word
    """

    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut_after: int | None = None
    times: int = 1

    def matches(self, path: str) -> bool:
        return self.times > 0 and re.search(self.path, path) is not None


@dataclass
class Container:
    """A container: its log, whether it runs, and the commands that it has."""

    name: str
    log: list[str] = field(default_factory=list)
    ready: bool = True
    restarts: int = 0


@dataclass
class Pod:
    """A pod on a node, with a folder for its file system."""

    name: str
    node: str
    root: Path
    namespace: str = "calico-vpp-dataplane"
    labels: dict[str, str] = field(default_factory=lambda: {"k8s-app": "calico-vpp-node"})
    containers: list[Container] = field(default_factory=lambda: [Container("vpp"), Container("agent")])
    phase: str = "Running"
    address: str = "10.0.0.1"
    environment: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Callable[[Sequence[str]], Sequence[str]]] = field(default_factory=dict)
    """By the name of a program: the host's command line for one of the pod's."""
    typed: list[bytes] = field(default_factory=list)
    """What came for the standard input of its commands, by messages."""

    def container(self, name: str | None) -> Container | None:
        if name is None:
            return self.containers[0]
        return next((each for each in self.containers if each.name == name), None)

    def host_path(self, argument: str) -> str:
        return str(self.root) + argument if POD_PATHS.match(argument) else argument

    def command(self, words: Sequence[str]) -> list[str] | None:
        """What the host executes for a command in the pod; None where the pod has no such program."""
        program = words[0].rsplit("/", 1)[-1]
        if program == "env":
            settings = [word for word in words[1:] if "=" in word]
            inner = self.command(words[1 + len(settings) :])
            return ["env", *settings, *inner] if inner else None
        arguments = [self.host_path(word) for word in words[1:]]
        if program in self.commands:
            return list(self.commands[program](arguments))
        return [program, *arguments] if program in ("cat", "ls", "rm", "head", "tail", "test", "gzip", "sleep", "sh", "stat") else None

    def manifest(self) -> dict[str, Any]:
        """As `kubectl get pod -o json` shows it, as far as clients look."""
        running = self.phase == "Running"
        return {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "labels": self.labels, "uid": f"uid-{self.name}",
                "creationTimestamp": CREATED, "resourceVersion": "1",
            },
            "spec": {
                "nodeName": self.node,
                "containers": [{"name": each.name, "image": f"docker.io/calicovpp/{each.name}:test"} for each in self.containers],
            },
            "status": {
                "phase": self.phase, "podIP": self.address, "hostIP": self.address, "startTime": CREATED,
                "conditions": [{"type": "Ready", "status": str(running and all(each.ready for each in self.containers))}],
                "containerStatuses": [
                    {
                        "name": each.name, "ready": each.ready, "restartCount": each.restarts, "image": f"calicovpp/{each.name}:test",
                        "imageID": "",
                        "state": {"running": {"startedAt": CREATED}} if each.ready else {"waiting": {"reason": "CrashLoopBackOff"}},
                    }
                    for each in self.containers
                ],
            },
        }  # fmt: skip


@dataclass
class Node:
    name: str
    address: str = "10.0.0.1"
    ready: bool = True
    labels: dict[str, str] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": self.name, "labels": {"kubernetes.io/hostname": self.name, **self.labels}, "uid": f"uid-{self.name}",
                "creationTimestamp": CREATED, "resourceVersion": "1",
            },
            "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": self.address}, {"type": "Hostname", "address": self.name}],
                "conditions": [
                    {"type": "Ready", "status": str(self.ready), "reason": "KubeletReady" if self.ready else "NodeStatusUnknown"}
                ],
                "nodeInfo": {
                    "kernelVersion": "6.1.0", "osImage": "Debian", "kubeletVersion": "v1.32.0", "containerRuntimeVersion": "containerd://2.0",
                    "architecture": "amd64", "bootID": "b", "kubeProxyVersion": "v1.32.0", "machineID": "m", "operatingSystem": "linux",
                    "systemUUID": "s",
                },
                "capacity": {"cpu": "4", "memory": "8Gi", "hugepages-2Mi": "512Mi"},
            },
        }  # fmt: skip


class Cluster:
    """Everything there is, and a record of what was asked for."""

    def __init__(self, token: str = "the-token") -> None:
        self.token = token
        self.forbidden: set[str] = set()
        """Verbs on resources (`create pods/exec`) that the token's owner may not do."""
        self.nodes: dict[str, Node] = {}
        self.pods: dict[tuple[str, str], Pod] = {}
        self.config_maps: dict[tuple[str, str], dict[str, str]] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """Method and path of each request, in order."""
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        """Pod and words of each command executed."""
        self._lock = threading.Lock()

    def add_node(self, node: Node) -> Node:
        self.nodes[node.name] = node
        return node

    def add_pod(self, pod: Pod) -> Pod:
        self.pods[pod.namespace, pod.name] = pod
        for folder in ("tmp", "var/run/vpp", "run/vpp", "etc/vpp"):
            (pod.root / folder).mkdir(parents=True, exist_ok=True)
        return pod

    def remove_pod(self, pod: Pod) -> None:
        del self.pods[pod.namespace, pod.name]

    def requested(self, line: str) -> None:
        with self._lock:
            self.requests.append(line)

    def fault(self, path: str) -> Fault | None:
        """The fault that this request meets, used up once."""
        with self._lock:
            found = next((each for each in self.faults if each.matches(path)), None)
            if found:
                found.times -= 1
            return found
