"""The nodes of a cluster as a fleet to watch."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from vppsh.kube.captures.lock import LockFile
from vppsh.kube.cluster import Cluster
from vppsh.kube.model import ALL, Node
from vppsh.kube.places import Places
from vppsh.kube.target import PodTarget
from vppsh.targets.policy import Policy
from vppsh.tui.fleet import Fleet
from vppsh.tui.watching import Watched, shell_of, slots_for, watch_target


class Nodes:
    """The targets of those nodes that a selection means, also of those that come later.

    given  options of the cluster, for the lines that tell by hand what a row tells
    """

    def __init__(self, cluster: Cluster, selection: str, interval: float, policy: Policy, given: Sequence[str] = ()) -> None:
        """Raises ClusterError and UsageError."""
        # A node without a pod is what one wants to hear of.
        self._selection = ",".join("*" if part == ALL else part for part in selection.split(","))
        self._cluster, self._interval, self._policy, self._given = cluster, interval, policy, given
        self._nodes = cluster.nodes(self._selection)
        self._targets: list[PodTarget] = []

    def fleet(self, *, fixed: bool = False) -> Fleet:
        """All of them to watch; fixed: nodes that join the cluster are left out."""
        settings, api = self._cluster.settings, self._cluster.api
        return Fleet(
            f"cluster {settings.context or api.host.partition('//')[2]}",
            [self._watch(node) for node in self._nodes],
            self._interval,
            survey=Places(api, self._nodes, self._selection, None if fixed else self._watch),
            behind=self._by_hand,
        )

    def close(self) -> None:
        """Let go of the targets."""
        for target in self._targets:
            target.close()

    def _watch(self, node: Node) -> Watched:
        target = PodTarget(self._cluster.api, node)
        self._targets.append(target)
        watched = watch_target(target, self._interval, shell_of(target, self._policy), slots_for(len(self._nodes)))
        watched.lock = lambda: LockFile(self._cluster.api, target.name, target.pod) if target.pod is not None else None
        return watched

    def _by_hand(self, name: str) -> list[str]:
        lines = [shlex.join(["vppsh", "kube", "vppctl", *self._given, name, line]) for line in ("show interface", "show runtime summary")]
        return [*lines, shlex.join(["kubectl", "get", "pods", "--all-namespaces", "--field-selector", f"spec.nodeName={name}"])]
