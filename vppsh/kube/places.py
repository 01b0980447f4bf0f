"""What the API server knows of the nodes while they are watched: whether they are ready, how VPP's pods are, how many pods they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vppsh.kube.api import Api, ClusterError
from vppsh.kube.model import Node, Pod
from vppsh.tui.fleet import Place, Survey

if TYPE_CHECKING:
    from vppsh.tui.watching import Watched

# The pods with VPP are asked for each time, what is larger once in so many.
SELDOM = 4
READY = "Ready"


class Places:
    """Asks the API server now and then, in one thread.

    selection  which nodes are of interest; those that join the cluster are told to `watch` for
    """

    def __init__(self, api: Api, nodes: list[Node], selection: str, watch: Callable[[Node], Watched] | None = None) -> None:
        self._api, self._selection, self._watch = api, selection, watch
        self._known = {node.name for node in nodes}
        self._states = {node.name: READY if node.ready else f"Not{READY}" for node in nodes}
        self._counts: Counter[str] | None = None
        self._trouble: list[str] = []
        self._asked = 0

    def __call__(self) -> Survey:
        """The places now; raises ClusterError when not even the pods with VPP can be had."""
        pods = {pod.node: pod for pod in sorted(self._api.pods(), key=lambda pod: pod.ready)}
        if self._asked % SELDOM == 0:
            self._ask_rest()
        self._asked += 1
        joined = [Node(name, "", state == READY, pods.get(name)) for name, state in self._states.items() if self._wanted(name)]
        self._known |= {node.name for node in joined}
        places = {name: self._place(name, pods.get(name)) for name in self._known}
        return Survey(places, "; ".join(self._trouble), tuple(self._watch(node) for node in joined) if self._watch else ())

    def _ask_rest(self) -> None:
        self._trouble = []
        try:
            self._states = self._api.node_states()
        except ClusterError as error:
            self._trouble.append(str(error))
        try:
            self._counts = self._api.pod_counts()
        except ClusterError as error:
            self._trouble.append(str(error))

    def _wanted(self, name: str) -> bool:
        return self._watch is not None and name not in self._known and any(fnmatchcase(name, part) for part in self._selection.split(","))

    def _place(self, name: str, pod: Pod | None) -> Place:
        pods = None if self._counts is None else self._counts[name]
        node = self._states.get(name, "not in the cluster any more")
        wrong = [f"node {node}"] if node.split(",")[0] != READY else []
        if pod is None:
            return Place(", ".join([*wrong, "no pod with VPP"]), well=False, pods=pods, where=name)
        wrong += [pod.phase] if pod.phase != "Running" else []
        wrong += [f"{each.name}: {each.state}" for each in pod.containers if not each.ready]
        restarts = sum(each.restarts for each in pod.containers)
        told = [
            *(wrong or ["ok"]),
            *([f"{restarts} restarts"] if restarts else []),
            *(["cordoned"] if "SchedulingDisabled" in node else []),
        ]
        return Place(", ".join(told), well=not wrong, pods=pods, where=f"{pod.namespace}/{pod.name}")
