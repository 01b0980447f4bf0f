"""An API server double: what clients of a Calico/VPP cluster ask for, over TLS with bearer tokens, from a Cluster."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kube.certificates import make
from kube.cluster import Cluster, Container, Fault, Pod
from kube.execution import PROTOCOLS, Execution
from kube.selection import SelectorError, fits_fields, fits_labels
from kube.websocket import WebSocket, accept_key

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 429: "TooManyRequests"}
RESOURCES = (
    ("nodes", "Node", False, ("get", "list")),
    ("namespaces", "Namespace", False, ("get",)),
    ("pods", "Pod", True, ("get", "list")),
    ("pods/log", "Pod", True, ("get",)),
    ("pods/exec", "PodExecOptions", True, ("create", "get")),
    ("configmaps", "ConfigMap", True, ("get", "list")),
)
FOLLOW_POLL = 0.02


class ApiError(Exception):
    """An answer that is a Status instead of what was asked for."""

    def __init__(self, code: int, message: str, headers: Mapping[str, str] | None = None, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers or {})
        self.details = dict(details or {})


def not_found(kind: str, name: str) -> ApiError:
    return ApiError(404, f'{kind} "{name}" not found', details={"kind": kind, "name": name})


def table(kind: str, manifests: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A list as the server prints it, without the objects."""
    cells: dict[str, Callable[[dict[str, Any]], object]] = {"Name": lambda each: each["metadata"]["name"]}
    if kind == "Node":
        cells["Status"] = lambda each: "Ready" if each["status"]["conditions"][0]["status"] == "True" else "NotReady"
    else:
        cells |= {"Status": lambda each: each["status"]["phase"], "Node": lambda each: each["spec"]["nodeName"]}
    columns = [{"name": name, "type": "string"} for name in cells]
    rows = [{"cells": [read(each) for read in cells.values()]} for each in manifests]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # As API servers do: an answer in two writes would wait for an acknowledgement in between.
    disable_nagle_algorithm = True
    server: ApiServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept by the cluster; nothing is written to standard error."""

    def _answer(self) -> None:
        cluster = self.server.cluster
        url = urlsplit(self.path)
        self.query = parse_qs(url.query, keep_blank_values=True)
        cluster.requested(f"{self.command} {self.path}")
        fault = cluster.fault(self.path)
        try:
            if fault:
                time.sleep(fault.delay)
                if fault.status:
                    raise ApiError(fault.status, "this was to happen", fault.headers)
            self._authenticate()
            for pattern, method in ROUTES:
                if match := pattern.fullmatch(url.path):
                    method(self, fault, *match.groups())
                    return
            raise ApiError(404, "the server could not find the requested resource")
        except ApiError as error:
            self._status(error)
        except SelectorError as error:
            self._status(ApiError(400, str(error)))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def _authenticate(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {self.server.cluster.token}":
            raise ApiError(401, "Unauthorized")

    def _allowed(self, action: str, name: str = "") -> None:
        if action in self.server.cluster.forbidden:
            verb, resource = action.split()
            what = f'{resource} "{name}"' if name else resource
            raise ApiError(403, f'{what} is forbidden: User "tester" cannot {verb} resource "{resource}" in API group ""')

    def _status(self, error: ApiError) -> None:
        body = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(error),
            "reason": REASONS.get(error.code, "InternalError"), "code": error.code,
            **({"details": error.details} if error.details else {}),
        }  # fmt: skip
        self._json(body, error.code, error.headers)

    def _json(
        self, body: Mapping[str, Any], code: int = 200, headers: Mapping[str, str] | None = None, cut_after: int | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if cut_after is not None and cut_after < len(data):
            self.wfile.write(data[:cut_after])
            self._cut()
        else:
            self.wfile.write(data)

    def _cut(self) -> None:
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _option(self, name: str) -> str:
        return self.query.get(name, [""])[-1]

    def _flag(self, name: str) -> bool:
        return self._option(name) in ("true", "1")

    def _list(self, kind: str, manifests: Iterable[dict[str, Any]], fault: Fault | None) -> None:
        labels, fields = self._option("labelSelector"), self._option("fieldSelector")
        found = [each for each in manifests if fits_labels(each["metadata"].get("labels", {}), labels) and fits_fields(each, fields)]
        start, limit = int(self._option("continue") or 0), int(self._option("limit") or 0) or len(found)
        metadata = {"resourceVersion": "1", **({"continue": str(start + limit)} if start + limit < len(found) else {})}
        shown = found[start : start + limit]
        body: dict[str, Any] = {"kind": f"{kind}List", "apiVersion": "v1", "metadata": metadata, "items": shown}
        if "as=Table" in self.headers.get("Accept", ""):
            body = table(kind, shown)
        self._json(body, cut_after=fault.cut_after if fault else None)

    def version(self, fault: Fault | None) -> None:
        self._json({"major": "1", "minor": "32", "gitVersion": "v1.32.0"})

    def api(self, fault: Fault | None) -> None:
        self._json({"kind": "APIVersions", "versions": ["v1"]})

    def groups(self, fault: Fault | None) -> None:
        self._json({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})

    def resources(self, fault: Fault | None) -> None:
        found = [
            {"name": name, "singularName": "", "namespaced": spaced, "kind": kind, "verbs": verbs}
            for name, kind, spaced, verbs in RESOURCES
        ]
        self._json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": found})

    def namespace(self, fault: Fault | None, name: str) -> None:
        if name not in {space for space, _ in self.server.cluster.pods}:
            raise not_found("namespaces", name)
        self._json({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}, "status": {"phase": "Active"}})

    def nodes(self, fault: Fault | None) -> None:
        self._allowed("list nodes")
        self._list("Node", (node.manifest() for node in self.server.cluster.nodes.values()), fault)

    def node(self, fault: Fault | None, name: str) -> None:
        self._allowed("get nodes", name)
        if name not in self.server.cluster.nodes:
            raise not_found("nodes", name)
        self._json(self.server.cluster.nodes[name].manifest())

    def pods(self, fault: Fault | None, namespace: str | None = None) -> None:
        self._allowed("list pods")
        pods = [pod.manifest() for (space, _), pod in list(self.server.cluster.pods.items()) if namespace in (None, space)]
        self._list("Pod", pods, fault)

    def _pod(self, namespace: str, name: str) -> Pod:
        pod = self.server.cluster.pods.get((namespace, name))
        if pod is None:
            raise not_found("pods", name)
        return pod

    def _container(self, pod: Pod) -> Container:
        container = pod.container(self._option("container") or None)
        if container is None:
            raise ApiError(400, f"container {self._option('container')} is not valid for pod {pod.name}")
        return container

    def pod(self, fault: Fault | None, namespace: str, name: str) -> None:
        self._allowed("get pods", name)
        self._json(self._pod(namespace, name).manifest())

    def config_maps(self, fault: Fault | None, namespace: str) -> None:
        self._allowed("list configmaps")
        maps = [self._config_map(*key) for key in self.server.cluster.config_maps if key[0] == namespace]
        self._list("ConfigMap", maps, fault)

    def config_map(self, fault: Fault | None, namespace: str, name: str) -> None:
        self._allowed("get configmaps", name)
        if (namespace, name) not in self.server.cluster.config_maps:
            raise not_found("configmaps", name)
        self._json(self._config_map(namespace, name))

    def _config_map(self, namespace: str, name: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
        return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": self.server.cluster.config_maps[namespace, name]}

    def log(self, fault: Fault | None, namespace: str, name: str) -> None:
        """A container's log, with `follow` as it grows, in chunks."""
        self._allowed("get pods/log", name)
        pod = self._pod(namespace, name)
        container = self._container(pod)
        tail = self._option("tailLines")
        at = max(0, len(container.log) - int(tail)) if tail else 0
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = 0
        while True:
            lines = container.log[at:]
            at += len(lines)
            data = "".join(f"{line}\n" for line in lines).encode()
            if fault and fault.cut_after is not None and sent + len(data) >= fault.cut_after:
                self._chunk(data[: fault.cut_after - sent])
                self._cut()
                return
            sent += len(data)
            self._chunk(data)
            gone = (namespace, name) not in self.server.cluster.pods
            if not self._flag("follow") or gone or self.server.stopping.is_set():
                break
            time.sleep(FOLLOW_POLL)
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def exec(self, fault: Fault | None, namespace: str, name: str) -> None:
        """Upgrade to a WebSocket and run a command in the pod."""
        self._allowed("create pods/exec", name)
        pod = self._pod(namespace, name)
        container = self._container(pod)
        if pod.phase != "Running" or not container.ready:
            raise ApiError(500, f'container not found ("{container.name}")')
        words = self.query.get("command", [])
        if not words:
            raise ApiError(400, "you must specify at least one command for the container")
        offered = [each.strip() for each in self.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        protocol = next((each for each in offered if each in PROTOCOLS and each in self.server.protocols), None)
        if self.headers.get("Upgrade", "").lower() != "websocket" or protocol is None:
            raise ApiError(400, "unable to upgrade: only WebSocket with v4 or v5.channel.k8s.io is supported")
        self.send_response(101)
        for header, value in (
            ("Upgrade", "websocket"), ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept_key(self.headers["Sec-WebSocket-Key"])), ("Sec-WebSocket-Protocol", protocol),
        ):  # fmt: skip
            self.send_header(header, value)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        self.server.cluster.executed.append((name, tuple(words)))
        web = WebSocket(self.rfile, self.wfile)
        cut_after = fault.cut_after if fault else None
        Execution(web, self.connection, pod, stdin=self._flag("stdin"), tty=self._flag("tty"), cut_after=cut_after).run(words)


