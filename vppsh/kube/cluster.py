"""A cluster for the time of one command: its nodes, and the targets that are their VPPs."""

from __future__ import annotations

from types import TracebackType

from vppsh.kube.api import Api
from vppsh.kube.model import Node, select
from vppsh.kube.settings import KubeSettings
from vppsh.kube.target import PodTarget


class Cluster:
    """Asked when something is wanted of it; a context that lets go of its connections."""

    def __init__(self, settings: KubeSettings) -> None:
        self.settings = settings
        self._api: Api | None = None

    @property
    def api(self) -> Api:
        """The connection; raises ClusterError when there is no kubeconfig."""
        if self._api is None:
            self._api = Api(self.settings)
        return self._api

    def nodes(self, selection: str = "") -> list[Node]:
        """All nodes, or those that a selection means; raises ClusterError and UsageError."""
        nodes = self.api.nodes()
        return select(nodes, selection) if selection else nodes

    def targets(self, selection: str) -> list[PodTarget]:
        """The VPPs of the nodes that a selection means, not connected yet."""
        return [PodTarget(self.api, node) for node in self.nodes(selection)]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._api is not None:
            self._api.close()
