"""Nodes and pods, as far as a look at VPP needs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vppsh.errors import UsageError

ALL = "all"


@dataclass(frozen=True)
class ContainerState:
    """A container of a pod.

    state  `running`, or why it is not (`CrashLoopBackOff`)
    """

    name: str
    ready: bool
    restarts: int
    state: str


@dataclass(frozen=True)
class Pod:
    """A pod with VPP, or with felix."""

    name: str
    node: str
    phase: str
    containers: tuple[ContainerState, ...] = ()
    namespace: str = ""

    @property
    def ready(self) -> bool:
        return self.phase == "Running" and all(container.ready for container in self.containers)


@dataclass(frozen=True)
class Node:
    """A node of the cluster, with its VPP's pod if it has one."""

    name: str
    address: str
    ready: bool
    pod: Pod | None = None


def select(nodes: Iterable[Node], selection: str) -> list[Node]:
    """The nodes that `all`, `a,b` or `worker-*` mean, each once; raises UsageError when a part of it means none.

    `all` means those that have a pod with VPP.
    """
    nodes = list(nodes)
    chosen: dict[str, Node] = {}
    for part in selection.split(","):
        found = [node for node in nodes if (node.pod is not None if part == ALL else fnmatchcase(node.name, part))]
        if not found:
            names = ", ".join(node.name for node in nodes) or "none"
            raise UsageError("no node has a pod with VPP" if part == ALL else f"no node {part!r}; the nodes are: {names}")
        chosen |= {node.name: node for node in found}
    return list(chosen.values())
