"""The API server: the one place where the `kubernetes` package is used, and loaded only when a cluster is asked for something.

Of the package come the kubeconfig with its credentials, the pool of connections that goes by it, and the WebSocket. Its
generated types are left alone: they take longer to load than fifty nodes to answer, and the JSON says the same.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from vppsh import __version__
from vppsh.errors import TargetError
from vppsh.kube.model import ContainerState, Node, Pod
from vppsh.kube.settings import KubeSettings

WORDS = {
    401: "the API server does not know who asks: the token or certificate is wrong or has expired",
    403: "not allowed",
    404: "not found",
    429: "the API server has too much to do",
}


class ClusterError(TargetError):
    """The cluster cannot be reached, or refuses.

    code  the HTTP status of a refusal
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """Failures of the connection as errors that name what was asked for, and no secret."""
    try:
        yield
    except urllib3.exceptions.MaxRetryError as error:
        raise ClusterError(f"{what}: the API server cannot be reached: {_cause(error.reason or error)}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterError(f"{what}: the connection to the API server was lost: {_cause(error)}") from error


class Api:
    """Requests to one cluster."""

    def __init__(self, settings: KubeSettings) -> None:
        """Read the kubeconfig, or the account of the pod that this runs in; raises ClusterError."""
        from kubernetes.client.rest import RESTClientObject

        self.settings = settings
        self._configuration = _configuration(settings)
        self._pool: urllib3.PoolManager = RESTClientObject(self._configuration).pool_manager

    @property
    def host(self) -> str:
        return str(self._configuration.host)

    def nodes(self) -> list[Node]:
        """All nodes in the order of their names, each with its pod."""
        pods = {pod.node: pod for pod in sorted(self.pods(), key=lambda pod: pod.ready)}
        items = self._json("nodes", "/api/v1/nodes")["items"]
        return sorted((_node(item, pods.get(item["metadata"]["name"])) for item in items), key=lambda node: node.name)

    def pods(self) -> list[Pod]:
        """The pods with VPP."""
        return self._pods(self.settings.namespace, self.settings.selector)

    def felix_pods(self) -> list[Pod]:
        """The pods with felix, which are not those with VPP."""
        return self._pods(self.settings.felix_namespace, self.settings.felix_selector)

    def _pods(self, namespace: str, selector: str) -> list[Pod]:
        found = self._json(f"pods of {namespace}", _path("v1", "pods", namespace), {"labelSelector": selector})
        return [_pod(item) for item in found["items"]]

    def node_states(self) -> dict[str, str]:
        """How the nodes are, by their names: `Ready`, `NotReady`, with `,SchedulingDisabled` behind it when they are cordoned."""
        return {row["Name"]: row["Status"] for row in self._table("nodes", _path("v1", "nodes"))}

    def pod_counts(self) -> Counter[str]:
        """How many pods of any kind the nodes have, without those that have ended."""
        running = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
        return Counter(row["Node"] for row in self._table("pods of all namespaces", _path("v1", "pods"), running))

    def _table(self, what: str, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """A list as the server makes it for people, by the names of columns: a small part of what the objects would be.

        It is that of the server's cache, which spares its database.
        """
        query = {**(query or {}), "includeObject": "None", "resourceVersion": "0"}
        table = self._json(what, path, query, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        if table.get("kind") != "Table":
            raise ClusterError(f"{what}: the API server does not make tables")
        names = [column["name"] for column in table["columnDefinitions"]]
        return [dict(zip(names, map(str, row["cells"]))) for row in table.get("rows") or ()]

    def resources(self) -> dict[str, Callable[[], Any]]:
        """Requests for what there is to know about the cluster around VPP, by names: each gives JSON or raises ClusterError."""
        namespace = self.settings.namespace
        paths = {
            "version": "/version",
            "nodes": _path("v1", "nodes"),
            "pods": _path("v1", "pods"),
            "services": _path("v1", "services"),
            "installations": _path("operator.tigera.io/v1", "installations"),
            "cni-config": _path("v1", "configmaps", self.settings.felix_namespace, "cni-config"),
            "calico-vpp-config": _path("v1", "configmaps", namespace, "calico-vpp-config"),
            "calico-vpp-node": _path("apps/v1", "daemonsets", namespace, "calico-vpp-node"),
        }
        return {name: partial(self._json, name, path) for name, path in paths.items()}

    def config_map(self, name: str) -> dict[str, str]:
        """The data of a config map."""
        return dict(self._json(f"config map {name}", _path("v1", "configmaps", self.settings.namespace, name)).get("data") or {})

    def log(self, pod: Pod, container: str, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
        """A container's log in pieces as they come; with `follow`, what it will write, too."""
        what = f"log of {pod.name}/{container}"
        query = {"container": container, "follow": str(follow).lower()} | ({} if tail is None else {"tailLines": str(tail)})
        with reaching(what):
            answer = self._get(what, _path("v1", "pods", pod.namespace, pod.name, "log"), query, patient=follow)
            try:
                yield from answer.stream(amt=None, decode_content=True)
            finally:
                answer.close()
                answer.release_conn()

    def execute(self, pod: Pod, container: str, words: Sequence[str], *, stdin: bool, tty: bool) -> Any:
        """Start a command in a container; the WebSocket to it."""
        seconds = self.settings.request_timeout
        what = f"exec in {pod.name}/{container}"
        flags = {"stdin": stdin, "stdout": True, "stderr": not tty, "tty": tty}
        query = [("container", container), *(("command", word) for word in words), *((name, str(on).lower()) for name, on in flags.items())]
        try:
            return _within(seconds, partial(self._upgrade, what, _path("v1", "pods", pod.namespace, pod.name, "exec"), query))
        except TimeoutError:
            raise ClusterError(f"{what}: the API server did not answer within {seconds:g} s") from None

    def _upgrade(self, what: str, path: str, query: Sequence[tuple[str, str]]) -> Any:
        from kubernetes.stream.ws_client import create_websocket, get_websocket_url
        from websocket import WebSocketBadStatusException, WebSocketException

        try:
            return create_websocket(self._configuration, get_websocket_url(f"{self.host}{path}", query), self._headers())
        except WebSocketBadStatusException as error:
            raise _refused(what, error.status_code, _message(error.resp_body or b"")) from error
        except (WebSocketException, OSError, ValueError) as error:
            raise ClusterError(f"{what}: the API server cannot be reached: {_cause(error)}") from error

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def _json(self, what: str, path: str, query: Mapping[str, str] | None = None, accept: str = "") -> Any:
        with reaching(what):
            answer = self._get(what, path, query or {}, accept=accept)
            try:
                body = answer.read(decode_content=True)
            finally:
                answer.release_conn()
        try:
            return json.loads(body)
        except ValueError as error:
            raise ClusterError(f"{what}: the API server answered something that is not JSON") from error

    def _get(self, what: str, path: str, query: Mapping[str, str], *, patient: bool = False, accept: str = "") -> urllib3.BaseHTTPResponse:
        """A request whose answer is to be read; raises ClusterError when it is refused. `patient` when its end is not expected soon."""
        seconds = self.settings.request_timeout
        timeout = urllib3.Timeout(connect=seconds, read=None if patient else seconds)
        url = f"{self.host}{path}?{urlencode(query)}" if query else f"{self.host}{path}"
        headers = self._headers() | ({"accept": accept} if accept else {})
        answer = self._pool.request("GET", url, headers=headers, timeout=timeout, preload_content=False)
        if answer.status >= 300:
            body = answer.read(decode_content=True)
            answer.release_conn()
            raise _refused(what, answer.status, _message(body) or answer.reason or "")
        return answer

    def _headers(self) -> dict[str, str]:
        """Who asks. Asked of the library each time: it renews what has expired."""
        known = self._configuration.auth_settings().values()
        return {"user-agent": f"vppsh/{__version__}"} | {each["key"]: each["value"] for each in known if each["in"] == "header"}


def _configuration(settings: KubeSettings) -> Any:
    """Where the cluster is and who asks, in the library's own type: it changes from version to version."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_incluster_config, load_kube_config
    from kubernetes.config.config_exception import ConfigException
    from yaml import YAMLError

    configuration = Configuration()
    if settings.kubeconfig is None and settings.context is None:
        try:
            load_incluster_config(configuration)
            return configuration
        except ConfigException:
            pass  # not in a pod: the kubeconfig it is
    try:
        load_kube_config(settings.kubeconfig, settings.context, client_configuration=configuration)
    except ConfigException as error:
        raise ClusterError(f"kubeconfig: {error}") from error
    except YAMLError as error:  # its own words would quote the file
        mark = getattr(error, "problem_mark", None)
        raise ClusterError(f"kubeconfig: {mark.name}, line {mark.line + 1}: not YAML" if mark else "kubeconfig: not YAML") from None
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise ClusterError(
            f"kubeconfig: {error.strerror if isinstance(error, OSError) else 'something in it is not as it should be'}"
        ) from None
    return configuration


def _within(seconds: float, upgrade: Callable[[], Any]) -> Any:
    """The WebSocket that comes of an upgrade, or TimeoutError: the library itself would wait for ever. One that comes late is closed."""
    come: queue.SimpleQueue[Any] = queue.SimpleQueue()
    deciding = threading.Lock()
    late = False

    def work() -> None:
        try:
            outcome = upgrade()
        except ClusterError as error:
            outcome = error
        with deciding:
            come.put(outcome)
            if late and not isinstance(outcome, ClusterError):
                outcome.shutdown()

    threading.Thread(target=work, name="upgrade", daemon=True).start()
    try:
        outcome = come.get(timeout=seconds)
    except queue.Empty:
        with deciding:
            late = come.empty()
        if late:
            raise TimeoutError from None
        outcome = come.get()
    if isinstance(outcome, ClusterError):
        raise outcome
    return outcome


def _path(version: str, resource: str, namespace: str = "", *names: str) -> str:
    """The path of a resource of a version of the API: of the whole cluster, of a namespace, one of them, or a part of it."""
    parts = [resource, *names]
    if namespace:
        parts = ["namespaces", namespace, *parts]
    return f"/{'api' if version == 'v1' else 'apis'}/{version}/{'/'.join(quote(part, safe='') for part in parts)}"


def _refused(what: str, code: int, message: str) -> ClusterError:
    words = WORDS.get(code, "refused")
    told = "" if code == 401 else message
    return ClusterError(f"{what}: {words}{f': {told}' if told else ''}", code)


def _message(body: bytes | str) -> str:
    """What a Status says."""
    try:
        return str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        return ""


def _cause(error: BaseException) -> str:
    """The innermost of an error's texts that says something."""
    text = str(getattr(error, "reason", None) or error)
    text = text.rsplit("Caused by ", maxsplit=1)[-1]
    return (text[1:-1] if text.startswith("(") and text.endswith(")") else text) or type(error).__name__


def _node(item: Mapping[str, Any], pod: Pod | None) -> Node:
    status = item.get("status", {})
    addresses = {address["type"]: address["address"] for address in status.get("addresses") or ()}
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status.get("conditions") or ())
    return Node(item["metadata"]["name"], addresses.get("InternalIP", ""), ready, pod)


def _pod(item: Mapping[str, Any]) -> Pod:
    metadata, status = item["metadata"], item.get("status", {})
    containers = tuple(
        ContainerState(each["name"], bool(each.get("ready")), int(each.get("restartCount", 0)), _state(each.get("state") or {}))
        for each in status.get("containerStatuses") or ()
    )
    return Pod(metadata["name"], item["spec"].get("nodeName", ""), status.get("phase", ""), containers, metadata.get("namespace", ""))


def _state(state: Mapping[str, Any]) -> str:
    if not state or "running" in state:
        return "running"
    other = state.get("waiting") or state.get("terminated") or {}
    return str(other.get("reason") or "not running")