NAME = r"([^/]+)"
ROUTES: tuple[tuple[re.Pattern[str], Callable[..., None]], ...] = (
    (re.compile("/version/?"), Handler.version),
    (re.compile("/api/?"), Handler.api),
    (re.compile("/apis/?"), Handler.groups),
    (re.compile("/api/v1/?"), Handler.resources),
    (re.compile("/api/v1/nodes"), Handler.nodes),
    (re.compile(f"/api/v1/nodes/{NAME}"), Handler.node),
    (re.compile(f"/api/v1/namespaces/{NAME}"), Handler.namespace),
    (re.compile("/api/v1/pods"), Handler.pods),
    (re.compile(f"/api/v1/namespaces/{NAME}/pods"), Handler.pods),
    (re.compile(f"/api/v1/namespaces/{NAME}/pods/{NAME}"), Handler.pod),
    (re.compile(f"/api/v1/namespaces/{NAME}/pods/{NAME}/log"), Handler.log),
    (re.compile(f"/api/v1/namespaces/{NAME}/pods/{NAME}/exec"), Handler.exec),
    (re.compile(f"/api/v1/namespaces/{NAME}/configmaps"), Handler.config_maps),
    (re.compile(f"/api/v1/namespaces/{NAME}/configmaps/{NAME}"), Handler.config_map),
)


