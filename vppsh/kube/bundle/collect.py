"""Filling a bundle: the cluster, then its nodes, each by itself, so that a node that is lost loses only itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from vppsh.errors import TargetError, VppshError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.bundle.archive import Archive, Entry, Part
from vppsh.kube.bundle.contents import FILES, LINES, OF_AN_INTERFACE, OPERATOR, TRACES
from vppsh.kube.execution import run
from vppsh.kube.model import Node, Pod
from vppsh.kube.target import PodTarget
from vppsh.targets.connection import ConnectionLostError

# A VPP that did not answer so many lines in a row is not asked any more.
GIVE_UP = 3
_INTERFACE = re.compile(r"^(\S+) +\d+ +(?:up|down) ", re.MULTILINE)


def collect_cluster(api: Api, archive: Archive) -> Part:
    """What the API server tells of the cluster."""
    part = archive.part("")
    found: dict[str, Any] = {}
    for name, ask in api.resources().items():
        entry, start = Entry(name), time.monotonic()
        try:
            found[name] = ask()
        except ClusterError as error:
            entry.error = str(error)
        entry.seconds = _since(start)
        if entry.error:
            archive.add(part, entry, "")
        else:
            archive.add_object(part, entry, found[name])
    for item in found.get("pods", {}).get("items", ()):
        if item["metadata"]["namespace"] == OPERATOR:
            pod = Pod(item["metadata"]["name"], "", "", namespace=OPERATOR)
            _log(archive, part, api, pod, item["spec"]["containers"][0]["name"])
    return part


def collect_node(api: Api, archive: Archive, node: Node, felix: Pod | None, traces: int, step: Callable[[], None]) -> Part:
    """All that a node tells; `step` is called after each line."""
    pod = node.pod
    part = archive.part(node.name, pod.name if pod else "")
    if pod is not None:
        _lines(archive, part, PodTarget(api, node), traces, step)
        for path in FILES:
            _answer(archive, part, f"cat {path}", partial(_file, api, pod, path))
        for container in (api.settings.vpp_container, api.settings.agent_container):
            _log(archive, part, api, pod, container)
    else:
        part.entries.append(Entry("show version verbose", error="no pod with VPP runs on this node"))
    if felix is not None:
        _log(archive, part, api, felix, api.settings.felix_container)
    return part


def _lines(archive: Archive, part: Part, target: PodTarget, traces: int, step: Callable[[], None]) -> None:
    lines = list(LINES) + ([TRACES.format(traces)] if traces else [])
    missed = 0
    try:
        while lines:
            line = lines.pop(0)
            if missed >= GIVE_UP:
                part.entries.append(Entry(line, error=f"not asked: {missed} lines in a row were not answered"))
                continue
            text, entry = _ask(target, line)
            missed = missed + 1 if entry.error else 0
            archive.add(part, entry, text)
            if line == "show interface":
                lines += [OF_AN_INTERFACE.format(name) for name in _INTERFACE.findall(text)]
            elif line == LINES[0]:
                version = re.search(r"^Version: +(\S+)", text, re.MULTILINE)
                part.vpp_version = version[1] if version else ""
            step()
    finally:
        target.close()


def _ask(target: PodTarget, line: str) -> tuple[str, Entry]:
    entry, start = Entry(line), time.monotonic()
    try:
        answer = target.execute(line)
        text, entry.refused = answer.text, answer.failed
    except TargetError as error:
        text, entry.error = error.text if isinstance(error, ConnectionLostError) else "", str(error)
    entry.seconds = _since(start)
    return text, entry


def _answer(archive: Archive, part: Part, command: str, ask: Callable[[], str]) -> None:
    entry, start = Entry(command), time.monotonic()
    text = ""
    try:
        text = ask()
    except VppshError as error:
        entry.error = str(error)
    entry.seconds = _since(start)
    archive.add(part, entry, text)


def _file(api: Api, pod: Pod, path: str) -> str:
    done = run(api, pod, api.settings.vpp_container, ("cat", path))
    if done.status:
        raise VppshError(done.stderr.decode("utf-8", "replace").strip() or f"exit status {done.status}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _log(archive: Archive, part: Part, api: Api, pod: Pod, container: str) -> None:
    def ask() -> str:
        return b"".join(api.log(pod, container)).decode("utf-8", "surrogateescape")

    _answer(archive, part, f"log {pod.name}/{container}", ask)


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
