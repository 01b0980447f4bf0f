"""The API server: the one place where the `kubernetes` package is used, and loaded only when a cluster is asked for something."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import urllib3

from vppsh.errors import TargetError
from vppsh.kube.model import ContainerState, Node, Pod
from vppsh.kube.settings import KubeSettings

WORDS = {
    401: "the API server does not know who asks: the token or certificate is wrong or has expired",
    403: "not allowed",
    404: "not found",
    429: "the API server has too much to do",
}
# Within the text that the client makes of a refused upgrade to a WebSocket.
_HANDSHAKE = re.compile(r"Handshake status (?P<status>\d+)")
_BODY = re.compile(r"-\+-\+- (?P<body>\{\"kind\".*\})\s*\Z", re.DOTALL)


class ClusterError(TargetError):
    """The cluster cannot be reached, or refuses.

    code  the HTTP status of a refusal
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Failures of the client as errors that name what was asked for, and no secret."""
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except ApiException as error:
        code, message = _refusal(error)
        words = WORDS.get(code, error.reason or "refused")
        raise ClusterError(f"{what}: {words}{f': {message}' if message else ''}", code) from error
    except urllib3.exceptions.MaxRetryError as error:
        raise ClusterError(f"{what}: the API server cannot be reached: {_cause(error.reason or error)}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterError(f"{what}: the connection to the API server was lost: {_cause(error)}") from error


class Api:
    """Requests to one cluster."""

    def __init__(self, settings: KubeSettings) -> None:
        """Read the kubeconfig, or the account of the pod that this runs in; raises ClusterError."""
        from kubernetes import client

        self.settings = settings
        self._client = _client(settings)
        # The library's types change from version to version, and its answers are looked at here only.
        self._core: Any = client.CoreV1Api(self._client)
        self._options = {"_request_timeout": settings.request_timeout}

    @property
    def host(self) -> str:
        return str(self._client.configuration.host)

    def nodes(self) -> list[Node]:
        """All nodes in the order of their names, each with its pod."""
        pods = {pod.node: pod for pod in sorted(self.pods(), key=lambda pod: pod.ready)}
        with reaching("nodes"):
            items = self._core.list_node(**self._options).items
        return sorted((_node(item, pods.get(item.metadata.name)) for item in items), key=lambda node: node.name)

    def pods(self) -> list[Pod]:
        """The pods with VPP."""
        return self._pods(self.settings.namespace, self.settings.selector)

    def felix_pods(self) -> list[Pod]:
        """The pods with felix, which are not those with VPP."""
        return self._pods(self.settings.felix_namespace, self.settings.felix_selector)

    def _pods(self, namespace: str, selector: str) -> list[Pod]:
        with reaching(f"pods of {namespace}"):
            items = self._core.list_namespaced_pod(namespace, label_selector=selector, **self._options).items
        return [_pod(item) for item in items]

    def resources(self) -> dict[str, Callable[[], Any]]:
        """Requests for what there is to know about the cluster around VPP, by names: each gives JSON or raises ClusterError."""
        from kubernetes import client

        core, namespace = self._core, self.settings.namespace
        apps, custom = client.AppsV1Api(self._client), client.CustomObjectsApi(self._client)
        methods: dict[str, Callable[..., Any]] = {
            "version": client.VersionApi(self._client).get_code,
            "nodes": core.list_node,
            "pods": core.list_pod_for_all_namespaces,
            "services": core.list_service_for_all_namespaces,
            "installations": partial(custom.list_cluster_custom_object, "operator.tigera.io", "v1", "installations"),
            "cni-config": partial(core.read_namespaced_config_map, "cni-config", self.settings.felix_namespace),
            "calico-vpp-config": partial(core.read_namespaced_config_map, "calico-vpp-config", namespace),
            "calico-vpp-node": partial(apps.read_namespaced_daemon_set, "calico-vpp-node", namespace),
        }
        return {name: partial(self._json, name, method) for name, method in methods.items()}

    def _json(self, what: str, method: Callable[..., Any]) -> Any:
        """What the server answers, not made into the library's own objects."""
        with reaching(what):
            answer = method(_preload_content=False, **self._options)
            try:
                body = answer.read(decode_content=True)
            finally:
                answer.release_conn()
            return json.loads(body)

    def config_map(self, name: str) -> dict[str, str]:
        """The data of a config map."""
        with reaching(f"config map {name}"):
            return dict(self._core.read_namespaced_config_map(name, self.settings.namespace, **self._options).data or {})

    def log(self, pod: Pod, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """A container's log in pieces as they come; with `follow`, what it will write, too."""
        what = f"log of {pod.name}/{container}"
        options: dict[str, Any] = {} if tail is None else {"tail_lines": tail}
        timeout = (self.settings.request_timeout, None if follow else self.settings.request_timeout)
        with reaching(what):
            options |= {"container": container, "follow": follow, "_preload_content": False, "_request_timeout": timeout}
            answer = self._core.read_namespaced_pod_log(pod.name, pod.namespace, **options)
            try:
                yield from answer.stream(amt=None, decode_content=True)
            finally:
                answer.close()
                answer.release_conn()

    def execute(self, pod: Pod, container: str, words: Sequence[str], *, stdin: bool, tty: bool) -> Any:
        """Start a command in a container; the client's WebSocket to it (WSClient)."""
        from kubernetes import client
        from kubernetes.stream import stream

        # `stream` turns all requests of its client into WebSockets for a moment, those of other threads too: it gets one of its own.
        core: Any = client.CoreV1Api(client.ApiClient(self._client.configuration))
        with reaching(f"exec in {pod.name}/{container}"):
            return stream(
                core.connect_get_namespaced_pod_exec, pod.name, pod.namespace, container=container, command=list(words),
                stdin=stdin, stdout=True, stderr=not tty, tty=tty, binary=True, _preload_content=False, **self._options,
            )  # fmt: skip

    def close(self) -> None:
        """Let go of the connections."""
        self._client.rest_client.pool_manager.clear()


def _client(settings: KubeSettings) -> Any:
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    if settings.kubeconfig is None and settings.context is None:
        try:
            configuration = client.Configuration()
            config.load_incluster_config(configuration)
            return client.ApiClient(configuration)
        except ConfigException:
            pass  # not in a pod: the kubeconfig it is
    try:
        return config.new_client_from_config(settings.kubeconfig, settings.context)
    except ConfigException as error:
        raise ClusterError(f"kubeconfig: {error}") from error


def _refusal(error: Any) -> tuple[int, str]:
    """HTTP status and message of a refusal, also of one that came instead of a WebSocket."""
    code, body = int(error.status or 0), error.body or ""
    if not code and (found := _HANDSHAKE.search(str(error.reason))):
        code = int(found["status"])
        told = _BODY.search(str(error.reason))
        body = told["body"] if told else ""
    try:
        message = json.loads(body).get("message", "") if body else ""
    except (ValueError, AttributeError):
        message = ""
    return code, message if code != 401 else ""


def _cause(error: BaseException) -> str:
    """The innermost of an error's texts that says something."""
    text = str(getattr(error, "reason", None) or error)
    return text.rsplit("Caused by ", maxsplit=1)[-1].strip("()") or type(error).__name__


def _node(item: Any, pod: Pod | None) -> Node:
    addresses = {address.type: address.address for address in item.status.addresses or ()}
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in item.status.conditions or ())
    return Node(item.metadata.name, addresses.get("InternalIP", ""), ready, pod)


def _pod(item: Any) -> Pod:
    statuses = item.status.container_statuses or ()
    containers = tuple(ContainerState(each.name, each.ready, each.restart_count, _state(each.state)) for each in statuses)
    return Pod(item.metadata.name, item.spec.node_name or "", item.status.phase or "", containers, item.metadata.namespace or "")


def _state(state: Any) -> str:
    if state is None or state.running:
        return "running"
    other = state.waiting or state.terminated
    return str((other and other.reason) or "not running")