class ApiServer(ThreadingHTTPServer):
    """Serves a cluster at 127.0.0.1 from a thread of its own; a context manager.

    folder     where certificates and the kubeconfig are written
    protocols  what exec speaks, to test clients against older servers
    """

    daemon_threads = True
    # What a server of production has: with the default of five, clients that come at once wait a second to be heard.
    request_queue_size = 1024

    def __init__(self, cluster: Cluster, folder: Path, protocols: Iterable[str] = PROTOCOLS) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cluster = cluster
        self.folder = folder
        self.protocols = tuple(protocols)
        self.stopping = threading.Event()
        self.authority, certificate, key = make(folder)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """TLS is begun in the connection's own thread, so that a client who says nothing holds up nobody."""
        try:
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except (ssl.SSLError, ConnectionError):
            return

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nobody's fault."""

    def __enter__(self) -> ApiServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def write_kubeconfig(self, token: str | None = None, context: str = "lab") -> Path:
        """A kubeconfig with the authority's certificate and a token."""
        path = self.folder / "kubeconfig"
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": "double", "cluster": {"server": self.url, "certificate-authority": str(self.authority)}}],
            "users": [{"name": "tester", "user": {"token": self.cluster.token if token is None else token}}],
            "contexts": [{"name": context, "context": {"cluster": "double", "user": "tester"}}],
        }  # fmt: skip
        path.write_text(json.dumps(config))
        return path
